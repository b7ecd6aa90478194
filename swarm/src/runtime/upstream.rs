//! Owns what one other node has sent here and has not found its place yet: held, at a gate, or on its way to a third
//! node. It answers that node's flushes (protocol §8, rule L). What finds its place at once is never counted.

use std::collections::BTreeMap;
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

#[derive(Default)]
struct OpenLane {
    /// By number, with how often the sender had had it before.
    open: BTreeMap<u64, Visits>,
    /// Flushes that wait, in the order in which they came.
    flushes: Vec<Flush>,
}

struct Flush {
    /// The number that `next` had when it came.
    next: u64,
    /// It asks for what the sender had had as often before, or more often.
    visits: Visits,
    id: u64,
}

impl OpenLane {
    fn is_settled(&self, flush: &Flush) -> bool {
        self.open.range(..flush.next).all(|(_, visits)| *visits < flush.visits)
    }
}

/// Keeps a frame unconfirmed for as long as it lives.
#[must_use = "dropping it confirms the frame"]
pub(crate) struct Unconfirmed {
    upstream: Arc<Upstream>,
    lane: LaneId,
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
        state.lanes.entry(lane).or_default().open.insert(number, visits);
        Unconfirmed { upstream: self.clone(), lane, number }
    }

    /// The sender asks to be told when everything of this lane until now has found its place that it had had so often
    /// before, or more often. What has come round to it and waits there must not wait for itself. False if too many wait: then
    /// this one is never answered.
    #[must_use = "the sender waits for an answer until its connection is lost"]
    pub(crate) fn flush(&self, lane: LaneId, visits: Visits, id: u64) -> bool {
        let mut state = self.lock();
        let State { next, flushes, lanes } = &mut *state;
        let flush = Flush { next: *next, visits, id };
        if let Some(open) = lanes.get_mut(&lane)
            && !open.is_settled(&flush)
        {
            let room = *flushes < FLUSHES_MAX;
            if room {
                *flushes += 1;
                open.flushes.push(flush);
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

    fn release(&self, lane: LaneId, number: u64) {
        let mut state = self.lock();
        let Some(of) = state.lanes.get_mut(&lane) else { return };
        of.open.remove(&number);
        let flushes = std::mem::take(&mut of.flushes);
        let (done, waiting): (Vec<_>, Vec<_>) = flushes.into_iter().partition(|flush| of.is_settled(flush));
        of.flushes = waiting;
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
        self.upstream.release(self.lane, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

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
