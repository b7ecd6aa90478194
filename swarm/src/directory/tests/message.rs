//! Owns the tests of how long messages are: what those of one batch have in common, and what the longest take.

use rkyv::rancor::Error;
use swarm_net::node::NodeId;

use crate::directory::message::{CellReport, Message, Nodes, Phase};
use crate::directory::pool::Pool;
use crate::directory::record::{Record, Registration, origin};
use crate::directory::stamp::{Ids, Rid, Stamp};
use crate::directory::tests::cluster::spec;
use crate::directory::{Copy, DirectoryConfig, GroupKey, RequestId, Spec};
use crate::epoch::{Epoch, Term};
use crate::name::Name;

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

/// The records of one partition, of which each has an init argument of so many bytes and is in so many groups.
fn copy(count: u64, args: usize, groups: u64) -> Copy {
    let node = NodeId::new("[2001:db8::1]:7000".parse().expect("an address"), u64::MAX);
    let mut copy = Copy::default();
    for seq in 0..count {
        let stamp = Stamp { term: Term { counter: u64::MAX, ..Term::default() }, seq };
        let spec = Spec { args: vec![7; args][..].into(), ..spec(false) };
        let from = RequestId { node, seq };
        let place = (node, Epoch::new(stamp.term, seq as u32));
        let mut registration = Registration::new(Rid(stamp), spec, from, place, stamp, &mut Pool::default());
        for group in 0..groups {
            registration.groups.insert(GroupKey { tag: group, key: Name::from(group) }, (true, stamp));
        }
        copy.records.insert(Record::new(Name::from(seq), registration));
    }
    copy
}

/// So a partition that has just as much as it may, and then becomes one with another such, can still be told as a whole.
#[test]
fn a_copy_travels_in_no_more_than_it_is_counted_for() {
    let bytes = |message: &Message| {
        rkyv::to_bytes::<Error>(&vec![(0_u16, message.clone())]).expect("it fits into memory").len()
    };
    for (count, args, groups) in [(1_000, 0, 0), (1_000, 100, 1), (100, 10_000, 3), (10, 0, 1_000)] {
        let copy = copy(count, args, groups);
        let counted = copy.records.bytes();
        let cell = |record: &Record| {
            let head = record.head();
            let ids = Ids::One(head.rid());
            let report = CellReport {
                ids,
                kind: head.class().kind,
                epoch: head.epoch(),
                phase: Phase::Running,
                pinned: false,
                absorbed: vec![head.epoch(); 4],
                groups_mark: 7,
                indexed: true,
                origin: Some(Box::new(origin(record))),
            };
            (record.name().clone(), report)
        };
        let cells = copy.records().map(cell).collect();
        let (term, view) = (Term::default(), Nodes::default());
        let install = Message::Install { term, seq: 1, copy: copy.clone().into() };
        assert!(bytes(&install) <= counted + 1_024, "{} instead of {counted} bytes", bytes(&install));
        let promise = Message::Promise { term, copy: Some(copy.into()), cells, view: view.clone(), inherit: view };
        // Two that have become one.
        let most = 2 * DirectoryConfig::LAN.records_bytes_max / counted * bytes(&promise);
        assert!(most <= Message::BYTES_MAX, "{most} bytes of records of {args} and {groups}: {}", bytes(&promise));
    }
}
