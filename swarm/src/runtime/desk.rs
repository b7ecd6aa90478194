//! Owns who runs the control of a node, and when: one thread at a time, and small things whoever has them at hand, since a
//! hop to another thread costs more than most of what there is to do. What is large, due, or left over is the control thread's.
//! Never leaves an input lying while nobody has promised to look.

use std::future::Future;
use std::pin::Pin;
use std::sync::{PoisonError, TryLockError};
use std::task::{Context, Poll};
use std::time::Duration;

use crossbeam_channel::Sender;
use swarm_net::time::{Clock, Instant};

use crate::runtime::control::Control;
use crate::runtime::input::Input;
use crate::sync::{AtomicBool, AtomicU64, Bell, Mutex, MutexGuard, Ordering, fence};

/// How long the control thread waits for a turn that somebody has promised, before it takes it itself. A thread of tokio
/// that user code holds up keeps its promises late.
const PATIENCE: Duration = Duration::from_millis(2);

/// How many turns in a row are taken by a thread that has other things to do.
const BRIEF_TURNS_MAX: usize = 4;

/// What is run at a desk.
pub(crate) trait Shift {
    /// Does all that there is to do. When something is due next; `None` at the end.
    fn full_turn(&mut self) -> Option<Instant>;

    /// Does what waits and is small. When something is due next; `None` if something waits that must not.
    fn brief_turn(&mut self) -> Option<Instant>;
}

/// Where the inputs of one node's control wait, and those who work them off meet.
pub(crate) struct Desk<C = Control, I = Input> {
    inputs: Sender<I>,
    /// Empty before the node's begin and after its end, and in tests that turn the control by hand.
    seat: Mutex<Option<Box<C>>>,
    /// Wakes the control thread.
    bell: Bell,
    /// The control thread is to take a turn, whatever was promised.
    called: AtomicBool,
    /// Somebody else takes a turn soon.
    promised: AtomicBool,
    /// When the control thread looks by itself, as far as it sleeps: nanoseconds of the clock.
    alarm: AtomicU64,
    /// Nobody but the control thread takes turns, as far as it can help it.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) alone: AtomicBool,
}

impl<C: Shift, I> Desk<C, I> {
    pub(crate) fn new(inputs: Sender<I>) -> Self {
        Self {
            inputs,
            seat: Mutex::new(None),
            bell: Bell::default(),
            called: AtomicBool::new(false),
            promised: AtomicBool::new(false),
            alarm: AtomicU64::new(0),
            #[cfg(any(test, feature = "sim"))]
            alone: AtomicBool::new(false),
        }
    }

    /// The control that is to be run here.
    pub(crate) fn seat(&self, control: C) {
        *self.lock() = Some(Box::new(control));
    }

    /// Leaves something to the control thread.
    pub(crate) fn hand(&self, input: I) {
        self.add(input);
        self.call();
    }

    /// Adds something for a [`turn`](Self::turn) that this thread takes before it does anything that may take long.
    pub(crate) fn add(&self, input: I) {
        // It fails only after the node's end.
        drop(self.inputs.send(input));
    }

    /// Adds something for a turn that this thread takes soon. True if nobody else had promised one.
    pub(crate) fn promise(&self, input: I) -> bool {
        self.add(input);
        let first = !self.promised.swap(true, Ordering::SeqCst);
        if first && self.alarm.load(Ordering::SeqCst) > nanos(Clock::instant() + PATIENCE) {
            self.bell.ring();
        }
        first
    }

    /// Does something on this thread, and all that was to be done before, though it may take long: nothing else goes on here meanwhile.
    pub(crate) fn do_now(&self, input: I) {
        self.add(input);
        // A turn takes something if there is anything, and what comes meanwhile need not be done here. One at least: another thread
        // may be in the middle of it.
        for _ in 0..=self.inputs.len() {
            if self.full_turn().is_none() || self.inputs.is_empty() {
                break;
            }
        }
        // It has to look anew when it is to look.
        self.call();
    }

