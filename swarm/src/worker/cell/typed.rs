//! Owns the way of calls and casts from this node into a cell: run here if the worker is idle, else queued.
//! A method may add its run and nothing else; all that can forget the message's type does.

use std::future::Future;
use std::hint::spin_loop;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use tokio::runtime::{EnterGuard, Handle};
use tokio::task::{self, coop};

use super::Cell;
use super::entry::{Entry, Reply, Rows, Work, forget, typed, value};
use super::guard::{discard, guarded};
use super::ran::Ran;
use super::state::CheckedOut;
use crate::call::pending::{Answer, Place, Ticket, Waiting};
use crate::error::{CallError, Executed};
use crate::message::{Message, decode};
use crate::name::Name;
use crate::worker::pace::Pace;
use crate::worker::running::{self, Awaited, DEPTH_MAX};
use crate::worker::soon;
use crate::worker::{Active, Call, Cast, Deadline, Input, Later, Step, Undelivered, Worker};

/// How often to look whether an inline run is over before queueing behind it: about two microseconds. Queueing costs
/// more, and makes everybody after it queue too. (A model has all orders anyway, and would never get out of the loop.)
const SPINS: usize = if cfg!(loom) { 0 } else { 100 };

/// How far a call from this node got.
#[must_use = "a call that waits must be awaited, and one that was refused goes elsewhere"]
pub enum Called<M, R> {
    /// It ran, or it cannot.
    Done(Result<R, CallError>),
    /// It is queued or under way: the answer comes. Dropping this does not cancel it.
    Waiting(Answered<R>),
    /// The cell did not take it.
    Refused(M, Undelivered),
    /// The task has used up its budget and was woken: return `Pending`, and call again.
    Yield(M),
}

/// The answer of a call that waits in a cell, or that was handed on to another node.
#[must_use = "dropping this gives up the answer"]
pub struct Answered<R> {
    ticket: Ticket,
    name: Name,
    node: NodeId,
    reply: PhantomData<fn() -> R>,
}

impl<R> Unpin for Answered<R> {}

impl<R: crate::message::Wire> Future for Answered<R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.ticket).poll(cx).map(|result| match result? {
            Answer::Value(reply) => Ok(typed(reply)),
            Answer::Payload(payload) => decode(&payload).map_err(|malformed| CallError::SchemaMismatch {
                name: self.name.clone(),
                node: self.node,
                what: format!("its reply: {malformed}"),
                executed: Executed::Yes,
            }),
        })
    }
}

/// What one poll of a handler on this stack gave.
enum Polled<W, R> {
    Done(R),
    Failed(CallError),
    Later(Later<W, R>),
}

impl<W: Worker> Cell<W> {
    /// Calls the worker from this node, and gives up after `limit`. The handler runs here, on the caller's task, if the worker is
    /// idle.
    pub fn call<M: Message>(
        self: &Arc<Self>,
        message: M,
        limit: Duration,
        cx: &mut TaskContext<'_>,
    ) -> Called<M, <W as Call<M>>::Reply>
    where
        W: Call<M>,
    {
        if running::waits_for(&self.core) {
            return Called::Done(Err(CallError::SelfCall {
                name: self.core.name.clone(),
                node: self.core.host().node(),
            }));
        }
        if !self.core.may_run() {
            return Called::Done(Err(self.core.no_quorum(Executed::No)));
        }
        let pace = self.pace_of(M::ID);
        if runs_here::<W>(pace) {
            // Without this a loop of inline calls would never let its thread's timers and other tasks run.
            match coop::poll_proceed(cx) {
                Poll::Pending => return Called::Yield(message),
                Poll::Ready(budget) => budget.made_progress(),
            }
            match self.check_out_soon() {
                CheckedOut::Worker(worker) => {
                    let how = (Awaited::Below, pace);
                    if let Some(plain) = <W as Call<M>>::PLAIN {
                        let run = move |worker: &mut W| {
                            let _scope = self.scope_here(M::ID);
                            plain(worker, message)
                        };
                        return Called::Done(self.run_plain(worker, limit, how, run));
                    }
                    let run = move |at| {
                        let scope = self.scope_here(M::ID);
                        scope.around(<W as Call<M>>::run(at, Input::Value(message)))
                    };
                    return match self.run_here(worker, limit, how, cx, run) {
                        Polled::Done(reply) => Called::Done(self.core.in_time(reply)),
                        Polled::Failed(error) => Called::Done(Err(error)),
                        Polled::Later(later) => match self.move_to_task(forget(later, value), limit) {
                            Ok(ticket) => Called::Waiting(self.answered(ticket)),
                            Err(error) => Called::Done(Err(error)),
                        },
                    };
                }
                CheckedOut::Dead => return Called::Refused(message, Undelivered::Moved),
                CheckedOut::Busy => {}
            }
        }
        let deadline = Deadline::after(self.core.now(), limit);
        match self.enqueue_call(Work::Value(Box::new(message), Rows::<W, M>::CALL), deadline) {
            Ok(Ok(ticket)) => Called::Waiting(self.answered(ticket)),
            Ok(Err(error)) => Called::Done(Err(error)),
            Err((entry, why)) => Called::Refused(entry.into_message(), why),
        }
    }

