//! A lane always knows when it has something to do: whatever ends first, what waits behind it is not forgotten; and others know when it has.

use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::Instant;

use crate::call::frame::Visits;
use crate::name::Name;
use crate::runtime::lane::{Lane, Passenger, Way};
use crate::runtime::lanes::Lanes;
use crate::runtime::track::{Passage, Rank, Turn};

const LANE: Lane = Lane { caller: None, partition: PartitionId(0) };
const ROUND: Rank = Rank { visits: Visits(1), waited: false };

#[derive(Debug, PartialEq, Eq)]
struct Letter(Name);

impl Passenger for Letter {
    fn name(&self) -> &Name {
        &self.0
    }
}

fn node(n: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], n).into(), u64::from(n))
}

fn at(ms: u64) -> Instant {
    Instant::START + Duration::from_millis(ms)
}

/// A letter whose hop has no room is tried again a millisecond later. Before that another comes round to the node and is
/// stalled for longer, and goes first. When it has gone, the first one is remembered.
#[test]
fn a_letter_that_was_stalled_behind_one_that_came_round_is_tried_again() {
    let lanes = Lanes::new(1, |_| ());
    let letter = || Letter("x".into());
    let way = Way { hop: Some(node(1)), apart: false };
    let stall = |ms| move |letter| Err((letter, Duration::from_millis(ms)));
    assert_eq!(lanes.pass(at(0), LANE, way, letter(), (Turn::New, false), stall(1)), Passage::Stalled);
    assert_eq!(lanes.overtake(at(0), LANE, way.hop, letter(), (ROUND, Turn::New), stall(50)), Passage::Stalled);
    assert_eq!(lanes.overdue(at(1)), None, "the one that came round goes first");
    let (key, _) = lanes.overdue(at(50)).expect("its time has come");
    let name = lanes.front(&key).expect("it is to be drained");
    let (round, rank) = lanes.pop(&key, &name).expect("it is the first");
    assert_eq!(rank, ROUND);
    let gone = lanes.overtake(at(50), LANE, way.hop, round, (rank, Turn::Drained), |_| Ok(()));
    assert_eq!(gone, Passage::Gone);
    assert_eq!(lanes.front(&key), None, "the other one is stalled");
    assert_eq!(lanes.waiting(), 1);
    let due = lanes.next_due().expect("what waits has an end");
    let (key, _) = lanes.overdue(due.max(at(50))).expect("its time has come");
    assert_eq!(lanes.front(&key).as_ref().map(Name::as_str), Some("x"));
}

/// What is passed on of one partition is known until its next hop has confirmed it, and is nothing to the calls of another.
#[test]
fn only_the_partition_of_what_is_passed_on_is_looked_at() {
    let lanes = Lanes::new(2, |_| ());
    let [one, other] = [PartitionId(0), PartitionId(1)];
    let relays = || [one, other].map(|partition| lanes.relays(partition));
    let lane = |n| Lane { caller: Some(node(n)), partition: one };
    let way = Way { hop: Some(node(9)), apart: false };
    assert_eq!(relays(), [false, false]);
    for caller in [1, 2] {
        let gone = lanes.pass(at(0), lane(caller), way, Letter("x".into()), (Turn::New, lanes.relays(one)), |_| Ok(()));
        assert_eq!(gone, Passage::Gone);
        assert_eq!(relays(), [true, false]);
    }
    lanes.passed_on(lane(1), node(9), || true);
    assert_eq!(relays(), [true, false], "another caller's is under way");
    lanes.passed_on(lane(2), node(9), || false);
    assert_eq!(relays(), [true, false], "not all of it has arrived");
    lanes.passed_on(lane(2), node(9), || true);
    assert_eq!(relays(), [false, false]);
    assert!(lanes.is_at_rest());
}
