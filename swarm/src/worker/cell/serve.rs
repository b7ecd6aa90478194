//! Owns the running of queued messages, one after the other, on tokio. Generic over the worker only.
//! Never starts a message that is past its due time, nor any when the node's lease is over.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use swarm_net::time::Instant;
use tokio::task::coop;

use super::Cell;
use super::entry::{Entry, Reply, Work, answer};
use super::guard::{Guarded, guarded};
use super::ran::Ran;
use crate::call::pending::Answer;
use crate::error::CallError;
use crate::worker::pace::Pace;
use crate::worker::running::Awaited;
use crate::worker::soon::{self, Prompt, Taker, Task, Waiting};
use crate::worker::{Active, Later, Parcel, Payload, Step, Worker};

/// How many messages of one worker are run in a row on a thread that has other things to do.
const QUICK_RUNS_MAX: usize = 64;

/// How far a message got.
enum Served<W: 'static> {
    /// It is over. The worker is there unless it panicked.
    Ready(Option<Box<W>>),
    /// Its handler has to be polled.
    Later(Begun<W>),
}

/// A handler that has not been polled yet.
struct Begun<W: 'static> {
    later: Later<W, Answer>,
    reply: Reply,
    method: u64,
    began: Instant,
}

/// A message and the idle worker that is to run it, on a thread that has other things to do.
pub(super) struct Quick<W: 'static> {
    pub(super) cell: Arc<Cell<W>>,
    pub(super) worker: Box<W>,
    pub(super) entry: Entry<W>,
}

impl<W: Worker> Quick<W> {
    /// Runs it, then whatever waits, as long as that is quick, and not for ever.
    fn run(self) -> Option<Task> {
        let Self { cell, worker, entry } = self;
        // It may have been halted since.
        let mut next = if cell.is_open() { Some((worker, entry)) } else { cell.lock().put_back(worker, entry) };
        for _ in 0..QUICK_RUNS_MAX {
            match next {
                Some((worker, entry)) if cell.is_quick(&entry) => {
                    match cell.serve_now(worker, entry) {
                        Served::Ready(worker) => next = cell.check_in(worker?),
                        Served::Later(begun) => return Some(Box::pin(cell.drain_after(begun))),
                    }
                    // Each handler that awaits has a budget of its own.
                    if soon::has_polled()
                        && let Some((worker, entry)) = next
                    {
                        soon::push(Waiting::Prompt(Box::new(Self { cell, worker, entry })));
                        return None;
                    }
                }
                next_one => {
                    next = next_one;
                    break;
                }
            }
        }
        if let Some((worker, entry)) = next {
            cell.spawn(cell.clone().drain_from(worker, entry));
        }
        None
    }

    fn task(self) -> Task {
        let Self { cell, worker, entry } = self;
        Box::pin(async move {
            let next = cell.lock().put_back(worker, entry);
            if let Some((worker, entry)) = next {
                cell.drain_from(worker, entry).await;
            }
        })
    }
}

impl<W: Worker> Prompt for Quick<W> {
    fn begin(self: Box<Self>) -> Option<Task> {
        self.run()
    }

    fn into_task(self: Box<Self>) -> Task {
        self.task()
    }
}

impl<W: Worker> Taker for Cell<W> {
    fn begin(self: Arc<Self>, worker: Box<dyn Any + Send>, message: Parcel) -> Option<Task> {
        self.quick(worker, message).run()
    }

    fn into_task(self: Arc<Self>, worker: Box<dyn Any + Send>, message: Parcel) -> Task {
        self.quick(worker, message).task()
    }

    fn drain(self: Arc<Self>, worker: Box<dyn Any + Send>) {
        let worker = own(worker);
        self.spawn(Self::drain(self.clone(), worker));
    }
}

fn own<W: Worker>(worker: Box<dyn Any + Send>) -> Box<W> {
    worker.downcast().expect("what waits for a cell is its own worker")
}

impl<W: Worker> Cell<W> {
    fn quick(self: Arc<Self>, worker: Box<dyn Any + Send>, message: Parcel) -> Quick<W> {
        Quick { entry: Entry::of(message, &self.core), worker: own(worker), cell: self }
    }

