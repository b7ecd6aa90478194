//! Owns the order of what this node sends and passes on: a partition's calls take a new next hop only when everything
//! sent by the old one has found its place (protocol §8, rule L). Never decides which hop that is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::runtime::letter::Letter;

/// How many letters may wait for a change of hop in one lane: as many as a large mailbox holds.
const WAITING_MAX: usize = 4096;

/// Whose letters of which partition: those of this node, or those that came by one connection. What comes by one
/// connection must not wait for what came by another, or two nodes would wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) from: Option<NodeId>,
    pub(crate) partition: PartitionId,
}

/// All lanes of one node.
pub(crate) struct Lanes {
    own: Box<[OwnLane]>,
    /// Only lanes whose last hop was another node stand here.
    relayed: Mutex<BTreeMap<Lane, State>>,
    relayed_count: AtomicUsize,
}

#[derive(Default)]
struct OwnLane {
    /// Something may be on its way by another node: calls to workers of this node must not overtake it.
    away: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    hop: Option<NodeId>,
    barrier: Option<Barrier>,
}

/// What waits until the old hop has confirmed.
struct Barrier {
    flush: u64,
    of: NodeId,
    waiting: VecDeque<Letter>,
    /// The old hop has confirmed; somebody is sending what waited.
    draining: bool,
}

/// What became of a letter that wanted to take a hop.
pub(crate) enum Passage {
    /// It went.
    Gone,
    /// It waits for the old hop's confirmation.
    Waits,
    /// It waits, and a flush with this number is to be sent to the old hop.
    Flush(NodeId, u64),
    /// Too many wait.
    Full(Letter),
}

/// How a letter comes to its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is new.
    New,
    /// It waited, and [`Lanes::drain`] gave it out.
    Drained,
}

impl Lanes {
    /// One lane a partition for this node's own letters.
    pub(crate) fn new(partitions: u32) -> Self {
        Self {
            own: (0..partitions).map(|_| OwnLane::default()).collect(),
            relayed: Mutex::default(),
            relayed_count: AtomicUsize::new(0),
        }
    }

    /// Whether own calls of this partition may run on this node at once.
    pub(crate) fn home(&self, partition: PartitionId) -> bool {
        !self.own(partition).away.load(Ordering::Acquire)
    }

    /// Sends `letter` by `hop` (`None`: it stays on this node) with `go`, or makes it wait. `flush` numbers a flush,
    /// should one be needed.
    pub(crate) fn pass(
        &self,
        lane: Lane,
        hop: Option<NodeId>,
        letter: Letter,
        turn: Turn,
        flush: impl FnOnce() -> u64,
        go: impl FnOnce(Letter),
    ) -> Passage {
        if lane.from.is_none() {
            let own = self.own(lane.partition);
            let mut state = lock(&own.state);
            let passage = state.pass(hop, letter, turn, flush, go);
            own.note(&state);
            return passage;
        }
        if hop.is_none() && self.relayed_count.load(Ordering::Acquire) == 0 {
            go(letter);
            return Passage::Gone;
        }
        let mut relayed = lock(&self.relayed);
        let state = relayed.entry(lane).or_default();
        let passage = state.pass(hop, letter, turn, flush, go);
        if state.idle() {
            relayed.remove(&lane);
        }
        self.relayed_count.store(relayed.len(), Ordering::Release);
        passage
    }

    /// The old hop has confirmed (or took too long): whether [`Self::drain`] is to begin.
    pub(crate) fn confirmed(&self, lane: Lane, flush: u64) -> bool {
        self.with(lane, |state| match &mut state.barrier {
            Some(barrier) if barrier.flush == flush && !barrier.draining => {
                barrier.draining = true;
                state.hop = None;
                true
            }
            Some(_) | None => false,
        })
    }

    /// The next letter that waited, while what drains drains. At the end the lane is free.
    pub(crate) fn drain(&self, lane: Lane) -> Option<Letter> {
        self.with(lane, |state| {
            let barrier = state.barrier.as_mut().filter(|barrier| barrier.draining)?;
            let next = barrier.waiting.pop_front();
            if next.is_none() {
                state.barrier = None;
            }
            next
        })
    }

    /// `node` is lost: nothing that was sent by it can be confirmed any more. Returns the lanes to drain.
    pub(crate) fn lost(&self, node: NodeId) -> Vec<Lane> {
        let mut drain = Vec::new();
        for (i, own) in self.own.iter().enumerate() {
            if own.away.load(Ordering::Acquire) {
                let mut state = lock(&own.state);
                if state.lost(node) {
                    let partition = PartitionId(u16::try_from(i).unwrap_or(u16::MAX));
                    drain.push(Lane { from: None, partition });
                }
                own.note(&state);
            }
        }
        let mut relayed = lock(&self.relayed);
        relayed.retain(|lane, state| {
            if state.lost(node) {
                drain.push(*lane);
            }
            !state.idle()
        });
        self.relayed_count.store(relayed.len(), Ordering::Release);
        drain
    }

    /// Everything that waits, for a node that stops.
    pub(crate) fn clear(&self) -> Vec<Letter> {
        let own = self.own.iter().filter_map(|own| lock(&own.state).barrier.take());
        let relayed = std::mem::take(&mut *lock(&self.relayed)).into_values().filter_map(|state| state.barrier);
        own.chain(relayed).flat_map(|barrier| barrier.waiting).collect()
    }

    fn with<T>(&self, lane: Lane, change: impl FnOnce(&mut State) -> T) -> T {
        if lane.from.is_none() {
            let own = self.own(lane.partition);
            let mut state = lock(&own.state);
            let result = change(&mut state);
            own.note(&state);
            return result;
        }
        let mut relayed = lock(&self.relayed);
        let state = relayed.entry(lane).or_default();
        let result = change(state);
        if state.idle() {
            relayed.remove(&lane);
        }
        self.relayed_count.store(relayed.len(), Ordering::Release);
        result
    }

    fn own(&self, partition: PartitionId) -> &OwnLane {
        &self.own[usize::from(partition.0) % self.own.len()]
    }
}

impl OwnLane {
    fn note(&self, state: &State) {
        self.away.store(!state.idle(), Ordering::Release);
    }
}

impl State {
    fn idle(&self) -> bool {
        self.hop.is_none() && self.barrier.is_none()
    }

    fn pass(
        &mut self,
        hop: Option<NodeId>,
        letter: Letter,
        turn: Turn,
        flush: impl FnOnce() -> u64,
        go: impl FnOnce(Letter),
    ) -> Passage {
        if let Some(barrier) = &mut self.barrier
            && !(turn == Turn::Drained && barrier.draining)
        {
            if barrier.waiting.len() >= WAITING_MAX {
                return Passage::Full(letter);
            }
            barrier.waiting.push_back(letter);
            return Passage::Waits;
        }
        match self.hop {
            Some(old) if Some(old) != hop => {
                let id = flush();
                let mut waiting = self.barrier.take().map(|barrier| barrier.waiting).unwrap_or_default();
                waiting.push_front(letter);
                self.barrier = Some(Barrier { flush: id, of: old, waiting, draining: false });
                Passage::Flush(old, id)
            }
            Some(_) | None => {
                self.hop = hop;
                go(letter);
                Passage::Gone
            }
        }
    }

    /// Forgets a lost hop; whether what waited for it is to be drained.
    fn lost(&mut self, node: NodeId) -> bool {
        if self.hop == Some(node) {
            self.hop = None;
        }
        match &mut self.barrier {
            Some(barrier) if barrier.of == node && !barrier.draining => {
                barrier.draining = true;
                true
            }
            Some(_) | None => false,
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
