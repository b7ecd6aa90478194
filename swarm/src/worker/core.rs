//! Owns the part of a cell that does not depend on its worker's type. Never holds the worker itself.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use swarm_net::time::{Clock, Instant};
use tokio::task::coop;

use crate::epoch::Epoch;
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::worker::alarms::Alarms;
use crate::worker::pace::Pace;
use crate::worker::soon;
use crate::worker::{Deadline, Home, Host};

/// What contexts, timers and the frames of running handlers need of a cell.
pub(crate) struct Core {
    pub(crate) name: Name,
    /// One pointer for all that does not differ from cell to cell: there are very many of these.
    pub(crate) home: Arc<Home>,
    /// The due time of the message in hand, in nanoseconds of the node's clock; or how long its caller waits, with [`UNBEGUN`].
    due: AtomicU64,
    stop: AtomicBool,
    /// The worker is out with a caller, who will be back in a moment. Only a hint: it is worth spinning for.
    lent: AtomicBool,
    /// Of the cell's slot, which stands elsewhere: here it takes no room.
    pub(crate) open: AtomicBool,
    /// One lock for both, since neither is ever held for long.
    own: Mutex<Own>,
}

/// Marks a limit whose beginning nobody has looked at the clock for. No clock shows so many nanoseconds.
const UNBEGUN: u64 = 1 << 63;

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
    pub(crate) fn new(name: Name, epoch: Epoch, home: Arc<Home>) -> Self {
        Self {
            name,
            home,
            due: AtomicU64::new(Deadline::NEVER.due.as_nanos()),
            stop: AtomicBool::new(false),
            lent: AtomicBool::new(false),
            open: AtomicBool::new(false),
            own: Mutex::new(Own { epoch, alarms: Alarms::default() }),
        }
    }

    /// The node that it lives on.
    #[inline]
    pub(crate) fn host(&self) -> &dyn Host {
        &*self.home.host
    }

    pub(crate) fn now(&self) -> Instant {
        self.host().timers().now()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.own().epoch
    }

    pub(crate) fn set_epoch(&self, epoch: Epoch) {
        self.own().epoch = epoch;
    }

    /// When the caller of the message in hand gives up.
    pub(crate) fn due(&self) -> Instant {
        let due = self.due.load(Ordering::Relaxed);
        if due & UNBEGUN == 0 || due == Deadline::NEVER.due.as_nanos() {
            return Instant::from_nanos(due);
        }
        let due = self.now() + Duration::from_nanos(due & !UNBEGUN);
        self.set_due(due);
        due
    }

    /// The same, if its handler takes too little time for the clock to be read beforehand: the limit begins when somebody asks.
    #[inline]
    pub(crate) fn set_limit(&self, limit: Duration) {
        let limit = u64::try_from(limit.as_nanos()).map_or(Deadline::NEVER.due.as_nanos(), |nanos| nanos | UNBEGUN);
        self.due.store(limit, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn set_due(&self, due: Instant) {
        self.due.store(due.as_nanos(), Ordering::Relaxed);
    }

    /// Whether the worker may run and answer now.
    #[inline]
    pub(crate) fn may_run(&self) -> bool {
        self.home.lease.holds(|| self.now())
    }

    /// An answer, unless it comes too late: elsewhere others may answer by now.
    #[inline]
    pub(crate) fn in_time<R>(&self, answer: R) -> Result<R, CallError> {
        if self.may_run() { Ok(answer) } else { Err(self.no_quorum(Executed::Yes)) }
    }

    /// The error of a call to a worker whose node has lost the quorum.
    pub(crate) fn no_quorum(&self, executed: Executed) -> CallError {
        CallError::NoQuorum { name: self.name.clone(), node: self.host().node(), executed }
    }

    pub(crate) fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The time by which runs are measured. On a thread that runs one handler after the other, the end of one is the beginning of the
    /// next.
    pub(crate) fn watch(&self) -> Instant {
        if soon::is_open() { soon::looked(self.now()) } else { Clock::instant() }
    }

    /// Notes how long a method has taken that began then.
    #[inline]
    pub(crate) fn note(&self, timed: Option<(&Pace, Instant)>) {
        let Some((pace, began)) = timed else { return };
        let now = self.watch();
        if let Some(switch) = pace.ran(now.since(began), now) {
            self.host().switched(switch);
        }
    }

    /// The same of one that waits now. If it does so only because its task's budget was used up, nobody knows how long it would
    /// have gone on.
    pub(crate) fn note_waiting(&self, timed: Option<(&Pace, Instant)>) {
        match timed {
            Some((pace, _)) if !coop::has_budget_remaining() => {
                if let Some(switch) = pace.ran(Duration::MAX, self.watch()) {
                    self.host().switched(switch);
                }
            }
            timed => self.note(timed),
        }
    }

    #[inline]
    pub(crate) fn lend(&self) {
        self.lent.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn give_back(&self) {
        self.lent.store(false, Ordering::Release);
    }

    #[inline]
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
        CallError::Ended { name: self.name.clone(), node: self.host().node(), text: why.to_owned() }
    }

    /// The error of a call whose handler panicked.
    pub(crate) fn panicked(&self, text: String) -> CallError {
        CallError::Panicked { name: self.name.clone(), node: self.host().node(), text }
    }

    /// The error of a call whose message the cell cannot read, so that it did not run.
    pub(crate) fn mismatch(&self, what: String) -> CallError {
        let (name, node) = (self.name.clone(), self.host().node());
        CallError::SchemaMismatch { name, node, what, executed: Executed::No }
    }
}
