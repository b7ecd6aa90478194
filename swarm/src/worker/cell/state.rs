//! Owns who has the worker of a cell and what waits for it. Decides everything under the cell's lock, and never runs
//! anything there.

use std::collections::VecDeque;

use swarm_net::time::Instant;
use tokio::sync::oneshot;

use super::entry::Entry;
use crate::worker::{Active, Bundle, Payload, Phase, Undelivered, Worker};

/// A publish is recognised among so many before it: a member that moves gets one twice only within moments.
const PUBLISHES_KEPT: usize = 64;

/// What stands under a cell's lock.
pub(super) struct State<W: 'static> {
    pub(super) phase: Phase,
    /// The worker, while nobody has it. While the phase is Running, that is only when the queue is empty.
    pub(super) worker: Option<Active<W>>,
    /// There is no worker and will be none.
    pub(super) gone: bool,
    queue: VecDeque<Entry<W>>,
    /// Those who want the worker for themselves before the next message.
    claims: VecDeque<oneshot::Sender<Active<W>>>,
    /// What starts it again in place; `None` if nothing can.
    pub(super) args: Option<Payload>,
    /// The number of the seal under way.
    pub(super) sealing: Option<u64>,
    pub(super) seals: u64,
    pub(super) bundle: Option<Bundle>,
    pub(super) pinned: bool,
    /// When it panicked lately.
    pub(super) crashes: Vec<Instant>,
    publishes: VecDeque<u64>,
}

/// What becomes of a worker that was brought back.
pub(super) enum CheckedIn<W: 'static> {
    /// Nothing waits for it.
    Idle,
    /// The next message for it.
    Next(Active<W>, Entry<W>),
}

/// What comes of asking for the worker.
pub(super) enum CheckedOut<W> {
    Worker(Active<W>),
    Busy,
    Dead,
}

impl<W: Worker> State<W> {
    pub(super) fn new(phase: Phase) -> Self {
        Self {
            phase,
            worker: None,
            gone: false,
            queue: VecDeque::new(),
            claims: VecDeque::new(),
            args: None,
            sealing: None,
            seals: 0,
            bundle: None,
            pinned: false,
            crashes: Vec::new(),
            publishes: VecDeque::new(),
        }
    }

    pub(super) fn check_out(&mut self) -> CheckedOut<W> {
        match self.phase {
            Phase::Running => self.worker.take().map_or(CheckedOut::Busy, CheckedOut::Worker),
            Phase::Starting | Phase::Sealing | Phase::Sealed => CheckedOut::Busy,
            Phase::Dead => CheckedOut::Dead,
        }
    }

    pub(super) fn check_in(&mut self, mut at: Active<W>) -> CheckedIn<W> {
        while let Some(claim) = self.claims.pop_front() {
            match claim.send(at) {
                Ok(()) => return CheckedIn::Idle,
                Err(back) => at = back,
            }
        }
        if self.phase == Phase::Running
            && let Some(entry) = self.queue.pop_front()
        {
            return CheckedIn::Next(at, entry);
        }
        if self.queue.is_empty() {
            // An idle worker is its value, a cell and a table's entry.
            self.queue.shrink_to_fit();
        }
        self.worker = Some(at);
        CheckedIn::Idle
    }

    /// Queues a message. If the worker was idle it comes back, to be run with the queue.
    #[expect(clippy::result_large_err, reason = "the message goes back to whoever sent it")]
    pub(super) fn push(&mut self, entry: Entry<W>) -> Result<Option<Active<W>>, (Entry<W>, Undelivered)> {
        if self.phase == Phase::Dead {
            return Err((entry, Undelivered::Moved));
        }
        if self.queue.len() >= W::OPTIONS.mailbox {
            return Err((entry, Undelivered::Full));
        }
        self.queue.push_back(entry);
        match self.phase {
            Phase::Running => Ok(self.worker.take()),
            Phase::Starting | Phase::Sealing | Phase::Sealed | Phase::Dead => Ok(None),
        }
    }

    /// Asks for the worker before the next message. At once, or by the channel, which closes if there will be none.
    pub(super) fn claim(&mut self) -> Result<Active<W>, oneshot::Receiver<Active<W>>> {
        let (sender, receiver) = oneshot::channel();
        match self.worker.take() {
            Some(at) => return Ok(at),
            None if self.gone => drop(sender),
            None => self.claims.push_back(sender),
        }
        Err(receiver)
    }

    /// There is no worker any more, and will be none: who waits for it is told so.
    pub(super) fn lose(&mut self) {
        self.gone = true;
        self.claims.clear();
    }

    /// Takes nothing any more. What waited comes out, in order.
    pub(super) fn shut(&mut self) -> VecDeque<Entry<W>> {
        self.phase = Phase::Dead;
        self.sealing = None;
        std::mem::take(&mut self.queue)
    }

    /// Records a publish. `true` if it was known.
    pub(super) fn seen(&mut self, publish: u64) -> bool {
        if self.publishes.contains(&publish) {
            return true;
        }
        if self.publishes.len() == PUBLISHES_KEPT {
            self.publishes.pop_front();
        }
        self.publishes.push_back(publish);
        false
    }

    /// The publishes that the worker has heard. Those that wait in the queue come after it, and must not be taken for
    /// repetitions where it goes.
    pub(super) fn publishes(&self) -> Vec<u64> {
        let waits = |publish: &u64| self.queue.iter().any(|entry| entry.publish() == Some(*publish));
        self.publishes.iter().copied().filter(|publish| !waits(publish)).collect()
    }
}
