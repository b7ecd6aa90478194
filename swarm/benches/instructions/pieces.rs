//! Owns the pieces that are counted. Never counts them: callgrind does, by the names of their functions.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::str::FromStr;
use std::task::{Context, Poll, Waker};

use swarm::message::{Payload, decode};
use swarm::prelude::*;
use swarm::rkyv::api::high::to_bytes_in;
use swarm::rkyv::rancor::Error;
use swarm::trace::{Propagator, TraceContext};
use swarm::{Builder, Config, Name, Swarm};
use swarm_net::node::NodeId;
use swarm_net::ring::Ring;
use swarm_net::wire::{Frame, FrameRef, HEAD_BYTES, KIND_UPPER_MIN, Reassembly, Scratch, Sink, WireError};
use tracing::Span;

/// How often a piece is run: so often that what happens once in a while is counted with its part.
pub(crate) const TIMES: u64 = 12_800;

/// How often before it is counted: first calls find empty caches, and are on probation.
const WARM: u64 = 256;

/// Longer than valgrind takes for anything. A node that waits so long has not stood still, and a handler that takes so long is quick.
const VALGRIND_MS: u64 = 600_000;

/// How many frames one read brings at load. A part of [`TIMES`], and of a tenth of it.
const FRAMES: u64 = 64;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A call by handle to an idle worker of the same node, from the look-up to the answer.
    LocalCall,
    /// The same by name, through the process's default node.
    ByName,
    /// The first, on a node whose calls are traced if they are sampled, and this one is not: 3 % more at most.
    Unsampled,
    /// The first, on a node that Prometheus and operators look at: 3 % more at most.
    #[cfg(all(feature = "admin", feature = "prometheus"))]
    Watched,
    /// To write a small message into the frame that it travels in.
    FrameOut,
    /// To cut such frames out of what a read brought, to validate each message, and to take it out.
    FrameIn,
    /// From a name to the node that owns it.
    Route,
}

impl Piece {
    pub(crate) const ALL: &[Self] =
        &[Self::LocalCall, Self::ByName, Self::Unsampled, Self::FrameOut, Self::FrameIn, Self::Route];

    /// What is counted beside the first, if it was built with what that needs, and has no stored count.
    pub(crate) const BESIDE: &[Self] = &[
        #[cfg(all(feature = "admin", feature = "prometheus"))]
        Self::Watched,
    ];

    /// The name of its function.
    pub(crate) fn function(self) -> &'static str {
        match self {
            #[cfg(all(feature = "admin", feature = "prometheus"))]
            Self::Watched => Self::LocalCall.word(),
            Self::Unsampled => Self::LocalCall.word(),
            Self::LocalCall | Self::ByName | Self::FrameOut | Self::FrameIn | Self::Route => self.word(),
        }
    }

    /// What it is called.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::LocalCall => "local_call",
            Self::ByName => "by_name",
            Self::Unsampled => "unsampled",
            #[cfg(all(feature = "admin", feature = "prometheus"))]
            Self::Watched => "watched",
            Self::FrameOut => "frame_out",
            Self::FrameIn => "frame_in",
            Self::Route => "route",
        }
    }
}

impl FromStr for Piece {
    type Err = io::Error;

    fn from_str(word: &str) -> io::Result<Self> {
        let found = Self::ALL.iter().chain(Self::BESIDE).copied().find(|piece| piece.word() == word);
        found.ok_or_else(|| io::Error::other(format!("`{word}` is no piece")))
    }
}

/// Prepares all that a piece needs, and runs it so often.
pub(crate) fn run(piece: Piece, times: u64) -> io::Result<()> {
    match piece {
        Piece::LocalCall => on_a_node(Swarm::builder(), |swarm| local_call(&swarm.at::<Account>("acct/42"), times))?,
        Piece::ByName => on_a_node(Swarm::builder(), |_| by_name("acct/42", times))?,
        Piece::Unsampled => {
            let traced = Swarm::builder().propagator(Unsampled);
            on_a_node(traced, |swarm| local_call(&swarm.at::<Account>("acct/42"), times))?;
        }
        #[cfg(all(feature = "admin", feature = "prometheus"))]
        Piece::Watched => {
            let socket = std::env::temp_dir().join(format!("swarm-instructions-{}.sock", std::process::id()));
            let watched = Swarm::builder().metrics("127.0.0.1:0").admin(swarm::Admin::unix(socket));
            on_a_node(watched, |swarm| local_call(&swarm.at::<Account>("acct/42"), times))?;
        }
        Piece::FrameOut => frame_out(&Entry::small(), times),
        Piece::FrameIn => {
            let stream = framed(&Entry::small()).bytes().repeat(FRAMES as usize);
            frame_in(&stream, times / FRAMES);
        }
        Piece::Route => {
            let member = |i: u16| (NodeId::new(SocketAddr::from(([127, 0, 0, 1], i)), u64::from(i) << 17 | 1), 100);
            let names: Vec<Name> = (0..1_024).map(|i| Name::from(format!("acct/{i}"))).collect();
            route(&Ring::new(Ring::PARTITIONS, &(1..=100).map(member).collect::<Vec<_>>()), &names, times);
        }
    }
    Ok(())
}

