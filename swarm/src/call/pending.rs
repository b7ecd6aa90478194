//! Owns the calls of one node that wait for an answer: each has a slot, is answered exactly once, and ends by its due
//! time. Never knows how a message travels.
//!
//! A request's number is its slot's index and the slot's generation, so an answer that comes late finds nobody instead
//! of somebody else.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::call::crossed::Crossed;
use crate::call::deadline::Deadline;
use crate::call::slots::{NEVER, SLOTS_MAX, Slot, Slots};
use crate::call::wakes;
use crate::error::{CallError, Executed};
use crate::message::Payload;
use crate::name::Name;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, MutexGuard, Ordering};

/// The number of a waiting call, as it travels: generation above, slot below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Where the message of a waiting call is, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a queue of this node: it has not run, and will not after its due time.
    Here,
    /// Its handler has begun on this node.
    Begun,
    /// Handed out of a queue to be sent on: it may run elsewhere. [`Pending::retarget`] it when it is sent.
    Away,
    /// About to be given to the connection to `peer`, or given to it just now: [`Pending::sent`] tells its number.
    Sending {
        /// The next node on the way.
        peer: NodeId,
    },
    /// Given to the connection to `peer` as its frame number `frame`.
    Sent {
        /// The next node on the way.
        peer: NodeId,
        /// The number of the frame on its lane.
        frame: u64,
    },
}

/// What is known of a waiting call.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Whom it is for.
    pub name: Name,
    /// Until when it waits.
    pub deadline: Deadline,
    /// Where its message is.
    pub place: Place,
}

/// The answer to a call.
pub enum Answer {
    /// From another node.
    Payload(Payload),
    /// From a worker of this node: the value itself.
    Value(Box<dyn Any + Send>),
}

/// As many calls wait as the node allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} calls wait for an answer, this node's limit")]
pub struct Exhausted {
    /// The limit.
    pub limit: usize,
}

/// The waiting calls of one node.
pub struct Pending {
    slots: Slots<State>,
    taken: AtomicUsize,
    limit: usize,
    /// No due time is before this one.
    next_due: AtomicU64,
    sooner: Box<dyn Fn(Instant) + Send + Sync>,
    /// All that wait are told that their node stops, or have been.
    closed: AtomicBool,
    crossed: Crossed,
}

#[derive(Default)]
enum State {
    #[default]
    Free,
    Open(Waiting, Option<Waker>),
    Answered(Result<Answer, CallError>),
}

impl Pending {
    /// Room for `limit` waiting calls. `sooner` is called with the due time of a call that is due before all others.
    pub fn new(limit: usize, sooner: impl Fn(Instant) + Send + Sync + 'static) -> Self {
        Self {
            slots: Slots::new(),
            taken: AtomicUsize::new(0),
            limit: limit.min(SLOTS_MAX),
            next_due: AtomicU64::new(NEVER),
            sooner: Box::new(sooner),
            closed: AtomicBool::new(false),
            crossed: Crossed::default(),
        }
    }

    /// Opens a slot. Do this before the message is sent, so that the answer cannot come too early.
    ///
    /// # Errors
    /// If as many calls wait as are allowed.
    pub fn take(self: &Arc<Self>, waiting: Waiting) -> Result<Ticket, Exhausted> {
        self.open(waiting, self.limit)
    }

    /// As [`Pending::take`], for a call whose handler has begun on its caller's task: it cannot be refused any more, so
    /// it may go beyond the limit. There are at most as many of these as cells.
    ///
    /// # Errors
    /// If the table is full to the last slot.
    pub fn take_begun(self: &Arc<Self>, waiting: Waiting) -> Result<Ticket, Exhausted> {
        self.open(waiting, SLOTS_MAX)
    }

    fn open(self: &Arc<Self>, waiting: Waiting, limit: usize) -> Result<Ticket, Exhausted> {
        let exhausted = Exhausted { limit };
        if self.taken.fetch_add(1, Ordering::Relaxed) >= limit {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return Err(exhausted);
        }
        let Some(index) = self.slots.take() else {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return Err(exhausted);
        };
        let due = waiting.deadline.due.as_nanos();
        let generation = {
            let mut slot = self.slots.at(index);
            slot.state = State::Open(waiting, None);
            self.slots.due(index).store(due, Ordering::SeqCst);
            slot.generation
        };
        if self.next_due.fetch_min(due, Ordering::SeqCst) > due {
            (self.sooner)(Instant::from_nanos(due));
        }
        let request = RequestId(u64::from(generation) << 32 | u64::from(index));
        Ok(Ticket { pending: self.clone(), request, over: false })
    }

    /// Answers the call, unless it has an answer already or nobody waits any more. Says whether it did.
    pub fn complete(&self, request: RequestId, result: Result<Answer, CallError>) -> bool {
        self.complete_if(request, |_| Some(result))
    }

    /// Ends the call with the error that fits what is known of it, as [`Pending::fail_where`] does with all.
    pub fn fail(&self, request: RequestId, error: impl FnOnce(&Waiting) -> CallError) -> bool {
        self.complete_if(request, |waiting| Some(Err(error(waiting))))
    }

