//! Owns the calls of one node that wait for an answer: each has a slot, is answered exactly once, and ends by its due
//! time. Never knows how a message travels.
//!
//! A request's number is its slot's index and the slot's generation, so an answer that comes late finds nobody instead
//! of somebody else. The due times stand apart in flat arrays of atomics: looking through a hundred thousand takes
//! microseconds, so no wheel of timers is needed.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::call::deadline::Deadline;
use crate::error::{CallError, Executed};
use crate::message::Payload;
use crate::name::Name;

/// Slots are allocated in chunks that never move, so they are found without a lock.
const CHUNK: usize = 1 << 10;
/// A million calls can wait at once; a node that has more of them is lost anyway.
const CHUNKS: usize = 1 << 10;
/// Free slots are kept apart by thread, so that two threads seldom want the same lock.
const SHARDS: usize = 8;
/// "No due time" in the arrays.
const NEVER: u64 = u64::MAX;

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
    chunks: Box<[OnceLock<Chunk>]>,
    free: [Mutex<Vec<u32>>; SHARDS],
    /// Slots below this index exist.
    grown: AtomicU32,
    taken: AtomicUsize,
    limit: usize,
    /// No due time is before this one.
    next_due: AtomicU64,
    sooner: Box<dyn Fn(Instant) + Send + Sync>,
}

struct Chunk {
    slots: Box<[Mutex<Slot>]>,
    dues: Box<[AtomicU64]>,
}

struct Slot {
    generation: u32,
    state: State,
}

enum State {
    Free,
    Open(Waiting, Option<Waker>),
    Answered(Result<Answer, CallError>),
}