    /// Takes the turn that was promised, after all that is ready to run now: with it, others may have added to it.
    pub(crate) fn keep_promise(&self) -> Promised<'_, C, I> {
        Promised { desk: self, yielded: false, kept: false }
    }

    /// Works off what waits, as far as it is small, unless somebody does so already: that one looks again. Never waits.
    pub(crate) fn turn(&self) {
        if self.inputs.is_empty() {
            // Another's turn has taken what this one was promised for.
            if !self.promised.load(Ordering::SeqCst) || !self.promised.swap(false, Ordering::SeqCst) {
                return;
            }
        }
        #[cfg(any(test, feature = "sim"))]
        if self.alone.load(Ordering::SeqCst) {
            return self.call();
        }
        // Between this and the look at the lock, and in `left_over` the other way round: one of the two sees the other.
        fence(Ordering::SeqCst);
        for _ in 0..BRIEF_TURNS_MAX {
            let mut seat = match self.seat.try_lock() {
                Ok(seat) => seat,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            // Out of its seat while it runs: if it panics, the node has no control any more, and nobody waits for it.
            let Some(mut control) = seat.take() else { return };
            self.promised.store(false, Ordering::SeqCst);
            let due = control.brief_turn();
            *seat = Some(control);
            drop(seat);
            if due.is_none_or(|due| nanos(due) < self.alarm.load(Ordering::SeqCst)) {
                return self.call();
            }
            if !self.left_over() {
                return;
            }
        }
        self.call();
    }

    /// What the control thread does until the node stops.
    pub(crate) fn run(&self) {
        self.bell.take();
        while let Some(until) = self.shift() {
            if !self.left_over() {
                self.rest(until);
            }
        }
    }

    /// One turn of the control thread. When it is to take the next, unless it is called before; `None` at the end of the node.
    pub(crate) fn shift(&self) -> Option<Instant> {
        self.called.store(false, Ordering::SeqCst);
        self.full_turn()
    }

    /// All that there is to do; then when something is due. None at the end of the node.
    fn full_turn(&self) -> Option<Instant> {
        let mut seat = self.lock();
        let mut control = seat.take()?;
        self.promised.store(false, Ordering::SeqCst);
        let until = control.full_turn()?;
        self.alarm.store(nanos(until), Ordering::SeqCst);
        *seat = Some(control);
        Some(until)
    }

    /// Sleeps until it is called, or until then.
    fn rest(&self, until: Instant) {
        while !self.called.load(Ordering::SeqCst) {
            let left = until.since(Clock::instant());
            if left.is_zero() {
                return;
            }
            if self.promised.load(Ordering::SeqCst) {
                self.alarm.store(nanos(Clock::instant() + PATIENCE), Ordering::SeqCst);
                return self.bell.wait(left.min(PATIENCE));
            }
            self.bell.wait(left);
        }
    }

    /// Whether something was added too late for the turn that has just ended, by who found it under way.
    fn left_over(&self) -> bool {
        fence(Ordering::SeqCst);
        !self.inputs.is_empty()
    }

    /// Whether the control thread is to take a turn at once, and if not, when.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn due(&self) -> Option<Instant> {
        let waits = self.called.load(Ordering::SeqCst) || !self.inputs.is_empty();
        (!waits).then(|| Instant::from_nanos(self.alarm.load(Ordering::SeqCst)))
    }

    /// Looks at what is run here, if it is.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn look<T>(&self, at: impl FnOnce(&C) -> T) -> Option<T> {
        self.lock().as_deref().map(at)
    }

    /// Takes away what is run here.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn clear(&self) {
        let gone = self.lock().take();
        drop(gone);
    }

    fn call(&self) {
        if !self.called.swap(true, Ordering::SeqCst) {
            self.bell.ring();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<C>>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn that will be taken: by this task, or if it is dropped before, by the control thread.
#[must_use = "nobody takes the turn else"]
pub(crate) struct Promised<'a, C: Shift, I> {
    desk: &'a Desk<C, I>,
    yielded: bool,
    kept: bool,
}

impl<C: Shift, I> Future for Promised<'_, C, I> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.kept = true;
        self.desk.turn();
        Poll::Ready(())
    }
}

impl<C: Shift, I> Drop for Promised<'_, C, I> {
    fn drop(&mut self) {
        if !self.kept {
            self.desk.call();
        }
    }
}

fn nanos(at: Instant) -> u64 {
    at.as_nanos()
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
