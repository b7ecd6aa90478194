//! Owns what one other node has sent here and has not found its place yet: held, at a gate, or on its way to a third
//! node. It answers that node's flushes (protocol §8, rule L). What finds its place at once is never counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::frame::Visits;
use crate::runtime::lane::LaneId;

/// How many flushes of one connection may wait: as many letters wait in all lanes of a node in good faith at most
/// (`WAITING_MAX` of `lanes`), each of them behind no more than one flush at a time.
const FLUSHES_MAX: usize = 65_536;

/// Tells the sender that everything of a lane before its flush has found its place.
pub(crate) type Confirm = Box<dyn Fn(LaneId, u64) + Send + Sync>;

/// The unconfirmed frames of one connection.
pub(crate) struct Upstream {
    state: Mutex<State>,
    confirm: Confirm,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Flushes that wait, in all lanes.
    flushes: usize,
    /// Only lanes of which something is open stand here.
    lanes: BTreeMap<LaneId, OpenLane>,
}

/// Both are kept by how often the sender had had them before, which is at most [`Visits::MAX`], so that whatever a sender does, a frame
/// that finds its place costs no more than a look at so many of each.
#[derive(Default)]
struct OpenLane {
    /// What has not found its place yet, by number.
    open: BTreeMap<Visits, BTreeSet<u64>>,
    /// Flushes that wait, in the order in which they came. They ask for what the sender had had so often before, or more often.
    flushes: BTreeMap<Visits, VecDeque<Flush>>,
}

struct Flush {
    /// The number that `next` had when it came.
    next: u64,
    id: u64,
}

impl OpenLane {
    /// The oldest of what is open and had been with the sender so often before, or more often.
    fn oldest(&self, visits: Visits) -> Option<u64> {
        self.open.range(visits..).filter_map(|(_, numbers)| numbers.first().copied()).min()
    }

    fn close(&mut self, visits: Visits, number: u64) {
        if let Some(numbers) = self.open.get_mut(&visits) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.open.remove(&visits);
            }
        }
    }

    /// Takes out the flushes that need not wait any more. One that came later asks for more, so of each kind only the first are
    /// looked at.
    fn settled(&mut self) -> Vec<Flush> {
        let (mut done, mut oldest) = (Vec::new(), u64::MAX);
        let mut open = self.open.iter().rev().peekable();
        for (visits, waiting) in self.flushes.iter_mut().rev() {
            while let Some((_, numbers)) = open.next_if(|(of, _)| *of >= visits) {
                oldest = numbers.first().map_or(oldest, |first| oldest.min(*first));
            }
            let count = waiting.iter().take_while(|flush| flush.next <= oldest).count();
            done.extend(waiting.drain(..count));
        }
        self.flushes.retain(|_, waiting| !waiting.is_empty());
        done
    }
}

/// Keeps a frame unconfirmed for as long as it lives.
#[must_use = "dropping it confirms the frame"]
pub(crate) struct Unconfirmed {
    upstream: Arc<Upstream>,
    lane: LaneId,
    visits: Visits,
    number: u64,
}

