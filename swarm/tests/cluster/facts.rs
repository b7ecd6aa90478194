//! The ten facts about Elixir's Swarm that a Rust one must not repeat, each as the test that would find it again.
//! The second, that only reads are fast, is a matter of benchmarks.

use std::collections::BTreeSet;

use swarm::prelude::*;
use swarm::{Event, Swarm};

use crate::fixture::{
    Homes, PATIENCE, Tally, TallyClient, all_know, cluster, join, placed, populate, spread, until, verify,
};
use crate::workers::{
    Fussy, FussyClient, Mayfly, MayflyClient, Mood, Moody, MoodyClient, Mortal, MortalClient, Parent, ParentClient,
    Sloth,
};
use crate::workers::{SlothClient, mayfly, mortal, set_home};

const NAMES: u64 = 120;

/// What a killed node may have taken along of the names that [`populate`] made.
struct Lost {
    /// What it hosted before the join.
    there: BTreeSet<u64>,
    /// Where names belong while both it and the newcomer are members: one that is full has a part of its names called back
    /// by another of the old ones, which may be the one that is killed.
    came: Homes,
    gone: NodeId,
}

impl Lost {
    /// Every worker answers through `node`, with its count if it cannot have been lost.
    async fn verify(&self, node: &Swarm) {
        for i in 0..NAMES {
            let name = Name::from(format!("name-{i}"));
            let may_be_lost = self.there.contains(&i) || self.came.of(&name) == self.gone;
            let answer = node.at::<Tally>(&name).hit(0).timeout(PATIENCE).await;
            // One that had gone on to another node in time has kept its count.
            assert!(answer == Ok(i) || may_be_lost && answer == Ok(0), "{name}: {answer:?}");
        }
    }
}

/// The numbers of the names that a node hosts.
async fn hosted_by(swarm: &Swarm, host: NodeId) -> BTreeSet<u64> {
    let names = swarm.registered().await.expect("all nodes answer");
    let number = |name: &Name| name.as_str().trim_start_matches("name-").parse().expect("a number");
    names.iter().filter(|(_, at)| at.node == host).map(|(name, _)| number(name)).collect()
}

/// Fact 1: every start function runs inside the one process of the registry.
#[tokio::test(flavor = "multi_thread")]
async fn an_init_that_takes_long_delays_no_other_registration() {
    let nodes = cluster("slow-init", 2).await;
    let forever = 3_600_000;
    for i in 0..8 {
        let slow = SlothClient::register(format!("slow-{i}"), forever).on(&nodes[0]);
        let late = slow.timeout(Duration::from_millis(1)).await;
        assert!(matches!(late, Err(RegisterError::Timeout { .. })), "{late:?}");
    }
    populate(&nodes, 40).await;
    verify(&nodes[1], 40, |i| i).await;
    let mut said = Vec::new();
    for node in &nodes {
        said.push(node.at::<Sloth>("slow-0").hurry().await.map_err(|e| e.executed()));
    }
    // Its host knows that nothing has run; who has sent a call there does not.
    assert!(said.contains(&Err(Executed::No)), "{said:?}");
    assert!(said.iter().all(|said| matches!(said, Err(Executed::No | Executed::Maybe))), "{said:?}");
}

/// Fact 1 again, as of issues 80 and 145: a lookup inside `init` stops the node for good.
#[tokio::test(flavor = "multi_thread")]
async fn whereis_register_and_call_inside_init_work() {
    let nodes = cluster("init-uses", 2).await;
    for i in 0..16 {
        let name = format!("parent-{i}");
        ParentClient::register(&name, ()).on(&nodes[i % 2]).await.expect("its init can use the cluster");
        assert_eq!(nodes[0].at::<Parent>(&name).answer().await, Ok(7));
    }
    assert_eq!(nodes[1].registered().await.expect("all nodes answer").len(), 32, "each has a child");
}

