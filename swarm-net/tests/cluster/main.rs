//! Several transports in one process, over real sockets on loopback.

mod node;
mod pushback;
mod relay;
mod secrets;
mod traffic;

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use node::{GATE, Node, PANIC, PATIENCE, Plan, Seen, frame, pair, wait_formed};
use swarm_net::config::NetConfig;
use swarm_net::discovery::Multicast;
use swarm_net::error::NetError;
use swarm_net::filter::NodeFilter;
use swarm_net::member::Gone;
use swarm_net::transport::{FrameNo, Lane, Peer, Why};
use swarm_net::wire::Frame;

/// Loopback addresses that were free a moment ago.
fn free_addrs<const N: usize>() -> [SocketAddr; N] {
    let listeners: [_; N] = std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("it is bound"))
}

/// Membership that does not give up a node whose inbox the test blocks.
fn patient() -> NetConfig {
    let mut config = NetConfig::local();
    config.membership.suspicion_min_ms = 30_000;
    config
}

#[test]
fn seeds_form_a_cluster() {
    let first = Node::start(Plan::default());
    let seeds = [first.addr()];
    let mut nodes = vec![first];
    nodes.extend((0..3).map(|_| Node::start(Plan::default().seeds(&seeds))));
    wait_formed(&mut nodes);
}

#[test]
fn of_crossing_dials_one_stays_and_nothing_is_lost() {
    let addrs = free_addrs::<6>();
    let mut nodes = addrs.map(|addr| Node::start_at(addr, Plan::default().seeds(&addrs)));
    wait_formed(&mut nodes);
    nodes.iter_mut().for_each(Node::assert_nothing_lost);
}

#[test]
fn strangers_are_few_and_have_little_time() {
    let config = NetConfig { strangers_per_ip_max: 2, handshake_ms: 300, ..NetConfig::local() };
    let node = Node::start(Plan { config, ..Plan::default() });
    let connect = || {
        let stream = TcpStream::connect(node.addr()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a span above zero");
        stream
    };
    let ended = |mut stream: TcpStream| matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_));
    let begun = Instant::now();
    let silent = [connect(), connect()];
    assert!(ended(connect()), "the third is turned away");
    assert!(begun.elapsed() < PATIENCE);
    assert!(silent.into_iter().all(ended), "silence ends by its deadline");
    assert!(begun.elapsed() < PATIENCE);
    let mut rude = connect();
    rude.write_all(&[0x55; 64]).expect("it is connected");
    assert!(ended(rude), "garbage ends it at once");
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn beacons_on_loopback_form_a_cluster() {
    // A port and a group of this process's own: no other test and no other process uses them.
    let pid = std::process::id();
    let group = IpAddr::V4(Ipv4Addr::new(239, 255, (pid >> 8) as u8, pid as u8));
    let port = 20_000 + (pid % 10_000) as u16;
    let plan = || Plan { discovery: vec![Box::new(Multicast::default().group(group).port(port))], ..Plan::default() };
    let mut nodes: Vec<_> = (0..3).map(|_| Node::start(plan())).collect();
    wait_formed(&mut nodes);
}

#[test]
fn frames_come_in_order_both_ways_though_both_nodes_dial() {
    const COUNT: u64 = 3_000;
    let addrs = free_addrs::<2>();
    let mut nodes = addrs.map(|addr| Node::start_at(addr, Plan::default().seeds(&addrs)));
    wait_formed(&mut nodes);
    let [a, b] = nodes.each_ref().map(Node::id);
    std::thread::scope(|scope| {
        for (node, to) in [(&nodes[0], b), (&nodes[1], a)] {
            scope.spawn(move || {
                let peer = node.peer(to);
                for number in 0..COUNT {
                    peer.send(Lane::Calls, frame(number, number as usize % 100)).expect("there is room");
                    if number < 40 {
                        peer.send(Lane::Bulk, frame(number, 200_000)).expect("there is room");
                    }
                }
            });
        }
    });
    let [first, second] = &mut nodes;
    for (node, from) in [(first, b), (second, a)] {
        assert_eq!(node.wait_frames(COUNT as usize, from, Lane::Calls), (0..COUNT).collect::<Vec<_>>());
        assert_eq!(node.wait_frames(40, from, Lane::Bulk), (0..40).collect::<Vec<_>>());
        node.assert_nothing_lost();
    }
}

