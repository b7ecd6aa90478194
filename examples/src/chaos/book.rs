//! Owns the worker that is called: a book that keeps the number of every operation that it ran, with its state wherever it
//! goes. Never judges what is missing.

use std::sync::OnceLock;
use std::time::Duration;

use swarm::prelude::*;

use super::runs::Runs;

/// The number of the process that this is: answers say which one gave them.
pub static HOST: OnceLock<u32> = OnceLock::new();

/// How long a slow book takes for an entry.
const SLOW: Duration = Duration::from_millis(200);

/// How a book behaves.
#[swarm::message]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// It answers at once and moves when it is asked to.
    Quick,
    /// It takes its time for every entry.
    Slow,
    /// It never answers when it is asked to move.
    Stuck,
}

/// What one caller has entered.
#[swarm::message]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Whose it is.
    pub id: u32,
    /// The numbers of its entries.
    pub entries: Runs,
    /// How often a number came that was there already.
    pub doubled: u32,
}

/// The state of a book. It moves with the worker.
#[swarm::message]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The epochs at which it began empty: one, and those of every book that it was united with.
    pub born: Vec<u128>,
    /// By caller.
    pub streams: Vec<Stream>,
}

/// The answer to an entry.
#[swarm::message]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The epoch of the activation that ran it.
    pub epoch: u128,
    /// The epoch at which the state began empty.
    pub born: u128,
    /// How many entries of this caller it has.
    pub entries: u64,
    /// The process that ran it.
    pub host: u32,
}

/// One worker.
pub struct Book {
    temper: Temper,
    pages: Pages,
}

// Registered by hand, so that the callers' processes, which are members of the cluster too, are not able to host any.
#[swarm::worker(register = manual)]
impl Book {
    #[init]
    fn init(ctx: &Context<Self>, temper: Temper) -> Self {
        Self { temper, pages: Pages { born: vec![ctx.epoch().into()], streams: Vec::new() } }
    }

    #[call]
    async fn enter(&mut self, ctx: &Context<Self>, stream: u32, number: u32) -> Entered {
        if self.temper == Temper::Slow {
            tokio::time::sleep(SLOW).await;
        }
        let entries = self.pages.enter(stream, number);
        Entered { epoch: ctx.epoch().into(), born: self.pages.born[0], entries, host: host() }
    }

    #[call]
    fn touch(&self) {}

    #[call]
    fn read(&self) -> Pages {
        self.pages.clone()
    }

    #[begin_handoff]
    async fn begin_handoff(&mut self) -> Handoff<Pages> {
        if self.temper == Temper::Stuck {
            std::future::pending::<()>().await;
        }
        Handoff::Resume(self.pages.clone())
    }

    #[end_handoff]
    fn end_handoff(&mut self, pages: Pages) {
        self.pages = pages;
    }

    #[resolve_conflict]
    fn resolve_conflict(&mut self, other: Pages) {
        self.pages.unite(other);
    }
}

impl Pages {
    /// Adds an entry and gives how many the stream has now.
    fn enter(&mut self, id: u32, number: u32) -> u64 {
        let stream = self.stream(id);
        if !stream.entries.insert(number) {
            stream.doubled += 1;
        }
        stream.entries.len()
    }

    /// Takes in all of a book that was apart from this one.
    fn unite(&mut self, other: Self) {
        for born in other.born {
            if !self.born.contains(&born) {
                self.born.push(born);
            }
        }
        for theirs in other.streams {
            let ours = self.stream(theirs.id);
            ours.entries.absorb(&theirs.entries);
            ours.doubled = ours.doubled.max(theirs.doubled);
        }
    }

    fn stream(&mut self, id: u32) -> &mut Stream {
        let at = self.streams.iter().position(|stream| stream.id == id).unwrap_or_else(|| {
            self.streams.push(Stream { id, entries: Runs::new(), doubled: 0 });
            self.streams.len() - 1
        });
        &mut self.streams[at]
    }
}

fn host() -> u32 {
    HOST.get().copied().unwrap_or_default()
}
