//! What moves with a worker, and what it is told.

use std::time::Duration;

use swarm::prelude::*;
use swarm::{Event, LeaveError, Swarm};

use crate::fixture::{
    PATIENCE, Tally, TallyClient, all_know, begin, cluster, join, join_with, next, patient, placed, populate, tally,
    until, verify,
};
use crate::workers::{
    Census, CensusClient, Clockwork, ClockworkClient, Hoard, HoardClient, Ledger, LedgerClient, Mood, Moody,
    MoodyClient,
};
use crate::workers::{Mortal, MortalClient, begun, last_words, release};

#[derive(swarm::Group)]
#[group(worker = Moody)]
struct Crowd;

/// The name's host.
async fn host(swarm: &Swarm, name: &str) -> NodeId {
    swarm.whereis(name).await.expect("an answer").expect("it is registered").node
}

/// The three answers to `begin_handoff`, when a node joins.
#[tokio::test(flavor = "multi_thread")]
async fn begin_handoff_says_whether_a_worker_moves_and_with_what() {
    let mut nodes = cluster("moods", 1).await;
    let home = nodes[0].node();
    for i in 0..30 {
        for (what, mood) in [("resume", Mood::Resume), ("restart", Mood::Restart), ("ignore", Mood::Ignore)] {
            let name = format!("{what}-{i}");
            MoodyClient::register(&name, mood).on(&nodes[0]).await.expect("the name is free");
            assert_eq!(nodes[0].at::<Moody>(&name).count(i + 1).await, Ok(i + 1));
        }
    }
    nodes.push(join("moods", &[&nodes[0]]).await);
    all_know(&nodes).await;
    let (mut moved, mut restarted) = (0, 0);
    for i in 0..30 {
        // All three stand at different places of the ring, so each is looked at by itself.
        let name = format!("resume-{i}");
        settled(&nodes, &name).await;
        assert_eq!(nodes[1].at::<Moody>(&name).count(0).await, Ok(i + 1), "{name}");
        moved += u32::from(host(&nodes[0], &name).await != home);

        let name = format!("restart-{i}");
        settled(&nodes, &name).await;
        let fresh = host(&nodes[0], &name).await != home;
        let count = nodes[1].at::<Moody>(&name).count(0).await;
        assert_eq!(count, Ok(if fresh { 0 } else { i + 1 }), "{name}");
        restarted += u32::from(fresh);
    }
    assert!(moved > 3 && restarted > 3, "{moved} and {restarted} of 30 have moved");
    for i in 0..30 {
        let name = format!("ignore-{i}");
        assert_eq!(nodes[1].at::<Moody>(&name).count(0).await, Ok(i + 1), "{name}");
        assert_eq!(host(&nodes[1], &name).await, home, "{name} stays");
    }
}

/// Pieces of many states wait for room on one connection, and none of them may overtake another.
#[tokio::test(flavor = "multi_thread")]
async fn more_large_states_than_a_queue_holds_move_whole() {
    const COUNT: u8 = 40;
    let mut config = Config::local();
    config.net.bulk_queue_frames_max = 2;
    let mut nodes = vec![join_with(config.clone(), "hoards", &[]).await];
    let mut digests = Vec::new();
    for i in 0..COUNT {
        let name = format!("hoard-{i}");
        HoardClient::register(&name, (i, 300_000)).on(&nodes[0]).timeout(PATIENCE).await.expect("the name is free");
        let hoard = nodes[0].at::<Hoard>(&name);
        hoard.mark(u32::from(i) * 7_000, 255).timeout(PATIENCE).await.expect("it runs");
        digests.push(hoard.digest().timeout(PATIENCE).await.expect("it runs"));
    }
    nodes.push(join_with(config, "hoards", &[&nodes[0]]).await);
    all_know(&nodes).await;
    placed(&nodes, COUNT.into()).await;
    nodes.remove(0).leave().await.expect("all of them are handed over");
    for (i, digest) in digests.into_iter().enumerate() {
        let now = nodes[0].at::<Hoard>(format!("hoard-{i}")).digest().timeout(PATIENCE).await;
        assert_eq!(now, Ok(digest), "hoard-{i}");
    }
    let stats = nodes[0].stats();
    assert_eq!((stats.handoffs_in, stats.handoffs_failed), (COUNT.into(), 0), "each was fetched once");
}

/// Waits until the name is at its place on the ring.
async fn settled(nodes: &[Swarm], name: &str) {
    use swarm_net::ring::Ring;
    let members: Vec<_> = nodes.iter().map(|node| (node.node(), swarm::Config::local().weight)).collect();
    let ring = Ring::new(Ring::PARTITIONS, &members);
    let owner = ring.owner(ring.partition_of(Name::from(name).hash64().0));
    until(name, nodes, async || Some(host(&nodes[0], name).await) == owner).await;
}

