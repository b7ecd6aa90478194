//! The part of the ring that a node takes: none before its first lease, and none while an operator has drained it.

use super::site::Site;
use crate::config::Config;
use crate::directory::Tenure;
use crate::placement::Placement;
use crate::timer::Timers;
use swarm_net::time::Instant;

#[test]
fn a_new_lease_gives_a_drained_node_no_share() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let config = Config { placement: Placement::Quorum { size: 2 }, ..Config::default() };
    let node = Site::new(0, 2, &config, &Timers::manual(), runtime.handle().clone()).node;
    let weight = || node.member().profile.weight;
    node.set_drained(true);
    assert_eq!(weight(), 0);
    node.set_drained(false);
    assert_eq!(weight(), 0, "it has no lease yet, and takes its share with that");
    node.set_drained(true);
    assert!(node.tenure(Tenure::Begun(Instant::from_nanos(u64::MAX))));
    assert_eq!(weight(), 0, "it was drained before");
    node.tenure(Tenure::Ended);
    node.set_drained(false);
    assert_eq!(weight(), config.weight);
    node.set_drained(true);
    assert!(node.tenure(Tenure::Begun(Instant::from_nanos(u64::MAX))));
    assert_eq!(weight(), 0, "and between two leases");
}
