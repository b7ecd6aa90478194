//! Clusters that need a quorum, after the cases of Swarm's own tests of `StaticQuorumRing`: below it nothing is registered
//! and nothing runs; at it everything starts; of a split, one side goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use swarm::prelude::*;
use swarm::{Config, NetError, Swarm};

use crate::fixture::{Tally, TallyClient, all_know, patient, placed, populate, trace, until};
use crate::relay::Relay;
use crate::workers::{Mortal, MortalClient, last_words};

/// Long enough for a loaded machine, short enough for a test.
const LEASE_MS: u64 = 3_000;

fn config() -> Config {
    let mut config = Config { lease_ms: LEASE_MS, ..patient() };
    // Who is cut off must be noticed in the time of a test.
    config.net.membership.suspicion_min_ms = 1_500;
    config
}

fn quorum(cluster: &str, size: u32, seeds: &[&Swarm]) -> swarm::Builder {
    trace();
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    let builder = Swarm::builder().cluster(cluster).bind("127.0.0.1:0").discovery(Seeds::new(seeds));
    builder.config(config()).placement(Placement::Quorum { size })
}

async fn join(cluster: &str, size: u32, seeds: &[&Swarm]) -> Swarm {
    quorum(cluster, size, seeds).start().await.expect("a node starts on a free loopback port")
}

/// Whether nothing is registered, nothing runs and nothing answers by this node, and it says why.
async fn refuses(node: &Swarm, name: &str) {
    let refused = TallyClient::register(name, ()).on(node).await;
    assert!(matches!(refused, Err(RegisterError::NoQuorum { .. })), "{refused:?}");
    let called = node.at::<Tally>(name).hit(1).await.expect_err("nobody answers");
    assert!(matches!(called, CallError::NoQuorum { .. }) && called.executed() == Executed::No, "{called:?}");
    let cast = node.at::<Tally>(name).add(1);
    assert!(matches!(cast, Err(CastError::NoQuorum { .. })), "{cast:?}");
    let whereis = node.whereis(name).await;
    assert!(matches!(whereis, Err(RegistryError::NoQuorum { .. })), "{whereis:?}");
    assert_eq!(node.registered().await, Ok(Vec::new()));
    assert_eq!(node.stats().workers, 0);
}

/// Quorum, up to 5 nodes: with two of three, register fails and nothing is registered; with the third it starts at once.
#[tokio::test(flavor = "multi_thread")]
async fn below_the_quorum_register_fails_without_a_trace_and_at_it_starts_at_once() {
    let first = join("quorum-at-start", 3, &[]).await;
    refuses(&first, "early").await;
    let second = join("quorum-at-start", 3, &[&first]).await;
    all_know(&[first.clone(), second.clone()]).await;
    for node in [&first, &second] {
        refuses(node, "early").await;
    }
    let third = join("quorum-at-start", 3, &[&first]).await;
    TallyClient::register("at-once", ()).on(&third).await.expect("there is a quorum");
    let nodes = [first, second, third];
    all_know(&nodes).await;
    TallyClient::register("early", ()).on(&nodes[0]).await.expect("the name is free");
    for node in &nodes {
        assert_eq!(node.at::<Tally>("early").hit(0).await, Ok(0));
        node.at::<Tally>("early").add(0).expect("there is a quorum");
        assert_eq!(node.whereis("at-once").await.map(|at| at.is_some()), Ok(true));
    }
    placed(&nodes, 2).await;
}

/// Quorum, up to 5 nodes: losing one of three ends all workers and empties the registry, within a bound. What was
/// registered comes back with the quorum; what was unregistered does not.
#[tokio::test(flavor = "multi_thread")]
async fn losing_the_quorum_ends_all_workers_and_a_newcomer_brings_them_back() {
    const NAMES: usize = 12;
    let first = join("quorum-lost", 3, &[]).await;
    let seeds = [&first];
    let (second, third) = tokio::join!(join("quorum-lost", 3, &seeds), join("quorum-lost", 3, &seeds));
    let nodes = [first, second, third];
    all_know(&nodes).await;
    let name = |i: usize| format!("mortal-quorum-{i}");
    for i in 0..NAMES {
        MortalClient::register(name(i), ()).on(&nodes[i % 3]).await.expect("the name is free");
        assert_eq!(nodes[0].at::<Mortal>(name(i)).ping().await, Ok(1));
    }
    nodes[0].unregister(name(0)).await.expect("an answer");
    placed(&nodes, NAMES - 1).await;
    let [first, second, third] = nodes;
    let (lost, left) = (third.node(), [first, second]);
    let hosts: Vec<_> = left[0].registered().await.expect("all nodes answer");
    drop(third);
    until("both have lost the quorum", &left, async || left.iter().all(|node| node.stats().quorums_lost > 0)).await;
    // Each lists what the other runs, too, whose lease may last a little longer.
    until("the workers of both have ended", &left, async || left.iter().all(|node| node.stats().workers == 0)).await;
    for node in &left {
        refuses(node, "mortal-quorum-1").await;
    }
    for (name, at) in hosts.iter().filter(|(_, at)| at.node != lost) {
        let said = |(node, why): &(NodeId, Die)| *node == at.node && *why == Die::NoQuorum;
        until("it has said its last words", &left, async || last_words(name.as_str()).iter().any(said)).await;
    }
    let [first, second] = left;
    let fourth = join("quorum-lost", 3, &[&first]).await;
    let nodes = [first, second, fourth];
    all_know(&nodes).await;
    placed(&nodes, NAMES - 1).await;
    for node in &nodes {
        assert_eq!(node.at::<Mortal>(name(1)).ping().await, Ok(1));
        let gone = node.at::<Mortal>(name(0)).ping().await;
        assert!(matches!(gone, Err(CallError::NotRegistered { .. })), "{gone:?}");
    }
}

