//! What the registry promises, over several nodes: the scenarios of Swarm's registry, replica and integration tests.

use swarm::Swarm;
use swarm::prelude::*;

use crate::fixture::{
    PATIENCE, Tally, TallyClient, all_know, cluster, join, patient, placed, populate, spread, tally, until,
};
use crate::workers::{Fussy, FussyClient, Mayfly, MayflyClient, Mood, Moody, MoodyClient, Mortal, MortalClient};
use crate::workers::{SlothClient, Special, SpecialClient, last_words, set_home};

#[derive(swarm::Group)]
#[group(worker = Tally)]
struct Herd;

/// Integration: 10 workers and a group over 2 nodes. Here 40, so that chance never puts all of them on one.
#[tokio::test(flavor = "multi_thread")]
async fn workers_and_a_group_over_two_nodes_are_known_to_both() {
    let nodes = cluster("two", 2).await;
    populate(&nodes, 40).await;
    for i in 0..40 {
        nodes[i % 2].group::<Herd>().join(format!("name-{i}")).await.expect("it is registered");
    }
    for node in &nodes {
        assert_eq!(node.registered().await.expect("all nodes answer").len(), 40);
        assert_eq!(node.group::<Herd>().members().await.expect("all nodes answer").len(), 40);
    }
    let spread = spread(&nodes[0]).await;
    assert!(spread.len() == 2 && spread.values().all(|hosted| *hosted < 40), "{spread:?}");
}

/// Registry: what is registered is found by its name, and in the list, with one and the same location by all nodes.
#[tokio::test(flavor = "multi_thread")]
async fn a_registered_name_is_found_by_every_node() {
    let nodes = cluster("find", 3).await;
    for i in 0..9 {
        let name = format!("find-{i}");
        TallyClient::register(&name, ()).on(&nodes[i % 3]).await.expect("the name is free");
        let at = nodes[(i + 1) % 3].whereis(&name).await.expect("an answer").expect("it is registered");
        assert_eq!(at.worker, "Tally");
        for node in &nodes {
            assert_eq!(node.whereis(&name).await.as_ref(), Ok(&Some(at.clone())));
            assert!(node.registered().await.expect("all answer").contains(&(Name::from(&name), at.clone())));
        }
    }
    assert_eq!(nodes[0].whereis("find-nobody").await, Ok(None));
}

/// Registry: join then members at once, no race (issue 14); and join then publish at once.
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_is_a_member_and_hears_what_is_published_at_once() {
    let nodes = cluster("at-once", 3).await;
    for i in 0..60 {
        let (here, there) = (&nodes[i % 3], &nodes[(i + 1) % 3]);
        let name = format!("member-{i}");
        TallyClient::register(&name, ()).on(here).await.expect("the name is free");
        let room = || Name::from(format!("room-{i}"));
        here.group::<Herd>().key(room()).join(&name).await.expect("it is registered");
        let members = there.group::<Herd>().key(room()).members().await.expect("all nodes answer");
        assert_eq!(members.len(), 1, "{name}");
        assert_eq!(there.group::<Herd>().key(room()).publish(tally::Add { by: 5 }).await, Ok(1), "{name}");
        assert_eq!(here.at::<Tally>(&name).hit(0).await, Ok(5), "{name}: it stands behind the publish");
    }
}

/// Registry: whereis_or_register finds existing, registers missing; also when everybody does it at once.
#[tokio::test(flavor = "multi_thread")]
async fn whereis_or_register_finds_what_is_there_and_registers_what_is_not() {
    let nodes = cluster("or", 3).await;
    TallyClient::register("or-old", ()).on(&nodes[0]).await.expect("the name is free");
    assert_eq!(nodes[1].at::<Tally>("or-old").hit(3).await, Ok(3));
    let found = TallyClient::whereis_or_register("or-old", ()).on(&nodes[2]).await.expect("it is there");
    assert_eq!(nodes[0].whereis("or-old").await, Ok(Some(found)));
    assert_eq!(nodes[2].at::<Tally>("or-old").hit(0).await, Ok(3), "it was not started anew");

    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..12 {
        let node = nodes[i % 3].clone();
        tasks.spawn(async move { TallyClient::whereis_or_register("or-new", ()).on(&node).await });
    }
    let mut locations = Vec::new();
    while let Some(location) = tasks.join_next().await {
        locations.push(location.expect("no task panics").expect("it is registered by one of them"));
    }
    assert!(locations.windows(2).all(|two| two[0] == two[1]), "{locations:?}");
}

