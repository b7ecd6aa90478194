//! Who hands workers over, and lies about their states: it announces what it does not send, sends more, sends out of order, stops in the
//! middle, sends what is none or of another type, and answers what nobody has asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use swarm::prelude::*;
use swarm::{Config, Schema, Swarm};
use swarm_net::wire::{Frame, Progress, Reassembly, Scratch};

use crate::fixture::{PATIENCE, Siege, patient};
use crate::recording::{Alter, Frames, Recorded, Relay};

const CLUSTER: &str = "adversary-meddler";
/// A piece of a state.
const STATE: u8 = 29;
/// Workers on the node that lies, more than there are lies, and what each has to carry: several pieces.
const CHESTS: usize = 14;
const CHEST_BYTES: usize = 200_000;

/// What is done to the pieces of one state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    /// A state of a petabyte.
    Huge,
    /// A byte more than there are, which never comes.
    More,
    /// A byte less than there are.
    Less,
    /// A piece is longer than what was announced leaves room for.
    Longer,
    /// A piece that does not follow the one before.
    Skipping,
    /// Each piece comes twice.
    Twice,
    /// Nothing after the first piece.
    Silent,
    /// As the answer to a question that nobody has asked.
    Unasked,
    /// There is no such state.
    Nothing,
    /// The state of another worker type.
    OtherType,
    /// What ends a state is none.
    Garbled,
}

const LIES: [Lie; 11] = [
    Lie::Huge,
    Lie::More,
    Lie::Less,
    Lie::Longer,
    Lie::Skipping,
    Lie::Twice,
    Lie::Silent,
    Lie::Unasked,
    Lie::Nothing,
    Lie::OtherType,
    Lie::Garbled,
];

impl Lie {
    /// What is sent instead of a piece.
    fn tell(self, piece: &Recorded) -> Vec<Frame> {
        let [number, total, at] = [0, 1, 2].map(|i| word(piece, i));
        let frame = |words: [u64; 3], body: &[u8]| {
            let mut head = [0; 24];
            head.chunks_exact_mut(8).zip(words).for_each(|(out, word)| out.copy_from_slice(&word.to_le_bytes()));
            Frame::new(STATE, head, &[body])
        };
        let body = &piece.body[..];
        let is_last = at + body.len() as u64 == total;
        match self {
            Self::Huge => vec![frame([number, 1 << 50, at], body)],
            Self::More => vec![frame([number, total + 1, at], body)],
            Self::Less => vec![frame([number, total - 1, at], body)],
            Self::Longer => vec![frame([number, total, at], &vec![7; CHEST_BYTES * 2])],
            Self::Skipping => vec![frame([number, total, at + 1], body)],
            Self::Twice => vec![frame([number, total, at], body), frame([number, total, at], body)],
            Self::Silent if at > 0 => vec![],
            Self::Unasked => vec![frame([number + (1 << 40), total, at], body), frame([0, 0, 0], &[])],
            Self::Nothing => vec![frame([number, u64::MAX, at], &[])],
            Self::OtherType if is_last => vec![frame([number, total, at], &of_another_type(body))],
            Self::Garbled if is_last => vec![frame([number, total, at], &vec![255; body.len()])],
            Self::Silent | Self::OtherType | Self::Garbled => vec![frame([number, total, at], body)],
        }
    }
}

/// Of the three in a frame's head: the number of the question, how long the state is, and where its piece begins.
fn word(frame: &Recorded, i: usize) -> u64 {
    u64::from_le_bytes(*frame.head[8 * i..].first_chunk().expect("a head has three words"))
}

/// The last piece of a chest's state, which says behind the state itself of what type it is.
fn of_another_type(piece: &[u8]) -> Vec<u8> {
    let schema = <Vec<u8>>::FINGERPRINT.0 as u32;
    let mut piece = piece.to_vec();
    let at = piece.windows(4).rposition(|word| word == schema.to_le_bytes()).expect("its type stands there");
    piece[at] ^= 1;
    piece
}

/// The lies that are not told yet. Each is told about one state; then the truth is.
#[derive(Clone, Default)]
struct Lies(Arc<Mutex<Vec<Lie>>>);

impl Lies {
    fn begin(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(LIES);
    }

