//! Owns the place of a worker that is idle while nobody has locked its cell: who calls it then takes it out and puts it back by
//! one exchange each. Never decides what becomes of it; that is the state's, under the lock.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

use super::Cell;
use super::state::State;
use crate::sync::{MutexGuard, Ordering};
use crate::worker::Worker;

/// The state of a cell while one thread has it.
pub(super) struct Locked<'a, W: Worker> {
    cell: &'a Cell<W>,
    state: MutexGuard<'a, State<W>>,
}

/// The slot is open while the state under the lock is quiet (messages are run, and none waits), and nobody looks at it. All changes of
/// the place are exchanges, so each sees what was done before the one that it follows. Whoever locks the cell shuts the slot,
/// and then takes the worker. A caller puts it back, and then looks whether the slot is open. If the caller was first,
/// it is found; if it was second, it sees that the slot was shut, and comes to the lock as well.
///
/// It is looked at before the worker is taken, too. Else a call could overtake a message that its own caller has queued.
impl<W: Worker> Cell<W> {
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.core.open.load(Ordering::Acquire)
    }

    /// The worker, if it is idle and nothing is to be done before the next message.
    #[inline]
    pub(super) fn take_if_open(&self) -> Option<Box<W>> {
        if self.is_open() { self.slot.exchange(None) } else { None }
    }

    #[inline]
    pub(super) fn put(&self, worker: Box<W>) {
        let other = self.slot.exchange(Some(worker));
        debug_assert!(other.is_none(), "a cell has one worker");
    }

    /// The state, with the worker if that is idle.
    pub(super) fn lock(&self) -> Locked<'_, W> {
        let mut locked = self.hold();
        // Else it is for who puts it there, and comes to the lock for what waits.
        if locked.state.is_quiet()
            && let Some(worker) = self.slot.exchange(None)
        {
            locked.state.worker = Some(worker);
        }
        locked
    }

    /// The state alone.
    pub(super) fn hold(&self) -> Locked<'_, W> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.core.open.store(false, Ordering::Release);
        Locked { cell: self, state }
    }
}

impl<W: Worker> Deref for Locked<'_, W> {
    type Target = State<W>;

    fn deref(&self) -> &State<W> {
        &self.state
    }
}

impl<W: Worker> DerefMut for Locked<'_, W> {
    fn deref_mut(&mut self) -> &mut State<W> {
        &mut self.state
    }
}

impl<W: Worker> Drop for Locked<'_, W> {
    fn drop(&mut self) {
        if !self.state.is_quiet() || self.cell.core.stop_requested() {
            return;
        }
        if let Some(worker) = self.state.worker.take() {
            self.cell.put(worker);
        }
        self.cell.core.open.store(true, Ordering::Release);
    }
}
