//! Owns what this node has passed on for others and is still answerable for: until the next hop has confirmed it, the
//! node before must not be told that it has found its place; and if the next hop is lost, its caller must be told.
//! Never sends anything itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use swarm_net::transport::FrameNo;

use crate::call::frame::Visits;
use crate::runtime::lane::{Lane, LaneId};
use crate::runtime::passed::{CallId, PassedCalls};

/// A letter that has no deadline, as what is published, is kept unconfirmed for so long: twice what a lane waits for a
/// confirmation. Two relays whose letters have crossed may each wait for the other's; what does not run any more need not be
/// waited for.
const KEPT_MAX: Duration = Duration::from_secs(10);

/// How often to look for what need not be waited for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Marks the numbers of relays' flushes, so that they are never taken for a lane's.
const FLUSH_MARK: u64 = 1 << 63;

/// The relayed letters of one node, by next hop. `T` keeps one unconfirmed to the node before, `C` is whom to tell.
pub(crate) struct Relays<T, C>(Mutex<Open<T, C>>);

struct Open<T, C> {
    flushes_made: u64,
    /// When to look for what need not be waited for.
    look_at: Instant,
    onward: BTreeMap<NodeId, Onward<T, C>>,
}

struct Onward<T, C> {
    /// Only lanes of which something is not confirmed stand here.
    lanes: BTreeMap<LaneId, Unconfirmed<T>>,
    calls: PassedCalls<C>,
}

/// Frames, each with what keeps it unconfirmed to the node before, if anything does.
type Passed<T> = Vec<(FrameNo, Option<Token<T>>)>;

/// What keeps a frame unconfirmed, and until when at most.
type Token<T> = (Instant, T);

struct Unconfirmed<T> {
    lane: Lane,
    /// Not asked for yet.
    fresh: Passed<T>,
    /// Confirmed together by the flush of this number.
    asked: Option<(u64, Passed<T>)>,
    /// What has come round, by flush. Each is asked for by itself: what is waited for by those that come after it must not
    /// be confirmed together with them.
    round: BTreeMap<u64, (FrameNo, Visits, Option<Token<T>>)>,
}

/// What a confirmation leaves to be done.
pub(crate) struct Confirmed<T> {
    /// To be dropped outside of all locks.
    pub(crate) tokens: Vec<T>,
    /// The next flush that the next hop is to be asked.
    pub(crate) next: Option<u64>,
    /// The lane, if nothing of it is unconfirmed any more.
    pub(crate) all_of: Option<Lane>,
}

/// What the loss of a next hop leaves.
pub(crate) struct Lost<T, C> {
    /// These calls may or may not have run.
    pub(crate) calls: Vec<C>,
    /// Nobody will confirm these: to be dropped, outside of all locks.
    pub(crate) tokens: Vec<T>,
    /// The flushes that the next hop is to be asked, for what has been sent since.
    pub(crate) flushes: Vec<(LaneId, Visits, u64)>,
}

impl<T> Default for Confirmed<T> {
    fn default() -> Self {
        Self { tokens: Vec::new(), next: None, all_of: None }
    }
}

impl<T, C> Default for Relays<T, C> {
    fn default() -> Self {
        Self(Mutex::new(Open { flushes_made: 0, look_at: Instant::START, onward: BTreeMap::new() }))
    }
}

impl<T, C> Default for Onward<T, C> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), calls: PassedCalls::default() }
    }
}

impl<T, C> Relays<T, C> {
    /// Another node's letter of this lane, which had been here so often before and is due then, went on to `to` as frame `no`.
    /// Returns a flush that `to` is to be asked.
    pub(crate) fn passed_on(
        &self,
        (now, due): (Instant, Instant),
        (to, no): (NodeId, FrameNo),
        (lane, id, visits): (Lane, LaneId, Visits),
        token: Option<T>,
        call: Option<(CallId, C)>,
    ) -> Option<u64> {
        let mut open = self.lock();
        let Open { flushes_made, onward, .. } = &mut *open;
        let onward = onward.entry(to).or_default();
        let token = token.map(|token| (due.min(now + KEPT_MAX), token));
        if let Some(call) = call {
            onward.calls.add(now, no, due, call);
        }
        let lane = onward.lanes.entry(id).or_insert_with(|| Unconfirmed::of(lane));
        if visits > Visits(0) {
            let flush = number(flushes_made);
            lane.round.insert(flush, (no, visits, token));
            return Some(flush);
        }
        lane.fresh.push((no, token));
        lane.ask(flushes_made)
    }

