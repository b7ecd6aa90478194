//! Nodes that hold another secret, or the right one and another cluster's name, and try over and over.

use crate::cores::apart;
use crate::fixture::{SECRET, Siege, patient};
use crate::member::{Member, Plan};

const CLUSTER: &str = "adversary-outsider";

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_another_secret_or_another_name() {
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    let seed = siege.target().local_addr();
    let plans =
        [(CLUSTER, Some("the secret of those without")), ("adversary-outsiders", Some(SECRET)), (CLUSTER, None)];
    let mut outsiders = Vec::new();
    for (cluster, secret) in plans {
        let before = siege.stats().refused_connections;
        let mut plan = Plan::of(cluster, secret);
        // It does not give up.
        (plan.config.redial_min_ms, plan.config.redial_max_ms, plan.config.refused_redial_ms) = (1, 20, 20);
        outsiders.push(apart(|| Member::start(plan, seed)));
        siege.until("it is refused and counted", |siege| siege.stats().refused_connections >= before + 20).await;
    }
    siege.calls_go_on().await;
    siege.end("nodes of another secret and of another name", 32 << 20).await;
}
