//! Nodes come, leave and crash; names and states stay.

use swarm::Swarm;

use crate::fixture::{all_know, cluster, join, populate, spread, until, verify};

const NAMES: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_share_the_names_and_all_can_call_them() {
    let nodes = cluster("share", 3).await;
    populate(&nodes, NAMES).await;
    for node in &nodes {
        verify(node, NAMES, |i| i).await;
        assert_eq!(spread(node).await.len(), 3, "every node hosts some");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn going_from_one_node_to_two_moves_workers_with_their_state() {
    let mut nodes = cluster("grow", 1).await;
    populate(&nodes, NAMES).await;
    let newcomer = join("grow", &[&nodes[0]]).await;
    nodes.push(newcomer);
    all_know(&nodes).await;
    until("both nodes host names", &nodes, async || {
        let spread = spread(&nodes[0]).await;
        spread.len() == 2 && spread.values().sum::<usize>() == 60 && spread.values().all(|n| *n > 15)
    })
    .await;
    verify(&nodes[0], NAMES, |i| i).await;
    verify(&nodes[1], NAMES, |i| i).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_node_hands_everything_over_before_it_is_gone() {
    let mut nodes = cluster("leave", 3).await;
    populate(&nodes, NAMES).await;
    let leaver = nodes.remove(1);
    leaver.leave().await.expect("everything is handed over");
    verify(&nodes[0], NAMES, |i| i).await;
    verify(&nodes[1], NAMES, |i| i).await;
    assert_eq!(spread(&nodes[0]).await.values().sum::<usize>(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_nodes_names_start_again_elsewhere() {
    let mut nodes = cluster("crash", 3).await;
    populate(&nodes, NAMES).await;
    let lost: Vec<_> = {
        let crashed: Swarm = nodes.remove(2);
        let id = crashed.node();
        let all = nodes[0].registered().await.expect("all nodes answer");
        all.into_iter().filter(|(_, at)| at.node == id).map(|(name, _)| name).collect()
    };
    assert!(!lost.is_empty(), "the crashed node hosted names");
    // Until then calls may be on their way to it.
    all_know(&nodes).await;
    verify(&nodes[0], NAMES, |i| if lost.contains(&format!("name-{i}").into()) { 0 } else { i }).await;
    verify(&nodes[1], NAMES, |i| if lost.contains(&format!("name-{i}").into()) { 0 } else { i }).await;
}
