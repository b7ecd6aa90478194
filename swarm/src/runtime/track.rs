//! Owns the order of one line of letters: it takes a new next hop only when everything that it sent by other hops has
//! found its place there (protocol §8, rule L). Never decides which hop that is, and never sends anything itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

/// How many letters may wait in one track: as many as a large mailbox holds.
pub(crate) const WAITING_MAX: usize = 4096;

/// How long a track waits for the confirmation of its old hop: as long as a worker may take to start there. A lost
/// connection ends the wait at once.
pub(crate) const CONFIRM_WAIT: Duration = Duration::from_secs(30);

/// A letter that cannot go now, and when to try again.
pub(crate) type Stuck<L> = (L, Duration);

/// What became of a letter that wanted to take a hop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passage<L> {
    /// It went.
    Gone,
    /// It waits behind others.
    Waits,
    /// It waits, and these hops are to be asked for their confirmation, each by its flush.
    Asks(Vec<(NodeId, u64)>),
    /// It waits until its hop can be tried again.
    Stalled,
    /// Too many wait.
    Full(L),
}

/// How a letter comes to its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is new.
    New,
    /// It waited in its lane, and is now its first.
    Drained,
}

/// One line of letters.
#[derive(Debug)]
pub(crate) struct Track<L> {
    /// The hops by which something is under way, as far as is known; and the flush that asks for its confirmation.
    out: BTreeMap<NodeId, Option<u64>>,
    wait: Option<Wait<L>>,
}

#[derive(Debug)]
struct Wait<L> {
    letters: VecDeque<L>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For the confirmations that were asked for.
    Confirming { until: Instant },
    /// For a hop that could not be taken.
    Stalled { until: Instant },
    /// For nothing: somebody is sending what waited.
    Draining,
}

impl<L> Default for Track<L> {
    fn default() -> Self {
        Self { out: BTreeMap::new(), wait: None }
    }
}

impl<L> Track<L> {
    /// A track of letters that may be under way by whatever the other's are.
    pub(crate) fn beside(other: &Self) -> Self {
        Self { out: other.out.keys().map(|hop| (*hop, None)).collect(), wait: None }
    }

    /// Nothing is under way and nothing waits: a new letter may take any hop.
    pub(crate) fn is_idle(&self) -> bool {
        self.out.is_empty() && self.wait.is_none()
    }

    /// Letters wait, or one that waited is being sent.
    pub(crate) fn waits(&self) -> bool {
        self.wait.is_some()
    }

    /// Nothing is under way by any other hop than this one (`None`: this node).
    pub(crate) fn is_only(&self, hop: Option<NodeId>) -> bool {
        self.out.keys().all(|out| Some(*out) == hop)
    }

    /// Takes over what another track has under way. Neither may wait.
    pub(crate) fn take_over(&mut self, other: Self) {
        debug_assert!(!self.waits() && !other.waits(), "what waits cannot be taken over");
        self.out.extend(other.out.into_keys().map(|hop| (hop, None)));
    }

    /// Sends `letter` by `hop` (`None`: it stays on this node) with `go`, or makes it wait. `number` gives flushes their
    /// numbers.
    pub(crate) fn pass(
        &mut self,
        now: Instant,
        hop: Option<NodeId>,
        letter: L,
        turn: Turn,
        number: impl FnMut() -> u64,
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        if let Some(wait) = &mut self.wait
            && !(turn == Turn::Drained && wait.phase == Phase::Draining)
        {
            if wait.letters.len() >= WAITING_MAX {
                return Passage::Full(letter);
            }
            wait.letters.push_back(letter);
            return Passage::Waits;
        }
        if !self.is_only(hop) {
            let asks = self.ask(hop, number);
            self.first(letter, Phase::Confirming { until: now + CONFIRM_WAIT });
            return Passage::Asks(asks);
        }
        match go(letter) {
            Ok(()) => {
                self.out.extend(hop.map(|hop| (hop, None)));
                Passage::Gone
            }
            Err((letter, wait)) => {
                self.first(letter, Phase::Stalled { until: now + wait });
                Passage::Stalled
            }
        }
    }

