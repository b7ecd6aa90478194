//! Owns who has the worker of a cell and what waits for it. Decides everything under the cell's lock, and never runs
//! anything there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::time::Instant;
use tokio::sync::oneshot;

use super::entry::Entry;
use super::heard::Heard;
use crate::worker::{Args, Bundle, Phase, Sealed, Undelivered, Worker};

/// What stands under a cell's lock.
pub(super) struct State<W: 'static> {
    pub(super) phase: Phase,
    /// It runs nothing, whatever its phase.
    halted: bool,
    /// The worker, while nobody has it. While messages are run, that is only when the queue is empty.
    pub(super) worker: Option<Box<W>>,
    /// There is no worker and will be none.
    pub(super) gone: bool,
    pub(super) pinned: bool,
    /// Counts the seals. The last one is under way while the phase is Sealing.
    seals: u32,
    /// What starts it again in place; `None` if nothing can.
    pub(super) args: Option<Args>,
    /// An idle worker has none.
    extras: Option<Box<Extras<W>>>,
    /// Only who is in a group hears any.
    heard: Option<Box<Heard>>,
}

/// What a cell hardly ever has, and an idle one never.
struct Extras<W: 'static> {
    queue: VecDeque<Entry<W>>,
    /// Those who want the worker for themselves before the next message.
    claims: VecDeque<oneshot::Sender<Box<W>>>,
    bundle: Option<Arc<Sealed>>,
    /// When it panicked lately.
    crashes: Vec<Instant>,
    /// How often it has panicked in all.
    panics: u32,
}

/// Which seal of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SealId(u32);

/// What becomes of a worker that was brought back.
pub(super) enum CheckedIn<W: 'static> {
    /// Nothing waits for it.
    Idle,
    /// The next message for it.
    Next(Box<W>, Entry<W>),
}

/// What comes of asking for the worker.
pub(super) enum CheckedOut<W> {
    Worker(Box<W>),
    Busy,
    Dead,
}

impl<W: Worker> State<W> {
    pub(super) fn new(phase: Phase) -> Self {
        Self {
            phase,
            halted: false,
            worker: None,
            gone: false,
            pinned: false,
            seals: 0,
            args: None,
            extras: None,
            heard: None,
        }
    }

    fn extras(&mut self) -> &mut Extras<W> {
        self.extras.get_or_insert_default()
    }

    /// It costs no more than it must.
    #[cfg(test)]
    pub(super) fn is_lean(&self) -> bool {
        self.worker.is_some() && self.extras.is_none()
    }

    /// Whether messages are run.
    fn runs(&self) -> bool {
        self.phase == Phase::Running && !self.halted
    }

    /// Whether the next message may be run without a look at anything here: messages are run, nobody waits, and nothing is left to be
    /// given back after that.
    pub(super) fn is_quiet(&self) -> bool {
        let rests = |extras: &Extras<W>| extras.queue.capacity() == 0 && extras.claims.is_empty() && extras.is_needed();
        self.runs() && self.extras.as_deref().is_none_or(rests)
    }

    /// Whether it runs nothing until it is told to go on.
    pub(super) fn is_halted(&self) -> bool {
        self.halted
    }

