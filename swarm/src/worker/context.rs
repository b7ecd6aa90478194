//! Owns the handle that a worker's handlers get: what the worker knows of itself and may ask of its node.
//! Never gives access to the worker's value.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::epoch::Epoch;
use crate::error::CastError;
use crate::message::{Message, encode};
use crate::name::Name;
use crate::worker::cell::Cell;
use crate::worker::{AnyCell, Cast, Deadline, Home, Host, TimerId, Undelivered, Worker, alarms};

/// What a worker knows of itself and may ask of its node. Cheap to clone; a clone that outlives the worker is harmless.
///
/// A handler gets it as its first argument, if it names one:
///
/// ```
/// use swarm::prelude::*;
///
/// struct Session {
///     idle: bool,
/// }
///
/// #[swarm::worker]
/// impl Session {
///     #[init]
///     fn init(ctx: &Context<Self>) -> Self {
///         ctx.send_every(Duration::from_secs(60), session::Look);
///         Self { idle: false }
///     }
///
///     #[call]
///     fn touch(&mut self) {
///         self.idle = false;
///     }
///
///     /// Ends the session after a minute in which nobody touched it.
///     #[cast]
///     fn look(&mut self, ctx: &Context<Self>) {
///         if std::mem::replace(&mut self.idle, true) {
///             ctx.stop();
///         }
///     }
/// }
/// ```
pub struct Context<W> {
    of: Of,
    worker: PhantomData<fn() -> Box<W>>,
}

/// How a context knows its worker.
enum Of {
    /// A handler's own: the cell exists as long as it runs.
    Running(Arc<dyn AnyCell>),
    /// A clone's, which the worker itself may keep. So it must not keep the cell.
    Kept(Arc<Kept>),
}

struct Kept {
    name: Name,
    /// When this was made.
    epoch: Epoch,
    home: Arc<Home>,
    cell: Weak<dyn AnyCell>,
}

impl<W> Context<W> {
    pub(super) fn of(cell: Arc<dyn AnyCell>) -> Self {
        Self { of: Of::Running(cell), worker: PhantomData }
    }

    /// The name that this worker is registered under.
    pub fn name(&self) -> &Name {
        match &self.of {
            Of::Running(cell) => cell.name(),
            Of::Kept(kept) => &kept.name,
        }
    }

    /// The fencing token of this activation: strictly larger for every later one of the name. A worker that starts again in
    /// its place after a panic is the same activation: nobody else has had the name meanwhile. While a cluster is split, each
    /// side counts for itself (not with [`Placement::Quorum`](crate::Placement)); what goes on afterwards has a larger one than
    /// either, so a worker may find it changed between two messages.
    pub fn epoch(&self) -> Epoch {
        match &self.of {
            Of::Running(cell) => cell.epoch(),
            Of::Kept(kept) => kept.cell.upgrade().map_or(kept.epoch, |cell| cell.epoch()),
        }
    }

    /// When the caller of the message in hand gives up; `None` for casts and outside of handlers. A handler that takes
    /// long may look whether anybody still waits.
    pub fn deadline(&self) -> Option<std::time::Instant> {
        let cell = self.cell()?;
        let due = cell.core().due();
        if due == Deadline::NEVER.due {
            return None;
        }
        std::time::Instant::now().checked_add(due.since(cell.core().now()))
    }

    /// Takes a timer back. `false` if its message was sent already, or it is not one of this worker's.
    pub fn cancel(&self, timer: TimerId) -> bool {
        self.cell().is_some_and(|cell| cell.core().alarms().cancel(timer, self.host().timers()))
    }

    /// The node, for the layers above.
    pub(crate) fn host(&self) -> &dyn Host {
        match &self.of {
            Of::Running(cell) => cell.core().host(),
            Of::Kept(kept) => &*kept.home.host,
        }
    }

    /// The cell, if it still exists.
    fn cell(&self) -> Option<Arc<dyn AnyCell>> {
        match &self.of {
            Of::Running(cell) => Some(cell.clone()),
            Of::Kept(kept) => kept.cell.upgrade(),
        }
    }
}

impl<W: Worker> Context<W> {
    /// Ends this worker cleanly, after the message in hand if there is one: `die(Die::Stopped)` runs, and its name is
    /// free again.
    pub fn stop(&self) {
        if let Some(cell) = self.typed() {
            cell.request_stop();
        }
    }

    /// Puts a message at the end of this worker's own queue.
    ///
    /// # Errors
    /// If the queue is full, or the worker has ended.
    pub fn cast_self<M: Message>(&self, message: M) -> Result<(), CastError>
    where
        W: Cast<M>,
    {
        let (name, node) = (self.name().clone(), self.host().node());
        let ended = || CastError::Ended { name: name.clone(), node, text: "it has moved or stopped".into() };
        let cell = self.typed().ok_or_else(ended)?;
        cell.enqueue_cast(message).map_err(|(_, why)| match why {
            Undelivered::Full => CastError::Overloaded { name: name.clone(), node, what: "the worker's queue".into() },
            Undelivered::Moved | Undelivered::Repeated => ended(),
        })
    }

    /// Sends a message to this worker after `span`. The timer moves with the worker; a panic ends it.
    ///
    /// # Panics
    /// If the worker has 4,096 timers already.
    pub fn send_after<M: Message>(&self, span: Duration, message: M) -> TimerId
    where
        W: Cast<M>,
    {
        self.arm(span, None, &message)
    }

    /// Sends a message to this worker after each `span`, of at least a millisecond. It is encoded once. A tick that finds
    /// the queue full is skipped. The timer moves with the worker; a panic ends it.
    ///
    /// # Panics
    /// If the worker has 4,096 timers already.
    pub fn send_every<M: Message>(&self, span: Duration, message: M) -> TimerId
    where
        W: Cast<M>,
    {
        let span = span.max(alarms::PERIOD_MIN);
        self.arm(span, Some(span), &message)
    }

    fn arm<M: Message>(&self, span: Duration, every: Option<Duration>, message: &M) -> TimerId {
        let message = alarms::Message { method: M::ID, fingerprint: M::FINGERPRINT.cast(), payload: encode(message) };
        let Some(cell) = self.cell() else { return TimerId::NEVER };
        let due = cell.core().now() + span;
        cell.core().alarms().arm(message, due, every, &cell)
    }

    pub(super) fn typed(&self) -> Option<Arc<Cell<W>>> {
        let cell: Arc<dyn Any + Send + Sync> = self.cell()?;
        cell.downcast().ok()
    }
}

impl<W> Clone for Context<W> {
    fn clone(&self) -> Self {
        let kept = match &self.of {
            Of::Kept(kept) => kept.clone(),
            Of::Running(cell) => Arc::new(Kept {
                name: cell.name().clone(),
                epoch: cell.epoch(),
                home: cell.core().home.clone(),
                cell: Arc::downgrade(cell),
            }),
        };
        Self { of: Of::Kept(kept), worker: PhantomData }
    }
}

impl<W> fmt::Debug for Context<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("name", self.name()).field("epoch", &self.epoch()).finish()
    }
}