    /// Something older than all that waits here has gone by `hop`. Says whether what waits is to be drained.
    pub(crate) fn overtaken(&mut self, hop: NodeId) -> bool {
        // A flush that is under way was sent before it, so its confirmation will say nothing about it: ask again.
        self.out.insert(hop, None).flatten().is_some() && self.settle()
    }

    /// Letters that are older than all that waits here wait, in this order, until their hop can be tried again.
    pub(crate) fn put_first(&mut self, letters: impl DoubleEndedIterator<Item = L>, until: Instant) {
        for letter in letters.rev() {
            let phase = self.wait.as_ref().map_or(Phase::Stalled { until }, |wait| wait.phase);
            self.first(letter, phase);
        }
    }

    /// `by` has confirmed what it was sent before this flush. Says whether what waits is to be drained.
    pub(crate) fn confirmed(&mut self, by: NodeId, flush: u64) -> bool {
        if self.out.get(&by) != Some(&Some(flush)) {
            return false;
        }
        self.out.remove(&by);
        self.settle()
    }

    /// `node` is lost: nothing that was sent by it can be confirmed any more. Says whether what waits is to be drained.
    pub(crate) fn lost(&mut self, node: NodeId) -> bool {
        self.out.remove(&node).is_some() && self.settle()
    }

    /// Order does not matter any more. Says whether what waits is to be drained.
    pub(crate) fn forget(&mut self) -> bool {
        self.out.clear();
        self.settle()
    }

    /// Ends a wait that has taken too long. Says whether what waits is to be drained, and whether for lack of a
    /// confirmation.
    pub(crate) fn time_out(&mut self, now: Instant) -> Option<Unconfirmed> {
        let wait = self.wait.as_mut()?;
        let unconfirmed = match wait.phase {
            Phase::Confirming { until } if until <= now => {
                self.out.retain(|_, flush| flush.is_none());
                true
            }
            Phase::Stalled { until } if until <= now => false,
            Phase::Confirming { .. } | Phase::Stalled { .. } | Phase::Draining => return None,
        };
        wait.phase = Phase::Draining;
        Some(Unconfirmed(unconfirmed))
    }

    /// When [`Self::time_out`] has something to do.
    pub(crate) fn until(&self) -> Option<Instant> {
        match self.wait.as_ref()?.phase {
            Phase::Confirming { until } | Phase::Stalled { until } => Some(until),
            Phase::Draining => None,
        }
    }

    /// The first letter that waited, while what waited is drained. At its end the track is free.
    pub(crate) fn front(&mut self) -> Option<&L> {
        if self.wait.as_ref().is_some_and(|wait| wait.phase == Phase::Draining && wait.letters.is_empty()) {
            self.wait = None;
        }
        self.wait.as_ref().filter(|wait| wait.phase == Phase::Draining)?.letters.front()
    }

    /// Takes out the letter that [`Self::front`] showed.
    pub(crate) fn pop(&mut self) -> Option<L> {
        self.wait.as_mut().filter(|wait| wait.phase == Phase::Draining)?.letters.pop_front()
    }

    /// Takes out everything that waits.
    pub(crate) fn clear(&mut self) -> VecDeque<L> {
        self.out.clear();
        self.wait.take().map(|wait| wait.letters).unwrap_or_default()
    }

    /// Asks all hops but this one.
    fn ask(&mut self, but: Option<NodeId>, mut number: impl FnMut() -> u64) -> Vec<(NodeId, u64)> {
        let others = self.out.iter_mut().filter(|(hop, _)| Some(**hop) != but);
        let asked = others.map(|(hop, flush)| (*hop, *flush.insert(number())));
        asked.collect()
    }

    fn first(&mut self, letter: L, phase: Phase) {
        let wait = self.wait.get_or_insert_with(|| Wait { letters: VecDeque::new(), phase });
        wait.letters.push_front(letter);
        wait.phase = phase;
    }

    /// Whether everything that was asked for is confirmed, so that what waits can be drained.
    fn settle(&mut self) -> bool {
        match &mut self.wait {
            Some(wait)
                if matches!(wait.phase, Phase::Confirming { .. }) && self.out.values().all(Option::is_none) =>
            {
                wait.phase = Phase::Draining;
                true
            }
            Some(_) | None => false,
        }
    }
}

/// Whether a wait ended for lack of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unconfirmed(pub(crate) bool);
