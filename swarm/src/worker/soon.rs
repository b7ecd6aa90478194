//! Owns what a thread that reads from the network will run itself as soon as it has read everything: quick handlers, whose
//! hop to tokio would cost more than they do. Never runs anything while somebody up the stack holds a lock.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::time::Clock;
use tokio::runtime::Handle;

/// What is run at the end of one read, at most. The rest goes to tokio: others wait for the thread, too.
const TIME_MAX: Duration = Duration::from_millis(1);

/// The same in tasks, for who keep on sending each other messages.
const TASKS_MAX: usize = 1_024;

/// Something to be begun.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// What waits, on a thread that has said that it comes back for it.
    static WAITING: RefCell<Option<VecDeque<Task>>> = const { RefCell::new(None) };
}

/// From now on this thread collects what it will run by [`run`].
pub(crate) fn open() {
    WAITING.with_borrow_mut(|waiting| {
        waiting.get_or_insert_default();
    });
}

/// Whether this thread collects.
pub(crate) fn is_open() -> bool {
    WAITING.with_borrow(Option::is_some)
}

/// Has a task begun on this thread soon; or gives it back, since it collects nothing.
pub(crate) fn add<F: Future<Output = ()> + Send + 'static>(task: F) -> Result<(), F> {
    WAITING.with_borrow_mut(|waiting| match waiting {
        Some(waiting) => {
            waiting.push_back(Box::pin(task));
            Ok(())
        }
        None => Err(task),
    })
}

/// Begins what was collected, also meanwhile. Who is not ready at once goes on as a task of tokio's. True if there was any.
pub(crate) fn run(tokio: &Handle) -> bool {
    let Some(first) = next() else { return false };
    let end = Clock::instant() + TIME_MAX;
    let (mut task, mut begun) = (first, 0);
    // As on a thread of tokio's each has a budget, so that none goes on for ever, and none can block on another future.
    tokio.block_on(poll_fn(|cx| {
        // Tokio polls it again at once if it waits, so nothing is missed here.
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            tokio.spawn(std::mem::replace(&mut task, Box::pin(ready(()))));
        }
        let Some(another) = next() else { return Poll::Ready(()) };
        begun += 1;
        if begun >= TASKS_MAX || Clock::instant() >= end {
            tokio.spawn(another);
            std::iter::from_fn(next).for_each(|task| drop(tokio.spawn(task)));
            return Poll::Ready(());
        }
        task = another;
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    true
}

/// Collects nothing any more. What waits still was added too late to be run, and goes to tokio.
pub(crate) fn close(tokio: &Handle) {
    let waiting = WAITING.take();
    waiting.into_iter().flatten().for_each(|task| drop(tokio.spawn(task)));
}

fn next() -> Option<Task> {
    WAITING.with_borrow_mut(|waiting| waiting.as_mut()?.pop_front())
}
