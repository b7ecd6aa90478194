//! Owns the timers of one node: one thread that sleeps until the next is due, and the clock that it goes by.
//! Never runs user code: an alarm only hands on a message or wakes a task.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::time::{Clock, Instant};

/// How many timers of a node may be armed at once: about 100 MB of them. More is a leak of the program's.
pub const TIMERS_MAX: usize = 1 << 20;

/// The timers of one node. Cheap to clone; its thread ends with the last clone.
#[derive(Clone)]
pub struct Timers(Arc<Owner>);

/// What is told when a timer is due.
pub trait Alarm: Send + Sync {
    /// The timer that was armed with `id` is due. Runs on the timer thread: it must be quick and must not block.
    fn ring(self: Arc<Self>, id: u64);
}

/// The right to cancel a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    due: Instant,
    order: u64,
}

/// The node has [`TIMERS_MAX`] timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this node has {TIMERS_MAX} timers armed, its limit: cancel those that are not needed")]
pub struct TooMany;

impl Timers {
    /// Starts the timer thread of a node.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(None));
        let thread = shared.clone();
        std::thread::Builder::new().name("swarm-timer".into()).spawn(move || thread.run())?;
        Ok(Self(Arc::new(Owner(shared))))
    }

    /// Timers without a thread, on a clock that only [`Timers::advance`] moves: for tests and simulations.
    #[cfg(any(test, feature = "sim"))]
    pub fn manual() -> Self {
        Self(Arc::new(Owner(Arc::new(Shared::new(Some(AtomicU64::new(0)))))))
    }

    /// The present instant of the clock that these timers go by.
    pub fn now(&self) -> Instant {
        self.0.0.now()
    }

    /// Rings `alarm` with `id` at `due`, unless it is gone by then.
    ///
    /// # Errors
    /// If the node has [`TIMERS_MAX`] timers already.
    pub fn arm(&self, due: Instant, alarm: Weak<dyn Alarm>, id: u64) -> Result<Key, TooMany> {
        self.0.0.arm(due, alarm, id)
    }

    /// Takes a timer back. One that has rung is none any more.
    pub fn cancel(&self, key: Key) {
        self.0.0.lock().armed.remove(&key);
    }

    /// A future that is ready after `span`. It needs no runtime.
    pub fn delay(&self, span: Duration) -> Delay {
        Delay { timers: self.clone(), due: self.now() + span, armed: None }
    }

    /// How many timers are armed.
    #[cfg(any(test, feature = "sim"))]
    pub fn armed(&self) -> usize {
        self.0.0.lock().armed.len()
    }

    /// When the next timer is due, on a manual clock.
    #[cfg(any(test, feature = "sim"))]
    pub fn next_due(&self) -> Option<Instant> {
        self.0.0.lock().armed.first_key_value().map(|(key, _)| key.due)
    }

    /// Moves a manual clock by `span`, ringing what becomes due in order. Does nothing to a real clock.
    #[cfg(any(test, feature = "sim"))]
    pub fn advance(&self, span: Duration) {
        let Some(clock) = &self.0.0.manual else {
            return;
        };
        let end = self.now() + span;
        loop {
            // A statement of its own, so that the lock is free again when the alarm arms another timer.
            let next = self.0.0.lock().take_due(end);
            let Some((due, armed)) = next else { break };
            clock.fetch_max(due.as_nanos(), Ordering::SeqCst);
            armed.ring();
        }
        clock.fetch_max(end.as_nanos(), Ordering::SeqCst);
    }
}

/// Ends the thread when the last [`Timers`] goes.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.changed.notify_one();
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    manual: Option<AtomicU64>,
}

#[derive(Default)]
struct State {
    armed: BTreeMap<Key, Armed>,
    armings: u64,
    stopped: bool,
}

struct Armed {
    alarm: Weak<dyn Alarm>,
    id: u64,
}

impl Armed {
    fn ring(self) {
        if let Some(alarm) = self.alarm.upgrade() {
            alarm.ring(self.id);
        }
    }
}

impl State {
    fn take_due(&mut self, now: Instant) -> Option<(Instant, Armed)> {
        let first = self.armed.first_entry()?;
        if first.key().due > now {
            return None;
        }
        let (key, armed) = first.remove_entry();
        Some((key.due, armed))
    }
}