/// One of three is lost where two suffice: they go on with what it had, after the time in which it may have lived.
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_outlives_the_loss_of_a_node_and_a_leave_costs_nothing() {
    // No pause of a loaded machine takes it from any of them.
    let config = Config { lease_ms: 2 * LEASE_MS, ..config() };
    let start = async |seeds: &[&Swarm]| {
        quorum("quorum-outlives", 2, seeds).config(config.clone()).start().await.expect("a node starts")
    };
    let first = start(&[]).await;
    let seeds = [&first];
    let (second, third, fourth) = tokio::join!(start(&seeds), start(&seeds), start(&seeds));
    let mut nodes = vec![first, second, third, fourth];
    all_know(&nodes).await;
    populate(&nodes, 30).await;
    placed(&nodes, 30).await;
    // Who says goodbye takes its workers' states nowhere.
    nodes.remove(3).leave().await.expect("everything is handed over");
    placed(&nodes, 30).await;
    for i in 0..30 {
        assert_eq!(nodes[0].at::<Tally>(format!("name-{i}")).hit(0).await, Ok(i));
    }
    drop(nodes.remove(2));
    placed(&nodes, 30).await;
    for i in 0..30 {
        let hits = nodes[1].at::<Tally>(format!("name-{i}")).hit(0).await;
        assert!(hits == Ok(i) || hits == Ok(0), "it went on or was started anew: {hits:?}");
    }
}

/// Five nodes that reach each other by relays only.
struct Five {
    nodes: Vec<Swarm>,
    relays: Vec<Relay>,
}

impl Five {
    async fn new(cluster: &str) -> Self {
        let relays: Vec<Relay> = (0..5).map(|_| Relay::new()).collect();
        let seeds: Vec<String> = relays.iter().map(|relay| relay.addr().to_string()).collect();
        let mut starting = tokio::task::JoinSet::new();
        for (i, relay) in seeds.iter().enumerate() {
            let builder = quorum(cluster, 3, &[]).advertise(relay.clone()).discovery(Seeds::new(seeds.clone()));
            starting.spawn(async move { (i, builder.start().await.expect("a node starts")) });
        }
        let mut nodes = starting.join_all().await;
        nodes.sort_by_key(|(i, _)| *i);
        let nodes: Vec<Swarm> = nodes.into_iter().map(|(_, node)| node).collect();
        for (relay, node) in relays.iter().zip(&nodes) {
            relay.lead_to(node.local_addr());
        }
        all_know(&nodes).await;
        Self { nodes, relays }
    }

    /// Cuts the first three off from the others, and waits until all have noticed.
    async fn split(&self) {
        let (many, few) = self.nodes.split_at(3);
        self.relays[..3].iter().for_each(|relay| relay.split(many, few));
        self.relays[3..].iter().for_each(|relay| relay.split(few, many));
        until("the sides are apart", &self.nodes, async || {
            many.iter().all(|node| node.nodes().len() == 3) && few.iter().all(|node| node.nodes().len() == 2)
        })
        .await;
    }

    async fn heal(&self) {
        self.relays.iter().for_each(Relay::heal);
        until("they have met", &self.nodes, async || self.nodes.iter().all(|node| node.nodes().len() == 5)).await;
    }
}

