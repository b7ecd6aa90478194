//! Owns what a thread that reads from the network will run itself as soon as it has read everything: quick handlers, whose
//! hop to tokio would cost more than they do. Never runs anything while somebody up the stack holds a lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::time::Instant;
use tokio::runtime::Handle;

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

/// What waits is a task from its beginning.
struct Whole(Task);

impl Prompt for Whole {
    fn begin(self: Box<Self>) -> Option<Task> {
        Some(self.0)
    }

    fn into_task(self: Box<Self>) -> Task {
        self.0
    }
}

thread_local! {
    /// What waits, on a thread that has said that it comes back for it.
    static WAITING: RefCell<Option<VecDeque<Box<dyn Prompt>>>> = const { RefCell::new(None) };
    /// When that thread has looked at the clock last.
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// From now on this thread collects what it will run by [`run`].
pub(crate) fn open(clock: impl FnOnce() -> Instant) {
    if !is_open() {
        WAITING.set(Some(VecDeque::new()));
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
    WAITING.with_borrow(Option::is_some)
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
    push(Box::new(Whole(Box::pin(task))));
    Ok(())
}

/// Has something begun on this thread soon, which must be one that collects.
pub(crate) fn push(prompt: Box<dyn Prompt>) {
    WAITING.with_borrow_mut(|waiting| waiting.get_or_insert_default().push_back(prompt));
}

/// Begins what was collected, also meanwhile. Who is not ready at once goes on as a task of tokio's. True if there was any.
pub(crate) fn run(tokio: &Handle, clock: impl Fn() -> Instant) -> bool {
    let Some(first) = next() else { return false };
    let end = looked(clock()) + TIME_MAX;
    let (mut next_one, mut begun) = (Some(first), 0);
    // As on a thread of tokio's each has a budget, so that none goes on for ever, and none can block on another future.
    tokio.block_on(poll_fn(|cx| {
        let before = now();
        if let Some(mut task) = next_one.take().and_then(Prompt::begin)
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
    let waiting = WAITING.take();
    LOOKED.set(None);
    waiting.into_iter().flatten().for_each(|prompt| drop(tokio.spawn(prompt.into_task())));
}

fn next() -> Option<Box<dyn Prompt>> {
    WAITING.with_borrow_mut(|waiting| waiting.as_mut()?.pop_front())
}
