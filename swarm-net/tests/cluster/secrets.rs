//! Nodes with secrets, and those who do not know them.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Instant;

use crossbeam_channel::bounded;
use swarm_net::discovery::Multicast;
use swarm_net::error::NetError;
use swarm_net::member::{Gone, MemberEvent};
use swarm_net::secret::{Keyring, Refused, Secret};
use swarm_net::transport::Lane;

use crate::free_addrs;
use crate::node::{Node, PATIENCE, Plan, Seen, frame, wait_formed};
use crate::relay::Relay;

const ONE: &str = "the first of two secrets";
const TWO: &str = "the other of two secrets";

fn keys(secrets: &[&str]) -> Option<Keyring> {
    Some(Keyring::new(secrets.iter().map(|secret| Secret::from(*secret))).expect("good secrets"))
}

fn plan(secrets: &[&str]) -> Plan {
    Plan { keys: if secrets.is_empty() { None } else { keys(secrets) }, ..Plan::default() }
}

/// Waits until what a node has refused is as it should be.
fn wait_refused(node: &Node, what: &str, done: impl Fn(Refused) -> bool) -> Refused {
    let until = Instant::now() + PATIENCE;
    loop {
        let refused = node.transport.refused();
        if done(refused) {
            return refused;
        }
        assert!(Instant::now() < until, "{what}: {refused:?}");
        std::thread::yield_now();
    }
}

#[test]
fn nodes_with_one_secret_form_a_cluster_and_both_lanes_carry_frames() {
    let first = Node::start(plan(&[ONE]));
    let seeds = [first.addr()];
    let mut nodes = vec![first];
    nodes.extend((0..2).map(|_| Node::start(plan(&[ONE]).seeds(&seeds))));
    wait_formed(&mut nodes);
    let (sender, to) = (nodes[0].id(), nodes[1].id());
    let peer = nodes[0].peer(to);
    for number in 0..2_000 {
        peer.send(Lane::Calls, frame(number, number as usize % 100)).expect("there is room");
        if number < 20 {
            peer.send(Lane::Bulk, frame(number, 700_000)).expect("there is room");
        }
        if number % 7 == 0 {
            peer.flush(Lane::Calls);
        }
    }
    assert_eq!(nodes[1].wait_frames(2_000, sender, Lane::Calls), (0..2_000).collect::<Vec<_>>());
    assert_eq!(nodes[1].wait_frames(20, sender, Lane::Bulk), (0..20).collect::<Vec<_>>());
    for node in &mut nodes {
        node.assert_nothing_lost();
        let mut refused = node.transport.refused();
        // A packet that was under way while its sender's connection opened comes too late for the window that begins with that.
        assert!(refused.replays <= 2, "{refused:?}");
        refused.replays = 0;
        assert_eq!(refused, Refused::default(), "nothing else is refused among friends");
    }
}

#[test]
fn beacons_are_sealed_and_form_a_cluster_of_those_who_can_open_them() {
    let pid = std::process::id();
    let group = IpAddr::V4(Ipv4Addr::new(239, 254, (pid >> 8) as u8, pid as u8));
    let port = 30_000 + (pid % 10_000) as u16;
    let plan = |secrets: &[&str]| Plan {
        discovery: vec![Box::new(Multicast::default().group(group).port(port))],
        ..plan(secrets)
    };
    let mut nodes: Vec<_> = (0..2).map(|_| Node::start(plan(&[ONE]))).collect();
    let strangers = [Node::start(plan(&[TWO])), Node::start(plan(&[]))];
    wait_formed(&mut nodes);
    for mut stranger in strangers {
        stranger.wait_joined();
        wait_refused(&stranger, "beacons of others", |refused| refused.packets > 0);
        assert!(nodes.iter().all(|node| node.transport.peer(stranger.id()).is_none()));
    }
    wait_refused(&nodes[0], "beacons of strangers", |refused| refused.packets > 0);
}

#[test]
fn who_has_another_secret_or_none_never_joins_and_both_sides_count_it() {
    let mut node = Node::start(plan(&[ONE]));
    node.wait_joined();
    for (secrets, cluster) in [([TWO].as_slice(), "test"), (&[], "test"), (&[ONE], "other")] {
        let before = node.transport.refused().connections;
        let mut stranger = Node::start(Plan { cluster, ..plan(secrets) }.seeds(&[node.addr()]));
        stranger.wait_joined();
        wait_refused(&stranger, "our dials", |refused| refused.connections >= 3);
        wait_refused(&node, "their dials", |refused| refused.connections >= before + 3);
        assert!(stranger.transport.peer(node.id()).is_none() && node.transport.peer(stranger.id()).is_none());
    }
    // The other way round: who has a secret dials who has none.
    let mut open = Node::start(plan(&[]));
    open.wait_joined();
    let closed = Node::start(plan(&[ONE]).seeds(&[open.addr()]));
    wait_refused(&closed, "our dials", |refused| refused.connections >= 2);
    wait_refused(&open, "their dials", |refused| refused.connections >= 2);
    assert!(open.transport.peer(closed.id()).is_none());
}