    /// Brings the worker back and runs whatever waits for it. No message is kept while this waits: a task of tokio's is copied several
    /// times before it runs.
    pub(super) async fn drain(self: Arc<Self>, mut worker: Box<W>) {
        while let Some((out, entry)) = self.check_in(worker) {
            let Some(back) = self.serve(out, entry).await else { return };
            worker = back;
            coop::consume_budget().await;
        }
    }

    /// Runs a message, then whatever waits.
    pub(super) async fn drain_from(self: Arc<Self>, worker: Box<W>, entry: Entry<W>) {
        if let Some(worker) = self.serve(worker, entry).await {
            coop::consume_budget().await;
            self.drain(worker).await;
        }
    }

    async fn drain_after(self: Arc<Self>, begun: Begun<W>) {
        let Some(worker) = self.go_on_with(begun).await else { return };
        if !soon::is_open() {
            return self.drain(worker).await;
        }
        // It was ready at once, on a thread that has other things to do.
        match self.check_in(worker) {
            Some((worker, entry)) if self.is_quick(&entry) => {
                soon::push(Waiting::Prompt(Box::new(Quick { cell: self.clone(), worker, entry })));
            }
            Some((worker, entry)) => self.spawn(self.clone().drain_from(worker, entry)),
            None => {}
        }
    }

    /// Goes on with a handler that has begun. What waits then is a task of its own: in this one it would take room that tokio has to
    /// find for each handler that waits.
    pub(super) async fn finish(self: Arc<Self>, later: Later<W, Answer>, reply: Reply) {
        let result = Guarded::new(self.clone(), later).await;
        if let Some(worker) = self.completed(result, reply) {
            self.bring_back(worker);
        }
    }

