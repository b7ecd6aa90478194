//! A cell: the small thing that holds one worker, with its queue. A caller takes the worker out, runs it and puts it
//! back; whoever comes meanwhile queues. No task and no channel while it is idle.
//!
//! | file | noun |
//! |---|---|
//! | `any` | the cell without its type, as the node sees it |
//! | `state` | who has the worker, what waits |
//! | `slot` | where an idle worker is, for who has no lock |
//! | `entry` | one waiting message |
//! | `glance` | what a cell shows of itself |
//! | `heard` | the publishes that it was given |
//! | `typed` | calls and casts from this node |
//! | `serve` | running what waits, on tokio |
//! | `ran` | how far a run got |
//! | `scope` | the span of a run that is traced |
//! | `guard` | user code, its panics |
//! | `life` | start, seal, unseal, absorb, close, die |
//! | `supervision` | panics and restarts |

mod any;
mod entry;
mod glance;
mod guard;
mod heard;
mod life;
mod ran;
mod scope;
mod serve;
mod slot;
mod state;
mod supervision;
#[cfg(test)]
mod tests;
mod typed;

use std::sync::Arc;

pub use any::{AnyCell, Phase, Sealing, Underway};
pub use glance::Glance;
pub use typed::{Answered, Called};

use crate::epoch::Epoch;
use crate::name::Name;
use crate::sync::{Mutex, Place};
use crate::timer::Alarm;
use crate::worker::core::Core;
use crate::worker::soon::{self, Waiting};
use crate::worker::{Active, Context, Home, Incident, KindId, Parcel, Sealed, Undelivered, Worker};
use entry::Entry;
use slot::Locked;
use state::{CheckedIn, CheckedOut, State};

/// The holder of one worker.
pub struct Cell<W: 'static> {
    core: Core,
    slot: Place<W>,
    state: Mutex<State<W>>,
}

impl<W: Worker> Cell<W> {
    /// A cell that waits for [`AnyCell::boot`].
    pub fn starting(name: Name, epoch: Epoch, home: Arc<Home>) -> Arc<Self> {
        Self::new(name, epoch, home, Phase::Starting)
    }

    /// A running cell around an existing worker. Nothing can start it again: a panic ends it.
    pub fn with_worker(name: Name, epoch: Epoch, home: Arc<Home>, worker: W) -> Arc<Self> {
        let cell = Self::new(name, epoch, home, Phase::Running);
        cell.lock().worker = Some(Box::new(worker));
        cell
    }

    fn new(name: Name, epoch: Epoch, home: Arc<Home>, phase: Phase) -> Arc<Self> {
        Arc::new(Self {
            core: Core::new(name, epoch, home),
            slot: Place::default(),
            state: Mutex::new(State::new(phase)),
        })
    }

    /// The worker as its handlers get it. It has a handle that keeps its cell only while it runs: at rest it would keep
    /// itself.
    fn active(self: &Arc<Self>, worker: Box<W>) -> Active<W> {
        Active { worker, context: Context::of(self.clone()) }
    }

    /// Takes the worker out for a caller who runs it on the spot.
    fn check_out(&self) -> CheckedOut<W> {
        let out = match self.take_if_open() {
            Some(worker) => CheckedOut::Worker(worker),
            None => self.lock().check_out(),
        };
        if matches!(out, CheckedOut::Worker(_)) {
            self.core.lend();
        }
        out
    }

    /// Brings the worker back after a message. `None` if nothing is to be run next.
    #[inline]
    fn check_in(self: &Arc<Self>, worker: Box<W>) -> Option<(Box<W>, Entry<W>)> {
        if !self.is_open() || self.core.stop_requested() {
            return self.check_in_at(self.hold(), worker);
        }
        self.core.give_back();
        self.put(worker);
        if self.is_open() {
            return None;
        }
        // Somebody has locked the cell meanwhile, and may want the worker, unless somebody else has it by now.
        let state = self.hold();
        let worker = self.slot.exchange(None)?;
        self.check_in_at(state, worker)
    }

    fn check_in_at(self: &Arc<Self>, mut state: Locked<'_, W>, worker: Box<W>) -> Option<(Box<W>, Entry<W>)> {
        // Under the lock: who asks for the end takes it after that, and finds the worker here, or is found.
        if self.core.stop_requested() {
            drop(state);
            self.stop(worker);
            return None;
        }
        let checked = state.check_in(worker);
        drop(state);
        self.core.give_back();
        match checked {
            CheckedIn::Idle => None,
            CheckedIn::Next(worker, entry) => Some((worker, entry)),
        }
    }

    /// Queues a message. If the worker was idle, tokio runs it.
    #[expect(clippy::result_large_err, reason = "the message goes back to whoever sent it")]
    fn push(self: &Arc<Self>, entry: Entry<W>) -> Result<(), (Entry<W>, Undelivered)> {
        let pushed = self.lock().push(entry);
        if let Some(worker) = self.note_full(pushed)? {
            self.spawn(self.clone().drain(worker));
        }
        Ok(())
    }