struct Account {
    sum: u64,
}

#[swarm::worker]
impl Account {
    #[init]
    fn init() -> Self {
        Self { sum: 0 }
    }

    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.sum = self.sum.wrapping_add(by);
        self.sum
    }
}

/// Says as quickly as anything can that nothing is sampled.
struct Unsampled;

impl Propagator for Unsampled {
    fn current(&self) -> Option<TraceContext> {
        None
    }

    fn is_sampled(&self) -> bool {
        false
    }

    fn continue_from(&self, _: &Span, _: &TraceContext) {}
}

fn on_a_node(builder: Builder, piece: impl FnOnce(&Swarm)) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let _in_it = runtime.enter();
    let config = Config { stall_limit_ms: VALGRIND_MS, quick_run_us: VALGRIND_MS, ..Config::default() };
    let cluster = format!("bench-instructions-{}", std::process::id());
    let builder = builder.cluster(cluster).config(config).discovery(Seeds::new(None::<String>));
    let swarm = runtime.block_on(builder.start()).map_err(io::Error::other)?;
    runtime.block_on(AccountClient::register("acct/42", ()).on(&swarm)).map_err(io::Error::other)?;
    let account = swarm.at::<Account>("acct/42");
    (0..WARM).for_each(|_| add(account.add(1)));
    piece(&swarm);
    Ok(())
}

#[inline(never)]
fn local_call(account: &AccountClient, times: u64) {
    (0..times).for_each(|_| add(account.add(1)));
}

#[inline(never)]
fn by_name(name: &str, times: u64) {
    (0..times).for_each(|_| add(AccountClient::call(name, account::Add { by: 1 })));
}

#[inline(always)]
fn add(call: impl Future<Output = Result<u64, CallError>>) {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(sum) => drop(black_box(sum.expect("the worker is there"))),
        Poll::Pending => panic!("the worker was not idle"),
    }
}

/// As handlers get them: an amount and a reason.
#[swarm::message]
struct Entry {
    cents: u64,
    memo: String,
}

impl Entry {
    fn small() -> Self {
        Self { cents: 500, memo: "a memo, not short".to_owned() }
    }
}

/// As `call::frame` does: the message is written into the frame itself.
fn framed(entry: &Entry) -> Frame {
    let write = |buffer| to_bytes_in::<_, Error>(entry, buffer);
    Frame::encode(KIND_UPPER_MIN, [7; HEAD_BYTES], size_of::<Entry>(), write)
        .expect("writing into memory does not fail")
}

#[inline(never)]
fn frame_out(entry: &Entry, times: u64) {
    (0..times).for_each(|_| drop(black_box(framed(black_box(entry)))));
}

#[inline(never)]
fn frame_in(stream: &[u8], reads: u64) {
    let (mut reassembly, mut scratch) = (Reassembly::default(), Scratch::default());
    for _ in 0..reads {
        let read = reassembly.read(&mut black_box(stream), &mut scratch, &mut Reading);
        read.expect("the stream is made of whole frames");
    }
}

struct Reading;

impl Sink for Reading {
    fn body_bytes_max(&self, _kind: u8) -> Option<u32> {
        Some(1 << 20)
    }

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        let entry = decode::<Entry>(&Payload::copy_of(frame.body)).expect("it was written as an entry");
        drop(black_box(entry));
        Ok(())
    }
}

#[inline(never)]
fn route(ring: &Ring, names: &[Name], times: u64) {
    for (name, _) in names.iter().cycle().zip(0..times) {
        black_box(ring.owner(ring.partition_of(black_box(name).hash64().0)));
    }
}
