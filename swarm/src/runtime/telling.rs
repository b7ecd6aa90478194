//! Owns the telling of those members of a group that are on this node, and the gathering of what they answer. Never holds up the
//! thread that reads from the network for longer than a turn.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::node::NodeId;
use tokio::sync::OwnedSemaphorePermit;

use crate::call::pending::{Answer, Ticket};
use crate::call::traced;
use crate::error::CallError;
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::answering::Reply;
use crate::runtime::letter::Letter;
use crate::runtime::survey::{Findings, Told};
use crate::trace::TraceContext;
use crate::worker::{Deadline, KindId, Parcel, Payload, ReplyTo, soon};

/// How long answers are gathered before they are sent: longer than quick handlers take, shorter than anyone notices.
const GATHER: Duration = Duration::from_millis(5);

/// How many members are told, or called, before somebody else has a turn: a question comes on the thread that keeps this node in the
/// cluster, and a group may have a million of them.
const TURN_MAX: usize = 512;

/// The same in a task: as many as a millisecond is enough for, though each waits for memory.
const TASK_TURN_MAX: usize = 64;

/// How many surveys may be told or called by tasks at once. Each keeps the names of its members: beyond that the thread that reads does it
/// itself, so that who asks without end is not read meanwhile.
pub(crate) const TASKS_MAX: usize = 32;

impl Node {
    pub(super) fn publish_here(self: &Arc<Self>, (to, number): (NodeId, u64), meant: Vec<Name>, word: Word) {
        let (mut meant, mut delivered) = (meant.into_iter(), 0);
        let Some(task) = self.first_turn(&mut meant, |meant| delivered += self.publish_turn(meant, &word)) else {
            return self.findings(to, number, Findings { delivered, last: true, ..Findings::default() });
        };
        let node = self.clone();
        self.runtime().spawn(async move {
            let _task = task;
            while meant.len() > 0 {
                delivered += node.gathering(|| node.publish_turn(&mut meant.by_ref().take(TASK_TURN_MAX), &word));
                tokio::task::yield_now().await;
            }
            node.findings(to, number, Findings { delivered, last: true, ..Findings::default() });
        });
    }

    /// Has the first of them told at once, where this thread comes back to what that begins. If a task is to go on with the rest it gives
    /// it leave; `None` if nothing is left, since too many tasks do so already.
    fn first_turn(
        &self,
        meant: &mut std::vec::IntoIter<Name>,
        mut turn: impl FnMut(&mut dyn Iterator<Item = Name>),
    ) -> Option<OwnedSemaphorePermit> {
        if soon::is_open() {
            turn(&mut meant.by_ref().take(TURN_MAX));
        }
        let task = if meant.len() == 0 { None } else { self.telling.clone().try_acquire_owned().ok() };
        while task.is_none() && meant.len() > 0 {
            turn(&mut meant.by_ref().take(TURN_MAX));
        }
        task
    }

    /// Has a task of tokio's do something that begins much, and runs what of that is quick in the same poll, as the thread that reads
    /// does: to spawn a task for each would cost more.
    fn gathering<T>(&self, act: impl FnOnce() -> T) -> T {
        let gathering = soon::open_here(self.runtime(), || self.now());
        let done = act();
        soon::run_here(self.runtime(), || self.now());
        drop(gathering);
        // Whatever they have ordered of the directory.
        self.desk.turn();
        done
    }

    /// Tells them, and says how many that are here were told.
    fn publish_turn(self: &Arc<Self>, meant: &mut dyn Iterator<Item = Name>, word: &Word) -> u64 {
        let mut delivered = 0;
        for name in meant {
            let here = self.places.open_cell(&name);
            if here.as_ref().is_some_and(|cell| !cell.takes(word.told.message, word.told.fingerprint)) {
                // Any worker may be in an untyped group, and those without a method for the message are not reached.
                continue;
            }
            let Some(kind) = self.kind_told(&name, word) else { continue };
            match self.route_own(Letter::new(name, kind, word.parcel(Deadline::NEVER, None))) {
                Ok(()) => delivered += u64::from(here.is_some()),
                Err((letter, error)) => self.refuse(letter, error),
            }
        }
        delivered
    }

