//! Who hands workers over, and lies about their states: it announces what it does not send, sends more, sends out of order, stops in the
//! middle, and answers what nobody has asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use swarm::prelude::*;
use swarm::{Config, Swarm};
use swarm_net::wire::{Frame, Progress, Reassembly, Scratch};

use crate::fixture::{PATIENCE, Siege, patient};
use crate::recording::{Alter, Frames, Recorded, Relay};

const CLUSTER: &str = "adversary-meddler";
/// A piece of a state.
const STATE: u8 = 29;
/// Workers on the node that lies, at least one for each lie, and what each has to carry: several pieces.
const CHESTS: u32 = 12;
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
}

const LIES: [Lie; 9] =
    [Lie::Huge, Lie::More, Lie::Less, Lie::Longer, Lie::Skipping, Lie::Twice, Lie::Silent, Lie::Unasked, Lie::Nothing];

impl Lie {
    /// What is sent instead of a piece.
    fn tell(self, piece: &Recorded) -> Vec<Frame> {
        let word = |i: usize| u64::from_le_bytes(*piece.head[8 * i..].first_chunk().expect("a head has three words"));
        let [number, total, at] = [0, 1, 2].map(word);
        let frame = |words: [u64; 3], body: &[u8]| {
            let mut head = [0; 24];
            head.chunks_exact_mut(8).zip(words).for_each(|(out, word)| out.copy_from_slice(&word.to_le_bytes()));
            Frame::new(STATE, head, &[body])
        };
        let body = &piece.body[..];
        match self {
            Self::Huge => vec![frame([number, 1 << 50, at], body)],
            Self::More => vec![frame([number, total + 1, at], body)],
            Self::Less => vec![frame([number, total - 1, at], body)],
            Self::Longer => vec![frame([number, total, at], &vec![7; CHEST_BYTES * 2])],
            Self::Skipping => vec![frame([number, total, at + 1], body)],
            Self::Twice => vec![frame([number, total, at], body), frame([number, total, at], body)],
            Self::Silent if at > 0 => vec![],
            Self::Silent => vec![frame([number, total, at], body)],
            Self::Unasked => vec![frame([number + (1 << 40), total, at], body), frame([0, 0, 0], &[])],
            Self::Nothing => vec![frame([number, u64::MAX, at], &[])],
        }
    }
}

/// The lies that are not told yet. Each is told about one state; then the truth is.
#[derive(Clone)]
struct Lies(Arc<Mutex<Vec<Lie>>>);

impl Lies {
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
                    STATE => *told.entry(frame.head[..8].to_vec()).or_insert_with(|| lies.next()),
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

    /// Marks it, so that it shows whether it has been begun again.
    #[call]
    fn mark(&mut self, at: u32) -> u64 {
        self.bytes[at as usize] = 255;
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
    let builder = Swarm::builder().cluster(CLUSTER).bind("127.0.0.1:0").advertise(&at).config(hasty());
    let liar = builder.discovery(Seeds::new([seed])).start().await.expect("a node starts on a free loopback port");
    let lies = Lies(Arc::new(Mutex::new(LIES.to_vec())));
    let told = lies.clone();
    relay.run_altered(liar.local_addr(), move || told.teller());
    siege.until("it is a member", |siege| siege.nodes.iter().all(|node| node.nodes().len() == 4)).await;

    let mut digests = Vec::new();
    for i in 0.. {
        let name = format!("chest-{i}");
        ChestClient::register(&name, i).on(&liar).timeout(PATIENCE).await.expect("the name is free");
        let digest = liar.at::<Chest>(&name).mark(i).timeout(PATIENCE).await.expect("it runs");
        let host = liar.whereis(&name).await.expect("it is known").expect("it is registered").node;
        if host == liar.node() {
            digests.push((name, i, digest));
        }
        if digests.len() == CHESTS as usize {
            break;
        }
    }
    let failed = |siege: &Siege| siege.nodes.iter().map(|node| node.stats().handoffs_failed).sum::<u64>();
    let before = failed(&siege);
    let leaving = tokio::spawn({
        let liar = liar.clone();
        async move { liar.leave().await }
    });
    siege.calls_go_on().await;
    leaving.await.expect("it does not panic").expect("all is handed over in the end");
    assert_eq!(lies.next(), None, "all were told");
    assert!(failed(&siege) - before >= LIES.len() as u64 - 1, "{} attempts failed", failed(&siege) - before);
    for (name, i, digest) in digests {
        let now = siege.target().at::<Chest>(&name).mark(i).timeout(PATIENCE).await;
        assert_eq!(now, Ok(digest), "{name}");
    }
    siege.end("lies about states", 64 << 20).await;
}
