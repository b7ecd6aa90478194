//! Owns what a cell shows of itself to a human who asks. Nothing is counted for it: it is what the cell has anyway.

use super::state::State;
use super::{Cell, Phase};
use crate::worker::Worker;

/// A cell at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// How far it is in its life.
    pub phase: Phase,
    /// It runs nothing, since its node stood still.
    pub halted: bool,
    /// A message is in hand.
    pub busy: bool,
    /// Its worker has said that it wants to stay.
    pub pinned: bool,
    /// There is nothing to start it from again, here or elsewhere: it was registered as an instance.
    pub local: bool,
    /// How many messages wait.
    pub queue: usize,
    /// How many may wait.
    pub mailbox: usize,
    /// How often it has panicked since it came to this node.
    pub panics: u32,
}

impl<W: Worker> Cell<W> {
    pub(super) fn glimpse(&self) -> Glance {
        self.lock().glance()
    }
}

impl<W: Worker> State<W> {
    fn glance(&self) -> Glance {
        let running = self.phase == Phase::Running;
        Glance {
            phase: self.phase,
            halted: self.is_halted(),
            busy: running && self.worker.is_none() && !self.gone,
            pinned: self.pinned,
            local: running && self.args.is_none(),
            queue: self.waiting(),
            mailbox: W::OPTIONS.mailbox,
            panics: self.panics(),
        }
    }
}