    /// Queues a message that came from elsewhere. If the worker was idle, this thread runs it soon if it is quick and the thread
    /// is one that does so, else tokio.
    #[expect(clippy::result_large_err, reason = "the message goes back to whoever sent it")]
    fn push_soon(self: &Arc<Self>, parcel: Parcel) -> Result<(), (Entry<W>, Undelivered)> {
        let soon = self.is_quick_at(parcel.method);
        if soon
            && parcel.publish == 0
            && let Some(worker) = self.take_if_open()
        {
            soon::push(Waiting::Message(self.clone(), worker, parcel));
            return Ok(());
        }
        let mut state = self.lock();
        // With its queueing in one: a move between them would take it along as heard, and nobody would run it.
        if parcel.publish != 0 && state.phase != Phase::Dead && state.seen(parcel.publish) {
            return Err((Entry::of(parcel, &self.core), Undelivered::Repeated));
        }
        if soon && let Some(worker) = state.take_idle() {
            drop(state);
            soon::push(Waiting::Message(self.clone(), worker, parcel));
            return Ok(());
        }
        let pushed = state.push(Entry::of(parcel, &self.core));
        drop(state);
        if let Some(worker) = self.note_full(pushed)? {
            soon::leave(self.clone(), worker);
        }
        Ok(())
    }

    /// Has it counted if a message was not taken since the queue is full.
    #[expect(clippy::result_large_err, reason = "the message goes back to whoever sent it")]
    fn note_full<T>(&self, pushed: Result<T, (Entry<W>, Undelivered)>) -> Result<T, (Entry<W>, Undelivered)> {
        pushed.inspect_err(|(_, why)| {
            if *why == Undelivered::Full {
                self.core.host().befell(W::KIND, Incident::Full);
            }
        })
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.core.host().runtime().spawn(future);
    }

    pub(super) fn name(&self) -> &Name {
        &self.core.name
    }
}

/// A timer of the worker is due: its message goes into the queue.
impl<W: Worker> Alarm for Cell<W> {
    fn ring(self: Arc<Self>, id: u64) {
        let now = self.core.now();
        let cell: Arc<dyn AnyCell> = self;
        let Some(message) = cell.core().alarms().fall_due(id, now, &cell) else {
            return;
        };
        match cell.clone().deliver(message.clone().into_parcel()) {
            Ok(()) => {}
            Err((_, Undelivered::Full)) => cell.core().alarms().no_room(id, message, now, &cell),
            Err((_, Undelivered::Moved | Undelivered::Repeated)) => {
                cell.core().alarms().clear(cell.core().host().timers())
            }
        }
    }
}

impl<W: Worker> AnyCell for Cell<W> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn name(&self) -> &Name {
        Self::name(self)
    }

    fn kind(&self) -> KindId {
        W::KIND
    }

    fn worker(&self) -> &'static str {
        W::NAME
    }

    fn epoch(&self) -> Epoch {
        self.core.epoch()
    }

    fn phase(&self) -> Phase {
        self.lock().phase
    }

    fn pinned(&self) -> bool {
        self.lock().pinned
    }

    fn glance(&self) -> Glance {
        self.glimpse()
    }

    fn takes(&self, method: u64, fingerprint: u32) -> bool {
        W::METHODS.iter().any(|known| known.id == method && known.request.cast() == fingerprint)
    }

    fn deliver(self: Arc<Self>, mut parcel: Parcel) -> Result<(), (Parcel, Undelivered)> {
        let unconfirmed = parcel.unconfirmed.take();
        match self.push_soon(parcel) {
            // Only now the cell has it, and no lock is held.
            Ok(()) => {
                drop(unconfirmed);
                Ok(())
            }
            Err((entry, why)) => Err((Parcel { unconfirmed, ..entry.into_parcel(&self.core) }, why)),
        }
    }

    fn boot(self: Arc<Self>, start: crate::worker::Start) -> Underway<Result<(), String>> {
        self.start(start)
    }

    fn seal(self: Arc<Self>, forced: bool) -> Underway<Sealing> {
        self.begin_seal(forced)
    }

    fn bundle(&self) -> Option<Arc<Sealed>> {
        self.lock().bundle()
    }

    fn halt(&self) {
        self.lock().halt();
    }

    fn unseal(self: Arc<Self>, epoch: Epoch) -> bool {
        self.go_on(epoch)
    }

    fn absorb(self: Arc<Self>, other: crate::worker::Bundle) -> Underway<Result<(), String>> {
        self.resolve(other)
    }

    fn restart(self: Arc<Self>, why: String) -> Underway<Result<(), &'static str>> {
        self.begin_restart(why)
    }

    fn close(&self) -> Vec<Parcel> {
        let waiting = self.lock().shut();
        self.core.alarms().clear(self.core.host().timers());
        waiting.into_iter().map(|entry| entry.into_parcel(&self.core)).collect()
    }

    fn die(self: Arc<Self>, reason: crate::worker::Die) -> Underway<()> {
        self.end_with(reason)
    }
}
