//! Owns the order of what this node sends: a partition's calls take a new next hop only when everything sent by the
//! old one has found its place (protocol §8, rule L). Never decides which hop that is.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::runtime::letter::Letter;

/// How many letters may wait for a change of hop in one partition: as many as a large mailbox holds.
const WAITING_MAX: usize = 4096;

/// The hops of all partitions.
pub(crate) struct Lanes {
    lanes: Box<[Lane]>,
}

#[derive(Default)]
struct Lane {
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
    /// It waits, and this flush is to be sent to the old hop.
    Flush {
        /// The old hop.
        of: NodeId,
        /// The flush's number.
        id: u64,
    },
    /// Too many wait.
    Full(Letter),
}

impl Lanes {
    /// One lane a partition.
    pub(crate) fn new(partitions: u32) -> Self {
        Self { lanes: (0..partitions).map(|_| Lane::default()).collect() }
    }

    /// Whether calls of this partition may run on this node at once.
    pub(crate) fn home(&self, partition: PartitionId) -> bool {
        !self.lane(partition).away.load(Ordering::Acquire)
    }

    /// Sends `letter` by `hop` (`None`: it stays on this node) with `go`, or makes it wait. `drain` marks the letters
    /// that [`Self::drain`] gave out. `flush` numbers a flush, should one be needed.
    pub(crate) fn pass(
        &self,
        partition: PartitionId,
        hop: Option<NodeId>,
        letter: Letter,
        drain: bool,
        flush: impl FnOnce() -> u64,
        go: impl FnOnce(Letter),
    ) -> Passage {
        let lane = self.lane(partition);
        let mut state = lock(&lane.state);
        if let Some(barrier) = &mut state.barrier
            && !(drain && barrier.draining)
        {
            if barrier.waiting.len() >= WAITING_MAX {
                return Passage::Full(letter);
            }
            barrier.waiting.push_back(letter);
            return Passage::Waits;
        }
        match state.hop {
            Some(old) if Some(old) != hop => {
                let id = flush();
                let mut waiting = match state.barrier.take() {
                    Some(barrier) => barrier.waiting,
                    None => VecDeque::new(),
                };
                waiting.push_front(letter);
                state.barrier = Some(Barrier { flush: id, of: old, waiting, draining: false });
                Passage::Flush { of: old, id }
            }
            Some(_) | None => {
                if hop.is_some() {
                    lane.away.store(true, Ordering::Release);
                }
                state.hop = hop;
                go(letter);
                Passage::Gone
            }
        }
    }

    /// The old hop has confirmed (or is lost, or took too long): [`Self::drain`] may begin.
    pub(crate) fn confirmed(&self, partition: PartitionId, flush: u64) -> bool {
        let mut state = lock(&self.lane(partition).state);
        match &mut state.barrier {
            Some(barrier) if barrier.flush == flush && !barrier.draining => {
                barrier.draining = true;
                state.hop = None;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The next letter that waited, while what drains drains. At the end the lane is free.
    pub(crate) fn drain(&self, partition: PartitionId) -> Option<Letter> {
        let lane = self.lane(partition);
        let mut state = lock(&lane.state);
        let next = match &mut state.barrier {
            Some(barrier) if barrier.draining => barrier.waiting.pop_front(),
            Some(_) | None => return None,
        };
        if next.is_none() {
            state.barrier = None;
            lane.away.store(state.hop.is_some(), Ordering::Release);
        }
        next
    }

    /// `node` is lost: nothing that was sent by it can be confirmed any more. Returns the partitions to drain.
    pub(crate) fn lost(&self, node: NodeId) -> Vec<PartitionId> {
        let mut drain = Vec::new();
        for (i, lane) in self.lanes.iter().enumerate() {
            if !lane.away.load(Ordering::Acquire) {
                continue;
            }
            let mut state = lock(&lane.state);
            let state = &mut *state;
            if state.hop == Some(node) {
                state.hop = None;
            }
            match &mut state.barrier {
                Some(barrier) if barrier.of == node && !barrier.draining => {
                    barrier.draining = true;
                    drain.push(PartitionId(u16::try_from(i).unwrap_or(u16::MAX)));
                }
                Some(_) => {}
                None => lane.away.store(state.hop.is_some(), Ordering::Release),
            }
        }
        drain
    }

    /// Everything that waits, for a node that stops.
    pub(crate) fn clear(&self) -> Vec<Letter> {
        let barriers = self.lanes.iter().filter_map(|lane| lock(&lane.state).barrier.take());
        barriers.flat_map(|barrier| barrier.waiting).collect()
    }

    fn lane(&self, partition: PartitionId) -> &Lane {
        &self.lanes[usize::from(partition.0) % self.lanes.len()]
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
