//! Whole connections over a wire that the test holds, with and without secrets.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::time::Duration;

use proptest::prelude::*;

#[cfg(feature = "tls")]
mod certificates;

use super::*;
use crate::connection::{Answer, Connection, ConnectionLimits, Ended, Event, Limits, Phase, SendQueue};
use crate::member::Profile;
use crate::node::NodeId;
use crate::secret::Secret;
use crate::time::Instant;
use crate::wire::{Frame, Greeting, Scratch, WireError};

const LIMITS: ConnectionLimits = ConnectionLimits {
    handshake: Duration::from_secs(5),
    partial_frame: Duration::from_secs(10),
    ping_after: Duration::from_secs(1_000_000),
    ping_answer: Duration::from_secs(3),
    stuck_after: Duration::from_secs(1),
    frame_bytes_max: 1 << 20,
    sync_bytes_max: 1 << 20,
    read_bytes_per_turn: 1 << 20,
    write_bytes_per_turn: 1 << 20,
};
const ONE: &str = "the first of two secrets";
const TWO: &str = "the other of two secrets";

fn lock(secrets: &[&str], cluster: &str) -> Lock {
    let keys = Keyring::new(secrets.iter().map(|secret| Secret::from(*secret))).expect("good secrets");
    Lock::new(keys, cluster, Entropy::seeded(5))
}

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn greeting(port: u16) -> Greeting {
    Greeting {
        cluster: "bank".into(),
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

/// One direction of a wire.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    /// Bytes that have gone over it.
    gone: usize,
    /// The bit that is flipped on its way.
    flipped: Option<usize>,
    /// What it takes and gives at a time, if not all.
    piece: Option<usize>,
    log: Vec<u8>,
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = &bytes[..bytes.len().min(self.piece.unwrap_or(usize::MAX))];
        self.log.extend_from_slice(taken);
        for byte in taken {
            let flip = self.flipped.filter(|bit| bit / 8 == self.gone).map_or(0, |bit| 1 << (bit % 8));
            self.bytes.push_back(byte ^ flip);
            self.gone += 1;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let room = buffer.len().min(self.piece.unwrap_or(usize::MAX));
        self.bytes.read(&mut buffer[..room])
    }
}

/// One end.
struct End {
    connection: Connection,
    queue: SendQueue,
    seen: Vec<Vec<u8>>,
    ended: Option<Ended>,
}

impl End {
    fn new(connection: Connection, frames: &[Vec<u8>]) -> Self {
        let queue = SendQueue::new(Limits { frames: 1_000, bytes: 1 << 30, frame_body: 1 << 20 });
        for body in frames {
            queue.push(Frame::new(20, [0; 24], &[body])).expect("there is room");
        }
        Self { connection, queue, seen: Vec::new(), ended: None }
    }

    fn turn(&mut self, from: &mut Wire, to: &mut Wire, scratch: &mut Scratch) {
        if self.ended.is_some() {
            return;
        }
        let seen = &mut self.seen;
        let mut answer = |event: Event<'_>| {
            let (note, answer) = match event {
                Event::Hello(hello) => {
                    let port = hello.expect("the same version").node.addr().port();
                    (format!("hello {port}").into_bytes(), Answer::Welcome(greeting(2)))
                }
                Event::Welcome(welcome) => {
                    (format!("welcome {}", welcome.node.addr().port()).into_bytes(), Answer::Confirm)
                }
                Event::Confirmed => (b"confirmed".to_vec(), Answer::Go),
                Event::Sync(bytes) => (bytes.to_vec(), Answer::Go),
                Event::Goodbye => (b"goodbye".to_vec(), Answer::Go),
                Event::Counted(next) => (format!("counted {next}").into_bytes(), Answer::Go),
                Event::Frame(frame) => {
                    assert_eq!(frame.body.as_ptr() as usize % 16, 0, "bodies are aligned");
                    (frame.body.to_vec(), Answer::Go)
                }
            };
            seen.push(note);
            answer
        };
        let read = self.connection.read(from, scratch, at(1), &mut answer).map(drop);
        let written = read.and_then(|()| self.connection.flush(to, Some(&self.queue)).map(drop));
        self.ended = written.err();
    }
}

/// Both ends and the wire.
struct Pair {
    dialler: End,
    acceptor: End,
    there: Wire,
    back: Wire,
    scratch: Scratch,
}

impl Pair {
    fn new(dialler: Option<&Lock>, acceptor: Option<&Lock>, there: &[Vec<u8>], back: &[Vec<u8>]) -> Self {
        let mut dialled = Connection::dialling(LIMITS, dialler, at(0));
        dialled.dialled(&greeting(1)).expect("there is randomness");
        Self {
            dialler: End::new(dialled, there),
            acceptor: End::new(Connection::accepted(LIMITS, acceptor, at(0)), back),
            there: Wire::default(),
            back: Wire::default(),
            scratch: Scratch::default(),
        }
    }

    fn turn(&mut self) {
        let Self { dialler, acceptor, there, back, scratch } = self;
        dialler.turn(back, there, scratch);
        acceptor.turn(there, back, scratch);
    }