impl Pending {
    /// Room for `limit` waiting calls. `sooner` is called with the due time of a call that is due before all others.
    pub fn new(limit: usize, sooner: impl Fn(Instant) + Send + Sync + 'static) -> Self {
        Self {
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            free: Default::default(),
            grown: AtomicU32::new(0),
            taken: AtomicUsize::new(0),
            limit: limit.min(CHUNK * CHUNKS),
            next_due: AtomicU64::new(NEVER),
            sooner: Box::new(sooner),
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
        self.open(waiting, CHUNK * CHUNKS)
    }

    fn open(self: &Arc<Self>, waiting: Waiting, limit: usize) -> Result<Ticket, Exhausted> {
        let exhausted = Exhausted { limit };
        if self.taken.fetch_add(1, Ordering::Relaxed) >= limit {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return Err(exhausted);
        }
        let Some(index) = self.free_slot() else {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return Err(exhausted);
        };
        let due = waiting.deadline.due.as_nanos();
        let generation = {
            let mut slot = self.slot(index);
            slot.state = State::Open(waiting, None);
            slot.generation
        };
        self.due(index).store(due, Ordering::SeqCst);
        if self.next_due.fetch_min(due, Ordering::SeqCst) > due {
            (self.sooner)(Instant::from_nanos(due));
        }
        let request = RequestId(u64::from(generation) << 32 | u64::from(index));
        Ok(Ticket { pending: self.clone(), request })
    }

    /// Answers the call, unless it has an answer already or nobody waits any more. Says whether it did.
    pub fn complete(&self, request: RequestId, result: Result<Answer, CallError>) -> bool {
        self.complete_if(request, result, |_| true)
    }

    fn complete_if(
        &self,
        request: RequestId,
        result: Result<Answer, CallError>,
        counts: impl FnOnce(Place) -> bool,
    ) -> bool {
        let Some(mut slot) = self.find(request) else {
            return false;
        };
        let waker = match &mut slot.state {
            State::Open(waiting, waker) if counts(waiting.place) => waker.take(),
            State::Open(..) | State::Free | State::Answered(_) => return false,
        };
        slot.state = State::Answered(result);
        drop(slot);
        self.due(request.index()).store(NEVER, Ordering::SeqCst);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// As [`Pending::complete`], with an answer from another node: it counts only for a call that has left this one.
    pub fn complete_away(&self, request: RequestId, result: Result<Answer, CallError>) -> bool {
        self.complete_if(request, result, |place| match place {
            Place::Sent { .. } | Place::Away => true,
            Place::Here | Place::Begun => false,
        })
    }

    /// The node that the message was sent to has sent it on: the call now stands and falls with the next one.
    pub fn handed_on(&self, request: RequestId, by: NodeId, to: NodeId) {
        if let Some(mut slot) = self.find(request)
            && let State::Open(waiting, _) = &mut slot.state
            && matches!(waiting.place, Place::Sent { peer, .. } if peer == by)
        {
            // Its frame there is another node's: it counts as claimed.
            waiting.place = Place::Sent { peer: to, frame: 0 };
        }
    }

    /// Notes that the handler begins now. `false` if nobody waits: if the due time is past, it must then not begin.
    pub fn begin(&self, request: RequestId) -> bool {
        self.retarget(request, Place::Begun)
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

    /// No call is due before this instant; `None` if none is due at all. After [`Pending::expire`] it is exact.
    pub fn next_due(&self) -> Option<Instant> {
        match self.next_due.load(Ordering::SeqCst) {
            NEVER => None,
            due => Some(Instant::from_nanos(due)),
        }
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
        // Whoever takes a slot from here on lowers the hint again; whoever took one before is seen by the scan.
        self.next_due.store(NEVER, Ordering::SeqCst);
        let mut next = NEVER;
        let mut expired = 0;
        for index in 0..self.grown.load(Ordering::SeqCst) {
            let due = self.due(index).load(Ordering::SeqCst);
            if due > now.as_nanos() {
                next = next.min(due);
            } else if self.end_if(index, |waiting| {
                (waiting.deadline.due <= now).then(|| CallError::Timeout {
                    name: waiting.name.clone(),
                    node: match waiting.place {
                        Place::Here | Place::Begun | Place::Away => me,
                        Place::Sent { peer, .. } => peer,
                    },
                    after: waiting.deadline.limit,
                    executed: match waiting.place {
                        Place::Here => Executed::No,
                        Place::Begun => Executed::Yes,
                        Place::Away => Executed::Maybe,
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
        (0..self.grown.load(Ordering::SeqCst)).filter(|&index| self.end_if(index, &mut error)).count()
    }

    fn end_if(&self, index: u32, mut error: impl FnMut(&Waiting) -> Option<CallError>) -> bool {
        let mut slot = self.slot(index);
        let State::Open(waiting, waker) = &mut slot.state else {
            return false;
        };
        let Some(error) = error(waiting) else {
            return false;
        };
        let waker = waker.take();
        slot.state = State::Answered(Err(error));
        self.due(index).store(NEVER, Ordering::SeqCst);
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn poll(&self, request: RequestId, cx: &mut Context<'_>) -> Poll<Result<Answer, CallError>> {
        let mut slot = self.slot(request.index());
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Answered(result) => Poll::Ready(result),
            State::Open(waiting, waker) => {
                let waker = match waker {
                    Some(waker) if waker.will_wake(cx.waker()) => waker,
                    Some(_) | None => cx.waker().clone(),
                };
                slot.state = State::Open(waiting, Some(waker));
                Poll::Pending
            }
            State::Free => panic!("a ticket was polled after it gave its answer"),
        }
    }

    fn release(&self, request: RequestId) {
        let index = request.index();
        let state = {
            let mut slot = self.slot(index);
            slot.generation = slot.generation.wrapping_add(1);
            std::mem::replace(&mut slot.state, State::Free)
        };
        // The answer may be a user's value, whose drop must not run under our lock.
        drop(state);
        self.due(index).store(NEVER, Ordering::SeqCst);
        self.shard(shard_of_thread()).push(index);
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }

    fn free_slot(&self) -> Option<u32> {
        let own = shard_of_thread();
        for step in 0..SHARDS {
            if let Some(index) = self.shard((own + step) % SHARDS).pop() {
                return Some(index);
            }
        }
        let index = self
            .grown
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |grown| {
                let index = grown as usize;
                (index < CHUNK * CHUNKS).then(|| {
                    self.chunks[index / CHUNK].get_or_init(Chunk::new);
                    grown + 1
                })
            })
            .ok()?;
        Some(index)
    }

    fn shard(&self, shard: usize) -> MutexGuard<'_, Vec<u32>> {
        self.free[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chunk(&self, index: u32) -> &Chunk {
        self.chunks[index as usize / CHUNK].get().expect("a chunk is made before one of its indices is handed out")
    }

    fn slot(&self, index: u32) -> MutexGuard<'_, Slot> {
        self.chunk(index).slots[index as usize % CHUNK].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self, index: u32) -> &AtomicU64 {
        &self.chunk(index).dues[index as usize % CHUNK]
    }

    /// Whom a waiting call went to.
    pub fn name(&self, request: RequestId) -> Option<Name> {
        match &self.find(request)?.state {
            State::Open(waiting, _) => Some(waiting.name.clone()),
            State::Free | State::Answered(_) => None,
        }
    }

    /// The slot of a number that came from outside: it may be anything.
    fn find(&self, request: RequestId) -> Option<MutexGuard<'_, Slot>> {
        if request.index() >= self.grown.load(Ordering::SeqCst) {
            return None;
        }
        let slot = self.slot(request.index());
        (u64::from(slot.generation) == request.0 >> 32).then_some(slot)
    }
}

impl Chunk {
    fn new() -> Self {
        Self {
            slots: (0..CHUNK).map(|_| Mutex::new(Slot { generation: 0, state: State::Free })).collect(),
            dues: (0..CHUNK).map(|_| AtomicU64::new(NEVER)).collect(),
        }
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
}

impl Ticket {
    /// The number under which the answer is expected.
    pub fn request(&self) -> RequestId {
        self.request
    }
}

impl Future for Ticket {
    type Output = Result<Answer, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.pending.poll(self.request, cx)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.pending.release(self.request);
    }
}

fn shard_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    MINE.with(|mine| *mine)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::wait::wait;

    fn waiting(due_ms: u64) -> Waiting {
        let limit = Duration::from_millis(due_ms);
        Waiting { name: "acct/1".into(), deadline: Deadline::after(Instant::START, limit), place: Place::Here }
    }

    fn at(ms: u64) -> Instant {
        Instant::START + Duration::from_millis(ms)
    }

    fn table(limit: usize) -> Arc<Pending> {
        Arc::new(Pending::new(limit, |_| {}))
    }

    #[test]
    fn a_call_is_answered_once_and_a_late_answer_finds_nobody() {
        let pending = table(10);
        let ticket = pending.take(waiting(10)).expect("there is room");
        let request = ticket.request();
        assert!(pending.complete(request, Ok(Answer::Payload(Payload::copy_of(&[1])))));
        assert!(!pending.complete(request, Err(CallError::NoSwarm)));
        assert!(matches!(wait(ticket), Ok(Answer::Payload(payload)) if payload[..] == [1]));
        let next = pending.take(waiting(10)).expect("there is room");
        assert_ne!(next.request(), request, "the same slot in another generation");
        assert!(!pending.complete(request, Err(CallError::NoSwarm)));
        assert!(!pending.complete(RequestId(u64::MAX), Err(CallError::NoSwarm)));
        drop(next);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_is_due_ends_and_says_what_is_known_of_it() {
        let pending = table(10);
        let [me, peer] = [1, 2].map(|port| NodeId::new(([127, 0, 0, 1], port).into(), 1));
        let places = [
            (Place::Here, me, Executed::No),
            (Place::Begun, me, Executed::Yes),
            (Place::Away, me, Executed::Maybe),
            (Place::Sent { peer, frame: 3 }, peer, Executed::No),
        ];
        let late = pending.take(waiting(50)).expect("there is room");
        let tickets: Vec<_> = places
            .into_iter()
            .map(|(place, node, executed)| {
                let ticket = pending.take(waiting(10)).expect("there is room");
                assert!(pending.retarget(ticket.request(), place));
                (ticket, (node, executed))
            })
            .collect();
        assert_eq!(pending.next_due(), Some(at(10)));
        assert_eq!(pending.expire(at(9), me, |_| Executed::No), 0);
        assert_eq!(pending.expire(at(10), me, |_| Executed::No), 4);
        assert_eq!(pending.next_due(), Some(at(50)));
        for (ticket, expected) in tickets {
            assert!(!pending.begin(ticket.request()), "it has ended");
            match wait(ticket) {
                Err(CallError::Timeout { node, executed, .. }) => assert_eq!((node, executed), expected),
                Err(error) => panic!("{error}"),
                Ok(_) => panic!("nobody answered"),
            }
        }
        drop(late);
        assert_eq!(pending.expire(at(60), me, |_| Executed::No), 0);
        assert_eq!(pending.next_due(), None);
    }

    #[test]
    fn the_table_is_bounded_and_gives_slots_back() {
        let pending = table(2);
        let first = pending.take(waiting(1)).expect("there is room");
        let _second = pending.take(waiting(1)).expect("there is room");
        assert_eq!(pending.take(waiting(1)).err(), Some(Exhausted { limit: 2 }));
        drop(first);
        let _third = pending.take(waiting(1)).expect("there is room again");
        let _begun = pending.take_begun(waiting(1)).expect("one that has begun goes beyond the limit");
    }

    #[test]
    fn those_sent_to_a_lost_node_fail() {
        let pending = table(10);
        let peer = NodeId::new(([127, 0, 0, 1], 1).into(), 1);
        let sent = pending.take(waiting(10)).expect("there is room");
        pending.retarget(sent.request(), Place::Sent { peer, frame: 1 });
        let here = pending.take(waiting(10)).expect("there is room");
        let failed = pending.fail_where(|waiting| match waiting.place {
            Place::Sent { peer: to, .. } if to == peer => Some(CallError::NoSwarm),
            Place::Sent { .. } | Place::Here | Place::Begun | Place::Away => None,
        });
        assert_eq!(failed, 1);
        assert!(matches!(wait(sent), Err(CallError::NoSwarm)));
        assert!(pending.begin(here.request()));
    }

    #[test]
    fn threads_that_answer_and_wait_meet_exactly_once() {
        let pending = table(10_000);
        let (send, receive) = std::sync::mpsc::channel::<RequestId>();
        let answering = pending.clone();
        let answerer = std::thread::spawn(move || {
            for request in receive {
                let payload = Payload::copy_of(&request.0.to_le_bytes());
                assert!(answering.complete(request, Ok(Answer::Payload(payload))));
            }
        });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (pending, send) = (&pending, send.clone());
                scope.spawn(move || {
                    for _ in 0..5_000 {
                        let ticket = pending.take(waiting(10)).expect("there is room");
                        let request = ticket.request();
                        send.send(request).expect("the answerer lives");
                        match wait(ticket) {
                            Ok(Answer::Payload(payload)) => assert_eq!(payload[..], request.0.to_le_bytes()),
                            Ok(Answer::Value(_)) | Err(_) => panic!("not what was sent"),
                        }
                    }
                });
            }
        });
        drop(send);
        answerer.join().expect("each was answered once");
        assert!(pending.is_empty());
    }
}
