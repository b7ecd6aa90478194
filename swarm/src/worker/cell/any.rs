//! Owns the face of a cell that does not name its worker type: what the node needs to deliver, move and end workers.
//! Its methods never run user code before they return.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::epoch::Epoch;
use crate::name::Name;
use crate::timer::Alarm;
use crate::worker::cell::Glance;
use crate::worker::core::Core;
use crate::worker::{Bundle, Die, KindId, Parcel, Sealed, Start, Undelivered};

/// Something under way in a cell. It goes on, whether this is polled or dropped.
pub type Underway<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How far a cell is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// `init` has not returned; messages queue.
    Starting,
    /// It runs messages. A worker that restarts in place after a panic runs too: its messages wait.
    Running,
    /// It was asked to seal and has not answered; messages queue.
    Sealing,
    /// Its state is given away; messages queue, and it waits for [`AnyCell::unseal`] or [`AnyCell::close`].
    Sealed,
    /// It takes nothing any more.
    Dead,
}

/// How a request to seal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// The cell is sealed; its [`AnyCell::bundle`] can be fetched.
    Sealed,
    /// `begin_handoff` said Ignore: the cell runs on at its epoch and is pinned.
    Ignored,
    /// The message in hand, or `begin_handoff`, took too long: the cell runs on at its epoch.
    TimedOut,
    /// `begin_handoff` panicked: the worker restarts by its rule, in place, at its epoch.
    Panicked,
    /// The cell is not running: it ended, or is sealed already.
    Ended,
}

/// A cell of any worker type.
pub trait AnyCell: Any + Alarm + Send + Sync {
    /// The part of it that does not depend on its type.
    fn core(&self) -> &Core;
    /// The name it serves.
    fn name(&self) -> &Name;
    /// Its worker type.
    fn kind(&self) -> KindId;
    /// The wire name of its worker type.
    fn worker(&self) -> &'static str;
    /// The epoch of its present activation.
    fn epoch(&self) -> Epoch;
    /// How far it is in its life.
    #[cfg_attr(not(test), expect(dead_code, reason = "what tests look at"))]
    fn phase(&self) -> Phase;
    /// `begin_handoff` said Ignore the last time.
    #[cfg_attr(not(any(test, feature = "sim")), expect(dead_code, reason = "what tests and simulations look at"))]
    fn pinned(&self) -> bool;
    /// What it shows of itself.
    fn glance(&self) -> Glance;

    /// It has a method for this message, in this version of it.
    fn takes(&self, method: u64, fingerprint: u32) -> bool;

    /// Takes a message that came as bytes. It does not run before this returns: it stands in the queue then, or its worker is out for it,
    /// on tokio or where this thread comes back to what is quick.
    ///
    /// # Errors
    /// Gives the parcel back, with its token, if the queue is full, the cell is dead, or it has this publish already.
    #[expect(clippy::result_large_err, reason = "the parcel goes on to another cell or node")]
    fn deliver(self: Arc<Self>, parcel: Parcel) -> Result<(), (Parcel, Undelivered)>;

    /// Starts the worker of a cell that is [`Phase::Starting`]: `init`, then `end_handoff` with the bundle's state, then
    /// the timers, then what was queued meanwhile. A failure gives its text: the cell is dead, [`AnyCell::close`] it.
    fn boot(self: Arc<Self>, start: Start) -> Underway<Result<(), String>>;
    /// Seals the cell after the message in hand. With `forced`, Ignore counts as Restart.
    fn seal(self: Arc<Self>, forced: bool) -> Underway<Sealing>;
    /// What a sealed cell's successor starts from; `None` unless sealed.
    fn bundle(&self) -> Option<Arc<Sealed>>;
    /// After the message in hand nothing more is run, until the cell is told to go on by [`AnyCell::unseal`]. It can be sealed.
    fn halt(&self);
    /// A cell goes on as it was, under this epoch, with what was queued, whether it was sealed, halted or neither. Says whether
    /// there was one of these.
    fn unseal(self: Arc<Self>, epoch: Epoch) -> bool;
    /// Runs `resolve_conflict` with the state of another instance of the name, between two messages.
    fn absorb(self: Arc<Self>, other: Bundle) -> Underway<Result<(), String>>;
    /// Starts the worker again from its init arguments, in place and at its epoch, after the message in hand; without last words, as
    /// after a panic. Says what keeps it from that, if anything does.
    fn restart(self: Arc<Self>, why: String) -> Underway<Result<(), &'static str>>;
    /// Ends the cell's taking of messages and hands out its queue, in order, as bytes. Local callers that wait in it get
    /// their answer by their slot, which counts as `Place::Away` from now on: retarget it.
    fn close(&self) -> Vec<Parcel>;
    /// Runs the worker's last words, within a limit, and drops it. What still queues gets [`Ended`](crate::CallError::Ended).
    fn die(self: Arc<Self>, reason: Die) -> Underway<()>;
}
