//! Owns one track: a line of letters, and before it lines of those that are older than all of them, since they have waited
//! elsewhere on this node or have come round to it. Never sends anything itself.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::call::frame::Visits;
use crate::runtime::line::Line;
pub(crate) use crate::runtime::line::{Passage, Stuck, Turn, Unconfirmed};

/// How long a letter waits for the confirmation of its old hop: as long as calls usually have. A lost connection ends the
/// wait at once; what else may is letters that come round while rings change, and wait for each other in a circle.
const CONFIRM_WAIT: Duration = Duration::from_secs(5);

/// Which letters of a track go before which: those that have been on this node more often have left it earlier and come
/// round to it; and of those that have been here as often, those that have waited elsewhere on it came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    /// How often the letter has been here before.
    pub(crate) visits: Visits,
    /// It has waited elsewhere on this node.
    pub(crate) waited: bool,
}

impl Rank {
    /// Of a letter that is here for the first time, in its turn.
    pub(crate) const NEXT: Self = Self { visits: Visits(0), waited: false };
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        other.visits.cmp(&self.visits).then(other.waited.cmp(&self.waited))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One track.
#[derive(Debug)]
pub(crate) struct Track<L> {
    /// The lines of letters that go before the others, by rank. Only those that are not idle stand here.
    older: BTreeMap<Rank, Line<L>>,
    /// The line of [`Rank::NEXT`]. The hops of each line include those of the lines before it.
    next: Line<L>,
}

impl<L> Default for Track<L> {
    fn default() -> Self {
        Self { older: BTreeMap::new(), next: Line::new(CONFIRM_WAIT) }
    }
}

impl<L> Track<L> {
    /// A track of letters that may be under way by whatever the other's are.
    pub(crate) fn beside(other: &Self) -> Self {
        let mut track = Self::default();
        track.take_over(other);
        track
    }

    /// Takes over what another track has under way. This one must not wait.
    pub(crate) fn take_over(&mut self, other: &Self) {
        debug_assert!(!self.waits(), "what waits would have to wait for more");
        for (rank, from) in &other.older {
            self.prepare(*rank);
            self.lines_from(*rank).for_each(|to| from.hops().for_each(|hop| to.went(hop)));
        }
        other.next.hops().for_each(|hop| self.next.went(hop));
        self.tidy();
    }

    /// Nothing is under way and nothing waits: a new letter may take any hop.
    pub(crate) fn is_idle(&self) -> bool {
        self.older.is_empty() && self.next.is_idle()
    }

    /// A new letter may take this hop at once, and there is nothing but new letters.
    pub(crate) fn is_free(&self, hop: NodeId) -> bool {
        self.older.is_empty() && self.next.is_free(hop)
    }

    /// Letters wait, or one that waited is being sent.
    pub(crate) fn waits(&self) -> bool {
        self.next.waits() || self.older.values().any(Line::waits)
    }

    /// Sends a letter in its line by `hop` (`None`: it stays on this node) with `go`, or makes it wait. `number` gives
    /// flushes their numbers. What waits for it is drained by [`Self::front`].
    pub(crate) fn pass(
        &mut self,
        now: Instant,
        hop: Option<NodeId>,
        letter: L,
        (rank, turn): (Rank, Turn),
        number: impl FnMut() -> u64,
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        self.prepare(rank);
        let before = self.older.range(..rank).any(|(_, line)| line.waits());
        let Some(line) = self.lines_from(rank).next() else { return Passage::Full(letter) };
        if before && (turn == Turn::Drained || !line.waits()) {
            line.stop(letter, now);
            return Passage::Waits;
        }
        if rank.visits == Visits::MAX {
            // Nobody has counted further, so all that it would wait for may be itself.
            line.forget();
        }
        let passage = line.pass(now, hop, letter, turn, number, go);
        if let (Passage::Gone, Some(hop)) = (&passage, hop) {
            self.lines_from(rank).skip(1).for_each(|line| line.went(hop));
        }
        self.tidy();
        passage
    }

    /// Something older than all that waits has gone by `hop`.
    pub(crate) fn went(&mut self, hop: NodeId) {
        for line in self.older.values_mut() {
            line.went(hop);
        }
        self.next.went(hop);
    }