/// Replica: two registrations of one name; exactly one wins, and the others are told where it is.
#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_registrations_of_one_name_exactly_one_wins() {
    let nodes = cluster("race", 3).await;
    for round in 0..10 {
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..12 {
            let (node, name) = (nodes[i % 3].clone(), format!("race-{round}"));
            tasks.spawn(async move { TallyClient::register(name, ()).on(&node).await });
        }
        let (mut won, mut lost) = (0, Vec::new());
        while let Some(result) = tasks.join_next().await {
            match result.expect("no task panics") {
                Ok(()) => won += 1,
                Err(RegisterError::AlreadyRegistered { location, .. }) => lost.push(location),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((won, lost.len()), (1, 11));
        let at = nodes[0].whereis(format!("race-{round}")).await.expect("an answer").expect("it is registered");
        assert!(lost.iter().all(|location| *location == at), "{at:?} {lost:?}");
    }
}

/// The same while the cluster grows and shrinks under it.
#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_registrations_during_a_join_exactly_one_wins() {
    let nodes = cluster("race-join", 2).await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..4 {
        let node = nodes[i % 2].clone();
        tasks.spawn(async move {
            let mut won = 0_u64;
            for round in 0..400 {
                let name = format!("name-{round}");
                match TallyClient::register(name, ()).on(&node).timeout(PATIENCE).await {
                    Ok(()) => won += 1,
                    Err(RegisterError::AlreadyRegistered { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            won
        });
    }
    let third = join("race-join", &[&nodes[0]]).await;
    let mut won = 0;
    while let Some(result) = tasks.join_next().await {
        won += result.expect("no task panics");
    }
    assert_eq!(won, 400, "each name has one winner");
    let nodes = [nodes[0].clone(), nodes[1].clone(), third];
    placed(&nodes, 400).await;
}

/// Quorum tests: unregister clears all tables. Issue 61: there is a clean stop by name.
#[tokio::test(flavor = "multi_thread")]
async fn unregister_runs_die_and_clears_the_name_everywhere() {
    let nodes = cluster("unregister", 3).await;
    for i in 0..12 {
        let name = format!("unregister/{i}");
        MortalClient::register(&name, ()).on(&nodes[i % 3]).await.expect("the name is free");
        let at = nodes[0].whereis(&name).await.expect("an answer").expect("it is registered");
        nodes[(i + 1) % 3].unregister(&name).await.expect("an answer");
        assert_eq!(last_words(&name), [(at.node, Die::Unregistered)], "{name}");
        for node in &nodes {
            assert_eq!(node.whereis(&name).await, Ok(None));
            let gone = node.at::<Mortal>(&name).ping().await;
            assert!(matches!(gone, Err(CallError::NotRegistered { .. })), "{gone:?}");
            assert_eq!(gone.expect_err("nobody is there").executed(), Executed::No);
        }
        nodes[0].unregister(&name).await.expect("a free name stays free");
        MortalClient::register(&name, ()).on(&nodes[(i + 2) % 3]).await.expect("the name is free again");
    }
    assert_eq!(nodes[1].registered().await.expect("all nodes answer").len(), 12);
}

/// Integration: a register_name/2 process stays when a third node joins (issue 57: it was moved or dropped).
#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_locally_stays_when_a_third_node_joins() {
    let mut nodes = cluster("local-stays", 2).await;
    for i in 0..30 {
        let name = format!("local-{i}");
        let node = &nodes[i % 2];
        TallyClient::register_local(&name, Tally::with(i as u64)).on(node).await.expect("the name is free");
    }
    nodes.push(join("local-stays", &[&nodes[0]]).await);
    all_know(&nodes).await;
    // Others have come and gone meanwhile.
    for i in 0..30 {
        TallyClient::register(format!("other-{i}"), ()).on(&nodes[2]).await.expect("the name is free");
    }
    until("workers have gone to the third node", &nodes, async || nodes[2].stats().workers > 0).await;
    for i in 0..30 {
        let name = format!("local-{i}");
        let at = nodes[2].whereis(&name).await.expect("an answer").expect("it is registered");
        assert_eq!(at.node, nodes[i % 2].node(), "{name}");
        assert_eq!(nodes[2].at::<Tally>(&name).hit(0).await, Ok(i as u64), "{name}");
    }
}

/// Integration: a register_name/2 process disappears from all tables when it ends: by itself, by a panic, or with its node.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_locally_disappears_everywhere_when_it_ends() {
    let mut nodes = cluster("local-ends", 3).await;
    MortalClient::register_local("local-ends/stop", Mortal).on(&nodes[0]).await.expect("the name is free");
    MortalClient::register_local("local-ends/panic", Mortal).on(&nodes[1]).await.expect("the name is free");
    MortalClient::register_local("local-ends/crash", Mortal).on(&nodes[2]).await.expect("the name is free");
    let taken = MortalClient::register_local("local-ends/stop", Mortal).on(&nodes[1]).await;
    assert!(matches!(taken, Err(RegisterError::AlreadyRegistered { .. })), "{taken:?}");

    assert_eq!(nodes[1].at::<Mortal>("local-ends/stop").ping().await, Ok(1));
    nodes[1].at::<Mortal>("local-ends/stop").end().expect("it is reached");
    nodes[0].at::<Mortal>("local-ends/panic").explode().expect("it is reached");
    // What is cast may be on its way through the third node, which goes next.
    for name in ["local-ends/stop", "local-ends/panic"] {
        until(name, &nodes, async || nodes[2].whereis(name).await == Ok(None)).await;
    }
    let third = nodes.remove(2);
    assert_eq!(nodes[0].at::<Mortal>("local-ends/crash").ping().await, Ok(1));
    drop(third);
    for name in ["local-ends/stop", "local-ends/panic", "local-ends/crash"] {
        until(name, &nodes, async || {
            let mut gone = true;
            for node in &nodes {
                gone &= node.whereis(name).await == Ok(None);
            }
            gone
        })
        .await;
        MortalClient::register_local(name, Mortal).on(&nodes[1]).await.expect("the name is free again");
    }
    assert_eq!(last_words("local-ends/stop").first().map(|(_, why)| *why), Some(Die::Stopped));
}

/// A name whose worker stops by itself is free, by its rule; a permanent one is started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_frees_its_name_on_every_node() {
    let nodes = cluster("stops", 2).await;
    for i in 0..10 {
        let name = format!("stops/{i}");
        MortalClient::register(&name, ()).on(&nodes[i % 2]).await.expect("the name is free");
        nodes[0].at::<Mortal>(&name).end().expect("it is reached");
        until("the name is free", &nodes, async || {
            nodes[0].whereis(&name).await == Ok(None) && nodes[1].whereis(&name).await == Ok(None)
        })
        .await;
    }
    MayflyClient::register("stops/fly", ()).on(&nodes[0]).await.expect("the name is free");
    let exploded = nodes[1].at::<Mayfly>("stops/fly").explode().await;
    assert!(matches!(exploded, Err(CallError::Panicked { .. })), "{exploded:?}");
    until("a temporary worker ends with its panic", &nodes, async || nodes[1].whereis("stops/fly").await == Ok(None))
        .await;
}

/// A failing init on another node is told here, and leaves no trace anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_init_that_fails_elsewhere_is_told_and_leaves_no_trace() {
    let nodes = cluster("bad-init", 2).await;
    set_home("bad-init", Some(NodeId::new(nodes[0].local_addr(), 0)));
    for i in 0..10 {
        let name = format!("bad-init-{i}");
        let failed = FussyClient::register(&name, "bad-init".to_owned()).on(&nodes[0]).await;
        assert!(matches!(&failed, Err(RegisterError::Init { text, .. }) if text.contains("good enough")), "{failed:?}");
        for node in &nodes {
            assert_eq!(node.whereis(&name).await, Ok(None));
            let nobody = node.at::<Fussy>(&name).count(1).await;
            assert!(matches!(nobody, Err(CallError::NotRegistered { .. })), "{nobody:?}");
        }
    }
    set_home("bad-init", None);
    for i in 0..10 {
        let again = FussyClient::register(format!("bad-init-{i}"), "bad-init".to_owned()).on(&nodes[1]).await;
        assert_eq!(again, Ok(()));
    }
}

