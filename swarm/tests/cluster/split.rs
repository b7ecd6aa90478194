//! A split and its healing: the network between two nodes is cut by relays, since nobody listens at a dead node's address
//! but somebody listens at one that is only cut off.

use swarm::Swarm;
use swarm::prelude::*;

use crate::fixture::{Tally, TallyClient, all_know, patient, placed, populate, until};
use crate::relay::Relay;

#[derive(swarm::Group)]
#[group(worker = Tally)]
struct Flock;

/// Two nodes that reach each other by relays only.
struct Pair {
    nodes: [Swarm; 2],
    relays: [Relay; 2],
}

impl Pair {
    async fn new(cluster: &str) -> Self {
        let relays = [Relay::new(), Relay::new()];
        let first = Self::node(cluster, &relays[0], &relays[1]).await;
        let second = Self::node(cluster, &relays[1], &relays[0]).await;
        let nodes = [first, second];
        all_know(&nodes).await;
        Self { nodes, relays }
    }

    async fn node(cluster: &str, own: &Relay, other: &Relay) -> Swarm {
        let mut config = patient();
        // Who is cut off must be noticed in the time of a test.
        config.net.membership.suspicion_min_ms = 1_500;
        let builder = Swarm::builder().cluster(cluster).bind("127.0.0.1:0").advertise(own.addr().to_string());
        let builder = builder.discovery(Seeds::new([other.addr().to_string()])).config(config);
        let node = builder.start().await.expect("a node starts on a free loopback port");
        own.lead_to(node.local_addr());
        node
    }

    /// Cuts the two off from each other, and waits until both have noticed.
    async fn split(&self) {
        self.relays.iter().for_each(Relay::cut);
        until("each is alone", &self.nodes, async || self.nodes.iter().all(|node| node.nodes().len() == 1)).await;
    }

    /// Lets them meet again, and waits until they have.
    async fn heal(&self) {
        self.relays.iter().for_each(Relay::heal);
        until("they have met", &self.nodes, async || self.nodes.iter().all(|node| node.nodes().len() == 2)).await;
    }
}

/// Integration and Distributed: each side of a split hosts all names; healed, each name is once at its place, with one
/// `resolve_conflict` on the survivor, by which nothing is lost; groups are complete.
#[tokio::test(flavor = "multi_thread")]
async fn a_healed_split_resolves_each_conflict_exactly_once_on_the_survivor() {
    const NAMES: u64 = 30;
    let pair = Pair::new("split").await;
    let [left, right] = &pair.nodes;
    populate(&pair.nodes, NAMES).await;
    for i in 0..NAMES {
        left.group::<Flock>().join(format!("name-{i}")).await.expect("it is registered");
    }
    pair.split().await;
    for (side, by) in [(left, 1_000), (right, 10_000)] {
        until("this side has all names", &pair.nodes, async || {
            side.registered().await.is_ok_and(|names| names.len() == 30)
        })
        .await;
        for i in 0..NAMES {
            let hits = side.at::<Tally>(format!("name-{i}")).hit(by).await;
            assert!(hits == Ok(i + by) || hits == Ok(by), "the side that lost it has started it anew: {hits:?}");
        }
    }
    // A registration on either side is one in the end, and so is one on both.
    TallyClient::register("on-the-left", ()).on(left).await.expect("the name is free");
    TallyClient::register("on-the-right", ()).on(right).await.expect("the name is free");
    for side in [left, right] {
        TallyClient::register("on-both", ()).on(side).await.expect("the name is free");
        assert_eq!(side.at::<Tally>("on-both").hit(7).await, Ok(7));
    }
    pair.heal().await;
    placed(&pair.nodes, 33).await;
    for node in &pair.nodes {
        for i in 0..NAMES {
            let tally = node.at::<Tally>(format!("name-{i}"));
            until("its states are merged", &pair.nodes, async || tally.hit(0).await == Ok(i + 11_000)).await;
            assert_eq!(tally.conflicts().await, Ok(1), "name-{i}");
        }
        until("both are merged", &pair.nodes, async || node.at::<Tally>("on-both").hit(0).await == Ok(14)).await;
        assert_eq!(node.at::<Tally>("on-both").conflicts().await, Ok(1));
        assert_eq!(node.at::<Tally>("on-the-left").hit(0).await, Ok(0));
        assert_eq!(node.at::<Tally>("on-the-right").conflicts().await, Ok(0));
        assert_eq!(node.group::<Flock>().members().await.expect("all nodes answer").len(), 30);
    }
}

/// Cut and healed before anybody noticed: nothing has happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_and_comes_back_loses_nothing() {
    let pair = Pair::new("blink").await;
    populate(&pair.nodes, 30).await;
    for _ in 0..3 {
        pair.relays.iter().for_each(Relay::cut);
        tokio::time::sleep(Duration::from_millis(100)).await;
        pair.relays.iter().for_each(Relay::heal);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for node in &pair.nodes {
        for i in 0..30 {
            let tally = node.at::<Tally>(format!("name-{i}"));
            // What is written to a connection that breaks may have run, so it is only asked.
            until("it answers again", &pair.nodes, async || tally.hit(0).await == Ok(i)).await;
            assert_eq!(tally.conflicts().await, Ok(0));
        }
    }
    placed(&pair.nodes, 30).await;
}