    /// `by` has confirmed what it was sent before this flush. Says whether something may be drained now.
    pub(crate) fn confirmed(&mut self, by: NodeId, flush: u64) -> bool {
        let Some(asked) = self.lines().position(|line| line.confirmed(by, flush)) else { return false };
        // It was asked after the last of those before had gone, or its flush would not count any more.
        self.lines().take(asked).for_each(|line| line.arrived(by));
        self.settle()
    }

    /// All that went by `hop` has found its place. What waits may have something to do at once.
    pub(crate) fn arrived(&mut self, hop: NodeId) {
        self.lines().for_each(|line| line.arrived(hop));
        self.tidy();
    }

    /// `node` is lost: nothing that was sent by it can be confirmed any more. Says whether something may be drained now.
    pub(crate) fn lost(&mut self, node: NodeId) -> bool {
        self.lines().for_each(|line| line.arrived(node));
        self.settle()
    }

    /// Order does not matter any more. Says whether something may be drained now.
    pub(crate) fn forget(&mut self) -> bool {
        self.lines().for_each(Line::forget);
        self.settle()
    }

    /// Ends a wait that has taken long enough. Says whether something is to be drained, and whether for lack of a
    /// confirmation.
    pub(crate) fn time_out(&mut self, now: Instant) -> Option<Unconfirmed> {
        let settled = self.settle().then_some(Unconfirmed(false));
        self.lines().find(|line| line.waits())?.time_out(now).or(settled)
    }

    /// When [`Self::time_out`] has something to do.
    pub(crate) fn until(&self) -> Option<Instant> {
        let first = self.older.values().chain([&self.next]).find(|line| line.waits())?;
        if first.is_settled() { Some(Instant::START) } else { first.until() }
    }

    /// The first letter that waited, while what waited is drained. At its end the track is free.
    pub(crate) fn front(&mut self) -> Option<(&L, Rank)> {
        for line in self.lines() {
            // A line that was drained to its end is free, and lets the next one go.
            let _ = line.front();
            line.settle();
            if line.waits() {
                break;
            }
        }
        self.tidy();
        let older = self.older.iter_mut().map(|(rank, line)| (*rank, line));
        let (rank, line) = older.chain([(Rank::NEXT, &mut self.next)]).find(|(_, line)| line.waits())?;
        line.front().map(|letter| (letter, rank))
    }

    /// Takes out the letter that [`Self::front`] showed.
    pub(crate) fn pop(&mut self) -> Option<(L, Rank)> {
        let (_, rank) = self.front()?;
        Some((self.lines_from(rank).next()?.pop()?, rank))
    }

    /// Takes out everything that waits, in order.
    pub(crate) fn clear(&mut self) -> Vec<L> {
        let letters = self.lines().flat_map(Line::clear).collect();
        self.tidy();
        letters
    }

    #[cfg(test)]
    pub(crate) fn describe(&self) -> String
    where
        L: crate::runtime::lane::Passenger,
    {
        let older: Vec<_> = self.older.iter().map(|(rank, line)| (*rank, line.describe())).collect();
        format!("older {older:?} next {}", self.next.describe())
    }

    fn settle(&mut self) -> bool {
        let settled = self.lines().find(|line| line.waits()).is_some_and(Line::settle);
        self.tidy();
        settled
    }

    /// Makes sure that there is a line of this rank.
    fn prepare(&mut self, rank: Rank) {
        if rank < Rank::NEXT && !self.older.contains_key(&rank) {
            let mut line = Line::new(CONFIRM_WAIT);
            if let Some((_, before)) = self.older.range(..rank).next_back() {
                before.hops().for_each(|hop| line.went(hop));
            }
            self.older.insert(rank, line);
        }
    }

    fn tidy(&mut self) {
        self.older.retain(|_, line| !line.is_idle());
    }

    fn lines(&mut self) -> impl Iterator<Item = &mut Line<L>> {
        self.older.values_mut().chain([&mut self.next])
    }

    /// The lines from this rank on, those that go first before the others.
    fn lines_from(&mut self, rank: Rank) -> impl Iterator<Item = &mut Line<L>> {
        self.older.range_mut(rank..).map(|(_, line)| line).chain([&mut self.next])
    }
}
