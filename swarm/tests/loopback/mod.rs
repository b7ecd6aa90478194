//! Owns what all tests of a node's services have in common: nodes on loopback addresses that find each other, and what is waited for. Each is a
//! program of its own, and takes of it what it needs.

pub(crate) mod answer;
pub(crate) mod dir;
pub(crate) mod hold;
#[cfg(any(feature = "dashboard", feature = "http"))]
pub(crate) mod tls;

use std::time::Duration;

use swarm::Builder;
use swarm::prelude::*;

/// How long a test waits for something that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often [`until`] looks while no node tells of anything.
const LOOK: Duration = Duration::from_millis(20);

/// The settings of a loaded machine: no member is given up that only waits for its turn on the processor.
pub(crate) fn patient() -> Config {
    let mut config =
        Config { claim_wait_ms: 10_000, stall_limit_ms: 10_000, call_timeout_ms: 20_000, ..Config::local() };
    config.net.membership.suspicion_min_ms = 10_000;
    config
}

/// A node of this cluster that finds these others.
pub(crate) fn builder(cluster: &str, seeds: &[&Swarm]) -> Builder {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    Swarm::builder().cluster(cluster).discovery(Seeds::new(seeds)).config(patient())
}

/// Two nodes that know each other, of these builders: the other's is made when the first runs.
pub(crate) async fn pair(one: Builder, other: impl FnOnce(&Swarm) -> Builder) -> [Swarm; 2] {
    let one = one.start().await.expect("a node starts");
    let other = other(&one).start().await.expect("a node starts");
    meet(&[&one, &other]).await;
    [one, other]
}

/// Waits until all of these know each other.
pub(crate) async fn meet(nodes: &[&Swarm]) {
    for node in nodes {
        until("all know all", node, async || node.nodes().len() == nodes.len()).await;
    }
}

/// Waits until `done` says so, looking whenever this node tells of something, and now and then.
pub(crate) async fn until(what: &str, node: &Swarm, mut done: impl AsyncFnMut() -> bool) {
    let mut events = node.events();
    let end = tokio::time::Instant::now() + PATIENCE;
    while !done().await {
        assert!(tokio::time::Instant::now() < end, "not in time: {what}");
        drop(tokio::time::timeout(LOOK, events.next()).await);
    }
}
