//! Two nodes in one process, and one trace over both: what OpenTelemetry tells of it is printed. In a service the exporter is another, and all
//! else is as here.

use opentelemetry::Context as Told;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use swarm::prelude::*;
use swarm::trace::{Propagator, TraceContext};
use tracing::{Instrument as _, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Connects the spans of `tracing` that OpenTelemetry records.
struct OpenTelemetry;

impl Propagator for OpenTelemetry {
    fn current(&self) -> Option<TraceContext> {
        // Its layer makes the context of each span that is entered the current one.
        Told::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            let (trace, parent) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
            Some(TraceContext::new(trace, parent, span.trace_flags().to_u8())?.with_state(&span.trace_state().header()))
        })
    }

    // Asked for each call, so it makes nothing.
    fn is_sampled(&self) -> bool {
        Told::map_current(|context| context.span().span_context().is_sampled())
    }

    fn continue_from(&self, span: &Span, parent: &TraceContext) {
        let (trace, id) = (TraceId::from_bytes(parent.trace_id()), SpanId::from_bytes(parent.parent_id()));
        let (flags, state) = (TraceFlags::new(parent.flags()), parent.state().parse::<TraceState>());
        let parent = SpanContext::new(trace, id, flags, true, state.unwrap_or_default());
        // If nobody records the span, that is an error, and as it should be.
        let _ = span.set_parent(Told::new().with_remote_span_context(parent));
    }
}

struct Account {
    cents: u64,
}

#[swarm::worker]
impl Account {
    #[init]
    fn init() -> Self {
        Self { cents: 0 }
    }

    #[call]
    fn deposit(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(opentelemetry_stdout::SpanExporter::default()).build();
    // The spans of this program and those of the handlers that it calls.
    let ours = Targets::new().with_target("traced", LevelFilter::INFO).with_target("swarm::trace", LevelFilter::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("traced")).with_filter(ours);
    tracing_subscriber::registry().with(layer).init();

    let node = || Swarm::builder().cluster("traced").propagator(OpenTelemetry);
    let here = node().discovery(Seeds::new(None::<String>)).start().await?;
    let there = node().discovery(Seeds::new([here.local_addr().to_string()])).start().await?;
    AccountClient::register_local("acct/42", Account::init()).on(&there).await?;

    let deposit = async {
        let cents = here.at::<Account>("acct/42").deposit(500).await?;
        println!("acct/42 on {} has {cents} cents", there.node());
        Ok::<(), CallError>(())
    };
    deposit.instrument(info_span!("payday")).await?;
    there.leave().await?;
    here.leave().await?;
    Ok(provider.shutdown()?)
}