/// Quorum tests: a registration with a time limit times out. It may still happen, as the error says.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_is_not_answered_in_time_says_so_and_may_still_happen() {
    let nodes = cluster("late", 2).await;
    for i in 0..6 {
        let name = format!("late-{i}");
        let late = SlothClient::register(&name, 300).on(&nodes[i % 2]).timeout(Duration::from_millis(60)).await;
        assert!(matches!(late, Err(RegisterError::Timeout { .. })), "{late:?}");
        // Who asks again is told what has become of it.
        match SlothClient::register(&name, 0).on(&nodes[1]).await {
            Ok(()) => {}
            Err(RegisterError::AlreadyRegistered { location, .. }) => {
                assert_eq!(nodes[0].whereis(&name).await, Ok(Some(location)));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Names are one namespace over all worker types.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_another_worker_type_is_told_as_such_from_every_node() {
    let nodes = cluster("types", 2).await;
    for i in 0..8 {
        let name = format!("types-{i}");
        TallyClient::register(&name, ()).on(&nodes[0]).await.expect("the name is free");
        let taken = MoodyClient::register(&name, Mood::Resume).on(&nodes[1]).await;
        assert!(matches!(&taken, Err(RegisterError::AlreadyRegistered { location, .. }) if location.worker == "Tally"));
        for node in &nodes {
            let wrong = node.at::<Moody>(&name).count(1).await;
            assert!(matches!(&wrong, Err(CallError::WrongWorker { found, .. }) if found == "Tally"), "{wrong:?}");
            assert_eq!(wrong.expect_err("it is another type").executed(), Executed::No);
        }
        assert_eq!(nodes[1].at::<Tally>(&name).hit(1).await, Ok(1));
    }
}

/// Issues 58 and 79: a worker type runs only where it is known. Its names outlive the last node that knows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_type_runs_only_on_nodes_that_know_it() {
    let mut nodes = cluster("roles", 2).await;
    let nowhere = SpecialClient::register("special-0", ()).on(&nodes[0]).await;
    assert!(matches!(nowhere, Err(RegisterError::NoCapableNode { .. })), "{nowhere:?}");
    let able = async |seed: &Swarm| {
        let builder = Swarm::builder().cluster("roles").bind("127.0.0.1:0").worker::<Special>();
        let builder = builder.discovery(Seeds::new([seed.local_addr().to_string()])).config(patient());
        builder.start().await.expect("a node starts on a free loopback port")
    };
    nodes.push(able(&nodes[0]).await);
    all_know(&nodes).await;
    for i in 0..12 {
        let name = format!("special-{i}");
        SpecialClient::register(&name, ()).on(&nodes[i % 3]).await.expect("one node knows it");
        assert_eq!(nodes[0].at::<Special>(&name).node().await, Ok(nodes[2].node().to_string()));
    }
    drop(nodes.pop());
    all_know(&nodes).await;
    nodes.push(able(&nodes[1]).await);
    all_know(&nodes).await;
    for i in 0..12 {
        let name = format!("special-{i}");
        let at = nodes[1].at::<Special>(&name).node().timeout(PATIENCE).await;
        assert_eq!(at, Ok(nodes[2].node().to_string()), "{name} is taken up again");
    }
}