#[test]
fn a_cluster_changes_its_secret_and_an_old_one_opens_nothing_any_more() {
    let rings = [keys(&[ONE]), keys(&[ONE])].map(|ring| ring.expect("it was made"));
    let [first, second] = rings.each_ref().map(|ring| Plan { keys: Some(ring.clone()), ..Plan::default() });
    let first = Node::start(first);
    let second = Node::start(second.seeds(&[first.addr()]));
    let mut nodes = [first, second];
    wait_formed(&mut nodes);
    let old = rings[0].ids()[0];
    let new = rings.each_ref().map(|ring| ring.add(TWO.into()).expect("there is room"))[0];
    rings.iter().for_each(|ring| ring.use_key(new).expect("it is there"));
    rings.iter().for_each(|ring| ring.remove(old).expect("another is in use"));

    let mut third = Node::start(plan(&[TWO]).seeds(&[nodes[0].addr()]));
    for node in &mut nodes {
        node.wait_up(third.id());
        node.wait_connected(third.id());
        third.wait_up(node.id());
        node.assert_nothing_lost();
    }
    let late = Node::start(plan(&[ONE]).seeds(&[nodes[0].addr()]));
    wait_refused(&late, "dials with the old secret", |refused| refused.connections >= 2);
    assert!(nodes[0].transport.peer(late.id()).is_none());
}

#[test]
fn two_processes_with_one_address_are_told_apart_with_a_secret_as_well() {
    let advertise = Some(free_addrs::<1>()[0]);
    let mut first = Node::start(Plan { advertise, ..plan(&[ONE]) });
    first.wait_joined();
    let mut second = Node::start(Plan { advertise, ..plan(&[ONE]) }.seeds(&[first.addr()]));
    let error = second.wait_fatal();
    assert_eq!(error, NetError::DuplicateAddress { me: second.id(), other: first.id() });
}

/// Everything that a member sends is recorded, then sent again: while it is a member, after it has left, and to a node that has been
/// started since.
#[test]
fn captured_packets_change_nothing_when_they_come_again() {
    let (relay, listener) = Relay::open();
    let mut target = Node::start(Plan { advertise: Some(relay.addr()), ..plan(&[ONE]) });
    let addr = target.addr();
    relay.run(listener, addr);
    let member = Node::start(plan(&[ONE]).seeds(&[relay.addr()]));
    let other = Node::start(plan(&[ONE]).seeds(&[relay.addr()]));
    for node in [&member, &other] {
        target.wait_up(node.id());
        target.wait_connected(node.id());
    }
    target.wait_joined();
    wait_packets(&relay, 6);
    replay_all(&relay, &target, 0);

    // A death and a goodbye are among what it is told now.
    let (left, gone) = (other.id(), member.id());
    other.transport.leave(|| {});
    assert_eq!(target.wait_down(left), Gone::Left);
    member.transport.stop();
    assert_ne!(target.wait_down(gone), Gone::Left);
    drop(target.rest());
    replay_all(&relay, &target, 6);
    target.assert_calm();

    let (done, closed) = bounded(1);
    target.transport.leave(move || done.send(()).expect("it is awaited"));
    closed.recv_timeout(PATIENCE).expect("it ends");
    let mut again = Node::start_at(addr, Plan { advertise: Some(relay.addr()), ..plan(&[ONE]) });
    again.wait_joined();
    replay_all(&relay, &again, 6);
    again.assert_calm();
    assert_eq!(again.transport.refused().packets, 0, "they are authentic");
}

/// Waits until so many packets have been recorded.
fn wait_packets(relay: &Relay, count: usize) {
    let until = Instant::now() + PATIENCE;
    while relay.packets().len() < count {
        assert!(Instant::now() < until, "nobody gossips");
        std::thread::yield_now();
    }
}

/// Sends all that was recorded again, and waits until each of them has been refused.
fn replay_all(relay: &Relay, node: &Node, at_least: usize) {
    let packets = relay.packets();
    assert!(packets.len() >= at_least);
    let before = node.transport.refused().replays;
    for packet in &packets {
        relay.replay(packet, node.addr());
    }
    wait_refused(node, "replays", |refused| refused.replays >= before + packets.len() as u64);
}

#[test]
fn forged_packets_and_open_ones_are_ignored_and_counted() {
    let mut node = Node::start(plan(&[ONE]));
    node.wait_joined();
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let send = |bytes: &[u8]| stranger.send_to(bytes, node.addr()).map(drop).expect("it is a loopback address");
    send(b"SW what nodes without a secret send");
    send(&[b"SK\x01\0".as_slice(), &[7; 100]].concat());
    send(&[]);
    send(&[0xff; 1_200]);
    wait_refused(&node, "packets", |refused| refused.packets >= 3);
    node.assert_calm();
    let open = Node::start(plan(&[]));
    stranger.send_to(&[b"SK\x01\0".as_slice(), &[7; 100]].concat(), open.addr()).expect("it is a loopback address");
    wait_refused(&open, "a sealed packet", |refused| refused.packets == 1);
}

impl Node {
    /// Panics if anybody came or went who was not asked for.
    fn assert_calm(&mut self) {
        let id = self.id();
        let mut happened = self.rest();
        happened.retain(|seen| match seen {
            Seen::Member(MemberEvent::Up(member) | MemberEvent::Changed(member)) => member.id != id,
            Seen::Member(MemberEvent::Joined) => false,
            Seen::Member(MemberEvent::Down(..)) | Seen::Connected(_) | Seen::Fatal(_) => true,
            Seen::Frame { .. } | Seen::Reset { .. } => false,
        });
        assert!(happened.is_empty(), "{id}: {happened:?}");
    }
}
