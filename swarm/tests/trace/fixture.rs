//! Owns the nodes of a test and their worker.

use swarm::prelude::*;
use swarm::trace::Propagator;
use swarm::{Builder, Http};

use crate::loopback;
pub(crate) use crate::loopback::hold::hold;
pub(crate) use crate::loopback::{PATIENCE, meet};
use crate::recorder::{Recorder, record};

/// Says in which span its handlers run.
pub(crate) struct Probe;

fn current() -> String {
    Recorder.current().map(|context| context.to_string()).unwrap_or_default()
}

#[swarm::worker(public, json)]
impl Probe {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn here(&self) -> String {
        current()
    }

    /// After it has waited.
    #[call]
    async fn later(&self) -> String {
        tokio::task::yield_now().await;
        current()
    }

    /// Of another, which it calls.
    #[call]
    async fn of(&self, ctx: &Context<Self>, other: String) -> String {
        let asked = ctx.swarm().at::<Self>(other).here().await;
        asked.unwrap_or_else(|error| error.to_string())
    }

    #[cast]
    fn touch(&self) {}

    /// Keeps the worker busy.
    #[call]
    async fn hold(&self, name: String) {
        hold(&name).wait().await;
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<u64> {
        Handoff::Resume(0)
    }

    #[end_handoff]
    fn end_handoff(&mut self, _: u64) {}
}

/// A node that does not trace.
pub(crate) fn untraced(cluster: &str, seeds: &[&Swarm]) -> Builder {
    record();
    loopback::builder(cluster, seeds)
}

/// One that does, and serves all that can be served.
pub(crate) fn traced(cluster: &str, seeds: &[&Swarm]) -> Builder {
    let builder = untraced(cluster, seeds).http(Http::at("127.0.0.1:0")).gateway("127.0.0.1:0");
    builder.propagator(Recorder)
}

pub(crate) async fn start(builder: Builder) -> Swarm {
    builder.start().await.expect("a node starts on a free loopback port")
}

/// Two nodes that trace and know each other.
pub(crate) async fn pair(cluster: &str) -> [Swarm; 2] {
    loopback::pair(traced(cluster, &[]), |one| traced(cluster, &[one])).await
}

/// Registers a worker that this node hosts, by the ring. Says its name.
pub(crate) async fn hosted_by(host: &Swarm, prefix: &str) -> String {
    for i in 0.. {
        let name = format!("{prefix}-{i}");
        ProbeClient::register(&name, ()).on(host).await.expect("the name is free");
        let location = ProbeClient::whereis(&name).on(host).await.expect("it answers");
        if location.is_some_and(|location| location.node == host.node()) {
            return name;
        }
    }
    unreachable!("the ring gives each node a part");
}