/// One that stays where it is goes all the same when its node leaves, and starts afresh; `Resume` loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn who_ignores_a_handoff_starts_afresh_when_its_node_leaves() {
    let mut nodes = cluster("ignore-leave", 2).await;
    for i in 0..20 {
        let name = format!("stays-{i}");
        MoodyClient::register(&name, Mood::Ignore).on(&nodes[0]).await.expect("the name is free");
        assert_eq!(nodes[0].at::<Moody>(&name).count(1).await, Ok(1));
    }
    let leaver = nodes.remove(0);
    leaver.leave().await.expect("everything is handed over");
    let mut afresh = 0;
    for i in 0..20 {
        match nodes[0].at::<Moody>(format!("stays-{i}")).count(0).await {
            Ok(0) => afresh += 1,
            other => assert_eq!(other, Ok(1)),
        }
    }
    assert!(afresh > 0 && afresh < 20, "{afresh}");
}

/// Each end has its reason.
#[tokio::test(flavor = "multi_thread")]
async fn die_is_told_why() {
    let mut nodes = cluster("die", 1).await;
    for i in 0..20 {
        MortalClient::register(format!("die/{i}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    let first = nodes[0].node();
    nodes.push(join("die", &[&nodes[0]]).await);
    placed(&nodes, 20).await;
    let mut moved = 0;
    for i in 0..20 {
        let name = format!("die/{i}");
        if host(&nodes[0], &name).await != first {
            until("its predecessor has said its last words", &nodes, async || !last_words(&name).is_empty()).await;
            assert_eq!(last_words(&name), [(first, Die::Moved)], "{name}");
            moved += 1;
        } else {
            assert_eq!(last_words(&name), [], "{name} did not die");
        }
    }
    assert!(moved > 0);
    MortalClient::register_local("die/local", Mortal).on(&nodes[0]).await.expect("the name is free");
    let leaver = nodes.remove(0);
    leaver.leave().await.expect("everything is handed over");
    assert_eq!(last_words("die/local"), [(first, Die::NodeLeaving)]);
    assert_eq!(nodes[0].whereis("die/local").await, Ok(None), "nothing can start it again");
    assert_eq!(nodes[0].registered().await.expect("an answer").len(), 20);
}

/// Issue 37: groups belong to the registration. They come along in a move, and survive a crash.
#[tokio::test(flavor = "multi_thread")]
async fn groups_survive_moves_leaves_and_crashes() {
    let mut nodes = cluster("group-moves", 1).await;
    for i in 0..40 {
        let name = format!("crowd-{i}");
        MoodyClient::register(&name, Mood::Resume).on(&nodes[0]).await.expect("the name is free");
        if i % 2 == 0 {
            nodes[0].group::<Crowd>().join(&name).await.expect("it is registered");
        }
    }
    let complete = async |nodes: &[Swarm], what: &str| {
        placed(nodes, 40).await;
        for node in nodes {
            let members = node.group::<Crowd>().members().await.expect("all nodes answer");
            assert_eq!(members.len(), 20, "{what}");
        }
    };
    nodes.push(join("group-moves", &[&nodes[0]]).await);
    nodes.push(join("group-moves", &[&nodes[0]]).await);
    all_know(&nodes).await;
    complete(&nodes, "after joins").await;
    nodes.remove(0).leave().await.expect("everything is handed over");
    complete(&nodes, "after a leave").await;
    drop(nodes.remove(0));
    all_know(&nodes).await;
    complete(&nodes, "after a crash").await;
    nodes[0].group::<Crowd>().leave("crowd-0").await.expect("it is registered");
    nodes[0].unregister("crowd-2").await.expect("an answer");
    assert_eq!(nodes[0].group::<Crowd>().members().await.expect("an answer").len(), 18);
}

/// A publish reaches each member exactly once, also those that move meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_while_members_move_reaches_each_once() {
    let mut nodes = cluster("publish-moves", 2).await;
    populate(&nodes, 60).await;
    let publisher = nodes[0].clone();
    let publishing = tokio::spawn(async move {
        let mut rounds = 0;
        while publisher.nodes().len() < 3 || publisher.stats().handoffs_out == 0 || rounds < 20 {
            let told = publisher.group::<Tally>().publish(tally::Add { by: 1 }).await;
            told.expect("all nodes answer");
            rounds += 1;
        }
        rounds
    });
    nodes.push(join("publish-moves", &[&nodes[0]]).await);
    let rounds = publishing.await.expect("no publish fails");
    placed(&nodes, 60).await;
    verify(&nodes[2], 60, |i| i + rounds).await;
}

/// Timers are re-armed on the new node: a ticking one goes on, a single one rings once.
#[tokio::test(flavor = "multi_thread")]
async fn timers_survive_a_handoff() {
    let mut nodes = cluster("timers", 1).await;
    for i in 0..20 {
        let name = format!("clock-{i}");
        ClockworkClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        nodes[0].at::<Clockwork>(&name).wind(5, 1_500).await.expect("it runs");
    }
    nodes.push(join("timers", &[&nodes[0]]).await);
    placed(&nodes, 20).await;
    let mut moved = 0;
    for i in 0..20 {
        let name = format!("clock-{i}");
        let before = nodes[0].at::<Clockwork>(&name).times().await.expect("it runs");
        until("it ticks and has rung", &nodes, async || {
            let times = nodes[1].at::<Clockwork>(&name).times().await.expect("it runs");
            assert!(times.alarms <= 1, "{name} rang twice");
            times.alarms == 1 && times.ticks > before.ticks + 2
        })
        .await;
        moved += u32::from(host(&nodes[0], &name).await == nodes[1].node());
    }
    assert!(moved > 0);
    for i in 0..20 {
        let times = nodes[0].at::<Clockwork>(format!("clock-{i}")).times().await.expect("it runs");
        assert_eq!(times.alarms, 1);
    }
}

/// What waits in a worker's queue goes with it, in order, and is answered.
#[tokio::test(flavor = "multi_thread")]
async fn queued_messages_move_along_in_order() {
    let mut nodes = cluster("queue", 2).await;
    let leaver = nodes[1].node();
    let mut busy = Vec::new();
    for i in 0..20 {
        let name = format!("queue-{i}");
        LedgerClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        if host(&nodes[0], &name).await == leaver {
            busy.push(name);
        }
    }
    // The first is not kept busy: its answer says that all that was sent to its node before is there.
    let probe = busy.remove(0);
    assert!(!busy.is_empty());
    let (mut holds, mut answers) = (Vec::new(), Vec::new());
    for name in &busy {
        // The worker is busy, so all that follows waits in its queue when its node leaves.
        let ledger = nodes[0].at::<Ledger>(name);
        let mut hold = Box::pin(ledger.hold().timeout(PATIENCE));
        assert_eq!(begin(&mut hold).await, None);
        begun(name).await;
        for number in 1..=20 {
            ledger.jot(1, number).expect("its queue has room");
            let mut note = Box::pin(ledger.note(2, number).timeout(PATIENCE));
            assert_eq!(begin(&mut note).await, None);
            answers.push((number, note));
        }
        holds.push(hold);
    }
    nodes[0].at::<Ledger>(&probe).seen().await.expect("it runs");
    let mut events = nodes[0].events();
    let leaving = tokio::spawn(nodes.remove(1).leave());
    while next(&mut events).await != Event::NodeLeaving(leaver) {}
    busy.iter().for_each(|name| release(name));
    leaving.await.expect("no panic").expect("everything is handed over");
    for hold in holds {
        assert_eq!(hold.await, Ok(()));
    }
    for (number, note) in answers {
        assert_eq!(note.await, Ok(number));
    }
    for name in &busy {
        let seen = nodes[0].at::<Ledger>(name).seen().await.expect("it runs");
        assert_eq!(seen.violations, 0, "{name}");
        assert_eq!(seen.callers.values().copied().collect::<Vec<_>>(), [(20, 20), (20, 20)], "{name}");
    }
}

/// A worker that hangs is not handed over, and its leave says so at its limit: nobody waits for its `die` as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_leave_ends_within_its_limit_whatever_hangs() {
    let mut nodes = cluster("hung", 2).await;
    let leaver = nodes[1].node();
    let mut names = (0..).map(|i| format!("hung-{i}"));
    let name = loop {
        let name = names.next().expect("there is no last one");
        LedgerClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        if host(&nodes[0], &name).await == leaver {
            break name;
        }
    };
    let ledger = nodes[0].at::<Ledger>(&name);
    let mut hold = Box::pin(ledger.hold().timeout(PATIENCE));
    assert_eq!(begin(&mut hold).await, None);
    begun(&name).await;
    let limit = Duration::from_millis(200);
    // `die` alone is given five seconds.
    let left = tokio::time::timeout(Duration::from_secs(5), nodes.remove(1).leave().timeout(limit)).await;
    assert_eq!(left.expect("it has a limit"), Err(LeaveError::Incomplete { after: limit, workers: 1 }));
    release(&name);
}

/// The fencing token grows with each activation of a name.
#[tokio::test(flavor = "multi_thread")]
async fn epochs_grow_with_every_activation() {
    let mut nodes = cluster("epochs", 2).await;
    let mut last = Vec::new();
    for i in 0..20 {
        let name = format!("epoch-{i}");
        CensusClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        last.push(nodes[0].at::<Census>(&name).epoch().await.expect("it runs"));
    }
    let check = async |nodes: &[Swarm], last: &mut Vec<Epochal>, what: &str| {
        placed(nodes, 20).await;
        let mut grown = 0;
        for (i, last) in last.iter_mut().enumerate() {
            let name = format!("epoch-{i}");
            let now = nodes[0].at::<Census>(&name).epoch().timeout(PATIENCE).await.expect("it runs");
            let at = nodes[0].whereis(&name).await.expect("an answer").expect("it is registered");
            assert_eq!(at.epoch.to_be_bytes().to_vec(), now, "{what}: {name}");
            assert!(now >= *last, "{what}: {name}");
            grown += u32::from(now > *last);
            *last = now;
        }
        assert!(grown > 0, "{what}: some have new activations");
    };
    nodes.push(join("epochs", &[&nodes[0]]).await);
    check(&nodes, &mut last, "join").await;
    nodes.remove(0).leave().await.expect("everything is handed over");
    check(&nodes, &mut last, "leave").await;
    drop(nodes.remove(0));
    all_know(&nodes).await;
    check(&nodes, &mut last, "crash").await;
    for (i, last) in last.iter().enumerate() {
        let name = format!("epoch-{i}");
        nodes[0].unregister(&name).await.expect("an answer");
        CensusClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        assert!(nodes[0].at::<Census>(&name).epoch().await.expect("it runs") > *last, "{name}");
    }
}

type Epochal = Vec<u8>;

/// `leave` is complete before it returns: nothing is lost when the others are asked right then.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_leave_one_after_the_other_lose_nothing() {
    let mut nodes = cluster("leave-all", 4).await;
    populate(&nodes, 60).await;
    while nodes.len() > 1 {
        let leaver = nodes.remove(0);
        leaver.leave().await.expect("everything is handed over");
        let names = nodes[0].registered().await.expect("all nodes answer");
        assert_eq!(names.len(), 60, "with {} nodes left", nodes.len());
        verify(&nodes[0], 60, |i| i).await;
    }
    TallyClient::register("last", ()).on(&nodes[0]).await.expect("the name is free");
}

