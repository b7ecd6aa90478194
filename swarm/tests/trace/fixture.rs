//! Owns the nodes of a test and their worker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use swarm::prelude::*;
use swarm::trace::Propagator;
use swarm::{Builder, Http};
use tokio::sync::Semaphore;

use crate::recorder::{Recorder, record};

/// How long a test waits for something that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Says in which span its handlers run.
pub(crate) struct Probe;

/// What a test and a handler say to each other that it holds up.
pub(crate) struct Hold {
    pub(crate) begun: Semaphore,
    pub(crate) let_go: Semaphore,
}

/// The hold of this name, which no other test uses.
pub(crate) fn hold(name: &str) -> Arc<Hold> {
    static HOLDS: Mutex<BTreeMap<String, Arc<Hold>>> = Mutex::new(BTreeMap::new());
    let new = || Arc::new(Hold { begun: Semaphore::new(0), let_go: Semaphore::new(0) });
    HOLDS.lock().expect("nobody panics with it").entry(name.to_owned()).or_insert_with(new).clone()
}

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
        let hold = hold(&name);
        hold.begun.add_permits(1);
        drop(hold.let_go.acquire().await);
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
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    // A loaded machine: no member is given up that only waits for its turn on the processor.
    let mut config =
        Config { claim_wait_ms: 10_000, stall_limit_ms: 10_000, call_timeout_ms: 20_000, ..Config::local() };
    config.net.membership.suspicion_min_ms = 10_000;
    Swarm::builder().cluster(cluster).discovery(Seeds::new(seeds)).config(config)
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
    let first = start(traced(cluster, &[])).await;
    let second = start(traced(cluster, &[&first])).await;
    let nodes = [first, second];
    all_know(&nodes).await;
    nodes
}

/// Waits until each of these nodes knows all.
pub(crate) async fn all_know(nodes: &[Swarm]) {
    for node in nodes {
        let mut events = node.events();
        while node.nodes().len() != nodes.len() {
            let event = tokio::time::timeout(PATIENCE, events.next()).await;
            event.expect("something happens in time").expect("the node runs");
        }
    }
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
