//! Owns what a cell and the contexts of its worker share, without naming the worker's type.
//! Never holds the worker itself.

use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use swarm_net::time::Instant;

use crate::epoch::Epoch;
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::timer::Alarm;
use crate::worker::alarms::Alarms;
use crate::worker::cell::AnyCell;
use crate::worker::{Deadline, Host, Lease, Undelivered};

/// The part of a cell that contexts hold.
pub(crate) struct Core {
    pub(crate) name: Name,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) cell: Weak<dyn AnyCell>,
    lease: Lease,
    /// The due time of the message in hand, in nanoseconds of the node's clock.
    due: AtomicU64,
    stop: AtomicBool,
    /// The worker is out with a caller, who will be back in a moment. Only a hint: it is worth spinning for. It stands here
    /// since there is room beside `stop`, and none in the cell.
    lent: AtomicBool,
    /// One lock for both, since neither is ever held for long.
    own: Mutex<Own>,
}

struct Own {
    epoch: Epoch,
    alarms: Alarms,
}

/// The timers of a worker, while nobody else has them.
pub(crate) struct AlarmsGuard<'a>(MutexGuard<'a, Own>);

impl Deref for AlarmsGuard<'_> {
    type Target = Alarms;

    fn deref(&self) -> &Alarms {
        &self.0.alarms
    }
}

impl DerefMut for AlarmsGuard<'_> {
    fn deref_mut(&mut self) -> &mut Alarms {
        &mut self.0.alarms
    }
}

impl Core {
    pub(crate) fn new(name: Name, epoch: Epoch, host: Arc<dyn Host>, cell: Weak<dyn AnyCell>) -> Self {
        Self {
            name,
            lease: host.lease(),
            host,
            cell,
            due: AtomicU64::new(Deadline::NEVER.due.as_nanos()),
            stop: AtomicBool::new(false),
            lent: AtomicBool::new(false),
            own: Mutex::new(Own { epoch, alarms: Alarms::default() }),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.host.timers().now()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.own().epoch
    }

    pub(crate) fn set_epoch(&self, epoch: Epoch) {
        self.own().epoch = epoch;
    }

    pub(crate) fn due(&self) -> Instant {
        Instant::from_nanos(self.due.load(Ordering::Relaxed))
    }

    pub(crate) fn set_due(&self, due: Instant) {
        self.due.store(due.as_nanos(), Ordering::Relaxed);
    }

    /// Whether the worker may run and answer now.
    pub(crate) fn may_run(&self) -> bool {
        self.lease.holds(|| self.now())
    }

    /// An answer, unless it comes too late: elsewhere others may answer by now.
    pub(crate) fn in_time<R>(&self, answer: Result<R, CallError>) -> Result<R, CallError> {
        if answer.is_ok() && !self.may_run() { Err(self.no_quorum(Executed::Yes)) } else { answer }
    }

    /// The error of a call to a worker whose node has lost the quorum.
    pub(crate) fn no_quorum(&self, executed: Executed) -> CallError {
        CallError::NoQuorum { name: self.name.clone(), node: self.host.node(), executed }
    }

    pub(crate) fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn lend(&self) {
        self.lent.store(true, Ordering::Release);
    }

    pub(crate) fn give_back(&self) {
        self.lent.store(false, Ordering::Release);
    }

    pub(crate) fn is_lent(&self) -> bool {
        self.lent.load(Ordering::Acquire)
    }

    pub(crate) fn alarms(&self) -> AlarmsGuard<'_> {
        AlarmsGuard(self.own())
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of a call that waited in the queue of a cell that ended.
    pub(crate) fn ended(&self, why: &str) -> CallError {
        CallError::Ended { name: self.name.clone(), node: self.host.node(), text: why.to_owned() }
    }

    /// The error of a call whose handler panicked.
    pub(crate) fn panicked(&self, text: String) -> CallError {
        CallError::Panicked { name: self.name.clone(), node: self.host.node(), text }
    }

    /// The error of a call whose message the cell cannot read, so that it did not run.
    pub(crate) fn mismatch(&self, what: String) -> CallError {
        let (name, node) = (self.name.clone(), self.host.node());
        CallError::SchemaMismatch { name, node, what, executed: Executed::No }
    }

    /// The cell as its own type, if that is `C` and it still exists.
    pub(crate) fn cell_as<C: Any + Send + Sync>(&self) -> Option<Arc<C>> {
        let cell: Arc<dyn Any + Send + Sync> = self.cell.upgrade()?;
        cell.downcast().ok()
    }
}

/// A timer of the worker is due: its message goes into the cell's queue.
impl Alarm for Core {
    fn ring(self: Arc<Self>, id: u64) {
        let now = self.now();
        let Some(message) = self.alarms().fall_due(id, now, &self) else {
            return;
        };
        let Some(cell) = self.cell.upgrade() else {
            return;
        };
        match cell.deliver(message.clone().into_parcel()) {
            Ok(()) => {}
            Err((_, Undelivered::Full)) => self.alarms().no_room(id, message, now, &self),
            Err((_, Undelivered::Moved)) => self.alarms().clear(self.host.timers()),
        }
    }
}
