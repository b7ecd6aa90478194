//! A second process with the address of a member.

use swarm_net::error::NetError;

use crate::cores::attack;
use crate::fixture::{SECRET, Siege, patient};
use crate::member::{Member, Plan};

const CLUSTER: &str = "adversary-twin";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_claims_the_address_of_a_member() {
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    // It is told so by others who know the member; itself it does not dial.
    for seed in [1, 2] {
        let mut plan = Plan::of(CLUSTER, Some(SECRET));
        plan.advertise = Some(siege.target().local_addr());
        let (rival, seed) = (siege.target().node(), siege.nodes[seed].local_addr());
        let twin = attack(move || Member::start(plan, seed).wait_fatal());
        siege.calls_go_on().await;
        let error = twin.await.expect("it ends");
        assert!(matches!(error, NetError::DuplicateAddress { other, .. } if other == rival), "{error}");
    }
    siege.end("a node at the address of a member", 32 << 20).await;
}
