//! Owns one track: a line of letters, and before it lines of those that are older than all of them, since they have waited
//! elsewhere on this node or have come round to it. Never sends anything itself.

use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::runtime::line::Line;
pub(crate) use crate::runtime::line::{Passage, Stuck, Turn, Unconfirmed};

/// How long a letter waits for the confirmation of its old hop: as long as calls usually have. A lost connection ends the
/// wait at once; what else may is letters that come round while rings change, and wait for each other in a circle.
const CONFIRM_WAIT: Duration = Duration::from_secs(5);

/// The lines of a track, those that go first before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// It has been here before and has come round. All that others wait for may be itself, so it waits for nothing.
    Round,
    /// It has waited elsewhere on this node.
    Older,
    /// In its turn.
    Next,
}

const RANKS: [Rank; 3] = [Rank::Round, Rank::Older, Rank::Next];

/// One track.
#[derive(Debug)]
pub(crate) struct Track<L> {
    /// By rank. The hops of each line include those of the lines before it.
    lines: [Line<L>; 3],
}

impl<L> Default for Track<L> {
    fn default() -> Self {
        Self { lines: RANKS.map(|_| Line::new(CONFIRM_WAIT)) }
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
        let [.., from] = &other.lines;
        let [.., to] = &mut self.lines;
        from.hops().for_each(|hop| to.went(hop));
    }

    /// Nothing is under way and nothing waits: a new letter may take any hop.
    pub(crate) fn is_idle(&self) -> bool {
        self.lines.iter().all(Line::is_idle)
    }

    /// Letters wait, or one that waited is being sent.
    pub(crate) fn waits(&self) -> bool {
        self.lines.iter().any(Line::waits)
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
        let (before, rest) = self.lines.split_at_mut(rank as usize);
        let Some((line, behind)) = rest.split_first_mut() else { return Passage::Full(letter) };
        if before.iter().any(Line::waits) && (turn == Turn::Drained || !line.waits()) {
            line.stop(letter, now);
            return Passage::Waits;
        }
        if rank == Rank::Round {
            line.forget();
        }
        let passage = line.pass(now, hop, letter, turn, number, go);
        if let (Passage::Gone, Some(hop)) = (&passage, hop) {
            behind.iter_mut().for_each(|line| line.went(hop));
        }
        passage
    }

    /// Something older than all that waits has gone by `hop`.
    pub(crate) fn went(&mut self, hop: NodeId) {
        self.lines.iter_mut().for_each(|line| line.went(hop));
    }

    /// `by` has confirmed what it was sent before this flush. Says whether something may be drained now.
    pub(crate) fn confirmed(&mut self, by: NodeId, flush: u64) -> bool {
        let Some(asked) = self.lines.iter_mut().position(|line| line.confirmed(by, flush)) else { return false };
        // It was asked after the last of those before had gone, or its flush would not count any more.
        self.lines[..asked].iter_mut().for_each(|line| line.arrived(by));
        self.settle()
    }

    /// `node` is lost: nothing that was sent by it can be confirmed any more. Says whether something may be drained now.
    pub(crate) fn lost(&mut self, node: NodeId) -> bool {
        self.lines.iter_mut().for_each(|line| line.arrived(node));
        self.settle()
    }

    /// Order does not matter any more. Says whether something may be drained now.
    pub(crate) fn forget(&mut self) -> bool {
        self.lines.iter_mut().for_each(Line::forget);
        self.settle()
    }

    /// Ends a wait that has taken long enough. Says whether something is to be drained, and whether for lack of a
    /// confirmation.
    pub(crate) fn time_out(&mut self, now: Instant) -> Option<Unconfirmed> {
        let settled = self.settle().then_some(Unconfirmed(false));
        self.first()?.time_out(now).or(settled)
    }

    /// When [`Self::time_out`] has something to do.
    pub(crate) fn until(&self) -> Option<Instant> {
        let first = self.lines.iter().find(|line| line.waits())?;
        if first.is_settled() { Some(Instant::START) } else { first.until() }
    }

    /// The first letter that waited, while what waited is drained. At its end the track is free.
    pub(crate) fn front(&mut self) -> Option<(&L, Rank)> {
        for line in &mut self.lines {
            // A line that was drained to its end is free, and lets the next one go.
            let _ = line.front();
            line.settle();
            if line.waits() {
                break;
            }
        }
        let (line, rank) = self.lines.iter_mut().zip(RANKS).find(|(line, _)| line.waits())?;
        line.front().map(|letter| (letter, rank))
    }

    /// Takes out the letter that [`Self::front`] showed.
    pub(crate) fn pop(&mut self) -> Option<(L, Rank)> {
        let (_, rank) = self.front()?;
        Some((self.lines[rank as usize].pop()?, rank))
    }

    /// Takes out everything that waits, in order.
    pub(crate) fn clear(&mut self) -> Vec<L> {
        self.lines.iter_mut().flat_map(Line::clear).collect()
    }

    fn first(&mut self) -> Option<&mut Line<L>> {
        self.lines.iter_mut().find(|line| line.waits())
    }

    fn settle(&mut self) -> bool {
        self.first().is_some_and(Line::settle)
    }
}
