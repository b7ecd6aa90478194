//! Several nodes and several clusters in one process: which of them is meant. The process's default node is not used
//! here, since all tests share the process; `default_node.rs` is about that.

use swarm::Swarm;
use swarm::prelude::*;
use swarm_net::filter::NodeFilter;

use crate::fixture::{Tally, TallyClient, all_know, cluster, join, patient, populate, tally, until, verify};
use crate::workers::{Parent, ParentClient};

/// Issues 104 and 150: several swarms. Clusters of other names ignore each other, even if told of each other's nodes.
#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_other_names_never_merge() {
    let red = cluster("red", 2).await;
    let blue = [join("blue", &[&red[0], &red[1]]).await];
    let blue = [blue[0].clone(), join("blue", &[&blue[0], &red[1]]).await];
    all_know(&blue).await;
    populate(&red, 10).await;
    for i in 0..10 {
        let name = format!("name-{i}");
        assert_eq!(blue[0].whereis(&name).await, Ok(None), "another cluster's name is free here");
        TallyClient::register(&name, ()).on(&blue[i % 2]).await.expect("the name is free");
        assert_eq!(blue[1].at::<Tally>(&name).hit(1_000).await, Ok(1_000));
    }
    verify(&red[1], 10, |i| i).await;
    assert_eq!((red[0].nodes().len(), blue[1].nodes().len()), (2, 2));
    assert_eq!(red[0].group::<Tally>().publish(tally::Add { by: 1 }).await, Ok(10));
    assert_eq!(blue[0].at::<Tally>("name-3").hit(0).await, Ok(1_000));
}

/// A thread that has called a worker knows its cell. It is taken for neither another cluster's of that name nor its successor's.
#[tokio::test]
async fn a_handle_that_has_called_finds_the_worker_that_has_the_name_now() {
    let alone = [cluster("cyan", 1).await, cluster("pink", 1).await];
    let tallies = alone.each_ref().map(|nodes| nodes[0].at::<Tally>("tally"));
    for nodes in &alone {
        TallyClient::register("tally", ()).on(&nodes[0]).await.expect("the name is free");
    }
    for hits in 1..=3 {
        for (tally, by) in tallies.iter().zip([1, 10]) {
            assert_eq!(tally.hit(by).await, Ok(hits * by));
        }
    }
    alone[0][0].unregister("tally").await.expect("an answer");
    assert!(matches!(tallies[0].hit(1).await, Err(CallError::NotRegistered { .. })));
    TallyClient::register("tally", ()).on(&alone[0][0]).await.expect("the name is free again");
    assert_eq!(tallies[0].hit(1).await, Ok(1), "it is another worker");
    assert_eq!(tallies[1].hit(10).await, Ok(40));
}

/// Inside a worker the current node is its own, whichever cluster the caller is in.
#[tokio::test(flavor = "multi_thread")]
async fn inside_a_worker_the_current_node_is_its_own() {
    let (left, right) = (cluster("left", 2).await, cluster("right", 2).await);
    for (nodes, side) in [(&left, "left"), (&right, "right")] {
        for i in 0..6 {
            let name = format!("{side}/{i}");
            // Its init calls without naming a node.
            ParentClient::register(&name, ()).on(&nodes[i % 2]).await.expect("it finds its own cluster");
            assert_eq!(nodes[(i + 1) % 2].at::<Parent>(&name).answer().await, Ok(7));
            assert!(nodes[0].whereis(format!("{name}/child")).await.expect("an answer").is_some());
        }
    }
    assert_eq!(left[0].registered().await.expect("all nodes answer").len(), 12);
    assert_eq!(right[1].registered().await.expect("all nodes answer").len(), 12);
    assert_eq!(left[0].whereis("right/0").await, Ok(None));
}

/// On a plain thread calls are waited for, and casts just go.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_thread_waits_and_casts() {
    let nodes = cluster("plain", 2).await;
    populate(&nodes, 10).await;
    let handles = nodes.clone();
    let thread = std::thread::spawn(move || {
        for i in 0..10_u64 {
            let name = format!("name-{i}");
            for node in &handles {
                node.at::<Tally>(&name).add(10).expect("there is room");
                node.at::<Tally>(&name).hit(1).wait().expect("it runs");
            }
            assert_eq!(TallyClient::at(&name).on(&handles[1]).hit(0).wait(), Ok(i + 22), "{name}");
            assert_eq!(TallyClient::call(&name, tally::Hit { by: 0 }).on(&handles[0]).wait(), Ok(i + 22));
        }
        let taken = TallyClient::register("name-3", ()).on(&handles[0]).wait();
        assert!(matches!(taken, Err(RegisterError::AlreadyRegistered { .. })), "{taken:?}");
        handles[0].unregister("name-3").wait().expect("an answer");
        assert_eq!(handles[1].whereis("name-3").wait(), Ok(None));
        assert_eq!(handles[1].registered().wait().expect("all nodes answer").len(), 9);
        assert_eq!(handles[0].group::<Tally>().publish(tally::Add { by: 1 }).wait(), Ok(9));
    });
    tokio::task::spawn_blocking(move || thread.join()).await.expect("it is joined").expect("it does not panic");
}

/// Issues 10 and 54: nodes that are refused by their address take no part, and nothing hangs on them.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_node_stays_outside() {
    let nodes = cluster("filter", 2).await;
    let builder = Swarm::builder().cluster("filter").bind("127.0.0.1:0").config(patient());
    let picky = builder
        .discovery(Seeds::new([nodes[0].local_addr().to_string()]))
        .nodes(NodeFilter::any().deny(nodes[0].local_addr().to_string()).deny(nodes[1].local_addr().to_string()));
    let picky = picky.start().await.expect("it forms a cluster alone");
    assert_eq!(picky.nodes().len(), 1);
    populate(&nodes, 10).await;
    assert_eq!(picky.whereis("name-1").await, Ok(None));
    TallyClient::register("name-1", ()).on(&picky).await.expect("the name is free there");
    verify(&nodes[0], 10, |i| i).await;
    assert_eq!(nodes[0].nodes().len(), 2);
}

/// A handle may outlive its node's part in the cluster, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_handle_on_a_node_that_has_left_says_so() {
    let mut nodes = cluster("handles", 2).await;
    populate(&nodes, 4).await;
    let left = nodes.remove(1);
    left.leave().await.expect("everything is handed over");
    assert!(matches!(left.leave().await, Err(LeaveError::Stopped)));
    let call = left.at::<Tally>("name-1").hit(1).await;
    assert!(matches!(call, Err(CallError::Stopping { .. })), "{call:?}");
    assert_eq!(call.expect_err("it has left").executed(), Executed::No);
    let cast = left.at::<Tally>("name-1").add(1);
    assert!(matches!(cast, Err(CastError::Stopping { .. })), "{cast:?}");
    let whereis = left.whereis("name-1").await;
    assert!(matches!(whereis, Err(RegistryError::Stopping { .. })), "{whereis:?}");
    let registered = left.registered().timeout(Duration::from_millis(500)).await;
    assert!(matches!(registered, Err(RegistryError::Stopping { .. })), "{registered:?}");
    until("the other has all", &nodes, async || nodes[0].nodes().len() == 1).await;
    verify(&nodes[0], 4, |i| i).await;
}