/// Fact 3: each death scans the whole table.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_deaths_are_cleaned_up_quickly() {
    const DEATHS: usize = 10_000;
    let nodes = cluster("deaths", 2).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64 {
        let node = nodes[task % 2].clone();
        tasks.spawn(async move {
            for i in (task..DEATHS).step_by(64) {
                let registered = MayflyClient::register(format!("fly-{i}"), ()).on(&node).timeout(PATIENCE).await;
                registered.expect("the name is free");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
    let told = nodes[0].group::<Mayfly>().publish(mayfly::End {}).timeout(PATIENCE).await;
    assert_eq!(told, Ok(DEATHS));
    until("all have died", &nodes, async || {
        let mut left = 0;
        for node in &nodes {
            left += node.registered().timeout(PATIENCE).await.expect("all nodes answer").len();
        }
        left == 0
    })
    .await;
    for i in (0..DEATHS).step_by(100) {
        let name = format!("fly-{i}");
        until("the name is free", &nodes, async || nodes[1].whereis(&name).await == Ok(None)).await;
    }
    MayflyClient::register("fly-1", ()).on(&nodes[1]).await.expect("the name is free again");
}

/// Fact 4: a node that dies while others are busy with a join is never failed over.
#[tokio::test(flavor = "multi_thread")]
async fn node_killed_while_another_joins_fails_over_every_name() {
    let mut nodes = cluster("kill-in-join", 3).await;
    populate(&nodes, NAMES).await;
    let killed = nodes.remove(2);
    let lost = hosted_by(&nodes[0], killed.node()).await;
    let mut events = nodes[0].events();
    let joining = tokio::spawn({
        let seed = nodes[0].clone();
        async move { join("kill-in-join", &[&seed]).await }
    });
    // The join has begun to be felt when the newcomer is up, and the moves when the first worker has gone to it.
    while !matches!(events.next().await.expect("the node runs"), Event::NodeUp(_)) {}
    let gone = killed.node();
    drop(killed);
    nodes.push(joining.await.expect("the newcomer starts"));
    placed(&nodes, 120).await;
    let lost = Lost { there: lost, came: Homes::among(nodes.iter().map(Swarm::node).chain([gone])), gone };
    for node in &nodes {
        lost.verify(node).await;
    }
}

/// Fact 4, a little later: the node dies when workers are on their way.
#[tokio::test(flavor = "multi_thread")]
async fn node_killed_while_workers_move_fails_over_every_name() {
    let mut nodes = cluster("kill-in-move", 3).await;
    populate(&nodes, NAMES).await;
    let killed = nodes.remove(1);
    let lost = hosted_by(&nodes[0], killed.node()).await;
    let mut events = nodes[0].events();
    let newcomer = join("kill-in-move", &[&nodes[0]]).await;
    while !matches!(events.next().await.expect("the node runs"), Event::Moved { .. }) {}
    let gone = killed.node();
    drop(killed);
    nodes.push(newcomer);
    placed(&nodes, 120).await;
    let lost = Lost { there: lost, came: Homes::among(nodes.iter().map(Swarm::node).chain([gone])), gone };
    lost.verify(&nodes[1]).await;
}

/// Fact 4, the newcomer itself: what was on its way to it must not be lost.
#[tokio::test(flavor = "multi_thread")]
async fn newcomer_killed_while_workers_move_to_it_strands_no_name() {
    let nodes = cluster("kill-joiner", 2).await;
    populate(&nodes, NAMES).await;
    let mut events = nodes[0].events();
    let newcomer = join("kill-joiner", &[&nodes[0]]).await;
    while !matches!(events.next().await.expect("the node runs"), Event::Moved { .. }) {}
    drop(newcomer);
    all_know(&nodes).await;
    placed(&nodes, 120).await;
    for i in 0..NAMES {
        let answer = nodes[1].at::<crate::fixture::Tally>(format!("name-{i}")).hit(0).timeout(PATIENCE).await;
        assert!(answer == Ok(i) || answer == Ok(0), "name-{i}: {answer:?}");
    }
}

/// Fact 5: a node that joins while others are busy with a join gets no names.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_joins_during_a_join_gets_its_names() {
    let mut nodes = cluster("join-in-join", 1).await;
    populate(&nodes, NAMES).await;
    let joining = |seed: Swarm| tokio::spawn(async move { join("join-in-join", &[&seed]).await });
    let newcomers = [joining(nodes[0].clone()), joining(nodes[0].clone()), joining(nodes[0].clone())];
    for newcomer in newcomers {
        nodes.push(newcomer.await.expect("it starts"));
    }
    placed(&nodes, 120).await;
    assert_eq!(spread(&nodes[3]).await.len(), 4, "every node hosts some");
    for node in &nodes {
        verify(node, NAMES, |i| i).await;
    }
}

/// Fact 6: going from one node to two moves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn one_to_two_nodes_moves_workers() {
    let mut nodes = cluster("one-to-two", 1).await;
    populate(&nodes, NAMES).await;
    nodes.push(join("one-to-two", &[&nodes[0]]).await);
    placed(&nodes, 120).await;
    assert_eq!(spread(&nodes[0]).await.len(), 2, "both host some");
    verify(&nodes[1], NAMES, |i| i).await;
}

/// Fact 7: a worker that the target cannot start is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_on_the_target_leaves_the_worker_where_it_was() {
    let mut nodes = cluster("fussy", 1).await;
    let home = nodes[0].node();
    set_home("fussy", Some(home));
    for i in 0..20 {
        let name = format!("fussy-{i}");
        FussyClient::register(&name, "fussy".to_owned()).on(&nodes[0]).await.expect("it starts at home");
        assert_eq!(nodes[0].at::<Fussy>(&name).count(i).await, Ok(i));
    }
    nodes.push(join("fussy", &[&nodes[0]]).await);
    all_know(&nodes).await;
    let started = nodes[1].stats().started;
    until("a start was tried and failed", &nodes, async || {
        nodes[1].stats().started > started || nodes[1].stats().handoffs_in > 0 || tried(&nodes[0]).await
    })
    .await;
    for i in 0..20 {
        let name = format!("fussy-{i}");
        assert_eq!(nodes[1].at::<Fussy>(&name).count(0).timeout(PATIENCE).await, Ok(i), "{name}");
        let at = nodes[1].whereis(&name).await.expect("an answer").expect("it is registered");
        assert_eq!(at.node, home, "{name}");
    }
    // When the reason is gone, they move.
    set_home("fussy", None);
    placed(&nodes, 20).await;
    for i in 0..20 {
        assert_eq!(nodes[0].at::<Fussy>(format!("fussy-{i}")).count(0).await, Ok(i));
    }
}

