//! Owns the calls that have been passed on to one next hop, in the order in which they went, for as long as their callers
//! wait. Never knows what becomes of them there.

use std::collections::VecDeque;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use swarm_net::transport::FrameNo;

use crate::hash::HashMap;

/// How many are remembered: some seconds of them at a busy relay. The callers of older ones learn of a loss by their
/// deadline.
const REMEMBERED_MAX: usize = 65_536;

/// A call in the whole cluster: the node that waits for its answer, and the number of its request there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallId {
    pub(crate) node: NodeId,
    pub(crate) request: u64,
}

/// The calls of one next hop. `C` is whom to tell.
pub(crate) struct PassedCalls<C> {
    calls: VecDeque<Passed<C>>,
    /// The number of the first of them.
    first: u64,
    /// Under which number each stands that this node still answers for.
    numbers: HashMap<CallId, u64>,
}

struct Passed<C> {
    frame: FrameNo,
    due: Instant,
    id: CallId,
    /// `None`: it is elsewhere by now.
    caller: Option<C>,
}

impl<C> Default for PassedCalls<C> {
    fn default() -> Self {
        Self { calls: VecDeque::new(), first: 0, numbers: HashMap::default() }
    }
}

impl<C> PassedCalls<C> {
    /// One has gone as this frame.
    pub(crate) fn add(&mut self, now: Instant, frame: FrameNo, due: Instant, (id, caller): (CallId, C)) {
        self.expire(now);
        if self.calls.len() >= REMEMBERED_MAX {
            self.pop();
        }
        // One that has gone here before stands and falls with how it went last.
        self.forget(id);
        self.numbers.insert(id, self.first + self.calls.len() as u64);
        self.calls.push_back(Passed { frame, due, id, caller: Some(caller) });
    }

    /// This one is elsewhere by now: the loss of this hop is not its loss.
    pub(crate) fn forget(&mut self, id: CallId) {
        if let Some(number) = self.numbers.remove(&id)
            && let Some(call) = usize::try_from(number - self.first).ok().and_then(|at| self.calls.get_mut(at))
        {
            call.caller = None;
        }
    }

    /// Forgets those whose callers do not wait any more.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self.calls.front().is_some_and(|call| call.due <= now || call.caller.is_none()) {
            self.pop();
        }
    }

    /// The connection was lost: takes out all up to the frame `gone`, and gives those up to `claimed`.
    pub(crate) fn lose(&mut self, claimed: FrameNo, gone: FrameNo) -> Vec<C> {
        let mut lost = Vec::new();
        while self.calls.front().is_some_and(|call| call.frame <= gone) {
            let call = self.pop();
            lost.extend(call.filter(|(frame, _)| *frame <= claimed).and_then(|(_, caller)| caller));
        }
        lost
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.first += self.calls.len() as u64;
        self.calls.clear();
        self.numbers.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    fn pop(&mut self) -> Option<(FrameNo, Option<C>)> {
        let Passed { frame, id, caller, .. } = self.calls.pop_front()?;
        if caller.is_some() {
            self.numbers.remove(&id);
        }
        self.first += 1;
        Some((frame, caller))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(request: u64) -> CallId {
        CallId { node: NodeId::new(([127, 0, 0, 1], 1).into(), 1), request }
    }

    fn at(ms: u64) -> Instant {
        Instant::START + Duration::from_millis(ms)
    }

    /// Calls 1 to 5, each as the frame of its number, due at ten times as many milliseconds.
    fn five() -> PassedCalls<u64> {
        let mut calls = PassedCalls::default();
        for n in 1..6 {
            calls.add(at(0), FrameNo(n), at(10 * n), (id(n), n));
        }
        calls
    }

    #[test]
    fn a_loss_concerns_what_was_claimed_and_forgets_what_came_back() {
        let mut calls = five();
        assert_eq!(calls.lose(FrameNo(2), FrameNo(4)), [1, 2]);
        assert_eq!(calls.lose(FrameNo(9), FrameNo(9)), [5]);
        assert!(calls.is_empty() && calls.numbers.is_empty());
    }

    #[test]
    fn what_is_elsewhere_is_not_lost() {
        let mut calls = five();
        for n in [3, 1, 3, 77] {
            calls.forget(id(n));
        }
        calls.add(at(0), FrameNo(6), at(60), (id(2), 22));
        assert_eq!(calls.lose(FrameNo(9), FrameNo(9)), [4, 5, 22], "each as it went last");
        assert!(calls.is_empty() && calls.numbers.is_empty());
    }

    #[test]
    fn what_nobody_waits_for_is_forgotten() {
        let mut calls = five();
        calls.forget(id(3));
        calls.expire(at(20));
        calls.forget(id(1));
        assert_eq!(calls.numbers.len(), 2);
        assert_eq!(calls.lose(FrameNo(9), FrameNo(9)), [4, 5]);
        let mut calls = five();
        calls.clear();
        calls.forget(id(1));
        assert!(calls.is_empty() && calls.numbers.is_empty());
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut calls = PassedCalls::default();
        for n in 0..REMEMBERED_MAX as u64 + 10 {
            calls.add(at(0), FrameNo(n), at(10), (id(n), n));
        }
        assert_eq!((calls.calls.len(), calls.numbers.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        calls.forget(id(10));
        assert_eq!(calls.lose(FrameNo(11), FrameNo(11)), [11]);
    }
}