#[test]
fn frames_that_senders_write_themselves_come_whole_and_in_order() {
    const THREADS: u64 = 3;
    const COUNT: u64 = 600;
    let [a, mut b] = pair();
    let (peer, from) = (a.peer(b.id()), a.id());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let peer = &peer;
            scope.spawn(move || {
                for turn in 0..COUNT / 4 {
                    for i in 0..4 {
                        // Large ones among them, so that the socket is full now and then and the I/O thread goes on.
                        let number = thread * COUNT + turn * 4 + i;
                        let mut next = frame(number, if number.is_multiple_of(50) { 300_000 } else { 40 });
                        while let Err(unsent) = peer.enqueue(Lane::Calls, next) {
                            next = unsent.frame;
                            peer.flush(Lane::Calls);
                            std::thread::yield_now();
                        }
                    }
                    peer.flush(Lane::Calls);
                }
            });
        }
    });
    let mut came = b.wait_frames((THREADS * COUNT) as usize, from, Lane::Calls);
    // Stable: what one thread sent keeps its order.
    came.sort_by_key(|number| number / COUNT);
    assert_eq!(came, (0..THREADS * COUNT).collect::<Vec<_>>());
    b.assert_nothing_lost();
}

#[test]
fn what_a_sender_writes_itself_while_the_connection_ends_is_claimed_or_given_back() {
    let [mut a, b] = pair();
    let (peer, other) = (a.peer(b.id()), b.id());
    let sender = {
        let peer = Arc::clone(&peer);
        std::thread::spawn(move || {
            let mut sent = 0;
            loop {
                match peer.enqueue(Lane::Calls, frame(sent, 40)) {
                    Ok(_) => sent += 1,
                    Err(unsent) if unsent.why == Why::Full => std::thread::yield_now(),
                    Err(_) => return sent,
                }
                peer.flush(Lane::Calls);
            }
        })
    };
    b.transport.stop();
    let (claimed, mut unsent) = a.wait_reset(other, Lane::Calls);
    a.wait_down(other);
    let sent = sender.join().expect("it does not panic");
    // What came after the reset was given back when the peer was closed.
    if unsent.len() as u64 != sent - claimed.0 {
        unsent.extend(a.wait_reset(other, Lane::Calls).1);
    }
    assert_eq!(unsent, (claimed.0..sent).collect::<Vec<_>>(), "claimed {claimed:?} of {sent}");
}

#[test]
fn a_crash_is_proved_within_a_second() {
    let [mut a, b] = pair();
    let peer = a.peer(b.id());
    let begun = Instant::now();
    b.transport.stop();
    assert_eq!(a.wait_down(b.id()), Gone::Refused);
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
    assert!(a.transport.peer(b.id()).is_none());
    assert_eq!(peer.send(Lane::Calls, frame(1, 1)).expect_err("it is gone").why, Why::Closed);
}

#[test]
fn a_restarted_process_at_the_same_address_is_another_node() {
    let [mut a, b] = pair();
    let (old, addr) = (b.id(), b.addr());
    b.transport.stop();
    a.wait_down(old);
    let mut again = Node::start_at(addr, Plan::default().seeds(&[a.addr()]));
    assert_ne!(again.id(), old);
    a.wait_up(again.id());
    again.wait_up(a.id());
}

#[test]
fn a_full_queue_refuses_and_tells_of_room() {
    let config = NetConfig { calls_queue_frames_max: 8, ..patient() };
    let mut a = Node::start(Plan { config, ..Plan::default() });
    let mut b = Node::start(Plan::default().seeds(&[a.addr()]));
    a.wait_connected(b.id());
    b.wait_connected(a.id());
    let peer = a.peer(b.id());
    peer.send(Lane::Calls, Frame::new(GATE, [0; 24], &[])).expect("there is room");
    let sent = fill(&peer);
    b.gate.send(()).expect("it waits");
    block_on_room(&peer);
    peer.send(Lane::Calls, frame(sent, 100_000)).expect("there is room again");
    assert_eq!(b.wait_frames(sent as usize + 1, a.id(), Lane::Calls), (0..=sent).collect::<Vec<_>>());
}

#[test]
fn what_was_not_claimed_is_given_back_once() {
    let mut a = Node::start(Plan { config: patient(), ..Plan::default() });
    let mut b = Node::start(Plan::default().seeds(&[a.addr()]));
    a.wait_connected(b.id());
    b.wait_connected(a.id());
    let peer = a.peer(b.id());
    peer.send(Lane::Calls, Frame::new(GATE, [0; 24], &[])).expect("there is room");
    let sent = fill(&peer);
    b.transport.stop();
    b.gate.send(()).expect("it waits");
    let (claimed, unsent) = a.wait_reset(b.id(), Lane::Calls);
    assert_eq!(claimed, peer.claimed(Lane::Calls));
    // The first frame is the gate, so the frame of number n is that of tag n - 2.
    assert_eq!(unsent, (claimed.0 - 1..sent).collect::<Vec<_>>(), "claimed {claimed:?} of {sent}");
    assert!(!unsent.is_empty());
    a.wait_down(b.id());
}

