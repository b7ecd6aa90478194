//! Owns the nodes of a test and its worker.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use swarm::prelude::*;
use swarm::{Config, Event, Events, Swarm};
use swarm_net::ring::Ring;

/// How long a test waits for something that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What moves with a [`Tally`].
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Saved {
    pub(crate) hits: u64,
}

/// Counts, and keeps its count when it moves.
pub(crate) struct Tally {
    hits: u64,
    conflicts: u64,
}

impl Tally {
    /// One that has counted already.
    pub(crate) fn with(hits: u64) -> Self {
        Self { hits, conflicts: 0 }
    }
}

#[swarm::worker]
impl Tally {
    #[init]
    fn init() -> Self {
        Self { hits: 0, conflicts: 0 }
    }

    #[call]
    fn hit(&mut self, by: u64) -> u64 {
        self.hits += by;
        self.hits
    }

    #[call]
    fn node(&self, ctx: &Context<Self>) -> String {
        ctx.swarm().node().to_string()
    }

    #[call]
    fn conflicts(&self) -> u64 {
        self.conflicts
    }

    #[cast]
    fn add(&mut self, by: u64) {
        self.hits += by;
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Saved> {
        Handoff::Resume(Saved { hits: self.hits })
    }

    #[end_handoff]
    fn end_handoff(&mut self, saved: Saved) {
        self.hits = saved.hits;
    }

    #[resolve_conflict]
    fn resolve_conflict(&mut self, other: Saved) {
        self.hits += other.hits;
        self.conflicts += 1;
    }
}

/// The settings of a loaded machine: here no member is given up that only waits for its turn on the processor. A dead one is
/// noticed at once all the same, since nobody listens at its address any more.
pub(crate) fn patient() -> Config {
    let mut config =
        Config { claim_wait_ms: 10_000, stall_limit_ms: 10_000, call_timeout_ms: 20_000, ..Config::local() };
    config.net.membership.suspicion_min_ms = 10_000;
    config.net.stuck_after_ms = 10_000;
    config
}

/// RUST_LOG=debug shows what happened in a failing test.
pub(crate) fn trace() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}

/// Where nodes start whose refusals are counted: at an address that no other test has, if each is a process of its own. A port is soon
/// given away again, and then who still dials the node that had it before is refused by the next.
pub(crate) fn bind() -> String {
    // Elsewhere there is one loopback address.
    let [_, a, b, c] = if cfg!(target_os = "linux") { std::process::id().to_be_bytes() } else { [0, 0, 0, 1] };
    format!("127.{a}.{b}.{c}:0")
}

/// Starts a node that knows these others.
pub(crate) async fn join(cluster: &str, seeds: &[&Swarm]) -> Swarm {
    join_with(patient(), cluster, seeds).await
}

/// The same with other settings.
pub(crate) async fn join_with(config: Config, cluster: &str, seeds: &[&Swarm]) -> Swarm {
    trace();
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    Swarm::builder()
        .cluster(cluster)
        .bind("127.0.0.1:0")
        .discovery(Seeds::new(seeds))
        .config(config)
        .start()
        .await
        .expect("a node starts on a free loopback port")
}

/// Starts so many nodes, and waits until each knows all.
pub(crate) async fn cluster(name: &str, count: usize) -> Vec<Swarm> {
    let mut nodes = vec![join(name, &[]).await];
    while nodes.len() < count {
        nodes.push(join(name, &[&nodes[0]]).await);
    }
    all_know(&nodes).await;
    nodes
}

/// Waits until each of these nodes knows exactly these.
pub(crate) async fn all_know(nodes: &[Swarm]) {
    for node in nodes {
        let mut events = node.events();
        while node.nodes().len() != nodes.len() {
            next(&mut events).await;
        }
    }
}

pub(crate) async fn next(events: &mut Events) -> Event {
    let event = tokio::time::timeout(PATIENCE, events.next()).await;
    event.expect("something happens in time").expect("the node runs")
}

/// How often [`until`] looks while no node tells of anything: most of what it is asked for is known to workers and the
/// directory alone, and no event of a node says it.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until `done` says so, looking whenever something happens on any of the nodes, and now and then.
pub(crate) async fn until(what: &str, nodes: &[Swarm], mut done: impl AsyncFnMut() -> bool) {
    let mut events: Vec<Events> = nodes.iter().map(Swarm::events).collect();
    let end = tokio::time::Instant::now() + PATIENCE;
    while !done().await {
        assert!(tokio::time::Instant::now() < end, "not in time: {what}");
        drop(tokio::time::timeout(LOOK, any(&mut events)).await);
    }
}

/// The next event of any of these that still gives some, with all others that are there.
async fn any(events: &mut [Events]) {
    poll_fn(|cx| {
        let mut some = false;
        for events in events.iter_mut() {
            while let Poll::Ready(Some(_)) = Pin::new(&mut *events).poll_next(cx) {
                some = true;
            }
        }
        if some { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Begins a call, as its first poll does. `Some` if it ends with that.
pub(crate) async fn begin<F: Future + Unpin>(call: &mut F) -> Option<F::Output> {
    poll_fn(|cx| match Pin::new(&mut *call).poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Where names should be while the cluster has these members.
pub(crate) struct Homes(Ring);

impl Homes {
    pub(crate) fn among(members: impl IntoIterator<Item = NodeId>) -> Self {
        let members: Vec<_> = members.into_iter().map(|node| (node, Config::local().weight)).collect();
        Self(Ring::new(Ring::PARTITIONS, &members))
    }

    pub(crate) fn of(&self, name: &Name) -> NodeId {
        self.0.owner(self.0.partition_of(name.hash64().0)).expect("there are members")
    }
}

/// Waits until these nodes agree on so many names, each hosted by the owner of its place on the ring.
pub(crate) async fn placed(nodes: &[Swarm], count: usize) {
    let homes = Homes::among(nodes.iter().map(Swarm::node));
    until("every name is at its place", nodes, async || {
        let mut agreed = true;
        for node in nodes {
            // While a node is going nobody can say where everything is.
            let Ok(names) = node.registered().await else { return false };
            agreed &= names.len() == count && names.iter().all(|(name, at)| homes.of(name) == at.node);
        }
        agreed
    })
    .await;
}

/// How many of the registered names each node hosts.
pub(crate) async fn spread(node: &Swarm) -> BTreeMap<NodeId, usize> {
    let mut spread = BTreeMap::new();
    for (_, location) in node.registered().await.expect("all nodes answer") {
        *spread.entry(location.node).or_default() += 1;
    }
    spread
}

/// Registers `name-0 ..`, and hits the i-th of them i times.
pub(crate) async fn populate(nodes: &[Swarm], count: u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..count {
        let node = nodes[usize::try_from(i).expect("a small number") % nodes.len()].clone();
        tasks.spawn(async move {
            let name = format!("name-{i}");
            TallyClient::register(&name, ()).on(&node).await.expect("the name is free");
            let hits = node.at::<Tally>(&name).hit(i).await;
            assert_eq!(hits, Ok(i), "{name}");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
}

/// Every worker answers through `node`, with the count it should have.
pub(crate) async fn verify(node: &Swarm, count: u64, hits: impl Fn(u64) -> u64) {
    for i in 0..count {
        let name = format!("name-{i}");
        let answer = node.at::<Tally>(&name).hit(0).timeout(PATIENCE).await;
        assert_eq!(answer, Ok(hits(i)), "{name} through {node:?}");
    }
}
