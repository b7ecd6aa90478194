//! Groups across nodes.

use swarm::prelude::*;

use crate::fixture::{Tally, cluster, populate, tally};

#[derive(swarm::Group)]
#[group(worker = Tally)]
struct Even;

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_joined_told_and_asked_across_nodes() {
    let nodes = cluster("groups", 3).await;
    populate(&nodes, 20).await;
    for i in (0..20).step_by(2) {
        nodes[i % 3].group::<Even>().join(format!("name-{i}")).await.expect("it is registered");
    }
    let members = nodes[1].group::<Even>().members().await.expect("all nodes answer");
    assert_eq!(members.len(), 10);
    assert_eq!(nodes[2].group::<Even>().publish(tally::Add { by: 100 }).await, Ok(10));
    let answers = nodes[0].group::<Even>().multicall(tally::Hit { by: 0 }).await.expect("all nodes answer");
    assert_eq!(answers.len(), 10);
    for (name, hits) in answers {
        let i: u64 = name.as_str().trim_start_matches("name-").parse().expect("a number");
        assert_eq!(hits, Ok(i + 100), "{name}");
    }
    let all = nodes[0].group::<Tally>().multicall(tally::Hit { by: 0 }).await.expect("all nodes answer");
    assert_eq!(all.len(), 20);
    nodes[0].group::<Even>().leave("name-4").await.expect("it is registered");
    assert_eq!(nodes[1].group::<Even>().members().await.expect("all nodes answer").len(), 9);
    let nobody = nodes[0].group::<Even>().join("no such name").await;
    assert!(matches!(nobody, Err(RegistryError::NotRegistered { .. })), "{nobody:?}");
}
