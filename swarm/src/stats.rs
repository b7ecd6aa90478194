#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns the figures that a node gives about itself.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One node's figures. Counters grow from its start; the rest is of this moment.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// Members of the cluster, this node included.
    pub nodes: u64,
    /// Workers on this node.
    pub workers: u64,
    /// Partitions that this node owns.
    pub partitions: u64,
    /// Names in the directory of this node's partitions.
    pub names: u64,
    /// Partitions with fewer live copies than wanted, since there are fewer members.
    pub under_replicated: u64,
    /// Calls made from this node.
    pub calls: u64,
    /// Of those, the ones that ended with an error.
    pub calls_failed: u64,
    /// Casts made from this node.
    pub casts: u64,
    /// Calls and casts that came from other nodes for workers of this one.
    pub received: u64,
    /// Frames of members that could not be read and were dropped: of another version, damaged, or hostile.
    pub malformed: u64,
    /// Frames of members that were dropped since they asked for more than a member may: more pieces of states than it reads, answers
    /// without end.
    pub excessive: u64,
    /// Questions of other nodes about a group or a list of workers (`publish`, `multicall`, `members`, `registered`) that this
    /// node was asked. A group's go only to nodes that may have members of it.
    pub surveyed: u64,
    /// Calls and casts passed on to another node.
    pub forwarded: u64,
    /// Workers that came to this node from another.
    pub handoffs_in: u64,
    /// Workers that went from this node to another.
    pub handoffs_out: u64,
    /// Moves to or from this node that came to nothing for now: `begin_handoff` did not end in time, or the worker did not start here.
    /// It stays where it was, and its owner tries again.
    pub handoffs_failed: u64,
    /// Workers that are being moved just now, by this node's order as the owner of their names.
    pub handoffs_open: u64,
    /// Workers started on this node.
    pub started: u64,
    /// How often a worker of this node was started again in place, after a panic or a restart that failed.
    pub restarts: u64,
    /// Workers of this node that have ended since they failed, and their restart rule says no (more).
    pub given_up: u64,
    /// Workers of lost nodes that this node, as the owner of their names, had started again elsewhere.
    pub failovers: u64,
    /// Names of which this node, as their owner, found two instances after a healed split.
    pub conflicts: u64,
    /// Messages that came to a worker of this node whose queue was full.
    pub mailboxes_full: u64,
    /// Messages that this node refused since a queue on their way was full.
    pub ways_full: u64,
    /// How often a method of a worker type, or its `init`, has done so well that its messages from other nodes run where they
    /// arrive (32 runs in a row of at most 50 us).
    pub promotions: u64,
    /// How often one that did has taken longer. It runs on tokio's threads again, where it holds up nobody else.
    pub demotions: u64,
    /// How often this node has lost its quorum ([`Placement::Quorum`](crate::Placement::Quorum)).
    pub quorums_lost: u64,
    /// Connections that this node refused, or that refused it, since the two ends do not share a [secret](crate::Builder::secret): one
    /// has another, or none, or another cluster's name; or since one does not accept the other's certificate (feature `tls`). The log says
    /// which, at most once a second.
    pub refused_connections: u64,
    /// Packets that were ignored since no key of this node has sealed them, or since they are sealed and it has none.
    pub refused_packets: u64,
    /// Packets that were ignored although a key of this node has sealed them: they came a second time, or too late to tell.
    pub replayed_packets: u64,
    /// Packets that were ignored since they did not come from where their sender claims to be, and it was not connected.
    pub misplaced_packets: u64,
    /// Connections that were not taken: too many were open that had not proved to be members', or the system had no room for more.
    pub turned_away: u64,
    /// Connections that were ended since what came was not what nodes say, or came too slowly.
    pub broken_connections: u64,
    /// Handshakes, whichever side dialled, with nodes of this cluster that can be no part of it: of another version, with other
    /// partitions or rules.
    pub refused_nodes: u64,
    /// Connections to members that this node has ended, since these asked for more than they read. They are made anew.
    pub cut_connections: u64,
    /// How often this node has stopped reading from a member for a while, since that had sent more than it had worked off, had asked
    /// for more than it read, or had sent much that was worth nothing: it could not be read, or asked for what is not there. The same
    /// goes for one whose connection was cut a short while ago.
    pub held_back: u64,
    /// Calls that wait for an answer from another node.
    pub calls_open: u64,
    /// Requests to the directory that wait for an answer.
    pub requests_open: u64,
    /// Calls and casts that wait here for their worker to be found, started or moved.
    pub messages_held: u64,
}

/// A counter that many threads add to.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same where threads would meet at every call: each has a line of the processor's cache to itself, to which nobody else adds.
#[derive(Debug, Default)]
pub(crate) struct PerThread([Line; Self::LINES]);

/// Two lines of most caches, since they are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(Count);

/// Which line is this thread's, in all counters alike. It is another's after the thread has ended.
struct Place(usize);

static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static PLACES: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// What is in [`PLACE`], to be read without a look at whether that is there, once it is.
    static LINE: Cell<Option<usize>> = const { Cell::new(None) };
    static PLACE: Place = Place::take();
}

impl Place {
    /// That of this thread. One that ends may still call, and has none.
    #[inline]
    fn mine() -> usize {
        LINE.get().unwrap_or_else(Self::find)
    }

    #[cold]
    fn find() -> usize {
        let line = PLACE.try_with(|place| place.0).unwrap_or(usize::MAX);
        LINE.set(Some(line));
        line
    }

    fn take() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self(free.unwrap_or_else(|| PLACES.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        LINE.set(Some(usize::MAX));
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

impl PerThread {
    /// More threads than these, but one, share the last line. Few programs have more that call.
    const LINES: usize = 16;

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        match self.0[..Self::LINES - 1].get(Place::mine()) {
            Some(Line(Count(own))) => own.store(own.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed),
            None => self.0[Self::LINES - 1].0.add(n),
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.iter().map(|line| line.0.get()).sum()
    }
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: PerThread,
    pub(crate) calls_failed: Count,
    pub(crate) casts: PerThread,
    pub(crate) received: Count,
    pub(crate) surveyed: Count,
    pub(crate) forwarded: Count,
    pub(crate) handoffs_in: Count,
    pub(crate) handoffs_out: Count,
    pub(crate) handoffs_failed: Count,
    pub(crate) started: Count,
    pub(crate) restarts: Count,
    pub(crate) given_up: Count,
    pub(crate) failovers: Count,
    pub(crate) conflicts: Count,
    pub(crate) mailboxes_full: Count,
    pub(crate) ways_full: Count,
    pub(crate) promotions: Count,
    pub(crate) demotions: Count,
    pub(crate) quorums_lost: Count,
    pub(crate) malformed: Count,
    pub(crate) excessive: Count,
}