    /// Runs one message to its end: as far as it need not wait at once. Gives the worker back unless it panicked.
    fn serve<'a>(
        self: &'a Arc<Self>,
        worker: Box<W>,
        entry: Entry<W>,
    ) -> impl Future<Output = Option<Box<W>>> + Send + use<'a, W> {
        let rest = match self.serve_now(worker, entry) {
            Served::Ready(worker) => Ok(worker),
            // In a box, so that tasks that hold it stay small: most have handlers that do not wait.
            Served::Later(begun) => Err(Box::pin(self.go_on_with(begun))),
        };
        async move {
            match rest {
                Ok(worker) => worker,
                Err(rest) => rest.await,
            }
        }
    }

    async fn go_on_with(self: &Arc<Self>, Begun { later, reply, method, began }: Begun<W>) -> Option<Box<W>> {
        let timed = self.pace_of(method).map(|pace| (pace, began));
        let result = self.begin(later, timed).await;
        self.completed(result, reply)
    }

    /// Runs one message, as far as it need not wait.
    fn serve_now(self: &Arc<Self>, worker: Box<W>, entry: Entry<W>) -> Served<W> {
        if !self.core.may_run() {
            entry.bar(&self.core);
            return Served::Ready(Some(worker));
        }
        let looked = soon::now();
        if !self.may_begin(&entry, looked.unwrap_or_else(|| self.core.now())) {
            entry.expire(&self.core);
            return Served::Ready(Some(worker));
        }
        let Entry { work, reply, deadline, trace } = entry;
        self.core.set_due(deadline.due);
        let (method, began) = (work.method(), looked.unwrap_or_else(|| self.core.watch()));
        let ran = match work {
            Work::Value(message, row) => guarded(&self.core, Awaited::Nobody, || {
                let scope = self.scope_after(trace, method);
                Ran::from(scope.around((row.run)(self.active(worker), message)))
            }),
            Work::Bytes { method, fingerprint, payload, publish: _ } => {
                match self.method(method, fingerprint, &reply) {
                    Ok(run) => guarded(&self.core, Awaited::Nobody, || {
                        let scope = self.scope_after(trace, method);
                        Ran::from(scope.around(answer(run(self.active(worker), payload), Answer::Payload)))
                    }),
                    Err(error) => {
                        reply.send(&self.core, Err(error));
                        return Served::Ready(Some(worker));
                    }
                }
            }
        };
        if let Ok(Ran::Later(later)) = ran {
            return Served::Later(Begun { later, reply, method, began });
        }
        self.core.note(self.pace_of(method).map(|pace| (pace, began)));
        Served::Ready(match ran {
            Ok(Ran::Done(worker, answer)) => {
                reply.send(&self.core, Ok(answer));
                Some(worker)
            }
            Ok(Ran::Refused(worker, malformed)) => {
                reply.send(&self.core, Err(self.core.mismatch(malformed.to_string())));
                Some(worker)
            }
            Ok(Ran::Later(_)) => unreachable!("a handler that waits was returned above"),
            Err(text) => self.fail(text, reply),
        })
    }

    /// Runs a handler up to where it waits, which is what its thread is held up by, and then to its end.
    pub(super) async fn begin<T>(
        self: &Arc<Self>,
        later: Pin<Box<dyn Future<Output = T> + Send>>,
        timed: Option<(&Pace, Instant)>,
    ) -> Result<T, String> {
        let mut handler = Guarded::new(self.clone(), later);
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut handler).poll(cx))).await;
        match first {
            Poll::Ready(result) => {
                self.core.note(timed);
                result
            }
            Poll::Pending => {
                self.core.note_waiting(timed);
                handler.await
            }
        }
    }

    pub(super) fn pace_of(&self, method: u64) -> Option<&Pace> {
        let row = W::METHODS.iter().position(|known| known.id == method)?;
        self.core.home.paces.method(W::KIND, row)
    }

    /// Whether this thread collects, and may run it.
    fn is_quick(&self, entry: &Entry<W>) -> bool {
        self.is_quick_at(entry.work.method())
    }

    /// The same for a method.
    pub(super) fn is_quick_at(&self, method: u64) -> bool {
        !W::OPTIONS.pool && self.pace_of(method).is_some_and(soon::takes)
    }

    fn completed(self: &Arc<Self>, result: Result<(Active<W>, Answer), String>, reply: Reply) -> Option<Box<W>> {
        match result {
            Ok((at, answer)) => {
                reply.send(&self.core, Ok(answer));
                Some(at.worker)
            }
            Err(text) => self.fail(text, reply),
        }
    }

    fn fail(self: &Arc<Self>, text: String, reply: Reply) -> Option<Box<W>> {
        self.crashed(&text);
        reply.send(&self.core, Err(self.core.panicked(text)));
        None
    }

    /// A local caller's slot may expire at this very moment, or be ended with its node, and must then say the truth about whether
    /// this ran. The slot's lock decides: either it is marked as begun here, or it has ended there, at a time past its due, or
    /// with all others.
    fn may_begin(&self, entry: &Entry<W>, now: Instant) -> bool {
        let due = entry.deadline.due;
        if now >= due {
            return false;
        }
        match entry.reply {
            Reply::Slot(request) => {
                let pending = self.core.host().pending();
                pending.begin(request) || (self.core.now() < due && !pending.is_closed())
            }
            Reply::Nobody | Reply::To(_) => true,
        }
    }

    #[expect(clippy::type_complexity, reason = "it is the type of a row of the method table")]
    fn method(
        &self,
        id: u64,
        fingerprint: u32,
        reply: &Reply,
    ) -> Result<fn(Active<W>, Payload) -> Step<W, Payload>, CallError> {
        let Some(method) = W::METHODS.iter().find(|method| method.id == id) else {
            return Err(CallError::Unhandled {
                name: self.core.name.clone(),
                node: self.core.host().node(),
                worker: W::NAME.to_owned(),
                message: id,
            });
        };
        let known = match reply {
            Reply::Nobody => method.request.cast(),
            Reply::Slot(_) | Reply::To(_) => method.request.call(method.reply),
        };
        if known != fingerprint {
            return Err(self.core.mismatch(format!("the fields of `{}` or of its reply differ", method.name)));
        }
        Ok(method.run)
    }
}