    /// A call that went on from here before has come round: whatever happens to the nodes that it went by, it is here.
    pub(crate) fn came_back(&self, call: CallId) {
        self.lock().onward.values_mut().for_each(|onward| onward.calls.forget(call));
    }

    /// The next hop has confirmed everything of a lane before this flush.
    pub(crate) fn confirmed(&self, to: NodeId, lane: LaneId, flush: u64) -> Confirmed<T> {
        let mut open = self.lock();
        let Open { flushes_made, onward: all, .. } = &mut *open;
        let Some(onward) = all.get_mut(&to) else { return Confirmed::default() };
        let Some(of) = onward.lanes.get_mut(&lane) else { return Confirmed::default() };
        let tokens = match of.round.remove(&flush) {
            Some((no, _, token)) => vec![(no, token)],
            None => of.asked.take_if(|(asked, _)| *asked == flush).map(|(_, tokens)| tokens).unwrap_or_default(),
        };
        let next = of.ask(flushes_made);
        let all_of = of.is_confirmed().then_some(of.lane);
        if all_of.is_some() {
            onward.lanes.remove(&lane);
        }
        if onward.is_idle() {
            all.remove(&to);
        }
        Confirmed { tokens: tokens.into_iter().filter_map(|(_, token)| Some(token?.1)).collect(), next, all_of }
    }

    /// The connection to `to` was lost. What was written on it up to `claimed` may or may not have run; so many frames
    /// after that came back; later ones wait for the next connection.
    pub(crate) fn lost(&self, to: NodeId, claimed: FrameNo, came_back: usize) -> Lost<T, C> {
        let mut open = self.lock();
        let Open { flushes_made, onward: all, .. } = &mut *open;
        let mut lost = Lost { calls: Vec::new(), tokens: Vec::new(), flushes: Vec::new() };
        let Some(onward) = all.get_mut(&to) else { return lost };
        let gone = FrameNo(claimed.0.saturating_add(came_back as u64));
        lost.calls = onward.calls.lose(claimed, gone);
        onward.lanes.retain(|lane, of| {
            let asked = of.asked.take().into_iter().flat_map(|(_, tokens)| tokens);
            let (over, later): (Vec<_>, Vec<_>) =
                asked.chain(std::mem::take(&mut of.fresh)).partition(|(no, _)| *no <= gone);
            lost.tokens.extend(over.into_iter().filter_map(|(_, token)| Some(token?.1)));
            of.fresh = later;
            lost.flushes.extend(of.ask(flushes_made).map(|flush| (*lane, Visits(0), flush)));
            for (_, (no, visits, token)) in std::mem::take(&mut of.round) {
                if no <= gone {
                    lost.tokens.extend(token.map(|(_, token)| token));
                } else {
                    let flush = number(flushes_made);
                    of.round.insert(flush, (no, visits, token));
                    lost.flushes.push((*lane, visits, flush));
                }
            }
            !of.is_confirmed()
        });
        if onward.is_idle() {
            all.remove(&to);
        }
        lost
    }

    /// Whether everything of a lane that was passed on to `to` is confirmed.
    pub(crate) fn is_confirmed(&self, to: NodeId, lane: LaneId) -> bool {
        self.lock().onward.get(&to).is_none_or(|onward| !onward.lanes.contains_key(&lane))
    }

    /// Forgets calls whose callers do not wait any more. Gives what has kept letters unconfirmed that do not run any more: to
    /// be dropped, outside of all locks.
    #[must_use = "dropping them confirms the letters, which sends frames"]
    pub(crate) fn expire(&self, now: Instant) -> Vec<T> {
        let mut open = self.lock();
        let looks = open.look_at <= now && !open.onward.is_empty();
        if looks {
            open.look_at = now + LOOK_EVERY;
        }
        let mut tokens = Vec::new();
        open.onward.retain(|_, onward| {
            onward.calls.expire(now);
            if looks {
                tokens.extend(onward.lanes.values_mut().flat_map(|of| of.expired(now)));
            }
            !onward.is_idle()
        });
        tokens
    }