impl Upstream {
    /// A connection from which nothing has come yet.
    pub(crate) fn new(confirm: Confirm) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), confirm })
    }

    /// Keeps the frame that is being handled, one of this lane, unconfirmed. Its sender had had it so often before.
    pub(crate) fn keep(self: &Arc<Self>, lane: LaneId, visits: Visits) -> Unconfirmed {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.lanes.entry(lane).or_default().open.entry(visits).or_default().insert(number);
        Unconfirmed { upstream: self.clone(), lane, visits, number }
    }

    /// The sender asks to be told when everything of this lane until now has found its place that it had had so often
    /// before, or more often. What has come round to it and waits there must not wait for itself. False if too many wait: then
    /// this one is never answered.
    #[must_use = "the sender waits for an answer until its connection is lost"]
    pub(crate) fn flush(&self, lane: LaneId, visits: Visits, id: u64) -> bool {
        let mut state = self.lock();
        let State { next, flushes, lanes } = &mut *state;
        if let Some(open) = lanes.get_mut(&lane)
            && open.oldest(visits).is_some()
        {
            let room = *flushes < FLUSHES_MAX;
            if room {
                *flushes += 1;
                open.flushes.entry(visits).or_default().push_back(Flush { next: *next, id });
            }
            return room;
        }
        drop(state);
        (self.confirm)(lane, id);
        true
    }

    /// Whether everything has found its place.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().lanes.is_empty()
    }

    fn release(&self, lane: LaneId, visits: Visits, number: u64) {
        let mut state = self.lock();
        let Some(of) = state.lanes.get_mut(&lane) else { return };
        of.close(visits, number);
        let done = of.settled();
        if of.open.is_empty() {
            state.lanes.remove(&lane);
        }
        state.flushes -= done.len();
        drop(state);
        for flush in done {
            (self.confirm)(lane, flush.id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Unconfirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unconfirmed({})", self.number)
    }
}

impl Drop for Unconfirmed {
    fn drop(&mut self) {
        self.upstream.release(self.lane, self.visits, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    const LANE: LaneId = LaneId(7);

    fn upstream() -> (Arc<Upstream>, mpsc::Receiver<u64>) {
        let (told, heard) = mpsc::channel();
        (Upstream::new(Box::new(move |_, id| told.send(id).expect("the test listens"))), heard)
    }

    #[test]
    fn a_flush_with_nothing_before_it_is_confirmed_at_once() {
        let (upstream, heard) = upstream();
        assert!(upstream.flush(LANE, Visits(0), 1));
        assert_eq!(heard.try_recv(), Ok(1));
    }

    #[test]
    fn a_flush_waits_for_what_came_before_it_and_for_nothing_else() {
        let (upstream, heard) = upstream();
        let (first, second) = (upstream.keep(LANE, Visits(0)), upstream.keep(LANE, Visits(0)));
        assert!(upstream.flush(LANE, Visits(0), 1));
        let third = upstream.keep(LANE, Visits(0));
        assert!(upstream.flush(LANE, Visits(0), 2));
        drop(second);
        assert_eq!(heard.try_recv().ok(), None);
        drop(first);
        assert_eq!(heard.try_recv(), Ok(1));
        assert_eq!(heard.try_recv().ok(), None, "the third is still held");
        drop(third);
        assert_eq!(heard.try_recv(), Ok(2));
    }

    #[test]
    fn a_flush_of_one_lane_does_not_wait_for_another() {
        let (upstream, heard) = upstream();
        let _other = upstream.keep(LaneId(8), Visits(0));
        assert!(upstream.flush(LANE, Visits(0), 1));
        assert_eq!(heard.try_recv(), Ok(1));
    }

    #[test]
    fn a_flush_for_what_has_come_round_waits_for_nothing_younger() {
        let (upstream, heard) = upstream();
        let _first_visit = upstream.keep(LANE, Visits(0));
        let round = upstream.keep(LANE, Visits(1));
        assert!(upstream.flush(LANE, Visits(2), 1));
        assert_eq!(heard.try_recv(), Ok(1));
        assert!(upstream.flush(LANE, Visits(1), 2));
        assert_eq!(heard.try_recv().ok(), None);
        drop(round);
        assert_eq!(heard.try_recv(), Ok(2));
    }

    /// Held against what is meant by it: each flush waits for all that came before it and had been with the sender as often.
    #[test]
    fn whatever_comes_each_flush_waits_for_what_it_asks_for() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            let (upstream, heard) = upstream();
            let (mut open, mut waiting, mut tokens) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            let mut told = BTreeSet::new();
            for number in 0..60_u64 {
                let visits = Visits(rng.random_range(0..4));
                match rng.random_range(0..3) {
                    0 => {
                        tokens.insert(number, upstream.keep(LANE, visits));
                        open.insert(number, visits);
                    }
                    1 => {
                        assert!(upstream.flush(LANE, visits, number));
                        waiting.insert(number, visits);
                    }
                    _ => {
                        let chosen = rng.random_range(0..=number);
                        if let Some((number, token)) =
                            tokens.range(..=chosen).next_back().map(|(n, _)| *n).and_then(|n| tokens.remove_entry(&n))
                        {
                            open.remove(&number);
                            drop(token);
                        }
                    }
                }
                told.extend(heard.try_iter());
                let meant =
                    |(id, visits): (&u64, &Visits)| open.range(..id).all(|(_, of): (&u64, &Visits)| of < visits);
                for flush in &waiting {
                    assert_eq!(told.contains(flush.0), meant(flush), "{flush:?} of {open:?}");
                }
            }
        }
    }

    /// Ten thousand frames and as many flushes of one lane: to look at all of them for each would take hours.
    #[test]
    fn what_many_flushes_wait_for_is_released_in_time() {
        let (upstream, heard) = upstream();
        let count = 10_000;
        let visits = |number: u64| Visits((number % 256) as u8);
        let last = upstream.keep(LANE, Visits::MAX);
        let open: Vec<_> = (0..count).map(|number| upstream.keep(LANE, visits(number))).collect();
        assert!((0..count).all(|id| upstream.flush(LANE, visits(id), id)));
        drop(open);
        assert_eq!(heard.try_iter().count(), 0, "all of them ask for one that is open");
        drop(last);
        assert_eq!(heard.try_iter().count() as u64, count);
    }

    #[test]
    fn no_more_flushes_wait_than_one_in_good_faith_lets_wait() {
        let (upstream, heard) = upstream();
        let open = upstream.keep(LANE, Visits(0));
        assert!((0..FLUSHES_MAX as u64).all(|id| upstream.flush(LANE, Visits(0), id)));
        assert!(!upstream.flush(LANE, Visits(0), u64::MAX), "one too many");
        assert!(upstream.flush(LaneId(8), Visits(0), 1), "what need not wait is answered");
        assert_eq!(heard.try_recv(), Ok(1));
        drop(open);
        assert_eq!(heard.try_iter().count(), FLUSHES_MAX);
        let _open = upstream.keep(LANE, Visits(0));
        assert!(upstream.flush(LANE, Visits(0), 2), "there is room again");
    }
}