    pub(super) fn multicall_here(
        self: &Arc<Self>,
        (to, number): (NodeId, u64),
        meant: Vec<Name>,
        word: Word,
        within: Duration,
    ) {
        let deadline = Deadline::after(self.now(), within);
        let (mut findings, mut called) = (Findings::default(), VecDeque::with_capacity(meant.len()));
        let mut meant = meant.into_iter();
        let task = self.first_turn(&mut meant, |meant| {
            self.multicall_turn(meant, (&word, deadline), &mut findings, &mut called);
        });
        let node = self.clone();
        self.runtime().spawn(async move {
            // The first part names all that were called, so nothing is sent before they are.
            while meant.len() > 0 {
                node.gathering(|| {
                    let meant = &mut meant.by_ref().take(TASK_TURN_MAX);
                    node.multicall_turn(meant, (&word, deadline), &mut findings, &mut called);
                });
                tokio::task::yield_now().await;
            }
            drop(task);
            // One after the other, and now and then all at once: a task that every answer wakes to look at all of them
            // would take the square of their number.
            while let Some(first) = called.front_mut() {
                match node.within(GATHER, &mut first.ticket).await {
                    Some(answer) => {
                        findings.replies.extend(called.pop_front().and_then(|called| called.says(answer)));
                    }
                    None => {
                        findings.replies.extend(take_ready(&mut called));
                        let anything = !findings.found.is_empty() || !findings.replies.is_empty();
                        if anything && !called.is_empty() {
                            node.findings(to, number, std::mem::take(&mut findings));
                        }
                    }
                }
            }
            findings.last = true;
            node.findings(to, number, findings);
        });
    }

    /// Calls them.
    fn multicall_turn(
        self: &Arc<Self>,
        meant: &mut dyn Iterator<Item = Name>,
        (word, deadline): (&Word, Deadline),
        findings: &mut Findings,
        called: &mut VecDeque<Called>,
    ) {
        for name in meant {
            let Some(kind) = self.kind_told(&name, word) else { continue };
            // One whose queue is still on its way here is called behind it, and one that has left lately where it went.
            let here = self.places.any_cell(&name).map(|cell| (name.clone(), self.location(&cell)));
            let left = here.is_none();
            findings.found.extend(here);
            match self.post_survey(name.clone(), kind, word, deadline) {
                Ok(ticket) => called.push_back(Called { name, ticket, left }),
                Err(error) => findings.replies.push((name, Err(error))),
            }
        }
    }

    /// Calls one worker as part of a survey. One that moves may be called where it was and where it goes, and knows by the
    /// id which of them to answer.
    fn post_survey(
        self: &Arc<Self>,
        name: Name,
        kind: u64,
        word: &Word,
        deadline: Deadline,
    ) -> Result<Ticket, CallError> {
        self.post_bytes(name, kind, deadline, |reply| word.parcel(deadline, Some(reply)))
    }

    /// The kind that a worker must have to be told something as part of a survey, 0 for any; `None` if it is not to be told at all.
    fn kind_told(&self, name: &Name, word: &Word) -> Option<u64> {
        // Should the name be another's when the letter comes there, that one is not told.
        if word.public { self.public_kind(name).map(|KindId(kind)| kind) } else { Some(0) }
    }
}

/// What the members of a group are told here.
pub(super) struct Word {
    told: Told,
    /// Where who has asked stands in a trace.
    trace: Option<Box<TraceContext>>,
    /// By a program that is no member: only public ones are told.
    public: bool,
}

impl Word {
    pub(super) fn of(told: Told, public: bool) -> Self {
        let trace = traced::read(&told.trace).map(Box::new);
        Self { told, trace, public }
    }

    fn parcel(&self, deadline: Deadline, reply: Option<ReplyTo>) -> Parcel {
        Parcel {
            method: self.told.message,
            fingerprint: self.told.fingerprint,
            payload: Payload::copy_of(&self.told.payload),
            deadline,
            reply,
            publish: self.told.id,
            trace: self.trace.clone(),
            unconfirmed: None,
        }
    }
}

fn bytes_of(answer: Result<Answer, CallError>) -> Reply {
    match answer? {
        Answer::Payload(payload) => Ok(payload.to_vec()),
        Answer::Value(_) => unreachable!("a message that came as bytes is answered in bytes"),
    }
}

/// A worker that was called as part of a survey.
struct Called {
    name: Name,
    ticket: Ticket,
    /// It had left this node already.
    left: bool,
}

impl Called {
    /// What is to be told of its answer. That there is no such worker says nothing of one that has left.
    fn says(self, answer: Result<Answer, CallError>) -> Option<(Name, Reply)> {
        match bytes_of(answer) {
            Err(CallError::NotRegistered { .. }) if self.left => None,
            reply => Some((self.name, reply)),
        }
    }
}

/// Takes out of `called` who has answered.
fn take_ready(called: &mut VecDeque<Called>) -> Vec<(Name, Reply)> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut ready = Vec::new();
    for _ in 0..called.len() {
        let Some(mut next) = called.pop_front() else { break };
        match Pin::new(&mut next.ticket).poll(&mut cx) {
            Poll::Ready(answer) => ready.extend(next.says(answer)),
            Poll::Pending => called.push_back(next),
        }
    }
    ready
}