/// Whether some worker runs at a later epoch than the first: it was sealed, and goes on where it was.
async fn tried(swarm: &Swarm) -> bool {
    let names = swarm.registered().await.expect("all nodes answer");
    let epochs: BTreeSet<[u8; 8]> = names.iter().map(|(_, at)| first_half(at.epoch)).collect();
    epochs.len() > 1
}

fn first_half(epoch: Epoch) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = epoch.to_be_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Fact 8: a newcomer's table lacks the names that moved while it knew only part of the cluster.
#[tokio::test(flavor = "multi_thread")]
async fn every_node_knows_every_name_after_a_join() {
    let mut nodes = cluster("tables", 2).await;
    populate(&nodes, NAMES).await;
    nodes.push(join("tables", &[&nodes[1]]).await);
    placed(&nodes, 120).await;
    let table = nodes[0].registered().await.expect("all nodes answer");
    for node in &nodes {
        assert_eq!(node.registered().await.as_ref(), Ok(&table), "{node:?}");
        for (name, at) in &table {
            assert_eq!(node.whereis(name).await.as_ref(), Ok(&Some(at.clone())), "{name} by {node:?}");
        }
    }
}

/// Fact 9: each worker that does not answer `begin_handoff` blocks its node for five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_never_answers_begin_handoff_delays_nobody() {
    let mut nodes = cluster("mute", 1).await;
    // One after the other they would take longer than anything here waits.
    for i in 0..20 {
        let name = format!("mute-{i}");
        MoodyClient::register(&name, Mood::Mute).on(&nodes[0]).await.expect("the name is free");
        assert_eq!(nodes[0].at::<Moody>(&name).count(i).await, Ok(i));
    }
    let at_home = nodes[0].node();
    populate(&nodes, 30).await;
    nodes.push(join("mute", &[&nodes[0]]).await);
    all_know(&nodes).await;
    TallyClient::register("newcomer", ()).on(&nodes[1]).await.expect("nobody is delayed");
    until("the others have moved", &nodes, async || {
        nodes[1].stats().handoffs_in > 5 && nodes[0].whereis("newcomer").await.is_ok_and(|at| at.is_some())
    })
    .await;
    verify(&nodes[1], 30, |i| i).await;
    // Those that never answer are where they were. Their own hook has them, so calls to them end in time, unanswered.
    for i in 0..20 {
        let name = format!("mute-{i}");
        let at = nodes[1].whereis(&name).await.expect("an answer").expect("it is registered");
        assert_eq!(at.node, at_home, "{name}");
    }
    let unheard = nodes[1].at::<Moody>("mute-0").count(1).timeout(Duration::from_millis(50)).await;
    assert!(matches!(unheard, Ok(1) | Err(CallError::Timeout { .. })), "{unheard:?}");
}

