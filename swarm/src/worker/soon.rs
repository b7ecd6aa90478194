//! Owns what a thread that has begun much will run itself as soon as that is done: quick handlers, whose hop to tokio would cost more than
//! they do. It is the thread that reads from the network, or one of a task that tells a large group. Never runs anything while somebody up
//! the stack holds a lock.

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

use crate::call::wakes;
use crate::worker::Parcel;
use crate::worker::pace::Pace;

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

    /// Has tokio run what is queued.
    fn drain(self: Arc<Self>, worker: Box<dyn Any + Send>);
}

/// A cell and its worker, which is out for what is queued.
pub(crate) type Left = (Arc<dyn Taker>, Box<dyn Any + Send>);

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

/// Which thread collects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// The one that reads from the network, and keeps the node in the cluster.
    Reader,
    /// One of tokio's, in a task that begins much.
    Worker,
}

thread_local! {
    /// This thread has said that it comes back for what waits.
    static OPEN: Cell<Option<Thread>> = const { Cell::new(None) };
    static WAITING: RefCell<VecDeque<Waiting>> = const { RefCell::new(VecDeque::new()) };
    static LEFT: RefCell<Vec<Left>> = const { RefCell::new(Vec::new()) };
    /// A handler was polled since this was looked at: it may have used up some of tokio's budget.
    static POLLED: Cell<bool> = const { Cell::new(false) };
    /// When that thread has looked at the clock last.
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// From now on this thread, which reads from the network, collects what it will run by [`run`].
pub(crate) fn open(clock: impl FnOnce() -> Instant) {
    if OPEN.replace(Some(Thread::Reader)).is_none() {
        LOOKED.set(Some(clock()));
    }
}

/// The same for a thread of tokio's, which will run it by [`run_here`] before its task is polled to the end.
pub(crate) fn open_here(tokio: &Handle, clock: impl FnOnce() -> Instant) -> Gathering<'_> {
    OPEN.set(Some(Thread::Worker));
    LOOKED.set(Some(clock()));
    Gathering(tokio)
}

/// A task of tokio's collects as long as this is there: its thread goes on with others, whatever becomes of it.
#[must_use = "nothing is collected without it"]
pub(crate) struct Gathering<'a>(&'a Handle);

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        close(self.0);
    }
}

/// Whether this thread collects, and a method that has done like this may run on it.
pub(crate) fn takes(pace: &Pace) -> bool {
    match OPEN.get() {
        Some(Thread::Reader) => pace.is_quick(),
        // There are others like it.
        Some(Thread::Worker) => pace.was_quick(),
        None => false,
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
    OPEN.get().is_some()
}

/// Whether this thread reads from the network.
#[inline]
pub(crate) fn is_reader() -> bool {
    OPEN.get() == Some(Thread::Reader)
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

/// Leaves what is queued in a cell to tokio: at once, or with the others of one read.
pub(crate) fn leave(cell: Arc<dyn Taker>, worker: Box<dyn Any + Send>) {
    if wakes::is_collecting() {
        LEFT.with_borrow_mut(|left| left.push((cell, worker)));
    } else {
        cell.drain(worker);
    }
}

/// How much is left to tokio, of this read.
pub(crate) fn left() -> usize {
    LEFT.with_borrow(Vec::len)
}

/// Moves that to the end of `all`.
pub(crate) fn take_left(all: &mut Vec<Left>) {
    LEFT.with_borrow_mut(|left| all.append(left));
}

/// Hands that to tokio.
pub(crate) fn drain_all() {
    while let Some((cell, worker)) = LEFT.with_borrow_mut(Vec::pop) {
        cell.drain(worker);
    }
}

/// Begins what was collected, also meanwhile. Who is not ready at once goes on as a task of tokio's. True if there was any.
pub(crate) fn run(tokio: &Handle, clock: impl Fn() -> Instant) -> bool {
    let Some(first) = next() else { return false };
    let mut running = Running::new(first, looked(clock()));
    // As on a thread of tokio's each has a budget, so that none goes on for ever, and none can block on another future.
    tokio.block_on(poll_fn(|cx| {
        if running.step(tokio, &clock) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    true
}

/// The same within one poll of a task of tokio's, whose budget they share.
pub(crate) fn run_here(tokio: &Handle, clock: impl Fn() -> Instant) {
    let Some(first) = next() else { return };
    let mut running = Running::new(first, looked(clock()));
    while !running.step(tokio, &clock) {}
}

/// The running of what was collected.
struct Running {
    next: Option<Waiting>,
    begun: usize,
    end: Instant,
}

impl Running {
    fn new(first: Waiting, now: Instant) -> Self {
        Self { next: Some(first), begun: 0, end: now + TIME_MAX }
    }

    /// Begins the next. True if it was the last, or all that is left has gone to tokio.
    fn step(&mut self, tokio: &Handle, clock: &impl Fn() -> Instant) -> bool {
        let before = now();
        if let Some(mut task) = self.next.take().and_then(Waiting::begin)
            // Tokio polls it again at once if it waits, so nothing is missed here.
            && task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
        {
            tokio.spawn(task);
        }
        let Some(another) = next() else { return true };
        self.begun += 1;
        // Handlers have looked at their end.
        let now = now().filter(|now| Some(*now) != before).unwrap_or_else(|| looked(clock()));
        if self.begun >= TASKS_MAX || now >= self.end {
            tokio.spawn(another.into_task());
            std::iter::from_fn(next).for_each(|another| drop(tokio.spawn(another.into_task())));
            return true;
        }
        self.next = Some(another);
        false
    }
}

/// Collects nothing any more. What waits still was added too late to be run, and goes to tokio.
pub(crate) fn close(tokio: &Handle) {
    OPEN.set(None);
    LOOKED.set(None);
    std::iter::from_fn(next).for_each(|waiting| drop(tokio.spawn(waiting.into_task())));
}

fn next() -> Option<Waiting> {
    WAITING.with_borrow_mut(VecDeque::pop_front)
}
