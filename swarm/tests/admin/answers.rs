//! What a node tells its operator about the cluster.

use swarm::admin::{ClientError, Code, Filter, Reason};
use swarm::prelude::*;

use super::fixture::{Audited, Dir, Rare, RareClient, RockClient, TallyClient, builder, client, pair, tallies, until};

#[tokio::test(flavor = "multi_thread")]
async fn one_node_answers_for_all_of_them() {
    let dir = Dir::new();
    let nodes = pair("answers-nodes", &dir).await;
    tallies(&nodes[0], 20).await;
    let operator = client(&nodes[0]).await;
    assert_eq!(operator.welcome().cluster, "answers-nodes");
    assert_eq!(operator.welcome().node, nodes[0].node().to_string());

    let status = operator.status().await.expect("it answers");
    assert_eq!((status.nodes, status.workers, status.silent.len()), (2, 20, 0));
    assert_eq!((status.node, status.placement.as_str()), (nodes[0].node().to_string(), "ring"));
    assert_eq!(status.pid, std::process::id());

    let rows = operator.nodes().await.expect("it answers").nodes;
    let mut ids: Vec<_> = nodes.iter().map(Swarm::node).collect();
    ids.sort();
    assert!(rows.iter().map(|row| &row.node).eq(&ids.iter().map(NodeId::to_string).collect::<Vec<_>>()));
    assert!(rows.iter().all(|row| row.answered && !row.drained && row.weight == 100));
    assert_eq!(rows.iter().map(|row| row.owns).sum::<u64>(), 4096);
    assert_eq!(rows.iter().map(|row| row.workers).sum::<u64>(), 20);
    assert_eq!(rows.iter().filter(|row| row.here).count(), 1);
    let of_tallies = rows.iter().flat_map(|row| &row.kinds).filter(|kind| kind.kind == "Tally");
    assert_eq!(of_tallies.map(|kind| kind.workers).sum::<u64>(), 20);
    nodes[0].leave().await.expect("it leaves in good order");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ring_of_a_type_leads_only_to_nodes_that_know_it() {
    let dir = Dir::new();
    let one = builder("answers-ring", &[]).admin(swarm::Admin::unix(dir.join("one"))).start().await.expect("a node");
    let other = builder("answers-ring", &[&one]).worker::<Rare>().start().await.expect("a node");
    until("both know both", &one, async || one.nodes().len() == 2 && other.nodes().len() == 2).await;
    RareClient::register("rare", ()).on(&one).await.expect("the other node starts it");

    let ring = client(&one).await.ring().await.expect("it answers");
    assert_eq!((ring.partitions, ring.owners.iter().map(|share| share.partitions).sum::<u64>()), (4096, 4096));
    assert_eq!(
        ring.owners.iter().map(|share| share.replicas).sum::<u64>(),
        4096,
        "each has a copy of all of the other's"
    );
    let kind = |name: &str| ring.kinds.iter().find(|kind| kind.kind == name).expect("it is there");
    let (tally, rare) = (kind("Tally"), kind("Rare"));
    assert_eq!(tally.nodes.iter().map(|share| share.partitions).sum::<u64>(), 4096);
    assert_eq!((tally.nodes.len(), tally.versions.len()), (2, 1));
    let [only] = &rare.nodes[..] else { panic!("one node knows it: {rare:?}") };
    assert_eq!((only.node.clone(), only.partitions, only.workers), (other.node().to_string(), 4096, 1));
    assert!((only.share - 1.0).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_name_is_comes_with_the_reason() {
    let dir = Dir::new();
    let one = builder("answers-why", &[]).admin(swarm::Admin::unix(dir.join("one"))).start().await.expect("a node");
    let operator = client(&one).await;
    // Names that the other node will own: those that stay are away from where the ring wants them.
    for i in 0..20 {
        RockClient::register(format!("rock/{i}"), ()).on(&one).await.expect("the name is free");
    }
    let other = builder("answers-why", &[&one]).worker::<Rare>().start().await.expect("a node");
    until("both know both", &one, async || one.nodes().len() == 2 && other.nodes().len() == 2).await;
    for i in 0..20 {
        RareClient::register(format!("rare/{i}"), ()).on(&one).await.expect("the other node starts it");
    }
    TallyClient::register("tally", ()).on(&one).await.expect("the name is free");
    let at = operator.locate("tally").await.expect("it is registered");
    assert_eq!((at.reason.clone(), at.kind.as_str(), at.cells), (Reason::RingOwner, "Tally", 1));
    assert_eq!((at.node.clone(), at.registered_by), (at.owner.clone(), one.node().to_string()));
    assert_eq!(at.replicas.len(), 1);
    assert_eq!(at.epoch, one.whereis("tally").await.expect("it answers").expect("it is there").epoch.to_string());

    let (here, there) = (one.node().to_string(), other.node().to_string());
    let mut pinned = false;
    until("the rocks that are elsewhere than wanted say so", &one, async || {
        pinned = false;
        for i in 0..20 {
            let at = operator.locate(&format!("rock/{i}")).await.expect("it is registered");
            assert_eq!(at.node, here, "it stays: {at:?}");
            pinned |= at.reason == Reason::Pinned { wanted: there.clone() };
        }
        pinned
    })
    .await;
    let mut next = false;
    for i in 0..20 {
        let at = operator.locate(&format!("rare/{i}")).await.expect("it is registered");
        assert_eq!(at.node, there, "nobody else knows the type");
        next |= at.reason == Reason::NextAble;
    }
    assert!(next, "the ring gives some of 20 names to the other node");

    let nobody = operator.locate("nobody").await;
    let Err(ClientError::Refused(refusal)) = nobody else { panic!("nobody has the name: {nobody:?}") };
    assert_eq!((refusal.code, refusal.text.as_str()), (Code::NotFound, "no worker is registered as `nobody`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_come_in_pages() {
    let dir = Dir::new();
    let nodes = pair("answers-list", &dir).await;
    tallies(&nodes[0], 25).await;
    RockClient::register("rock/1", ()).on(&nodes[0]).await.expect("the name is free");
    nodes[0].group::<Audited>().join("tally/07").await.expect("it is registered");
    nodes[0].group::<Audited>().key("eu").join("rock/1").await.expect("it is registered");
    let operator = client(&nodes[0]).await;
    let names = async |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        let page = operator.list(&filter).await.expect("it answers");
        page.workers.into_iter().map(|row| row.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&|_| {}).await.len(), 26);
    assert_eq!(names(&|filter| filter.kind = Some("Rock".into())).await, ["rock/1"]);
    assert_eq!(names(&|filter| filter.group = Some("audited".into())).await, ["tally/07"]);
    let keyed = |filter: &mut Filter| (filter.group, filter.group_key) = (Some("audited".into()), "eu".into());
    assert_eq!(names(&keyed).await, ["rock/1"]);
    let both = |filter: &mut Filter| (filter.group, filter.kind) = (Some("audited".into()), Some("Rock".into()));
    assert_eq!(names(&both).await, [""; 0]);
    assert_eq!(names(&|filter| filter.prefix = "tally/1".into()).await.len(), 10);
    assert_eq!(names(&|filter| filter.prefix = "tally/07".into()).await, ["tally/07"], "a prefix of itself");
    let of = |node: &Swarm| node.local_addr().to_string();
    let (one, other) = (of(&nodes[0]), of(&nodes[1]));
    let on_one = names(&|filter| filter.node = Some(one.clone())).await;
    let on_other = names(&|filter| filter.node = Some(other.clone())).await;
    assert!(!on_one.is_empty() && !on_other.is_empty() && on_one.len() + on_other.len() == 26);

    let (mut all, mut pages, mut filter) = (Vec::new(), 0, Filter::default());
    (filter.count, filter.prefix) = (10, "tally/".into());
    loop {
        let page = operator.list(&filter).await.expect("it answers");
        assert!(page.workers.len() <= 10);
        all.extend(page.workers.into_iter().map(|row| row.name));
        pages += 1;
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    assert_eq!(all, (0..25).map(|i| format!("tally/{i:02}")).collect::<Vec<_>>());
    assert_eq!(pages, 3);

    let mut filter = Filter::default();
    filter.kind = Some("Taly".into());
    let mistyped = operator.list(&filter).await.expect_err("there is no such type").to_string();
    assert!(mistyped.starts_with("no node knows a worker type `Taly`: they know ") && mistyped.contains("Tally"));
    let mut filter = Filter::default();
    filter.node = Some("127.0.0.1".into());
    let vague = operator.list(&filter).await.expect_err("it may be either").to_string();
    assert!(vague.starts_with("`127.0.0.1` may be any of several nodes: write one of "), "{vague}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_described_by_its_node() {
    let dir = Dir::new();
    let nodes = pair("answers-describe", &dir).await;
    let operator = client(&nodes[0]).await;
    tallies(&nodes[0], 20).await;
    let mut seen = [false; 2];
    for i in 0..20 {
        let name = format!("tally/{i:02}");
        let tally = TallyClient::at(&name).on(&nodes[0]);
        tally.nap(3600).expect("it is sent");
        for _ in 0..40 {
            tally.hit().await.expect("it answers");
        }
        tally.fail().await.expect_err("it panics");
        // It is back when it answers again.
        tally.hit().await.expect("it is restarted");
        tally.nap(3600).expect("it is sent");
        tally.hit().await.expect("it comes behind the nap");
        let worker = operator.describe(&name).await.expect("it is registered");
        assert!(worker.answered);
        assert_eq!((worker.state.as_str(), worker.queue, worker.panics, worker.pinned), ("running", 0, 1, false));
        let [nap] = &worker.timers[..] else { panic!("it has one timer: {worker:?}") };
        assert_eq!((nap.message.ends_with("nap"), nap.every_ms), (true, None), "{nap:?}");
        assert!((3_500_000..=3_600_000).contains(&nap.due_in_ms), "{nap:?}");
        let hit = worker.methods.iter().find(|method| method.message.ends_with("hit")).expect("it has it");
        let here = worker.at.node == nodes[0].node().to_string();
        seen[usize::from(here)] = true;
        match &hit.times {
            // Only the first node serves operators, and so keeps times.
            Some(times) => {
                assert!(here && times.count > 0 && times.p50_ns <= times.p99_ns && times.p99_ns <= times.max_ns);
            }
            None => assert!(!here),
        }
    }
    assert_eq!(seen, [true, true], "20 names are on both nodes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unregistered_is_gone_and_what_was_not_there_is_said() {
    let dir = Dir::new();
    let nodes = pair("answers-unregister", &dir).await;
    tallies(&nodes[0], 1).await;
    let operator = client(&nodes[0]).await;
    let at = operator.locate("tally/00").await.expect("it is registered").node;
    assert_eq!(operator.unregister("tally/00").await.expect("it is registered").node, at);
    assert_eq!(nodes[1].whereis("tally/00").await, Ok(None));
    let again = operator.unregister("tally/00").await;
    assert!(matches!(again, Err(ClientError::Refused(refusal)) if refusal.code == Code::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_logged_changes_only_where_the_program_can() {
    let dir = Dir::new();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let logging = move |text: &str| match text {
        "wrong" => Err("`wrong` is no level".to_owned()),
        text => {
            told.send(text.to_owned()).expect("somebody listens");
            Ok(())
        }
    };
    let admin = swarm::Admin::unix(dir.join("one")).logging(logging);
    let one = builder("answers-log", &[]).admin(admin).start().await.expect("a node starts");
    let operator = client(&one).await;
    operator.log("debug").await.expect("it is a level");
    assert_eq!(heard.recv().await.as_deref(), Some("debug"));
    assert_eq!(operator.log("wrong").await.expect_err("it is none").to_string(), "`wrong` is no level");

    let plain = swarm::Admin::unix(dir.join("two"));
    let two = builder("answers-log-2", &[]).admin(plain).start().await.expect("a node starts");
    let refused = client(&two).await.log("debug").await;
    assert!(matches!(refused, Err(ClientError::Refused(refusal)) if refusal.code == Code::Unsupported));
}

/// All of them are told by the one clock of this process.
#[tokio::test(flavor = "multi_thread")]
async fn clocks_are_compared_and_the_error_is_told() {
    let dir = Dir::new();
    let nodes = pair("answers-clocks", &dir).await;
    let check = client(&nodes[0]).await.check_up().await.expect("it answers");
    assert_eq!((check.nodes.len(), check.mixed.len()), (2, 0));
    for node in check.nodes {
        let clock = node.clock.expect("it answers");
        assert!(clock.error_ms >= 2 && clock.ahead_ms.unsigned_abs() <= clock.error_ms, "{clock:?}");
    }
}
