//! Owns the order of one line of letters: it takes a new next hop only when everything that it sent by other hops has
//! found its place there (protocol §8, rule L). Never decides which hop that is, and never sends anything itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::rules::Rule;

/// How many letters may wait in one line: as many as a large mailbox holds.
pub(crate) const WAITING_MAX: usize = 4096;

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

/// How a letter comes to its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is new.
    New,
    /// It waited in its line, and is now its first.
    Drained,
}

/// One line of letters.
#[derive(Debug)]
pub(crate) struct Line<L> {
    /// The hops by which something is under way, as far as is known; and the flush that asks for its confirmation.
    out: BTreeMap<NodeId, Option<u64>>,
    wait: Option<Wait<L>>,
    /// How long it waits for confirmations.
    confirm_wait: Duration,
}

#[derive(Debug)]
struct Wait<L> {
    letters: VecDeque<L>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For the confirmations that were asked for, or for letters that go before these.
    Confirming { until: Instant },
    /// For a hop that could not be taken.
    Stalled { until: Instant },
    /// For nothing: somebody is sending what waited.
    Draining,
}

impl<L> Line<L> {
    pub(crate) fn new(confirm_wait: Duration) -> Self {
        Self { out: BTreeMap::new(), wait: None, confirm_wait }
    }

    /// Nothing is under way and nothing waits: a new letter may take any hop.
    pub(crate) fn is_idle(&self) -> bool {
        self.out.is_empty() && self.wait.is_none()
    }

    /// A new letter may take this hop at once.
    pub(crate) fn is_free(&self, hop: NodeId) -> bool {
        // All keys differ.
        let others = match self.out.first_key_value() {
            Some((out, _)) => self.out.len() > 1 || *out != hop,
            None => false,
        };
        self.wait.is_none() && !others
    }

    /// Letters wait, or one that waited is being sent.
    pub(crate) fn waits(&self) -> bool {
        self.wait.is_some()
    }

    /// The hops by which something may be under way.
    pub(crate) fn hops(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.out.keys().copied()
    }

    /// Something else has gone by `hop` as well. A flush that is under way was sent before it, so its confirmation will
    /// say nothing about it.
    pub(crate) fn went(&mut self, hop: NodeId) {
        // As nearly always.
        if self.out.len() == 1 && self.out.first_key_value() == Some((&hop, &None)) {
            return;
        }
        self.out.insert(hop, None);
    }

    /// Everything that went by `hop` has found its place.
    pub(crate) fn arrived(&mut self, hop: NodeId) {
        self.out.remove(&hop);
    }

    /// Nothing is known to be under way any more.
    pub(crate) fn forget(&mut self) {
        self.out.clear();
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
            match turn {
                Turn::New => wait.letters.push_back(letter),
                Turn::Drained => wait.letters.push_front(letter),
            }
            return Passage::Waits;
        }
        if Rule::Flush.holds() && self.out.keys().any(|out| Some(*out) != hop) {
            let asks = self.ask(hop, number);
            self.stop(letter, now);
            return Passage::Asks(asks);
        }
        match go(letter) {
            Ok(()) => {
                hop.into_iter().for_each(|hop| self.went(hop));
                Passage::Gone
            }
            Err((letter, wait)) => {
                self.first(letter, Phase::Stalled { until: now + wait });
                Passage::Stalled
            }
        }
    }

    /// Makes `letter` wait before all others until [`Self::settle`].
    pub(crate) fn stop(&mut self, letter: L, now: Instant) {
        self.first(letter, Phase::Confirming { until: now + self.confirm_wait });
    }

    /// `by` has confirmed what it was sent before this flush. Says whether that was asked.
    pub(crate) fn confirmed(&mut self, by: NodeId, flush: u64) -> bool {
        let asked = self.out.get(&by) == Some(&Some(flush));
        if asked {
            self.out.remove(&by);
        }
        asked
    }

    /// Whether nothing has to be confirmed before what waits can go.
    pub(crate) fn is_settled(&self) -> bool {
        self.wait.as_ref().is_some_and(|wait| matches!(wait.phase, Phase::Confirming { .. }))
            && self.out.values().all(Option::is_none)
    }

    /// What waits can be drained, if it need not wait. Says whether it can.
    pub(crate) fn settle(&mut self) -> bool {
        let settled = self.is_settled();
        if let Some(wait) = self.wait.as_mut().filter(|_| settled) {
            wait.phase = Phase::Draining;
        }
        settled
    }

    /// Ends a wait that has taken long enough. Says so, and whether for lack of a confirmation.
    pub(crate) fn time_out(&mut self, now: Instant) -> Option<Unconfirmed> {
        let wait = self.wait.as_mut()?;
        let unconfirmed = match wait.phase {
            Phase::Confirming { until } if until <= now => self.out.values().any(Option::is_some),
            Phase::Stalled { until } if until <= now => false,
            Phase::Confirming { .. } | Phase::Stalled { .. } | Phase::Draining => return None,
        };
        self.out.retain(|_, flush| flush.is_none());
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

    /// The first letter that waited, while what waited is drained. At its end the line is free.
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

    #[cfg(test)]
    pub(crate) fn describe(&self) -> String
    where
        L: crate::runtime::lane::Passenger,
    {
        let waits = self.wait.as_ref().map(|wait| {
            (wait.phase, wait.letters.iter().map(|letter| letter.name().as_str().to_owned()).collect::<Vec<_>>())
        });
        format!("out {:?} {waits:?}", self.out)
    }

    /// Asks all hops but this one.
    fn ask(&mut self, but: Option<NodeId>, mut number: impl FnMut() -> u64) -> Vec<(NodeId, u64)> {
        let others = self.out.iter_mut().filter(|(hop, _)| Some(**hop) != but);
        others.map(|(hop, flush)| (*hop, *flush.insert(number()))).collect()
    }

    fn first(&mut self, letter: L, phase: Phase) {
        let wait = self.wait.get_or_insert_with(|| Wait { letters: VecDeque::new(), phase });
        wait.letters.push_front(letter);
        wait.phase = phase;
    }
}

