//! Owns one track: a line of letters, and before it a line of those that are older than all of them, since they have
//! waited elsewhere on this node or have come round to it. Never sends anything itself.

use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::runtime::line::Line;
pub(crate) use crate::runtime::line::{Passage, Stuck, Turn, Unconfirmed};

/// How long a letter waits for the confirmation of its old hop: as long as a worker may take to start there. A lost
/// connection ends the wait at once.
const CONFIRM_WAIT: Duration = Duration::from_secs(30);

/// How long older letters wait for it. What has come round may wait for itself, if rings change quicker than letters
/// travel; then order is lost, but little time.
const OLDER_WAIT: Duration = Duration::from_secs(1);

/// How a letter waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Before all others.
    Older,
    /// In its turn.
    Next,
}

/// One track.
#[derive(Debug)]
pub(crate) struct Track<L> {
    older: Line<L>,
    /// Its hops include those of the older letters.
    line: Line<L>,
}

impl<L> Default for Track<L> {
    fn default() -> Self {
        Self { older: Line::new(OLDER_WAIT), line: Line::new(CONFIRM_WAIT) }
    }
}

impl<L> Track<L> {
    /// A track of letters that may be under way by whatever the other's are.
    pub(crate) fn beside(other: &Self) -> Self {
        let mut track = Self::default();
        other.line.hops().for_each(|hop| track.line.went(hop));
        track
    }

    /// Takes over what another track has under way. Neither may wait.
    pub(crate) fn take_over(&mut self, other: &Self) {
        debug_assert!(!self.waits() && !other.waits(), "what waits cannot be taken over");
        other.line.hops().for_each(|hop| self.line.went(hop));
    }

    /// Nothing is under way and nothing waits: a new letter may take any hop.
    pub(crate) fn is_idle(&self) -> bool {
        self.line.is_idle() && self.older.is_idle()
    }

    /// Letters wait, or one that waited is being sent.
    pub(crate) fn waits(&self) -> bool {
        self.line.waits() || self.older.waits()
    }

    /// Sends a letter in its turn, as [`Line::pass`].
    pub(crate) fn pass(
        &mut self,
        now: Instant,
        hop: Option<NodeId>,
        letter: L,
        turn: Turn,
        number: impl FnMut() -> u64,
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        if self.older.waits() && (turn == Turn::Drained || !self.line.waits()) {
            self.line.stop(letter, now);
            return Passage::Waits;
        }
        self.line.pass(now, hop, letter, turn, number, go)
    }

    /// Sends a letter that is older than all that waits in its turn, or makes it wait before them.
    pub(crate) fn overtake(
        &mut self,
        now: Instant,
        hop: Option<NodeId>,
        letter: L,
        turn: Turn,
        number: impl FnMut() -> u64,
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        if turn == Turn::Round && !self.older.waits() {
            // What it would wait for is itself.
            self.older.forget();
        }
        let passage = self.older.pass(now, hop, letter, turn, number, go);
        if let (Passage::Gone, Some(hop)) = (&passage, hop) {
            self.line.went(hop);
        }
        passage
    }

    /// `by` has confirmed what it was sent before this flush. Says whether something may be drained now.
    pub(crate) fn confirmed(&mut self, by: NodeId, flush: u64) -> bool {
        if self.line.confirmed(by, flush) {
            // It was asked after the last of the older ones had gone, or its flush would not count any more.
            self.older.arrived(by);
        } else if !self.older.confirmed(by, flush) {
            return false;
        }
        self.settle()
    }

    /// `node` is lost: nothing that was sent by it can be confirmed any more. Says whether something may be drained now.
    pub(crate) fn lost(&mut self, node: NodeId) -> bool {
        self.older.arrived(node);
        self.line.arrived(node);
        self.settle()
    }

    /// Order does not matter any more. Says whether something may be drained now.
    pub(crate) fn forget(&mut self) -> bool {
        self.older.forget();
        self.line.forget();
        self.settle()
    }

    /// Ends waits that have taken long enough. Says whether something is to be drained, and whether for lack of a
    /// confirmation.
    pub(crate) fn time_out(&mut self, now: Instant) -> Option<Unconfirmed> {
        let settled = self.settle().then_some(Unconfirmed(false));
        let older = self.older.time_out(now);
        let next = if self.older.waits() { None } else { self.line.time_out(now) };
        older.or(next).or(settled)
    }

    /// When [`Self::time_out`] has something to do.
    pub(crate) fn until(&self) -> Option<Instant> {
        if self.older.is_settled() || (self.line.is_settled() && !self.older.waits()) {
            return Some(Instant::START);
        }
        let next = if self.older.waits() { None } else { self.line.until() };
        [self.older.until(), next].into_iter().flatten().min()
    }

    /// The first letter that waited, while what waited is drained. At its end the track is free.
    pub(crate) fn front(&mut self) -> Option<(&L, Rank)> {
        // Looking first lets a line that is drained to its end go.
        let _ = self.older.front();
        self.settle();
        if self.older.waits() {
            return self.older.front().map(|letter| (letter, Rank::Older));
        }
        self.line.front().map(|letter| (letter, Rank::Next))
    }

    /// Takes out the letter that [`Self::front`] showed.
    pub(crate) fn pop(&mut self) -> Option<(L, Rank)> {
        match self.front()?.1 {
            Rank::Older => self.older.pop().map(|letter| (letter, Rank::Older)),
            Rank::Next => self.line.pop().map(|letter| (letter, Rank::Next)),
        }
    }

    /// Takes out everything that waits, in order.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = L> + use<L> {
        self.older.clear().into_iter().chain(self.line.clear())
    }

    fn settle(&mut self) -> bool {
        let older = self.older.settle();
        older || (!self.older.waits() && self.line.settle())
    }
}