    fn complete_if(
        &self,
        request: RequestId,
        result: impl FnOnce(&mut Waiting) -> Option<Result<Answer, CallError>>,
    ) -> bool {
        self.find(request).is_some_and(|slot| self.end(slot, request.index(), result))
    }

    /// Ends the call of a slot as `result` says, if it is open and that says so.
    #[inline]
    fn end(
        &self,
        mut slot: MutexGuard<'_, Slot<State>>,
        index: u32,
        result: impl FnOnce(&mut Waiting) -> Option<Result<Answer, CallError>>,
    ) -> bool {
        let State::Open(waiting, waker) = &mut slot.state else {
            return false;
        };
        let Some(result) = result(waiting) else {
            return false;
        };
        let waker = waker.take();
        slot.state = State::Answered(result);
        self.slots.due(index).store(NEVER, Ordering::SeqCst);
        drop(slot);
        if let Some(waker) = waker {
            wakes::wake(waker);
        }
        true
    }

    /// As [`Pending::complete`], with an answer from another node: it counts only for a call that has left this one.
    pub fn complete_away(&self, request: RequestId, result: Result<Answer, CallError>) -> bool {
        self.complete_if(request, |waiting| match waiting.place {
            Place::Sending { .. } | Place::Sent { .. } | Place::Away => Some(result),
            Place::Here | Place::Begun => None,
        })
    }

    /// `by` says that it has lost `node`, to which it had sent the call on. By now the call may be elsewhere.
    pub fn lost_away(&self, request: RequestId, error: CallError, by: NodeId, node: NodeId) -> bool {
        self.complete_if(request, |waiting| {
            let counts = match waiting.place {
                Place::Sending { peer } | Place::Sent { peer, .. } => peer == node || peer == by,
                Place::Away => true,
                Place::Here | Place::Begun => false,
            };
            counts.then_some(Err(error))
        })
    }

    /// The node that the message was sent to has sent it on: the call now stands and falls with the next one. If that has sent it
    /// on as well, and this was heard before, it does with the one after it.
    pub fn handed_on(&self, request: RequestId, by: NodeId, to: NodeId) {
        let Some(mut slot) = self.find(request) else { return };
        let State::Open(waiting, _) = &mut slot.state else { return };
        let (Place::Sending { peer: at } | Place::Sent { peer: at, .. }) = waiting.place else { return };
        if at != by {
            return self.crossed.keep(request, by, to);
        }
        let mut peer = to;
        while let Some(next) = self.crossed.take(request, peer) {
            peer = next;
        }
        // Its frame there is another node's: it counts as claimed.
        waiting.place = Place::Sent { peer, frame: 0 };
    }

    /// From now on calls are told that their node stops: whose message has not begun by then must not begin, nor be sent.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether that is so. To be asked after a look at the call's slot has shown that nobody waits there.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Notes that the handler begins now. `false` if nobody waits: if the due time is past, or the table is closed, it must then
    /// not begin.
    pub fn begin(&self, request: RequestId) -> bool {
        self.retarget(request, Place::Begun)
    }

    /// The message has come back to this node, and has not run. Until when it is waited for; `None` if nobody waits any more.
    pub fn come_home(&self, request: RequestId) -> Option<Deadline> {
        let mut slot = self.find(request)?;
        let State::Open(waiting, _) = &mut slot.state else { return None };
        waiting.place = Place::Here;
        self.crossed.forget(request);
        Some(waiting.deadline)
    }

    /// Notes where the message is now. `false` if nobody waits for its answer any more.
    pub fn retarget(&self, request: RequestId, place: Place) -> bool {
        let Some(mut slot) = self.find(request) else {
            return false;
        };
        let State::Open(waiting, _) = &mut slot.state else {
            return false;
        };
        waiting.place = place;
        true
    }

    /// The message is frame number `frame` of the connection to `peer`, unless it has gone on or come back since. If `lost` then
    /// says that the frame went down with a connection, the call ends with `error`: who looked for the calls of that connection
    /// may not have known yet that this one was among them.
    pub fn sent(
        &self,
        request: RequestId,
        (peer, frame): (NodeId, u64),
        lost: impl FnOnce() -> bool,
        error: impl FnOnce(&Name) -> CallError,
    ) {
        self.complete_if(request, |waiting| {
            match waiting.place {
                Place::Sending { peer: to } if to == peer => {}
                // It came back, and another thread was quicker to send it anew.
                Place::Sent { peer: to, frame: before } if to == peer && before < frame => {}
                Place::Sending { .. } | Place::Sent { .. } | Place::Here | Place::Begun | Place::Away => return None,
            }
            waiting.place = Place::Sent { peer, frame };
            lost().then(|| Err(error(&waiting.name)))
        });
    }

    /// No call is due before this instant; `None` if none is due at all. After [`Pending::expire`] it is exact.
    pub fn next_due(&self) -> Option<Instant> {
        match self.next_due.load(Ordering::SeqCst) {
            NEVER => None,
            due => Some(Instant::from_nanos(due)),
        }
    }