/// Fact 10: no restart after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_restarts_after_a_panic_and_keeps_its_name_and_groups() {
    let nodes = cluster("restart", 2).await;
    for i in 0..8 {
        let name = format!("phoenix-{i}");
        MoodyClient::register(&name, Mood::Panic).on(&nodes[0]).await.expect("the name is free");
        nodes[1].group::<Brave>().join(&name).await.expect("it is registered");
        assert_eq!(nodes[i % 2].at::<Moody>(&name).count(3).await, Ok(3));
    }
    // Its `begin_handoff` panics: it starts again where it is, and is tried again, until it moves or stays.
    let third = join("restart", &[&nodes[0]]).await;
    for i in 0..8 {
        let name = format!("phoenix-{i}");
        let count = third.at::<Moody>(&name).count(0).timeout(PATIENCE).await;
        assert!(matches!(count, Ok(0 | 3)), "{count:?}");
    }
    assert_eq!(third.group::<Brave>().members().await.expect("all nodes answer").len(), 8);
}

#[derive(swarm::Group)]
#[group(worker = Moody)]
struct Brave;

/// Fact 10: the same in a handler, from near and far, told by a cast and by a publish.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_handler_costs_neither_the_name_nor_the_groups() {
    let nodes = cluster("panics", 2).await;
    let brave = |node: &Swarm| node.group::<Mortal>().key("brave");
    for i in 0..8 {
        let name = format!("panics-{i}");
        MortalClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        brave(&nodes[1]).join(&name).await.expect("it is registered");
        nodes[1].at::<Mortal>(&name).explode().expect("there is room");
        assert_eq!(nodes[1].at::<Mortal>(&name).ping().await, Ok(1), "{name}: it stands behind the panic");
    }
    assert_eq!(brave(&nodes[0]).publish(mortal::Explode).await, Ok(8));
    for answer in brave(&nodes[0]).multicall(mortal::Ping).await.expect("all nodes answer") {
        assert_eq!(answer.1, Ok(1), "{}", answer.0);
    }
    assert_eq!(brave(&nodes[0]).members().await.expect("all nodes answer").len(), 8);
}

/// Fact 10: no subscriptions.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_is_told_of_nodes_and_workers() {
    let nodes = cluster("events", 1).await;
    let mut events = nodes[0].events();
    TallyClient::register("observed", ()).on(&nodes[0]).await.expect("the name is free");
    nodes[0].unregister("observed").await.expect("an answer");
    let newcomer = join("events", &[&nodes[0]]).await;
    let newcomer_id = newcomer.node();
    all_know(&[nodes[0].clone(), newcomer.clone()]).await;
    newcomer.leave().await.expect("it has nothing to hand over");
    let (mut started, mut up, mut ended, mut left) = (false, false, false, false);
    while !(started && up && ended && left) {
        let event = tokio::time::timeout(PATIENCE, events.next()).await;
        match event.unwrap_or_else(|_| panic!("{started} {up} {ended} {left}")).expect("the node runs") {
            Event::Started(name, at) => started |= name == "observed" && at.node == nodes[0].node(),
            Event::NodeUp(id) => up |= id == newcomer_id,
            Event::Ended { name, .. } => ended |= name == "observed",
            Event::NodeDown(id, _) => left |= id == newcomer_id,
            Event::NodeLeaving(_) | Event::Moved { .. } | Event::FailedOver(_) | Event::Conflict(_) => {}
            // Events are not closed, since users match on them, too.
            Event::Missed(_) | _ => panic!("an event that this test knows nothing of"),
        }
    }
}
