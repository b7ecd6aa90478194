//! Peers that send more than is worked off, and connections that the layers above give up.

use std::time::Instant;

use swarm_net::transport::Lane;
use swarm_net::wire::Frame;

use crate::node::{CHARGED, Node, PATIENCE, Plan, frame, pair, wait_formed};

const FRAMES: usize = 8_000;
const BODY_BYTES: usize = 1_024;
const INTAKE_BYTES: usize = 64 << 10;

/// Eight megabytes are sent to a node that keeps 64 KiB at most: it stops reading, loses nothing, and lives.
#[test]
fn who_sends_more_than_is_worked_off_has_to_wait_and_loses_nothing() {
    let plan = || {
        let mut plan = Plan::default();
        plan.config.intake_bytes_max = INTAKE_BYTES as u64;
        plan
    };
    let first = Node::start(plan());
    let second = Node::start(plan().seeds(&[first.addr()]));
    let mut nodes = [first, second];
    wait_formed(&mut nodes);
    let [first, second] = &mut nodes;
    let peer = first.peer(second.id());
    for _ in 0..FRAMES {
        peer.send(Lane::Calls, Frame::new(CHARGED, [0; 24], &[&[7; BODY_BYTES]])).expect("there is room");
    }
    peer.send(Lane::Calls, frame(1, 0)).expect("there is room");
    let until = Instant::now() + PATIENCE;
    while second.transport.refused().held == 0 {
        assert!(Instant::now() < until, "it reads on for ever");
        std::thread::yield_now();
    }
    // The limit, and what two reads bring beyond it.
    let most = INTAKE_BYTES + 2 * (second.read_bytes_per_turn() + (256 << 10));
    for _ in 0..FRAMES {
        let open = second.charges.len() * BODY_BYTES;
        assert!(open <= most, "{open} bytes are kept");
        drop(second.charges.recv_timeout(PATIENCE).expect("all of them come"));
    }
    assert_eq!(second.wait_frames(1, first.id(), Lane::Calls), [1], "and what came behind them");
    first.assert_nothing_lost();
    second.assert_nothing_lost();
    assert_eq!(second.transport.refused().cut, 0);
}

#[test]
fn a_connection_that_is_given_up_is_made_anew() {
    let [mut first, mut second] = pair();
    let (one, other) = (first.id(), second.id());
    let peer = first.peer(other);
    for number in 1..=3 {
        peer.cut(Lane::Calls);
        first.wait_reset(other, Lane::Calls);
        second.wait_reset(one, Lane::Calls);
        first.wait_connected(other);
        second.wait_connected(one);
        peer.send(Lane::Calls, frame(number, 9)).expect("there is room");
        assert_eq!(second.wait_frames(1, one, Lane::Calls), [number]);
        assert_eq!(first.transport.refused().cut, number);
    }
}

/// What others would wait for in vain is refused last, and then with the connection.
#[test]
fn more_vital_frames_than_anybody_waits_for_end_the_connection() {
    let plan = || {
        let mut plan = Plan::default();
        plan.config.calls_queue_frames_max = 8;
        plan
    };
    let first = Node::start(plan());
    let second = Node::start(plan().seeds(&[first.addr()]));
    let mut nodes = [first, second];
    wait_formed(&mut nodes);
    let [first, second] = &mut nodes;
    let peer = first.peer(second.id());
    // They are queued and not sent, as to one who does not read.
    let taken = (0..1_000).take_while(|number| peer.enqueue(Lane::Calls, frame(*number, 0).vital()).is_ok()).count();
    // Some may leave with what the transport itself has to say.
    assert!((16 * 8..1_000).contains(&taken), "{taken}");
    let (_, unsent) = first.wait_reset(second.id(), Lane::Calls);
    assert!(unsent.len() <= taken);
    assert_eq!(first.transport.refused().cut, 1);
}