    /// Casts to the worker from this node. If it is idle the handler runs before this returns, as far as it gets.
    ///
    /// # Errors
    /// Gives the message back if the queue is full or the cell is dead.
    pub fn cast<M: Message>(self: &Arc<Self>, message: M) -> Result<(), (M, Undelivered)>
    where
        W: Cast<M>,
    {
        let pace = self.pace_of(M::ID);
        if self.core.may_run() && runs_here::<W>(pace) && coop::has_budget_remaining() {
            match self.check_out_soon() {
                CheckedOut::Worker(worker) => {
                    self.run_cast(worker, message, pace);
                    return Ok(());
                }
                CheckedOut::Dead => return Err((message, Undelivered::Moved)),
                CheckedOut::Busy => {}
            }
        }
        self.enqueue_cast(message)
    }

    fn run_cast<M: Message>(self: &Arc<Self>, worker: Box<W>, message: M, pace: Option<&Pace>)
    where
        W: Cast<M>,
    {
        let (limit, how) = (Deadline::NEVER.limit(), (Awaited::Nobody, pace));
        let failed = match <W as Cast<M>>::PLAIN {
            Some(plain) => {
                let run = move |worker: &mut W| {
                    let _scope = self.scope_here(M::ID);
                    plain(worker, message)
                };
                self.run_plain(worker, limit, how, run).err()
            }
            None => {
                let mut cx = TaskContext::from_waker(Waker::noop());
                let run = move |at| {
                    let scope = self.scope_here(M::ID);
                    scope.around(<W as Cast<M>>::run(at, Input::Value(message)))
                };
                match self.run_here(worker, limit, how, &mut cx, run) {
                    Polled::Done(()) => None,
                    Polled::Failed(error) => Some(error),
                    Polled::Later(later) => {
                        self.spawn(self.clone().finish(forget(later, value), Reply::Nobody));
                        None
                    }
                }
            }
        };
        if let Some(error) = failed {
            tracing::debug!(name = %self.core.name, %error, "a cast was not run to its end");
        }
    }

    /// Casts to the worker without running it here.
    pub(crate) fn enqueue_cast<M: Message>(self: &Arc<Self>, message: M) -> Result<(), (M, Undelivered)>
    where
        W: Cast<M>,
    {
        let work = Work::Value(Box::new(message), Rows::<W, M>::CAST);
        let trace = self.core.home.tracing.current();
        self.push(Entry { work, reply: Reply::Nobody, deadline: Deadline::NEVER, trace })
            .map_err(|(entry, why)| (entry.into_message(), why))
    }

    /// Takes the worker out, waiting a moment for a caller who has it.
    fn check_out_soon(&self) -> CheckedOut<W> {
        let mut spins = 0;
        loop {
            match self.check_out() {
                CheckedOut::Busy if spins < SPINS && self.core.is_lent() => {}
                out @ (CheckedOut::Worker(_) | CheckedOut::Busy | CheckedOut::Dead) => return out,
            }
            spins += 1;
            while spins < SPINS && self.core.is_lent() {
                spins += 1;
                spin_loop();
            }
        }
    }

    /// Runs a plain handler on this stack. The worker stays where it is, so a handle on its cell is not needed.
    #[inline]
    fn run_plain<R>(
        self: &Arc<Self>,
        mut worker: Box<W>,
        limit: Duration,
        (awaited, pace): (Awaited, Option<&Pace>),
        run: impl FnOnce(&mut W) -> R,
    ) -> Result<R, CallError> {
        let _runtime = self.runtime_if_none();
        let timed = self.set_out(limit, pace);
        let ran = guarded(&self.core, awaited, || run(&mut worker));
        self.core.note(timed);
        match ran {
            Ok(reply) => {
                self.bring_back(worker);
                self.core.in_time(reply)
            }
            Err(text) => {
                // It may be half changed.
                discard(&self.core, worker);
                self.crashed(&text);
                Err(self.core.panicked(text))
            }
        }
    }

