//! Owns the test of what messages of one batch have in common.

use rkyv::rancor::Error;
use swarm_net::node::NodeId;

use crate::directory::message::{Message, Nodes};
use crate::epoch::Term;

/// Else the promises for all partitions in a cluster of a thousand would name some four million nodes.
#[test]
fn promises_of_one_batch_name_the_members_once() {
    let node = |n: u64| NodeId::new(([10, 0, 0, 1], 7).into(), n + 1);
    let view = Nodes::new((0..1_000).map(node).collect());
    let promise = |view: &Nodes| Message::Promise {
        term: Term::default(),
        copy: None,
        cells: Vec::new(),
        view: view.clone(),
        inherit: view.clone(),
    };
    let batch = |count: u16| (0..count).map(|id| (id, promise(&view))).collect::<Vec<_>>();
    let bytes = |count| rkyv::to_bytes::<Error>(&batch(count)).expect("it fits into memory");
    let (one, many) = (bytes(1), bytes(100));
    assert!(many.len() < 2 * one.len(), "{} and {} bytes", one.len(), many.len());
    assert_eq!(rkyv::from_bytes::<Vec<(u16, Message)>, Error>(&many).expect("it is what was written"), batch(100));
}