    /// Whether nothing is remembered.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().onward.is_empty()
    }

    /// This node goes: what it has passed on stands and falls with others from now on, who have confirmed that they have it.
    pub(crate) fn forget_calls(&self) {
        self.lock().onward.values_mut().for_each(|onward| onward.calls.clear());
    }

    /// Whether everything that was passed on is confirmed.
    pub(crate) fn are_confirmed(&self) -> bool {
        self.lock().onward.values().all(|onward| onward.lanes.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, Open<T, C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a flush of this number is one of the relays'.
pub(crate) fn is_relayed(flush: u64) -> bool {
    flush & FLUSH_MARK != 0
}

impl<T, C> Onward<T, C> {
    fn is_idle(&self) -> bool {
        self.lanes.is_empty() && self.calls.is_empty()
    }
}

fn number(flushes_made: &mut u64) -> u64 {
    *flushes_made += 1;
    *flushes_made | FLUSH_MARK
}

impl<T> Unconfirmed<T> {
    fn of(lane: Lane) -> Self {
        Self { lane, fresh: Vec::new(), asked: None, round: BTreeMap::new() }
    }

    fn is_confirmed(&self) -> bool {
        self.fresh.is_empty() && self.asked.is_none() && self.round.is_empty()
    }

    /// Takes out what need not be waited for. The flushes that ask for it stay under way.
    fn expired(&mut self, now: Instant) -> Vec<T> {
        let asked = self.asked.iter_mut().flat_map(|(_, asked)| asked);
        let tokens = asked.chain(&mut self.fresh).map(|(_, token)| token);
        let all = tokens.chain(self.round.values_mut().map(|(.., token)| token));
        all.filter_map(|token| token.take_if(|(until, _)| *until <= now).map(|(_, token)| token)).collect()
    }

    /// One flush of a lane is under way at a time; it covers what came before it.
    fn ask(&mut self, flushes_made: &mut u64) -> Option<u64> {
        if self.asked.is_some() || self.fresh.is_empty() {
            return None;
        }
        let flush = number(flushes_made);
        self.asked = Some((flush, std::mem::take(&mut self.fresh)));
        Some(flush)
    }
}

#[cfg(test)]
mod tests {
    use swarm_net::ring::PartitionId;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::START + Duration::from_millis(ms)
    }

    /// The letters of two relays had crossed, and each waited for the other's confirmation long after they were overdue.
    #[test]
    fn what_does_not_run_any_more_is_not_waited_for() {
        let node = |n: u64| NodeId::new(([127, 0, 0, 1], 1).into(), n);
        let (to, lane) = (node(2), Lane { caller: Some(node(3)), partition: PartitionId(0) });
        let id = lane.id(node(1));
        let relays = Relays::<&str, ()>::default();
        let pass = |no, due, visits, token| {
            relays.passed_on((at(0), due), (to, FrameNo(no)), (lane, id, Visits(visits)), Some(token), None)
        };
        let flush = pass(1, at(5_000), 0, "asked").expect("the first one is asked for");
        assert_eq!(pass(2, at(9_000), 0, "fresh"), None);
        assert!(pass(3, at(5_000), 1, "round").is_some());
        assert!(relays.expire(at(4_999)).is_empty());
        assert!(relays.expire(at(5_500)).is_empty(), "not so soon again");
        assert_eq!(relays.expire(at(6_000)), ["asked", "round"]);
        let Confirmed { tokens, next, .. } = relays.confirmed(to, id, flush);
        assert!(tokens.is_empty() && next.is_some(), "the flush was under way all the same");
        assert_eq!(relays.expire(at(9_000)), ["fresh"]);
        assert!(pass(4, at(u64::MAX / 2_000_000), 1, "no deadline").is_some());
        assert_eq!(relays.expire(at(10_000)), ["no deadline"]);
    }

    /// Its sender had queued a frame, and noted it only after the loss of its connection had been worked off.
    #[test]
    fn what_is_noted_after_a_loss_is_found_by_looking_again() {
        let node = |n: u64| NodeId::new(([127, 0, 0, 1], 1).into(), n);
        let (to, lane) = (node(2), Lane { caller: Some(node(3)), partition: PartitionId(0) });
        let id = lane.id(node(1));
        let relays = Relays::<u64, u64>::default();
        let pass = |no| {
            let call = (CallId { node: node(3), request: no }, no);
            relays.passed_on((at(0), at(5_000)), (to, FrameNo(no)), (lane, id, Visits(0)), Some(no), Some(call))
        };
        let (claimed, came_back) = (FrameNo(1), 1);
        assert_eq!(relays.lost(to, claimed, came_back).calls, [0; 0]);
        for no in [1, 2, 3] {
            pass(no);
        }
        let Lost { calls, tokens, flushes } = relays.lost(to, claimed, came_back);
        assert_eq!(calls, [1], "the second came back, the third is on another connection");
        assert_eq!(tokens, [1, 2]);
        let [(of, _, flush)] = flushes[..] else { panic!("the third is asked for: {flushes:?}") };
        assert_eq!((of, relays.confirmed(to, id, flush).tokens), (id, vec![3]));
    }
}
