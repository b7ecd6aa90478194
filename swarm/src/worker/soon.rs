//! Owns what a thread that reads from the network will run itself as soon as it has read everything: quick handlers, whose
//! hop to tokio would cost more than they do. Never runs anything while somebody up the stack holds a lock.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::time::Instant;
use tokio::runtime::Handle;

use crate::worker::Parcel;

/// What is run at the end of one read, at most. The rest goes to tokio: others wait for the thread, too.
const TIME_MAX: Duration = Duration::from_millis(1);

/// The same in tasks, for who keep on sending each other messages.
const TASKS_MAX: usize = 1_024;

/// Something that is under way.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something to be begun.
pub(crate) trait Prompt: Send {
    /// Does it, as far as it need not wait. The rest, if there is any, has not been polled.
    fn begin(self: Box<Self>) -> Option<Task>;

    /// The same for who may take its time.
    fn into_task(self: Box<Self>) -> Task;
}

/// A cell whose idle worker has a message to run.
pub(crate) trait Taker: Send + Sync {
    /// As [`Prompt::begin`]. The worker is this cell's.
    fn begin(self: Arc<Self>, worker: Box<dyn Any + Send>, message: Parcel) -> Option<Task>;

    /// As [`Prompt::into_task`].
    fn into_task(self: Arc<Self>, worker: Box<dyn Any + Send>, message: Parcel) -> Task;
}

/// What waits.
pub(crate) enum Waiting {
    /// A task from its beginning.
    Task(Task),
    Prompt(Box<dyn Prompt>),
    /// A message that came for an idle worker. It is by far the most frequent, and takes no memory here.
    Message(Arc<dyn Taker>, Box<dyn Any + Send>, Parcel),
}

impl Waiting {
    fn begin(self) -> Option<Task> {
        match self {
            Self::Task(task) => Some(task),
            Self::Prompt(prompt) => prompt.begin(),
            Self::Message(cell, worker, message) => cell.begin(worker, message),
        }
    }

    fn into_task(self) -> Task {
        match self {
            Self::Task(task) => task,
            Self::Prompt(prompt) => prompt.into_task(),
            Self::Message(cell, worker, message) => cell.into_task(worker, message),
        }
    }
}

thread_local! {
    /// This thread has said that it comes back for what waits.
    static OPEN: Cell<bool> = const { Cell::new(false) };
    static WAITING: RefCell<VecDeque<Waiting>> = const { RefCell::new(VecDeque::new()) };
    /// A handler was polled since this was looked at: it may have used up some of tokio's budget.
    static POLLED: Cell<bool> = const { Cell::new(false) };
    /// When that thread has looked at the clock last.
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// From now on this thread collects what it will run by [`run`].
pub(crate) fn open(clock: impl FnOnce() -> Instant) {
    if !OPEN.replace(true) {
        LOOKED.set(Some(clock()));
    }
}

/// The time by a clock that this thread looks at only before it reads and after each run, if it collects: looking costs as much as
/// many a handler. So it may be slow by what one read takes.
pub(crate) fn now() -> Option<Instant> {
    LOOKED.get()
}

/// Whether this thread collects.
#[inline]
pub(crate) fn is_open() -> bool {
    OPEN.get()
}

/// Polls a handler once, on a thread that collects. Tokio polls it again at once if it waits, so nothing is missed.
pub(crate) fn poll_once<F: Future + Unpin>(handler: &mut F) -> Option<F::Output> {
    if !is_open() {
        return None;
    }
    POLLED.set(true);
    match Pin::new(handler).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Whether a handler was polled by [`poll_once`] since the last look.
pub(crate) fn has_polled() -> bool {
    POLLED.replace(false)
}

/// Tells [`now`] what the clock says.
pub(crate) fn looked(now: Instant) -> Instant {
    if is_open() {
        LOOKED.set(Some(now));
    }
    now
}

/// Has a task begun on this thread soon; or gives it back, since it collects nothing.
pub(crate) fn add<F: Future<Output = ()> + Send + 'static>(task: F) -> Result<(), F> {
    if !is_open() {
        return Err(task);
    }
    push(Waiting::Task(Box::pin(task)));
    Ok(())
}

/// Has something begun on this thread soon, which must be one that collects.
pub(crate) fn push(what: Waiting) {
    debug_assert!(is_open(), "nobody comes back for it");
    WAITING.with_borrow_mut(|waiting| waiting.push_back(what));
}

/// Begins what was collected, also meanwhile. Who is not ready at once goes on as a task of tokio's. True if there was any.
pub(crate) fn run(tokio: &Handle, clock: impl Fn() -> Instant) -> bool {
    let Some(first) = next() else { return false };
    let end = looked(clock()) + TIME_MAX;
    let (mut next_one, mut begun) = (Some(first), 0);
    // As on a thread of tokio's each has a budget, so that none goes on for ever, and none can block on another future.
    tokio.block_on(poll_fn(|cx| {
        let before = now();
        if let Some(mut task) = next_one.take().and_then(Waiting::begin)
            // Tokio polls it again at once if it waits, so nothing is missed here.
            && task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
        {
            tokio.spawn(task);
        }
        let Some(another) = next() else { return Poll::Ready(()) };
        begun += 1;
        // Handlers have looked at their end.
        let now = now().filter(|now| Some(*now) != before).unwrap_or_else(|| looked(clock()));
        if begun >= TASKS_MAX || now >= end {
            tokio.spawn(another.into_task());
            std::iter::from_fn(next).for_each(|another| drop(tokio.spawn(another.into_task())));
            return Poll::Ready(());
        }
        next_one = Some(another);
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    true
}

/// Collects nothing any more. What waits still was added too late to be run, and goes to tokio.
pub(crate) fn close(tokio: &Handle) {
    OPEN.set(false);
    LOOKED.set(None);
    std::iter::from_fn(next).for_each(|waiting| drop(tokio.spawn(waiting.into_task())));
}

fn next() -> Option<Waiting> {
    WAITING.with_borrow_mut(VecDeque::pop_front)
}