    /// What keeps the worker from being started again here, if anything does.
    pub(super) fn hindrance(&self) -> Option<&'static str> {
        match self.phase {
            Phase::Running if self.halted => Some("it waits for its owner's word, since its node stood still"),
            Phase::Running if self.args.is_none() => {
                Some("it was registered as an instance, from which nothing can start it again")
            }
            Phase::Running => None,
            Phase::Starting => Some("it starts just now"),
            Phase::Sealing | Phase::Sealed => Some("it moves just now"),
            Phase::Dead => Some("it has ended"),
        }
    }

    /// How many messages wait.
    pub(super) fn waiting(&self) -> usize {
        self.extras.as_ref().map_or(0, |extras| extras.queue.len())
    }

    /// How often it has panicked.
    pub(super) fn panics(&self) -> u32 {
        self.extras.as_ref().map_or(0, |extras| extras.panics)
    }

    /// Runs nothing more until it goes on.
    pub(super) fn halt(&mut self) {
        self.halted = true;
    }

    /// Runs messages again, from now on. The worker comes back if nobody has it.
    pub(super) fn go_on(&mut self) -> Option<Box<W>> {
        (self.phase, self.halted) = (Phase::Running, false);
        self.worker.take()
    }

    pub(super) fn check_out(&mut self) -> CheckedOut<W> {
        match self.phase {
            Phase::Running if self.halted => CheckedOut::Busy,
            Phase::Running => self.worker.take().map_or(CheckedOut::Busy, CheckedOut::Worker),
            Phase::Starting | Phase::Sealing | Phase::Sealed => CheckedOut::Busy,
            Phase::Dead => CheckedOut::Dead,
        }
    }

    pub(super) fn check_in(&mut self, mut worker: Box<W>) -> CheckedIn<W> {
        let runs = self.runs();
        let Some(extras) = &mut self.extras else {
            self.worker = Some(worker);
            return CheckedIn::Idle;
        };
        while let Some(claim) = extras.claims.pop_front() {
            match claim.send(worker) {
                Ok(()) => return CheckedIn::Idle,
                Err(back) => worker = back,
            }
        }
        if runs && let Some(entry) = extras.queue.pop_front() {
            return CheckedIn::Next(worker, entry);
        }
        self.tidy();
        self.worker = Some(worker);
        CheckedIn::Idle
    }

    /// The worker, if it is idle and runs: nothing waits for it then.
    pub(super) fn take_idle(&mut self) -> Option<Box<W>> {
        if self.runs() { self.worker.take() } else { None }
    }

    /// Puts a message back that was taken out with the worker and has not begun, if messages wait now. A cell that is dead has given
    /// its queue away: there it is the message in hand, for whose end everybody waits.
    pub(super) fn put_back(&mut self, worker: Box<W>, entry: Entry<W>) -> Option<(Box<W>, Entry<W>)> {
        if self.runs() || self.phase == Phase::Dead {
            return Some((worker, entry));
        }
        self.extras().queue.push_front(entry);
        match self.check_in(worker) {
            CheckedIn::Idle => None,
            CheckedIn::Next(worker, entry) => Some((worker, entry)),
        }
    }

    /// Queues a message. If the worker was idle it comes back, to be run with the queue.
    #[expect(clippy::result_large_err, reason = "the message goes back to whoever sent it")]
    pub(super) fn push(&mut self, entry: Entry<W>) -> Result<Option<Box<W>>, (Entry<W>, Undelivered)> {
        if self.phase == Phase::Dead {
            return Err((entry, Undelivered::Moved));
        }
        let queue = &mut self.extras().queue;
        if queue.len() >= W::OPTIONS.mailbox {
            return Err((entry, Undelivered::Full));
        }
        queue.push_back(entry);
        Ok(if self.runs() { self.worker.take() } else { None })
    }

    /// Asks for the worker before the next message. At once, or by the channel, which closes if there will be none.
    pub(super) fn claim(&mut self) -> Result<Box<W>, oneshot::Receiver<Box<W>>> {
        let (sender, receiver) = oneshot::channel();
        match self.worker.take() {
            Some(worker) => return Ok(worker),
            None if self.gone => drop(sender),
            None => self.extras().claims.push_back(sender),
        }
        Err(receiver)
    }

    /// There is no worker any more, and will be none: who waits for it is told so.
    pub(super) fn lose(&mut self) {
        self.gone = true;
        if let Some(extras) = &mut self.extras {
            extras.claims.clear();
        }
    }

    /// Takes nothing any more. What waited comes out, in order.
    pub(super) fn shut(&mut self) -> VecDeque<Entry<W>> {
        self.phase = Phase::Dead;
        self.extras.as_mut().map(|extras| std::mem::take(&mut extras.queue)).unwrap_or_default()
    }

    /// Begins a seal.
    pub(super) fn begin_seal(&mut self) -> SealId {
        self.phase = Phase::Sealing;
        self.seals = self.seals.wrapping_add(1);
        SealId(self.seals)
    }

    /// Whether this seal is still under way.
    pub(super) fn is_sealing(&self, seal: SealId) -> bool {
        self.phase == Phase::Sealing && self.seals == seal.0
    }

    /// The seal under way comes to nothing.
    pub(super) fn end_seal(&mut self) {
        self.phase = Phase::Running;
    }

    /// The seal under way is done.
    pub(super) fn seal(&mut self, worker: Box<W>, bundle: Bundle) {
        self.extras().bundle = Some(Arc::new(Sealed::new(bundle)));
        self.phase = Phase::Sealed;
        self.pinned = false;
        self.worker = Some(worker);
    }

    /// What a successor starts from; `None` unless sealed.
    pub(super) fn bundle(&self) -> Option<Arc<Sealed>> {
        self.extras.as_ref()?.bundle.clone()
    }

    /// The same, taken back.
    pub(super) fn take_bundle(&mut self) -> Option<Arc<Sealed>> {
        let bundle = self.extras.as_mut()?.bundle.take();
        self.tidy();
        bundle
    }

    /// Records a panic. Says how many there were within `window`, this one included.
    pub(super) fn crash(&mut self, now: Instant, window: Duration) -> usize {
        let Extras { crashes, panics, .. } = self.extras();
        *panics = panics.saturating_add(1);
        crashes.retain(|at| now.since(*at) < window);
        crashes.push(now);
        crashes.len()
    }

    /// Records a publish. `true` if it was known.
    pub(super) fn seen(&mut self, publish: u64) -> bool {
        self.heard.get_or_insert_default().note(publish)
    }

    /// The publishes that the worker has heard. Those that wait in the queue come after it, and must not be taken for
    /// repetitions where it goes.
    pub(super) fn publishes(&self) -> Vec<u64> {
        let queue = self.extras.iter().flat_map(|extras| &extras.queue);
        let waits = |publish: &u64| queue.clone().any(|entry| entry.publish() == Some(*publish));
        let heard = self.heard.iter().flat_map(|heard| heard.ids());
        heard.filter(|publish| !waits(publish)).collect()
    }

    /// Gives back what is not needed: an idle worker is its value, a cell and a table's entry.
    fn tidy(&mut self) {
        let Some(extras) = &mut self.extras else { return };
        if extras.queue.is_empty() {
            extras.queue.shrink_to_fit();
            if !extras.is_needed() {
                self.extras = None;
            }
        }
    }
}

impl<W> Extras<W> {
    /// Whether anything but messages stands in it.
    fn is_needed(&self) -> bool {
        let Self { queue: _, claims, bundle, crashes, panics: _ } = self;
        !(claims.is_empty() && bundle.is_none() && crashes.is_empty())
    }
}

impl<W> Default for Extras<W> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), claims: VecDeque::new(), bundle: None, crashes: Vec::new(), panics: 0 }
    }
}