impl Shared {
    fn new(manual: Option<AtomicU64>) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), manual }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        match &self.manual {
            Some(clock) => Instant::from_nanos(clock.load(Ordering::SeqCst)),
            None => Clock::instant(),
        }
    }

    fn arm(&self, due: Instant, alarm: Weak<dyn Alarm>, id: u64) -> Result<Key, TooMany> {
        let mut state = self.lock();
        if state.armed.len() >= TIMERS_MAX {
            return Err(TooMany);
        }
        state.armings += 1;
        let key = Key { due, order: state.armings };
        let sooner = state.armed.first_key_value().is_none_or(|(first, _)| key < *first);
        state.armed.insert(key, Armed { alarm, id });
        drop(state);
        if sooner {
            self.changed.notify_one();
        }
        Ok(key)
    }

    /// The timer thread. An alarm that panics is the framework's bug; it must not silence all the others.
    fn run(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let now = self.now();
            if let Some((_, armed)) = state.take_due(now) {
                drop(state);
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| armed.ring())).is_err() {
                    tracing::error!("an alarm panicked on the timer thread");
                }
                state = self.lock();
                continue;
            }
            let wait = state.armed.first_key_value().map(|(key, _)| key.due.since(now));
            state = match wait {
                Some(span) => self.changed.wait_timeout(state, span).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Ready at its due time; see [`Timers::delay`].
pub struct Delay {
    timers: Timers,
    due: Instant,
    /// Set at the first look: most of what is limited in time ends before one is needed.
    armed: Option<(Arc<Bell>, Key)>,
}

struct Bell(Mutex<(bool, Option<Waker>)>);

impl Bell {
    fn lock(&self) -> MutexGuard<'_, (bool, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alarm for Bell {
    fn ring(self: Arc<Self>, _: u64) {
        let mut bell = self.lock();
        bell.0 = true;
        let waker = bell.1.take();
        drop(bell);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.timers.now() >= self.due {
            return Poll::Ready(());
        }
        if let Some((bell, _)) = &self.armed {
            let mut bell = bell.lock();
            if bell.0 {
                return Poll::Ready(());
            }
            bell.1 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bell = Arc::new(Bell(Mutex::new((false, Some(cx.waker().clone())))));
        let alarm: Arc<dyn Alarm> = bell.clone();
        match self.timers.arm(self.due, Arc::downgrade(&alarm), 0) {
            Ok(key) => {
                self.armed = Some((bell, key));
                Poll::Pending
            }
            // Without room for another timer the wait ends at once rather than never.
            Err(TooMany) => Poll::Ready(()),
        }
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        if let Some((_, key)) = self.armed.take() {
            self.timers.cancel(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Log(Mutex<Vec<u64>>);

    impl Alarm for Log {
        fn ring(self: Arc<Self>, id: u64) {
            self.0.lock().expect("no test panics with it").push(id);
        }
    }

    #[test]
    fn rings_in_order_and_not_what_was_cancelled() {
        let timers = Timers::manual();
        let log = Arc::new(Log(Mutex::default()));
        let alarm: Arc<dyn Alarm> = log.clone();
        let mut keys = Vec::new();
        for (ms, id) in [(30, 3), (10, 1), (20, 2), (10, 11)] {
            let due = timers.now() + Duration::from_millis(ms);
            keys.push(timers.arm(due, Arc::downgrade(&alarm), id).expect("there is room"));
        }
        timers.cancel(keys[2]);
        timers.advance(Duration::from_millis(9));
        assert!(log.0.lock().expect("unpoisoned").is_empty());
        timers.advance(Duration::from_millis(100));
        assert_eq!(*log.0.lock().expect("unpoisoned"), [1, 11, 3]);
    }

    #[test]
    fn the_thread_rings_what_is_armed_while_it_sleeps() {
        let timers = Timers::start().expect("a thread");
        let far = timers.delay(Duration::from_secs(3600));
        let near = timers.delay(Duration::from_millis(1));
        let mut far = std::pin::pin!(far);
        assert!(far.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        crate::call::wait::wait(near);
    }
}