/// Quorum, up to 5 nodes: split 3/2, all names run on the three only, and nothing on the two; healed, everything is back at
/// its place. At no time does a name answer on both sides.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_split_in_three_and_two_only_the_three_go_on() {
    const NAMES: u64 = 40;
    let five = Five::new("quorum-split").await;
    let (many, few) = five.nodes.split_at(3);
    populate(&five.nodes, NAMES).await;
    placed(&five.nodes, 40).await;
    let watch = Watch::begin(&five.nodes).await;
    five.split().await;
    until("the two have stopped", few, async || few.iter().all(|node| node.stats().quorums_lost > 0)).await;
    for node in few {
        until("its workers have ended", few, async || node.stats().workers == 0).await;
        refuses(node, "name-1").await;
    }
    placed(many, 40 + 10).await;
    for i in 0..NAMES {
        let hits = many[1].at::<Tally>(format!("name-{i}")).hit(0).await;
        assert!(hits == Ok(0) || hits == Ok(i), "{hits:?}");
    }
    TallyClient::register("meanwhile", ()).on(&many[2]).await.expect("there is a quorum");
    five.heal().await;
    placed(&five.nodes, 40 + 10 + 1).await;
    watch.end();
    for node in &five.nodes {
        assert_eq!(node.at::<Tally>("meanwhile").hit(0).await, Ok(0));
        for i in 0..NAMES {
            let tally = node.at::<Tally>(format!("name-{i}"));
            assert_eq!(tally.conflicts().await, Ok(0), "there was nothing to merge");
        }
    }
}

/// What each [`Witness`] was when it ran, in the order of the runs.
static RUNS: Mutex<Vec<(Name, Epoch)>> = Mutex::new(Vec::new());

/// Notes each of its runs.
struct Witness;

#[swarm::worker]
impl Witness {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn run(&self, ctx: &Context<Self>) -> u64 {
        RUNS.lock().unwrap_or_else(PoisonError::into_inner).push((ctx.name().clone(), ctx.epoch()));
        1
    }
}

/// Calls witnesses from several nodes without an end.
struct Watch(Vec<tokio::task::JoinHandle<()>>);

impl Watch {
    const NAMES: u64 = 10;

    async fn begin(nodes: &[Swarm]) -> Self {
        for i in 0..Self::NAMES {
            WitnessClient::register(format!("witness-{i}"), ()).on(&nodes[0]).await.expect("the name is free");
        }
        let watch = |node: Swarm| async move {
            loop {
                for i in 0..Self::NAMES {
                    let witness = node.at::<Witness>(format!("witness-{i}"));
                    // What matters is who runs, not who hears of it.
                    drop(witness.run().timeout(Duration::from_millis(100)).await);
                }
                tokio::task::yield_now().await;
            }
        };
        Self(nodes.iter().map(|node| tokio::spawn(watch(node.clone()))).collect())
    }

    /// No name has run under an older epoch after it had run under a newer one, and at least one has run under two.
    fn end(self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
        let runs = std::mem::take(&mut *RUNS.lock().unwrap_or_else(PoisonError::into_inner));
        let mut latest = BTreeMap::<Name, Epoch>::new();
        let mut restarted = BTreeSet::new();
        for (name, epoch) in runs {
            let latest = latest.entry(name.clone()).or_insert(epoch);
            assert!(epoch >= *latest, "{name} has run at {epoch} after {latest}");
            if epoch > *latest {
                *latest = epoch;
                restarted.insert(name);
            }
        }
        assert!(!restarted.is_empty(), "the split has taken nothing away");
    }
}

/// A quorum of nobody is a mistake, and so is a node that has another than the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_that_cannot_be_meant_is_refused() {
    let nobody = quorum("quorum-wrong", 0, &[]).start().await.expect_err("a quorum of 0");
    assert!(matches!(nobody, StartError::Config(_)), "{nobody:?}");
    assert!(nobody.to_string().contains("`placement`") && nobody.to_string().contains("more than half"), "{nobody}");
    let node = join("quorum-wrong", 1, &[]).await;
    TallyClient::register("lonely", ()).on(&node).await.expect("it is its own quorum");
    // Nobody forms a cluster of its own before it has been refused, however busy the machine is.
    let mut seeking = config();
    seeking.net.membership.form_wait_ms = 60_000;
    let newcomer = |size, config: &Config| quorum("quorum-wrong", size, &[&node]).config(config.clone());
    let shorter = Config { lease_ms: LEASE_MS - 1, ..seeking.clone() };
    let ring = newcomer(1, &seeking).placement(Placement::Ring);
    for other in [ring, newcomer(2, &seeking), newcomer(1, &shorter)] {
        let refused = other.start().await.expect_err("it has another placement");
        let StartError::Net(NetError::Rules { other, .. }) = &refused else { panic!("{refused:?}") };
        assert_eq!(*other, node.node());
        assert!(refused.to_string().contains("Placement::"), "{refused}");
    }
    assert_eq!(node.nodes().len(), 1);
    assert_eq!(node.at::<Tally>("lonely").hit(1).await, Ok(1));
}
