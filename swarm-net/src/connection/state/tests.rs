use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::*;
use crate::connection::{FrameNo, Limits as QueueLimits};
use crate::member::Profile;
use crate::node::NodeId;
use crate::wire::{Reason, Reject};

const LIMITS: Limits = Limits {
    handshake: Duration::from_secs(5),
    partial_frame: Duration::from_secs(10),
    ping_after: Duration::from_secs(7),
    ping_answer: Duration::from_secs(3),
    stuck_after: Duration::from_secs(1),
    frame_bytes_max: 1 << 20,
    sync_bytes_max: 1 << 20,
    read_bytes_per_turn: 256 << 10,
    write_bytes_per_turn: 1 << 20,
};

/// One direction of a wire, with room for a number of bytes.
struct Pipe {
    bytes: VecDeque<u8>,
    room: usize,
    closed: bool,
}

impl Pipe {
    fn new() -> Self {
        Self { bytes: VecDeque::new(), room: usize::MAX, closed: false }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && !self.closed {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.bytes.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room -= taken;
        self.bytes.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Two ends and what they reported.
struct Pair {
    dialler: Connection,
    acceptor: Connection,
    there: Pipe,
    back: Pipe,
    scratch: Scratch,
    log: Vec<String>,
}

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn greeting(port: u16) -> Greeting {
    Greeting {
        cluster: "test".into(),
        rules: String::new(),
        partitions: 8,
        node: NodeId::new(([127, 0, 0, 1], port).into(), u64::from(port)),
        profile: Profile { version: 1, weight: 100, leaving: false, abilities: vec![], extra: vec![] },
        joined: false,
        bulk: false,
        expects: None,
        links: 0,
    }
}

fn queue(bodies: &[&str]) -> SendQueue {
    let queue = SendQueue::new(QueueLimits { frames: 100, bytes: 1 << 20, frame_body: 1 << 20 });
    for body in bodies {
        queue.push(Frame::new(20, [0; 24], &[body.as_bytes()])).expect("there is room");
    }
    queue
}

impl Pair {
    fn new() -> Self {
        Self {
            dialler: Connection::dialling(LIMITS, None, at(0)),
            acceptor: Connection::accepted(LIMITS, None, at(0)),
            there: Pipe::new(),
            back: Pipe::new(),
            scratch: Scratch::default(),
            log: Vec::new(),
        }
    }

    fn open() -> Self {
        let mut pair = Self::new();
        pair.dialler.dialled(&greeting(1)).expect("there is randomness");
        pair.turn(at(0), None).expect("a good handshake");
        pair.turn(at(0), None).expect("a good handshake");
        assert_eq!((pair.dialler.phase(), pair.acceptor.phase()), (Phase::Open, Phase::Open));
        pair.log.clear();
        pair
    }

    /// The dialler writes, the acceptor reads and writes, the dialler reads.
    fn turn(&mut self, now: Instant, queue: Option<&SendQueue>) -> Result<(), Ended> {
        let Self { dialler, acceptor, there, back, scratch, log } = self;
        let mut answer = |event: Event<'_>| match event {
            Event::Hello(Ok(hello)) if hello.cluster == "other" => {
                Answer::Reject(Reject { reason: Reason::Cluster, node: hello.node })
            }
            Event::Hello(hello) => {
                log.push(format!("hello {}", hello.expect("the same version").node.addr().port()));
                Answer::Welcome(greeting(2))
            }
            Event::Welcome(welcome) => {
                log.push(format!("welcome {}", welcome.node.addr().port()));
                Answer::Confirm
            }
            Event::Confirmed => {
                log.push("confirmed".into());
                Answer::Go
            }
            Event::Sync(bytes) => {
                log.push(format!("sync {}", String::from_utf8_lossy(bytes)));
                Answer::Go
            }
            Event::Counted(next) => {
                log.push(format!("counted {next}"));
                Answer::Go
            }
            Event::Goodbye => {
                log.push("goodbye".into());
                Answer::Go
            }
            Event::Frame(frame) => {
                log.push(String::from_utf8_lossy(frame.body).into());
                Answer::Go
            }
        };
        dialler.flush(there, queue)?;
        acceptor.read(there, scratch, now, &mut answer)?;
        if let Err(ended) = acceptor.flush(back, None) {
            assert!(matches!(ended, Ended::Refused));
        }
        dialler.read(back, scratch, now, &mut answer)?;
        dialler.flush(there, queue)?;
        Ok(())
    }
}

#[test]
fn three_messages_open_a_connection_and_frames_follow_in_order() {
    let mut pair = Pair::new();
    let queue = queue(&["one", "two"]);
    pair.dialler.dialled(&greeting(1)).expect("there is randomness");
    pair.turn(at(0), Some(&queue)).expect("good");
    assert_eq!(queue.claimed(), FrameNo(2));
    pair.dialler.sync(b"list");
    pair.dialler.goodbye();
    pair.turn(at(0), Some(&queue)).expect("good");
    assert_eq!(pair.log, ["hello 1", "welcome 2", "confirmed", "one", "two", "sync list", "goodbye"]);
}

#[test]
fn nothing_is_claimed_before_the_connection_is_open() {
    let mut pair = Pair::new();
    let queue = queue(&["one"]);
    pair.dialler.dialled(&greeting(1)).expect("there is randomness");
    pair.dialler.flush(&mut pair.there, Some(&queue)).expect("good");
    assert_eq!(queue.claimed(), FrameNo(0));
}

#[test]
fn a_refusal_reaches_the_dialler() {
    let mut pair = Pair::new();
    pair.dialler.dialled(&Greeting { cluster: "other".into(), ..greeting(1) }).expect("there is randomness");
    let ended = pair.turn(at(0), None).expect_err("it is refused");
    assert!(matches!(ended, Ended::Rejected(Reason::Cluster, Some(_))), "{ended}");
}

#[test]
fn frames_before_the_handshake_end_the_connection() {
    let mut pair = Pair::new();
    let early = Frame::new(20, [0; 24], &[b"early"]);
    pair.there.write_all(early.bytes()).expect("there is room");
    let ended = pair.turn(at(0), None).expect_err("out of turn");
    assert!(matches!(ended, Ended::Wire(WireError::OutOfTurn { kind: 20 })), "{ended}");
}

#[test]
fn every_silence_has_its_deadline() {
    let mut pair = Pair::new();
    pair.acceptor.tick(at(4)).expect("not yet");
    assert!(matches!(pair.acceptor.tick(at(5)), Err(Ended::Slow)));
    assert!(matches!(pair.dialler.tick(at(5)), Err(Ended::Slow)));

    let mut pair = Pair::open();
    pair.there.write_all(&Frame::new(20, [0; 24], &[b"long"]).bytes()[..40]).expect("there is room");
    pair.turn(at(1), None).expect("a partial frame is fine");
    pair.acceptor.tick(at(10)).expect("not yet");
    assert!(matches!(pair.acceptor.tick(at(11)), Err(Ended::Trickle)));
}

#[test]
fn a_ping_is_answered_or_ends_the_connection() {
    let mut pair = Pair::open();
    pair.dialler.tick(at(7)).expect("a ping");
    assert!(!pair.dialler.is_flushed());
    pair.turn(at(8), None).expect("ping and pong");
    pair.dialler.tick(at(14)).expect("answered");
    pair.dialler.tick(at(15)).expect("the next ping");
    assert!(matches!(pair.dialler.tick(at(18)), Err(Ended::Silent)));
}

#[test]
fn a_ping_is_overdue_once_the_way_was_free_for_as_long_as_all_that_was_written_takes() {
    let mut pair = Pair::open();
    pair.dialler.tick(at(1)).expect("it is open");
    assert!(!pair.dialler.is_stuck(at(1), at(6)), "nothing was asked");
    let million = "x".repeat(1_000_000 - 32);
    pair.dialler.flush(&mut pair.there, Some(&queue(&[&million, &million]))).expect("there is room");
    pair.dialler.ping(at(2));
    for (free, stuck) in [(1, at(5)), (3, at(6))] {
        assert!(!pair.dialler.is_stuck(at(free), stuck - Duration::from_nanos(1)), "it stands behind two megabytes");
        assert!(pair.dialler.is_stuck(at(free), stuck));
    }
    pair.dialler.tick(at(3)).expect("nothing has come in");
    assert!(pair.dialler.is_stuck(at(3), at(6)));
    pair.acceptor.sync(b"any word is an answer");
    pair.acceptor.flush(&mut pair.back, None).expect("there is room");
    pair.turn(at(4), None).expect("good");
    assert!(!pair.dialler.is_stuck(at(1), at(100)));
    pair.dialler.tick(at(5)).expect("it is answered");
    pair.dialler.ping(at(5));
    assert!(pair.dialler.is_stuck(at(1), at(6)), "what was answered counts no more");
}

#[test]
fn a_full_socket_stops_claiming_and_half_written_frames_go_on() {
    let mut pair = Pair::open();
    let big = "x".repeat(100_000);
    let queue = queue(&[&big, &big, &big, "end"]);
    pair.there.room = 50_001;
    assert_eq!(pair.dialler.flush(&mut pair.there, Some(&queue)).expect("no error"), Flushed::WouldBlock);
    assert_eq!(queue.claimed(), FrameNo(2), "a claim is about 128 KiB");
    pair.there.room = usize::MAX;
    for _ in 0..3 {
        pair.turn(at(1), Some(&queue)).expect("good");
    }
    let lengths: Vec<_> = pair.log.iter().map(String::len).collect();
    assert_eq!((lengths, queue.claimed()), (vec![100_000, 100_000, 100_000, 3], FrameNo(4)));
}

#[test]
fn who_pings_and_never_reads_gathers_a_bounded_heap_of_pongs() {
    let mut pair = Pair::open();
    pair.back.room = 0;
    for _ in 0..10_000 {
        pair.there.write_all(Frame::new(kind::PING, [0; 24], &[]).bytes()).expect("there is room");
    }
    while !pair.there.bytes.is_empty() {
        pair.turn(at(1), None).expect("good");
    }
    pair.back.room = usize::MAX;
    pair.turn(at(1), None).expect("good");
    assert!(pair.acceptor.is_flushed());
}

#[test]
fn the_end_is_reported_after_everything_before_it() {
    let mut pair = Pair::open();
    let queue = queue(&["last"]);
    pair.dialler.flush(&mut pair.there, Some(&queue)).expect("good");
    pair.there.closed = true;
    assert!(matches!(pair.turn(at(1), None), Err(Ended::Closed)));
    assert_eq!(pair.log, ["last"]);
}

#[test]
fn who_is_not_read_for_now_is_not_blamed_for_its_silence() {
    let mut pair = Pair::open();
    // Half a frame has come, and nothing is heard any more.
    pair.there.bytes.extend(&Frame::new(20, [0; 24], &[b"body"]).bytes()[..40]);
    pair.turn(at(0), None).expect("a good beginning");
    for second in 1..60 {
        pair.acceptor.hold(at(second));
        pair.acceptor.tick(at(second)).expect("it is our own wish");
    }
    assert!(matches!(pair.acceptor.tick(at(70)), Err(Ended::Silent | Ended::Trickle)), "now it is the other end's");
}

#[test]
fn own_frames_say_nothing_in_their_heads() {
    for kind in [kind::SYNC, kind::GOODBYE, kind::PING, kind::PONG] {
        let mut pair = Pair::open();
        let mut head = [0; HEAD_BYTES];
        head[9] = 1;
        pair.there.bytes.extend(Frame::new(kind, head, &[]).bytes());
        let ended = pair.turn(at(0), None).expect_err("it is malformed");
        assert!(matches!(ended, Ended::Wire(WireError::Malformed { kind: of }) if of == kind), "{ended}");
    }
}