    /// Whether any call has no answer yet.
    pub fn is_waited_on(&self) -> bool {
        self.slots.indices().any(|index| self.slots.due(index).load(Ordering::SeqCst) != NEVER)
    }

    /// How many calls wait or have not fetched their answer.
    pub fn len(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether nobody waits.
    #[cfg_attr(not(test), expect(dead_code, reason = "what tests look at"))]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends every call that is due at `now` with a timeout, and says how many. `executed` says whether the message of
    /// one that was [`Place::Sent`] may have run; of the others it is known here, on `me`.
    pub fn expire(&self, now: Instant, me: NodeId, mut executed: impl FnMut(&Waiting) -> Executed) -> usize {
        // Whoever takes a slot from here on lowers the hint again; whoever took one before is seen by the scan. A swap, since
        // what reads the other's number is after what the other did before.
        self.next_due.swap(NEVER, Ordering::SeqCst);
        let mut next = NEVER;
        let mut expired = 0;
        for index in self.slots.indices() {
            let due = self.slots.due(index).load(Ordering::SeqCst);
            if due > now.as_nanos() {
                next = next.min(due);
            } else if self.end_if(index, |waiting| {
                (waiting.deadline.due <= now).then(|| CallError::Timeout {
                    name: waiting.name.clone(),
                    node: match waiting.place {
                        Place::Here | Place::Begun | Place::Away => me,
                        Place::Sending { peer } | Place::Sent { peer, .. } => peer,
                    },
                    after: waiting.deadline.limit(),
                    executed: match waiting.place {
                        Place::Here => Executed::No,
                        Place::Begun => Executed::Yes,
                        Place::Away | Place::Sending { .. } => Executed::Maybe,
                        Place::Sent { .. } => executed(waiting),
                    },
                })
            }) {
                expired += 1;
            }
        }
        self.next_due.fetch_min(next, Ordering::SeqCst);
        expired
    }

    /// Ends every call for which `error` gives one, and says how many.
    pub fn fail_where(&self, mut error: impl FnMut(&Waiting) -> Option<CallError>) -> usize {
        self.slots.indices().filter(|&index| self.end_if(index, &mut error)).count()
    }

    fn end_if(&self, index: u32, error: impl FnOnce(&Waiting) -> Option<CallError>) -> bool {
        self.end(self.slots.at(index), index, |waiting| error(waiting).map(Err))
    }

    /// The answer, for which the slot is given up, if it is there.
    fn poll(&self, request: RequestId, cx: &mut Context<'_>) -> Poll<Result<Answer, CallError>> {
        let index = request.index();
        let mut slot = self.slots.at(index);
        if let State::Open(_, waker) = &mut slot.state {
            if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        match self.vacate(slot, index) {
            State::Answered(result) => Poll::Ready(result),
            State::Open(..) | State::Free => unreachable!("who holds a ticket has the slot, and it is not open"),
        }
    }

    fn release(&self, request: RequestId) {
        let index = request.index();
        let slot = self.slots.at(index);
        if let State::Open(..) = slot.state {
            self.slots.due(index).store(NEVER, Ordering::SeqCst);
        }
        // The answer may be a user's value, whose drop must not run under our lock.
        drop(self.vacate(slot, index));
    }

    /// Makes a slot, which is not open or not due any more, free for the next.
    fn vacate(&self, mut slot: MutexGuard<'_, Slot<State>>, index: u32) -> State {
        slot.generation = slot.generation.wrapping_add(1);
        let state = std::mem::replace(&mut slot.state, State::Free);
        drop(slot);
        self.slots.give_back(index);
        self.taken.fetch_sub(1, Ordering::Relaxed);
        state
    }

    /// Whom a waiting call went to.
    pub fn name(&self, request: RequestId) -> Option<Name> {
        match &self.find(request)?.state {
            State::Open(waiting, _) => Some(waiting.name.clone()),
            State::Free | State::Answered(_) => None,
        }
    }

    /// The slot of a number that came from outside: it may be anything.
    fn find(&self, request: RequestId) -> Option<MutexGuard<'_, Slot<State>>> {
        if !self.slots.indices().contains(&request.index()) {
            return None;
        }
        let slot = self.slots.at(request.index());
        (u64::from(slot.generation) == request.0 >> 32).then_some(slot)
    }
}

impl RequestId {
    fn index(self) -> u32 {
        self.0 as u32
    }
}

/// The right to the answer of one call. Dropping it gives the slot back; the call itself goes on.
#[must_use = "dropping a ticket gives up its answer"]
pub struct Ticket {
    pending: Arc<Pending>,
    request: RequestId,
    /// It has given its answer, and its slot back.
    over: bool,
}

impl Ticket {
    /// The number under which the answer is expected.
    pub fn request(&self) -> RequestId {
        self.request
    }
}

impl Future for Ticket {
    type Output = Result<Answer, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "a ticket was polled after it gave its answer");
        let answer = self.pending.poll(self.request, cx);
        self.over = answer.is_ready();
        answer
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.over {
            self.pending.release(self.request);
        }
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(test)]
mod tests;