/// Whether a wait ended for lack of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unconfirmed(pub(crate) bool);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::START;

    fn node(n: u16) -> NodeId {
        NodeId::new(([127, 0, 0, 1], n).into(), u64::from(n))
    }

    /// Passes a letter, and says what became of it and whether it was sent.
    fn pass(line: &mut Line<u32>, hop: Option<u16>, letter: u32, turn: Turn) -> (Passage<u32>, bool) {
        let mut sent = false;
        let passage = line.pass(
            NOW,
            hop.map(node),
            letter,
            turn,
            || 7,
            |_| {
                sent = true;
                Ok(())
            },
        );
        (passage, sent)
    }

    fn line() -> Line<u32> {
        Line::new(Duration::from_secs(30))
    }

    #[test]
    fn a_new_hop_waits_for_the_old_ones_confirmation() {
        let mut line = line();
        assert_eq!(pass(&mut line, Some(1), 1, Turn::New), (Passage::Gone, true));
        assert_eq!(pass(&mut line, Some(1), 2, Turn::New), (Passage::Gone, true));
        assert_eq!(pass(&mut line, None, 3, Turn::New), (Passage::Asks(vec![(node(1), 7)]), false));
        assert_eq!(pass(&mut line, Some(1), 4, Turn::New), (Passage::Waits, false), "nor does anything overtake it");
        assert!(!line.confirmed(node(2), 7), "nobody asked that node");
        assert!(!line.settle());
        assert!(line.confirmed(node(1), 7));
        assert!(line.settle());
        assert_eq!(line.front(), Some(&3));
        assert_eq!(line.pop(), Some(3));
        assert_eq!(pass(&mut line, None, 3, Turn::Drained), (Passage::Gone, true));
        assert_eq!(pass(&mut line, None, 5, Turn::New), (Passage::Waits, false), "one that waited is older");
        assert_eq!((line.pop(), line.pop(), line.front()), (Some(4), Some(5), None));
        assert!(line.is_idle());
    }

    #[test]
    fn a_confirmation_says_nothing_of_what_was_sent_after_its_flush() {
        let mut line = line();
        pass(&mut line, Some(1), 1, Turn::New);
        pass(&mut line, None, 2, Turn::New);
        line.went(node(1));
        assert!(!line.confirmed(node(1), 7));
        assert!(line.settle(), "what waits asks again");
        assert_eq!(line.pop(), Some(2));
        assert_eq!(pass(&mut line, None, 2, Turn::Drained), (Passage::Asks(vec![(node(1), 7)]), false));
    }

    #[test]
    fn what_cannot_go_is_tried_again_before_what_came_after_it() {
        let mut line = line();
        let stall = Duration::from_millis(1);
        let passage = line.pass(NOW, Some(node(1)), 1, Turn::New, || 7, |letter| Err((letter, stall)));
        assert_eq!(passage, Passage::Stalled);
        assert_eq!(pass(&mut line, Some(1), 2, Turn::New), (Passage::Waits, false));
        assert_eq!(line.time_out(NOW), None);
        assert_eq!(line.until(), Some(NOW + stall));
        assert_eq!(line.time_out(NOW + stall), Some(Unconfirmed(false)));
        assert_eq!((line.pop(), line.pop()), (Some(1), Some(2)));
    }

    #[test]
    fn a_confirmation_that_never_comes_ends_the_wait_and_is_told() {
        let mut line = line();
        pass(&mut line, Some(1), 1, Turn::New);
        pass(&mut line, Some(2), 2, Turn::New);
        let until = line.until().expect("it waits");
        assert_eq!(line.time_out(until), Some(Unconfirmed(true)));
        assert_eq!(line.pop(), Some(2));
        assert_eq!(pass(&mut line, Some(2), 2, Turn::Drained), (Passage::Gone, true));
    }

    #[test]
    fn a_line_is_bounded() {
        let mut line = line();
        pass(&mut line, Some(1), 0, Turn::New);
        for letter in 0..u32::try_from(WAITING_MAX).expect("a small number") {
            assert!(!pass(&mut line, None, letter, Turn::New).1);
        }
        assert_eq!(pass(&mut line, None, 1, Turn::New), (Passage::Full(1), false));
    }
}
