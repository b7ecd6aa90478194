//! Peers that send more than is worked off or ask for more than they read, and connections that the layers above give up.

use std::time::Instant;

use swarm_net::transport::Lane;
use swarm_net::wire::Frame;

use crate::node::{CHARGED, Node, PATIENCE, Plan, REFUSED, frame, pair, wait_formed};

const FRAMES: usize = 8_000;
const BODY_BYTES: usize = 1_024;
const ANSWER_BYTES: usize = 64 << 10;
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

/// Two nodes where few answers may wait before nothing is read from who does not take them.
fn impatient() -> [Node; 2] {
    let plan = || {
        let mut plan = Plan::default();
        plan.config.calls_queue_bytes_max = 1 << 20;
        plan
    };
    let first = Node::start(plan());
    let second = Node::start(plan().seeds(&[first.addr()]));
    let mut nodes = [first, second];
    wait_formed(&mut nodes);
    nodes
}

/// Who asks and does not read is not heard for now. Once it reads, nothing is lost.
#[test]
fn from_who_reads_nothing_nothing_is_read() {
    let [mut deaf, mut asked] = impatient();
    let (to_deaf, to_asked) = (asked.peer(deaf.id()), deaf.peer(asked.id()));
    let ears = to_asked.charge(usize::MAX / 2);
    let (mut asks, mut answers) = (0, 0);
    let until = Instant::now() + PATIENCE;
    while asked.transport.refused().held == 0 {
        assert!(Instant::now() < until, "it reads on for ever");
        // Either may find no room.
        asks += u64::from(to_asked.send(Lane::Calls, frame(asks, BODY_BYTES)).is_ok());
        answers += u64::from(to_deaf.send(Lane::Calls, frame(answers, ANSWER_BYTES).owed()).is_ok());
    }
    drop(ears);
    assert_eq!(asked.wait_frames(asks as usize, deaf.id(), Lane::Calls), (0..asks).collect::<Vec<_>>());
    assert_eq!(deaf.wait_frames(answers as usize, asked.id(), Lane::Calls), (0..answers).collect::<Vec<_>>());
    assert_eq!(asked.transport.refused().cut, 0);
    [deaf, asked].iter_mut().for_each(Node::assert_nothing_lost);
}

/// Both have more for each other than may wait, all the time.
#[test]
fn two_that_ask_each_other_for_much_do_not_wait_for_each_other() {
    const ANSWERS: u64 = 1_000;
    let mut nodes = impatient();
    let [one, other] = [nodes[0].id(), nodes[1].id()];
    let peers = [nodes[0].peer(other), nodes[1].peer(one)];
    let mut sent = [0; 2];
    let until = Instant::now() + PATIENCE;
    while sent != [ANSWERS; 2] {
        assert!(Instant::now() < until, "{sent:?} have found room");
        for (sent, peer) in sent.iter_mut().zip(&peers).filter(|(sent, _)| **sent < ANSWERS) {
            *sent += u64::from(peer.send(Lane::Calls, frame(*sent, ANSWER_BYTES).owed()).is_ok());
        }
    }
    for (node, from) in nodes.iter_mut().zip([other, one]) {
        assert_eq!(node.wait_frames(ANSWERS as usize, from, Lane::Calls), (0..ANSWERS).collect::<Vec<_>>());
        node.assert_nothing_lost();
    }
}

/// Of what is refused little is read at a time, also where nobody else waits; all of it is in the end, and in order.
#[test]
fn of_who_sends_what_is_worth_nothing_little_is_read() {
    // What several turns bring that are not limited yet.
    const BAD: u64 = 2_000;
    let [mut first, mut second] = pair();
    let peer = first.peer(second.id());
    for number in 0..BAD {
        let mut head = [0; 24];
        head[..8].copy_from_slice(&number.to_le_bytes());
        peer.send(Lane::Calls, Frame::new(REFUSED, head, &[&[7; BODY_BYTES]])).expect("there is room");
    }
    assert_eq!(second.wait_frames(BAD as usize, first.id(), Lane::Calls), (0..BAD).collect::<Vec<_>>());
    assert!(second.transport.refused().held > 0, "it is not read at once");
    first.assert_nothing_lost();
    second.assert_nothing_lost();
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