    fn next(&self) -> Option<Lie> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// A connection over which they are told.
    fn teller(&self) -> Alter {
        let (lies, mut told) = (self.clone(), BTreeMap::new());
        let (mut reassembly, mut scratch) = (Reassembly::default(), Scratch::default());
        Box::new(move |mut bytes| {
            let mut frames = Frames(Vec::new());
            while let Ok(Progress::Bytes(_)) = reassembly.read(&mut bytes, &mut scratch, &mut frames) {}
            let mut instead = Vec::new();
            for frame in frames.0 {
                // Each state that is asked for has a number.
                let lie = match frame.kind {
                    STATE if word(&frame, 1) > CHEST_BYTES as u64 => {
                        *told.entry(word(&frame, 0)).or_insert_with(|| lies.next())
                    }
                    _ => None,
                };
                match lie {
                    Some(lie) => lie.tell(&frame).iter().for_each(|frame| instead.extend_from_slice(frame.bytes())),
                    None => instead.extend_from_slice(Frame::new(frame.kind, frame.head, &[&frame.body]).bytes()),
                }
            }
            instead
        })
    }
}

/// Has something to carry.
pub(crate) struct Chest {
    bytes: Vec<u8>,
}

#[swarm::worker]
impl Chest {
    #[init]
    fn init(seed: u32) -> Self {
        Self { bytes: (0..CHEST_BYTES as u32).map(|i| (i.wrapping_mul(seed + 1) % 251) as u8).collect() }
    }

    /// Marks it: one that has been begun again is not.
    #[call]
    fn mark(&mut self) {
        self.bytes[CHEST_BYTES / 2] = 255;
    }

    #[call]
    fn digest(&self) -> u64 {
        self.bytes.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Vec<u8>> {
        Handoff::Resume(self.bytes.clone())
    }

    #[end_handoff]
    fn end_handoff(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }
}

/// A state that does not come soon has failed to come.
fn hasty() -> Config {
    Config { start_timeout_ms: 1_000, ..patient() }
}

/// Whatever is told of a state, nobody starts from anything but the whole of it: each lie costs one attempt to move, the worker runs on
/// where it is, and the next attempt is made.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_lies_about_the_states_that_it_hands_over() {
    let mut siege = Siege::begin(CLUSTER, None, hasty()).await;
    let relay = Relay::open();
    let at = relay.addr().to_string();
    let seed = siege.target().local_addr().to_string();
    let mut config = hasty();
    // It dials nobody but its seed, and that for calls alone. So whoever asks it for states has dialled its address, which is the relay's.
    config.net.dials_max = 1;
    config.net.refused_redial_ms = 3_600_000;
    let builder = Swarm::builder().cluster(CLUSTER).bind("127.0.0.1:0").advertise(&at).config(config);
    let liar = builder.discovery(Seeds::new([seed])).start().await.expect("a node starts on a free loopback port");
    let lies = Lies::default();
    let told = lies.clone();
    relay.run_altered(liar.local_addr(), move || told.teller());
    siege.until("it is a member", |siege| siege.nodes.iter().all(|node| node.nodes().len() == 4)).await;

    let mut chests = Vec::new();
    for i in 0.. {
        let name = format!("chest-{i}");
        let location = ChestClient::whereis_or_register(&name, i).on(&liar).timeout(PATIENCE).await;
        if location.expect("the name is free").node == liar.node() {
            let chest = liar.at::<Chest>(&name);
            chest.mark().timeout(PATIENCE).await.expect("it runs");
            chests.push((name, chest.digest().timeout(PATIENCE).await.expect("it runs")));
        }
        if chests.len() == CHESTS {
            break;
        }
    }
    let sum =
        |siege: &Siege, of: fn(&swarm::Stats) -> u64| siege.nodes.iter().map(|node| of(&node.stats())).sum::<u64>();
    let (failed, malformed) = (sum(&siege, |stats| stats.handoffs_failed), sum(&siege, |stats| stats.malformed));
    lies.begin();
    let leaving = tokio::spawn({
        let liar = liar.clone();
        async move { liar.leave().await }
    });
    siege.calls_go_on().await;
    leaving.await.expect("it does not panic").expect("all is handed over in the end");
    assert_eq!(lies.next(), None, "all were told");
    let failed = sum(&siege, |stats| stats.handoffs_failed) - failed;
    assert!(failed >= LIES.len() as u64, "{failed} attempts failed");
    let malformed = sum(&siege, |stats| stats.malformed) - malformed;
    assert!(malformed > 0, "what nobody has asked for is counted");
    let all = siege.target().registered().timeout(PATIENCE).await.expect("all answer");
    for (name, digest) in chests {
        let homes = all.iter().filter(|(other, _)| other.as_str() == name).count();
        assert_eq!(homes, 1, "{name}");
        let now = siege.target().at::<Chest>(&name).digest().timeout(PATIENCE).await;
        assert_eq!(now, Ok(digest), "{name}");
    }
    siege.end("lies about states", 64 << 20).await;
}