/// A connection that is full of other states delays a state, and loses none: the queue for bulk takes one frame here, and many
/// workers move at a time.
#[tokio::test(flavor = "multi_thread")]
async fn states_wait_for_room_on_their_way() {
    let mut narrow = patient();
    narrow.net.bulk_queue_frames_max = 1;
    let first = join_with(narrow.clone(), "narrow", &[]).await;
    let second = join_with(narrow, "narrow", &[&first]).await;
    let nodes = [first, second];
    all_know(&nodes).await;
    populate(&nodes, 400).await;
    // Less than a start may take, after which one that waits for a lost piece is tried again.
    nodes[0].leave().timeout(Duration::from_secs(20)).await.expect("everything is handed over");
    verify(&nodes[1], 400, |i| i).await;
}

/// Two nodes leave at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_leave_together_lose_nothing() {
    let mut nodes = cluster("leave-together", 4).await;
    populate(&nodes, 60).await;
    let (first, second) = (nodes.remove(0), nodes.remove(0));
    let (first, second) = tokio::join!(first.leave(), second.leave());
    first.expect("everything is handed over");
    second.expect("everything is handed over");
    verify(&nodes[0], 60, |i| i).await;
    assert_eq!(nodes[1].registered().await.expect("all nodes answer").len(), 60);
}

/// One leaves while another joins: a rolling restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_nothing() {
    let mut nodes = cluster("rolling", 3).await;
    populate(&nodes, 60).await;
    for _ in 0..3 {
        let leaver = nodes.remove(0);
        let seeds = [&nodes[0], &nodes[1]];
        let (newcomer, left) = tokio::join!(join("rolling", &seeds), leaver.leave());
        left.expect("everything is handed over");
        nodes.push(newcomer);
        verify(&nodes[2], 60, |i| i).await;
    }
    placed(&nodes, 60).await;
    verify(&nodes[0], 60, |i| i).await;
}