/// Sends large frames until the queue is full and stays so, as the receiver does not read.
fn fill(peer: &Arc<Peer>) -> u64 {
    // Far more than any kernel takes in: the bounds only keep a broken test from running for ever.
    let until = Instant::now() + PATIENCE;
    let mut number = 0;
    let (mut full_at, mut since) = (FrameNo(0), Instant::now());
    while Instant::now() < until && number < 100_000 {
        match peer.send(Lane::Calls, frame(number, 100_000)) {
            Ok(_) => (number, since) = (number + 1, Instant::now()),
            Err(unsent) => {
                assert_eq!((unsent.why, unsent.frame.tag), (Why::Full, number));
                let claimed = peer.claimed(Lane::Calls);
                if claimed == full_at && since.elapsed() > Duration::from_millis(100) {
                    return number;
                }
                full_at = claimed;
                std::thread::yield_now();
            }
        }
    }
    panic!("the queue never filled");
}

struct Ring(Sender<()>);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        let _ = self.0.try_send(());
    }
}

fn block_on_room(peer: &Peer) {
    let (ring, rung) = bounded(1);
    let waker = Waker::from(Arc::new(Ring(ring)));
    let mut cx = Context::from_waker(&waker);
    let mut room = pin!(poll_fn(|cx| peer.poll_room(Lane::Calls, cx)));
    while room.as_mut().poll(&mut cx).is_pending() {
        rung.recv_timeout(PATIENCE).expect("room comes");
    }
}

#[test]
fn other_clusters_and_denied_nodes_are_ignored() {
    let addrs = free_addrs::<4>();
    let start = |i: usize, plan: Plan| Node::start_at(addrs[i], plan.seeds(&addrs));
    let denies = || NodeFilter::any().deny(addrs[3].to_string());
    let mut other = start(2, Plan { cluster: "other", ..Plan::default() });
    let mut denied = start(3, Plan::default());
    let mut nodes = [0, 1].map(|i| start(i, Plan { nodes: denies(), ..Plan::default() }));
    wait_formed(&mut nodes);
    other.wait_joined();
    denied.wait_joined();
    for node in &nodes {
        for stranger in [&other, &denied] {
            assert!(node.transport.peer(stranger.id()).is_none() && stranger.transport.peer(node.id()).is_none());
        }
    }
}

#[test]
fn two_processes_with_one_address_end_with_a_clear_error() {
    let advertise = Some(free_addrs::<1>()[0]);
    let mut first = Node::start(Plan { advertise, ..Plan::default() });
    first.wait_joined();
    let mut second = Node::start(Plan { advertise, ..Plan::default() }.seeds(&[first.addr()]));
    let error = second.wait_fatal();
    assert_eq!(error, NetError::DuplicateAddress { me: second.id(), other: first.id() });
    assert!(error.to_string().contains("give each node its own"));
}

#[test]
fn a_newcomer_with_other_rules_ends_with_a_clear_error_and_a_member_goes_on() {
    let mut first = Node::start(Plan::default());
    first.wait_joined();
    let mut second = Node::start(Plan { rules: "otherwise", ..Plan::default() }.seeds(&[first.addr()]));
    let error = second.wait_fatal();
    assert_eq!(error, NetError::Rules { me: second.id(), other: first.id(), ours: "otherwise".into() });
    assert!(error.to_string().contains("`otherwise`; start all nodes of a cluster with the same"));
    let mut third = Node::start(Plan::default().seeds(&[first.addr()]));
    third.wait_joined();
    assert!(first.transport.peer(second.id()).is_none());
}

#[test]
fn a_seed_list_may_name_the_node_itself() {
    let addrs = free_addrs::<1>();
    let mut node = Node::start_at(addrs[0], Plan { advertise: None, ..Plan::default() }.seeds(&addrs));
    node.wait_joined();
}

#[test]
fn a_leaving_node_says_goodbye_and_ends() {
    let [mut a, b] = pair();
    let (done, left) = bounded(1);
    b.transport.leave(move || done.send(()).expect("it is awaited"));
    left.recv_timeout(PATIENCE).expect("it ends");
    assert_eq!(a.wait_down(b.id()), Gone::Left);
}

#[test]
fn a_panic_of_the_io_thread_is_fatal_and_leaves_nobody_waiting() {
    let [a, mut b] = pair();
    let back = b.peer(a.id());
    a.peer(b.id()).send(Lane::Calls, Frame::new(PANIC, [0; 24], &[])).expect("there is room");
    assert_eq!(b.wait_fatal(), NetError::Panicked { text: "asked to".into() });
    assert_eq!(back.send(Lane::Calls, frame(1, 1)).expect_err("closed").why, Why::Closed);
    block_on_room(&back);
    assert!(b.transport.peer(a.id()).is_none());
}

#[test]
fn dropping_the_last_handle_stops_the_node() {
    let [mut a, b] = pair();
    let id = b.id();
    drop(b);
    assert_eq!(a.wait_down(id), Gone::Refused);
    a.wait("nothing more of it", |seen| matches!(seen, Seen::Reset { node, .. } if *node == id).then_some(()));
}
