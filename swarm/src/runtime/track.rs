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

/// How a letter waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Before all others: it is older than they, and waits for no confirmation.
    Older,
    /// In its turn.
    Next,
}

/// One line of letters.
#[derive(Debug)]
pub(crate) struct Track<L> {
    /// The hops by which something is under way, as far as is known; and the flush that asks for its confirmation.
    out: BTreeMap<NodeId, Option<u64>>,
    /// Letters that are older than all that wait, and cannot go now.
    older: Option<Older<L>>,
    wait: Option<Wait<L>>,
}

#[derive(Debug)]
struct Older<L> {
    letters: VecDeque<L>,
    /// When they are tried again; `None` while somebody tries.
    until: Option<Instant>,
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
        Self { out: BTreeMap::new(), older: None, wait: None }
    }
}

impl<L> Track<L> {
    /// A track of letters that may be under way by whatever the other's are.
    pub(crate) fn beside(other: &Self) -> Self {
        Self { out: other.out.keys().map(|hop| (*hop, None)).collect(), older: None, wait: None }
    }

    /// Nothing is under way and nothing waits: a new letter may take any hop.
    pub(crate) fn is_idle(&self) -> bool {
        self.out.is_empty() && !self.waits()
    }

    /// Letters wait, or one that waited is being sent.
    pub(crate) fn waits(&self) -> bool {
        self.wait.is_some() || self.older.is_some()
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
        if self.older.is_some() {
            // Nothing has to be confirmed, but those go first.
            self.first(letter, Phase::Confirming { until: now + CONFIRM_WAIT });
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

    /// Sends a letter by `hop` that is older than all that waits here, or makes it wait before them. What waits for it is
    /// drained by [`Self::front`].
    pub(crate) fn overtake(
        &mut self,
        now: Instant,
        hop: Option<NodeId>,
        letter: L,
        turn: Turn,
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        match (&mut self.older, turn) {
            (Some(older), Turn::New) => {
                older.letters.push_back(letter);
                return Passage::Waits;
            }
            (Some(_), Turn::Drained) | (None, _) => {}
        }
        match go(letter) {
            Ok(()) => {
                // A flush that is under way was sent before it, so its confirmation will say nothing about it.
                self.out.extend(hop.map(|hop| (hop, None)));
                Passage::Gone
            }
            Err((letter, wait)) => {
                let older = self.older.get_or_insert_with(|| Older { letters: VecDeque::new(), until: None });
                older.letters.push_front(letter);
                older.until = Some(now + wait);
                Passage::Stalled
            }
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

    /// Ends waits that have taken long enough. Says whether what waits is to be drained, and whether for lack of a
    /// confirmation.
    pub(crate) fn time_out(&mut self, now: Instant) -> Option<Unconfirmed> {
        let older = self.older.as_mut().is_some_and(|older| older.until.take_if(|until| *until <= now).is_some());
        let Some(wait) = &mut self.wait else { return older.then_some(Unconfirmed(false)) };
        let unconfirmed = match wait.phase {
            Phase::Confirming { until } if until <= now => self.out.values().any(Option::is_some),
            Phase::Stalled { until } if until <= now => false,
            Phase::Confirming { .. } | Phase::Stalled { .. } | Phase::Draining => {
                return older.then_some(Unconfirmed(false));
            }
        };
        self.out.retain(|_, flush| flush.is_none());
        wait.phase = Phase::Draining;
        Some(Unconfirmed(unconfirmed))
    }

    /// When [`Self::time_out`] has something to do.
    pub(crate) fn until(&self) -> Option<Instant> {
        let older = self.older.as_ref().and_then(|older| older.until);
        let wait = self.wait.as_ref().and_then(|wait| match wait.phase {
            Phase::Confirming { until } | Phase::Stalled { until } => Some(until),
            Phase::Draining => None,
        });
        [older, wait].into_iter().flatten().min()
    }

    /// The first letter that waited, while what waited is drained. At its end the track is free.
    pub(crate) fn front(&mut self) -> Option<(&L, Rank)> {
        if self.older.as_ref().is_some_and(|older| older.letters.is_empty()) {
            self.older = None;
        }
        self.settle();
        if self.wait.as_ref().is_some_and(|wait| wait.phase == Phase::Draining && wait.letters.is_empty()) {
            self.wait = None;
        }
        match (&self.older, &self.wait) {
            (Some(older), _) if older.until.is_none() => Some((older.letters.front()?, Rank::Older)),
            (None, Some(wait)) if wait.phase == Phase::Draining => Some((wait.letters.front()?, Rank::Next)),
            (Some(_) | None, _) => None,
        }
    }

    /// Takes out the letter that [`Self::front`] showed.
    pub(crate) fn pop(&mut self) -> Option<(L, Rank)> {
        let (_, rank) = self.front()?;
        let letters = match rank {
            Rank::Older => &mut self.older.as_mut()?.letters,
            Rank::Next => &mut self.wait.as_mut()?.letters,
        };
        Some((letters.pop_front()?, rank))
    }

    /// Takes out everything that waits.
    pub(crate) fn clear(&mut self) -> VecDeque<L> {
        self.out.clear();
        let mut letters = self.older.take().map(|older| older.letters).unwrap_or_default();
        letters.extend(self.wait.take().into_iter().flat_map(|wait| wait.letters));
        letters
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
                if matches!(wait.phase, Phase::Confirming { .. })
                    && self.older.is_none()
                    && self.out.values().all(Option::is_none) =>
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
