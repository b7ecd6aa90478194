//! What a node says of its sockets.

use std::thread;
use std::time::{Duration, Instant};

use swarm_net::member::Gone;
use swarm_net::secret::{Keyring, Secret};
use swarm_net::transport::{Lane, Traffic};

use crate::node::{Node, PATIENCE, Plan, frame, wait_formed};

/// Bytes that a frame has beside its body.
const HEADER_BYTES: u64 = 32;

/// How often the I/O thread says something new, about.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until what a node says of its sockets is as it should be.
fn wait_traffic(node: &Node, what: &str, done: impl Fn(Traffic) -> bool) -> Traffic {
    let until = Instant::now() + PATIENCE;
    loop {
        let traffic = node.transport.traffic();
        if done(traffic) {
            return traffic;
        }
        assert!(Instant::now() < until, "{what}: {traffic:?}");
        thread::park_timeout(LOOK);
    }
}

/// Sends so many frames of so many bytes, and gives what both nodes then say. A secret makes of every frame at least its bytes.
fn told_of_frames(keys: Option<Keyring>) -> ([Node; 2], [Traffic; 2]) {
    const FRAMES: u64 = 200;
    const BODY: u64 = 4_096;
    let plan = || Plan { keys: keys.clone(), ..Plan::default() };
    let first = Node::start(plan());
    let second = Node::start(plan().seeds(&[first.addr()]));
    let mut nodes = [first, second];
    wait_formed(&mut nodes);
    let [from, to] = [nodes[0].id(), nodes[1].id()];
    for lane in [Lane::Calls, Lane::Bulk] {
        for number in 0..FRAMES {
            nodes[0].peer(to).send(lane, frame(number, BODY as usize)).expect("there is room");
        }
        nodes[1].wait_frames(FRAMES as usize, from, lane);
    }
    let bytes = 2 * FRAMES * (HEADER_BYTES + BODY);
    let sent = wait_traffic(&nodes[0], "what was sent", |told| {
        told.frames_sent == 2 * FRAMES && told.stream_bytes_sent >= bytes && told.bulk_connections == 1
    });
    let received = wait_traffic(&nodes[1], "what was received", |told| {
        told.frames_received >= 2 * FRAMES && told.stream_bytes_received >= bytes
    });
    // Greetings, lists of members and pings are little beside it.
    for told in [sent.stream_bytes_sent, received.stream_bytes_received] {
        assert!(told < bytes + bytes / 2, "{told} of {bytes}");
    }
    assert_eq!((sent.connections, sent.strangers, received.frames_sent), (1, 0, 0), "{sent:?} {received:?}");
    let packets = |told: Traffic| told.packet_bytes_sent > told.packets_sent && told.packets_received > 0;
    let [sent, received] = [(&nodes[0], "it gossips"), (&nodes[1], "so does it")]
        .map(|(node, what)| wait_traffic(node, what, |told| told.packets_sent > 0 && packets(told)));
    (nodes, [sent, received])
}

#[test]
fn what_has_gone_over_the_sockets_is_told() {
    told_of_frames(None);
}

#[test]
fn with_a_secret_it_is_told_as_well() {
    let secret = Secret::from("a secret of many bytes");
    told_of_frames(Some(Keyring::new([secret]).expect("a good secret")));
}

#[test]
fn what_went_to_who_is_gone_stays_counted() {
    let ([mut first, second], [before, _]) = told_of_frames(None);
    let gone = second.id();
    drop(second);
    assert_ne!(first.wait_down(gone), Gone::Left);
    let after = wait_traffic(&first, "nobody is connected", |told| told.connections == 0 && told.bulk_connections == 0);
    assert_eq!(after.frames_sent, before.frames_sent);
    assert!(after.stream_bytes_sent >= before.stream_bytes_sent, "{before:?} {after:?}");
    assert!(after.frames_received >= before.frames_received, "{before:?} {after:?}");
}