    fn run(&mut self) {
        let mut gone = None;
        while gone != Some((self.there.gone, self.back.gone)) || !self.is_calm() {
            gone = Some((self.there.gone, self.back.gone));
            self.turn();
        }
    }

    fn is_calm(&self) -> bool {
        let over = self.dialler.ended.is_some() || self.acceptor.ended.is_some();
        over || (self.there.bytes.is_empty() && self.back.bytes.is_empty())
    }

    fn denied(mut self) -> (Denial, Denial) {
        self.run();
        assert!(self.dialler.seen.is_empty() && self.acceptor.seen.is_empty());
        assert!(self.back.gone <= self.there.gone, "an answer is no longer than what it answers");
        match (self.dialler.ended, self.acceptor.ended) {
            (Some(Ended::Denied(dialler)), Some(Ended::Denied(acceptor))) => (dialler, acceptor),
            other => panic!("not denied: {other:?}"),
        }
    }
}

fn bodies(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn with_one_secret_the_same_goes_over_the_wire_as_without_and_none_of_it_can_be_read_there() {
    let lock = lock(&[ONE], "bank");
    let (there, back) = (bodies(&["to the acceptor", "more of it"]), bodies(&["to the dialler"]));
    for secret in [None, Some(&lock)] {
        let mut pair = Pair::new(secret, secret, &there, &back);
        pair.run();
        assert_eq!((pair.dialler.connection.phase(), pair.acceptor.connection.phase()), (Phase::Open, Phase::Open));
        assert_eq!(pair.acceptor.seen, bodies(&["hello 1", "confirmed", "to the acceptor", "more of it"]));
        assert_eq!(pair.dialler.seen, bodies(&["welcome 2", "to the dialler"]));
        let shows = |word: &[u8]| pair.there.log.windows(word.len()).any(|part| part == word);
        for word in [b"bank".as_slice(), b"acceptor", b"swarmnet"] {
            assert_eq!(shows(word), secret.is_none());
        }
        pair.dialler.connection.counted(77);
        pair.run();
        let counted = pair.acceptor.seen.contains(&b"counted 77".to_vec());
        assert_eq!(counted, secret.is_some(), "packets are counted where they are sealed");
    }
}

#[test]
fn every_key_of_the_acceptor_opens_and_only_the_first_of_the_dialler_is_tried() {
    for (dialler, acceptor, good) in [
        ([ONE].as_slice(), [TWO, ONE].as_slice(), true),
        (&[ONE, TWO], &[TWO, ONE], true),
        (&[ONE, TWO], &[TWO], false),
        (&[TWO], &[ONE], false),
    ] {
        let pair = Pair::new(Some(&lock(dialler, "bank")), Some(&lock(acceptor, "bank")), &[], &[]);
        if good {
            let mut pair = pair;
            pair.run();
            assert_eq!(pair.dialler.connection.phase(), Phase::Open);
        } else {
            assert_eq!(pair.denied(), (Denial::Key, Denial::Key));
        }
    }
}

#[test]
fn nodes_that_share_no_secret_refuse_each_other_and_know_why() {
    let (one, other) = (lock(&[ONE], "bank"), lock(&[ONE], "post"));
    assert_eq!(Pair::new(Some(&one), Some(&other), &[], &[]).denied(), (Denial::Key, Denial::Key));
    assert_eq!(Pair::new(Some(&one), None, &[], &[]).denied(), (Denial::TheyHaveNone, Denial::WeHaveNone));
    assert_eq!(Pair::new(None, Some(&one), &[], &[]).denied(), (Denial::WeHaveNone, Denial::TheyHaveNone));
}

#[test]
fn other_versions_are_told_apart_and_what_is_no_handshake_is_refused() {
    let lock = lock(&[ONE], "bank");
    let check = |bytes: &[u8], expected: Denial| {
        let mut acceptor = End::new(Connection::accepted(LIMITS, Some(&lock), at(0)), &[]);
        let (mut there, mut back, mut scratch) = (Wire::default(), Wire::default(), Scratch::default());
        there.write_all(bytes).expect("it takes all");
        acceptor.turn(&mut there, &mut back, &mut scratch);
        assert!(matches!(acceptor.ended, Some(Ended::Denied(denial)) if denial == expected), "{:?}", acceptor.ended);
        let answer = if expected == Denial::Garbage { Vec::new() } else { refusal(expected, PROTOCOL_VERSION) };
        assert_eq!(back.log, answer);
    };
    let good = Tunnel::behind(Some(&lock)).begin().expect("there is randomness").expect("it is closed");
    let with = |at: usize, byte: u8| {
        let mut hail = good.clone();
        hail[at] = byte;
        hail
    };
    check(&with(8, 200), Denial::Version(200));
    check(&with(10, 47), Denial::Garbage);
    check(&with(11, 1), Denial::Garbage);
    check(&with(59, good[59] ^ 1), Denial::Key);
    check(&with(0, 0), Denial::Garbage);
    check(&[&*good, b"x"].concat(), Denial::Garbage);
    check(b"GET / HTTP/1.1\r\n\r\n", Denial::Garbage);
}

#[test]
fn a_recorded_handshake_is_worth_nothing() {
    let lock = lock(&[ONE], "bank");
    let mut pair = Pair::new(Some(&lock), Some(&lock), &bodies(&["word"]), &[]);
    pair.run();
    let mut acceptor = End::new(Connection::accepted(LIMITS, Some(&lock), at(0)), &[]);
    let (mut back, mut scratch) = (Wire::default(), Scratch::default());
    for part in [&pair.there.log[..60], &pair.there.log[60..]] {
        let mut there = Wire::default();
        there.write_all(part).expect("it takes all");
        acceptor.turn(&mut there, &mut back, &mut scratch);
    }
    assert!(matches!(acceptor.ended, Some(Ended::Wire(WireError::Altered))), "{:?}", acceptor.ended);
    assert!(acceptor.seen.is_empty());
}

#[test]
fn a_bit_that_flips_anywhere_in_a_session_alters_no_frame() {
    let lock = lock(&[ONE], "bank");
    let (there, back) = (bodies(&["to the acceptor", "more of it"]), bodies(&["to the dialler"]));
    let mut good = Pair::new(Some(&lock), Some(&lock), &there, &back);
    good.run();
    let session = |flip: usize, is_back: bool| {
        let mut pair = Pair::new(Some(&lock), Some(&lock), &there, &back);
        if is_back {
            pair.back.flipped = Some(flip)
        } else {
            pair.there.flipped = Some(flip)
        };
        pair.run();
        assert!(good.acceptor.seen.starts_with(&pair.acceptor.seen), "bit {flip}: {:?}", pair.acceptor.seen);
        assert!(good.dialler.seen.starts_with(&pair.dialler.seen), "bit {flip}: {:?}", pair.dialler.seen);
        let altered = if is_back { &pair.dialler } else { &pair.acceptor };
        let whole = if is_back { &good.dialler } else { &good.acceptor };
        assert!(altered.seen.len() < whole.seen.len(), "bit {flip} was not noticed");
    };
    // Each byte once in this test, each of its bits in turn.
    for byte in 0..good.there.gone {
        session(byte * 8 + byte % 8, false);
    }
    for byte in 0..good.back.gone {
        session(byte * 8 + byte % 8, true);
    }
}

#[test]
fn a_key_is_renewed_with_time_and_nothing_is_lost() {
    let lock = lock(&[ONE], "bank");
    let mut pair = Pair::new(Some(&lock), Some(&lock), &[], &[]);
    pair.run();
    for hour in 1..4 {
        let before = pair.there.gone;
        pair.dialler.connection.tick(at(3_600 * hour + 2)).expect("it is open");
        pair.dialler.connection.sync(format!("hour {hour}").as_bytes());
        pair.run();
        assert_eq!(pair.acceptor.seen.last(), Some(&format!("hour {hour}").into_bytes()));
        assert_eq!(pair.there.gone - before, 18 + 18 + 32 + 16, "an empty record, and one with the frame");
    }
}

#[test]
fn whoever_trickles_a_record_is_ended_by_the_deadline_of_frames() {
    let lock = lock(&[ONE], "bank");
    let mut pair = Pair::new(Some(&lock), Some(&lock), &[], &[]);
    pair.run();
    pair.there.write_all(&[1, 0, 7]).expect("it takes all");
    pair.turn();
    pair.acceptor.connection.tick(at(10)).expect("not yet");
    assert!(matches!(pair.acceptor.connection.tick(at(11)), Err(Ended::Trickle)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn frames_come_whole_and_in_order_through_sockets_that_take_a_little_at_a_time(
        lengths in prop::collection::vec(prop_oneof![3 => 0usize..300, 1 => 60_000usize..300_000], 1..30),
        pieces in (prop_oneof![50usize..3_000, 50_000usize..200_000], prop_oneof![50usize..3_000, 50_000usize..200_000]),
    ) {
        let lock = lock(&[ONE], "bank");
        let frames: Vec<_> = lengths.iter().zip(0u8..).map(|(length, i)| vec![i; *length]).collect();
        let mut pair = Pair::new(Some(&lock), Some(&lock), &frames, &frames);
        (pair.there.piece, pair.back.piece) = (Some(pieces.0), Some(pieces.1));
        pair.run();
        prop_assert!(pair.dialler.ended.is_none() && pair.acceptor.ended.is_none());
        prop_assert!(pair.acceptor.seen[2..] == frames && pair.dialler.seen[1..] == frames);
    }

    #[test]
    fn garbage_is_refused_or_waited_for_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), begins_well: bool) {
        let lock = lock(&[ONE], "bank");
        let bytes = if begins_well { [&head(PROTOCOL_VERSION, MESSAGE_BYTES as u16), &*bytes].concat() } else { bytes };
        for secret in [None, Some(&lock)] {
            let mut acceptor = End::new(Connection::accepted(LIMITS, secret, at(0)), &[]);
            let (mut there, mut back, mut scratch) = (Wire::default(), Wire::default(), Scratch::default());
            there.write_all(&bytes).expect("it takes all");
            acceptor.turn(&mut there, &mut back, &mut scratch);
            prop_assert!(acceptor.seen.is_empty());
        }
    }
}