    /// A run begins now: whether it is timed, and from when.
    #[inline]
    fn set_out<'a>(&self, limit: Duration, pace: Option<&'a Pace>) -> Option<(&'a Pace, Instant)> {
        let timed = pace.filter(|pace| pace.is_timed()).map(|pace| (pace, self.core.watch()));
        match timed {
            Some(_) => self.core.set_due(Deadline::after(self.core.now(), limit).due),
            // It is over before a look at the clock would be.
            None => self.core.set_limit(limit),
        }
        timed
    }

    /// Runs a handler on this stack, as far as one poll gets. Unless it waits, the worker is back in its cell.
    fn run_here<R>(
        self: &Arc<Self>,
        worker: Box<W>,
        limit: Duration,
        (awaited, pace): (Awaited, Option<&Pace>),
        cx: &mut TaskContext<'_>,
        run: impl FnOnce(Active<W>) -> Step<W, R>,
    ) -> Polled<W, R> {
        let _runtime = self.runtime_if_none();
        let timed = self.set_out(limit, pace);
        let ran = match guarded(&self.core, awaited, || Ran::from(run(self.active(worker)))) {
            Ok(Ran::Later(mut later)) => match guarded(&self.core, awaited, || later.as_mut().poll(cx)) {
                Ok(Poll::Pending) => {
                    self.core.note_waiting(timed);
                    self.core.give_back();
                    return Polled::Later(later);
                }
                Ok(Poll::Ready((at, reply))) => Ok(Ran::Done(at.worker, reply)),
                Err(text) => {
                    discard(&self.core, later);
                    Err(text)
                }
            },
            ran => ran,
        };
        self.core.note(timed);
        match ran {
            Ok(Ran::Done(worker, reply)) => {
                self.bring_back(worker);
                Polled::Done(reply)
            }
            Ok(Ran::Refused(worker, malformed)) => {
                self.bring_back(worker);
                Polled::Failed(self.core.mismatch(malformed.to_string()))
            }
            Ok(Ran::Later(_)) => unreachable!("a handler that waits was polled above"),
            Err(text) => {
                self.crashed(&text);
                Polled::Failed(self.core.panicked(text))
            }
        }
    }

    #[inline]
    pub(super) fn bring_back(self: &Arc<Self>, worker: Box<W>) {
        if let Some((worker, entry)) = self.check_in(worker) {
            self.spawn(self.clone().drain_from(worker, entry));
        }
    }

    /// A handler that waits goes on as a task, whatever becomes of its caller.
    fn move_to_task(self: &Arc<Self>, later: Later<W, Answer>, limit: Duration) -> Result<Ticket, CallError> {
        let name = self.core.name.clone();
        let deadline = Deadline::new(self.core.due(), limit);
        match self.core.host().pending().take_begun(Waiting { name, deadline, place: Place::Begun }) {
            Ok(ticket) => {
                self.spawn(self.clone().finish(later, Reply::Slot(ticket.request())));
                Ok(ticket)
            }
            Err(_) => {
                self.spawn(self.clone().finish(later, Reply::Nobody));
                let (name, node, after) = (self.core.name.clone(), self.core.host().node(), deadline.limit());
                Err(CallError::Timeout { name, node, after, executed: Executed::Yes })
            }
        }
    }

    #[expect(clippy::result_large_err, reason = "the message goes back to its caller")]
    fn enqueue_call(
        self: &Arc<Self>,
        work: Work<W>,
        deadline: Deadline,
    ) -> Result<Result<Ticket, CallError>, (Entry<W>, Undelivered)> {
        let (name, trace) = (self.core.name.clone(), self.core.home.tracing.current());
        let ticket = match self.core.host().pending().take(Waiting { name, deadline, place: Place::Here }) {
            Ok(ticket) => ticket,
            Err(exhausted) => {
                let (name, node) = (self.core.name.clone(), self.core.host().node());
                let what = format!("the table of waiting calls ({exhausted})");
                return Ok(Err(CallError::Overloaded { name, node, what }));
            }
        };
        self.push(Entry { work, reply: Reply::Slot(ticket.request()), deadline, trace })?;
        Ok(Ok(ticket))
    }

    fn answered<R>(&self, ticket: Ticket) -> Answered<R> {
        Answered { ticket, name: self.core.name.clone(), node: self.core.host().node(), reply: PhantomData }
    }

    /// Handlers find a tokio runtime around them, also when a plain thread calls.
    fn runtime_if_none(&self) -> Option<EnterGuard<'_>> {
        // A task is on a runtime; to ask for that counts references.
        let any = task::try_id().is_some() || Handle::try_current().is_ok();
        (!any).then(|| self.core.host().runtime().enter())
    }
}

/// Whether messages to a `W` may run on this stack: by a caller, who has to wait for them anyway, unless that is known to
/// take long. Then others, on other cores, can go on meanwhile.
fn runs_here<W: Worker>(pace: Option<&Pace>) -> bool {
    let depth = running::depth();
    let fits = match soon::is_reader() {
        true => pace.is_some_and(Pace::is_quick),
        // Of calls in a circle all must be on one stack to be found.
        false => depth > 0 || !pace.is_some_and(Pace::is_slow),
    };
    fits && !W::OPTIONS.pool && depth < DEPTH_MAX
}

impl<W: Worker> Entry<W> {
    fn into_message<M: Message>(self) -> M {
        match self.work {
            Work::Value(message, _) => typed(message),
            Work::Bytes { .. } => unreachable!("what comes back from the queue is what was pushed"),
        }
    }
}
