//! Owns a tracing system as small as one can be: it gives spans ids, and keeps those that are over. Never samples anything itself.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use swarm::trace::{Propagator, TraceContext};
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::fixture::PATIENCE;

/// What is given to nodes.
pub(crate) struct Recorder;

/// A span.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) name: &'static str,
    pub(crate) fields: BTreeMap<&'static str, String>,
    pub(crate) context: TraceContext,
    pub(crate) parent: [u8; 8],
}

static OVER: Mutex<Vec<Recorded>> = Mutex::new(Vec::new());
static MORE: Notify = Notify::const_new();
static NUMBERS: AtomicU64 = AtomicU64::new(1);

fn number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

fn over() -> MutexGuard<'static, Vec<Recorded>> {
    OVER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Propagator for Recorder {
    fn current(&self) -> Option<TraceContext> {
        Place::of(&Span::current(), |place| place.0.as_ref().map(|(context, _)| context.clone())).flatten()
    }

    fn continue_from(&self, span: &Span, parent: &TraceContext) {
        Place::of(span, |place| *place = Place::below(parent));
    }
}

/// Where a span stands: its context and its parent.
struct Place(Option<(TraceContext, [u8; 8])>);

impl Place {
    fn below(parent: &TraceContext) -> Self {
        let context = TraceContext::new(parent.trace_id(), number().to_be_bytes(), parent.flags());
        let context = context.expect("neither is zero").with_state(parent.state());
        Self(Some((context, parent.parent_id())))
    }

    fn of<T>(span: &Span, look: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let looked = span.with_subscriber(|(id, dispatch)| {
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            Some(look(span.extensions_mut().get_mut().expect("each span has a place")))
        });
        looked.flatten()
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

struct Recording;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recording {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).expect("it is there");
        let above = |parent: tracing_subscriber::registry::SpanRef<'_, S>| {
            let extensions = parent.extensions();
            extensions.get::<Place>().and_then(|Place(place)| place.as_ref().map(|(context, _)| Place::below(context)))
        };
        let place = span.parent().and_then(above).unwrap_or(Place(None));
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(place);
        span.extensions_mut().insert(fields);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).expect("it is there");
        let mut extensions = span.extensions_mut();
        let (place, fields) = (extensions.remove::<Place>(), extensions.remove::<Fields>());
        if let (Some(Place(Some((context, parent)))), Some(Fields(fields))) = (place, fields) {
            over().push(Recorded { name: span.name(), fields, context, parent });
            MORE.notify_waiters();
        }
    }
}

/// From now on spans are recorded.
pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Recording);
        tracing::subscriber::set_global_default(subscriber).expect("nobody else records");
    });
}

/// The first span of a new trace, and its context.
pub(crate) fn root(sampled: bool) -> (Span, TraceContext) {
    record();
    let mut trace_id = [7; 16];
    trace_id[..8].copy_from_slice(&number().to_be_bytes());
    let above = TraceContext::new(trace_id, [9; 8], u8::from(sampled)).expect("neither is zero");
    let span = tracing::info_span!(parent: None, "root");
    Recorder.continue_from(&span, &above.with_state("test=1"));
    let context = span.in_scope(|| Recorder.current()).expect("it has one");
    (span, context)
}

/// The calls of a trace that are over.
pub(crate) fn calls(trace: &TraceContext) -> Vec<Recorded> {
    let of_trace = |span: &&Recorded| span.context.trace_id() == trace.trace_id() && span.name == "swarm.call";
    over().iter().filter(of_trace).cloned().collect()
}

/// Waits until there are so many.
pub(crate) async fn calls_of<const N: usize>(trace: &TraceContext) -> [Recorded; N] {
    loop {
        let mut more = pin!(MORE.notified());
        more.as_mut().enable();
        match <[Recorded; N]>::try_from(calls(trace)) {
            Ok(calls) => return calls,
            Err(calls) => assert!(calls.len() < N, "{calls:?}"),
        }
        tokio::time::timeout(PATIENCE, more).await.expect("the calls end in time");
    }
}
