//! Owns the stations of a cell's life: start, seal, unseal, absorb, end. Each runs as a task of its own, so it goes on
//! whether anybody waits for it or not.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot;

use super::guard::{Guarded, discard, guarded};
use super::ran::Ran;
use super::state::SealId;
use super::{AnyCell, Cell, Phase, Sealing, Underway};
use crate::epoch::Epoch;
use crate::message::Fingerprint;
use crate::rules::Rule;
use crate::worker::running::Awaited;
use crate::worker::{Active, Args, Boot, Bundle, Context, Deadline, Die, Handoff, Payload, Start, Step, Worker};

/// A move waits so long for the message in hand; then the worker goes on and the owner of the name tries again later.
const HAND_WAIT: Duration = Duration::from_secs(30);
/// `begin_handoff` may take so long, or the move is put off: until then it holds up its own worker's queue, and the leave
/// of its node.
const HANDOFF_LIMIT: Duration = Duration::from_secs(5);
/// After so long it will not end any more: its worker has failed, since it would never do anything again.
const HANDOFF_END: Duration = Duration::from_secs(30);
/// The last words may take so long; the name's next activation does not wait for them.
const DIE_LIMIT: Duration = Duration::from_secs(5);

/// Why a state is not given to a worker.
const OTHER_STATE: &str = "its state is of another version of its type: deploy the same one on both nodes";

/// What tells the handoff states of two versions of a worker type apart.
fn state_schema<W: Worker>() -> u32 {
    W::STATE.map_or(0, Fingerprint::low)
}

/// How a hook ended.
enum Hooked<W, R> {
    Done(Box<W>, R),
    /// It did not start, since what it was to read is malformed.
    Refused(Box<W>, String),
    /// It panicked; the worker is lost.
    Panicked(String),
}

impl<W: Worker> Cell<W> {
    pub(super) fn start(self: Arc<Self>, start: Start) -> Underway<Result<(), String>> {
        self.begun(Err("the node's runtime has stopped".into()), |cell| async move {
            let args = start.args.clone();
            match cell.bring_up(start).await {
                Ok(worker) => {
                    let phase = {
                        let mut state = cell.lock();
                        state.args = Some(args);
                        if state.phase == Phase::Starting {
                            state.phase = Phase::Running;
                        }
                        state.phase
                    };
                    if phase == Phase::Dead {
                        // It was given up meanwhile, and must not tick on.
                        cell.core.alarms().clear(cell.core.host().timers());
                    }
                    if let Some((worker, entry)) = cell.check_in(worker) {
                        cell.spawn(cell.clone().drain_from(worker, entry));
                    }
                    Ok(())
                }
                Err(text) => {
                    cell.core.alarms().clear(cell.core.host().timers());
                    let mut state = cell.lock();
                    state.phase = Phase::Dead;
                    state.lose();
                    Err(text)
                }
            }
        })
    }

    async fn bring_up(self: &Arc<Self>, start: Start) -> Result<Box<W>, String> {
        let mut worker = self.init(start.args).await?;
        let Some(bundle) = start.bundle else {
            return Ok(worker);
        };
        for publish in bundle.publishes {
            self.lock().seen(publish);
        }
        let now = self.core.now();
        match bundle.state {
            Some(_) if bundle.schema != state_schema::<W>() => return Err(OTHER_STATE.into()),
            Some(state) => {
                self.core.alarms().replace(bundle.timers, now, &self.any());
                worker = match self.hook(worker, |at| W::end_handoff(at, state)).await {
                    Hooked::Done(worker, ()) => worker,
                    Hooked::Refused(_, text) | Hooked::Panicked(text) => return Err(text),
                };
            }
            None => self.core.alarms().merge(bundle.timers, now, &self.any()),
        }
        Ok(worker)
    }

    /// Runs `init`.
    pub(super) async fn init(self: &Arc<Self>, args: Args) -> Result<Box<W>, String> {
        let args = Payload::copy_of(&args);
        if !self.core.may_run() {
            return Err(Die::NoQuorum.to_string());
        }
        // A clone, since it is the worker's to keep.
        let context = Context::of(self.clone()).clone();
        let timed = self.core.home.paces.init(W::KIND).map(|pace| (pace, self.core.watch()));
        let started = guarded(&self.core, Awaited::Nobody, || W::boot(context, args))?;
        let worker = match started {
            Boot::Done(result) => {
                self.core.note(timed);
                result?
            }
            Boot::Refused(malformed) => return Err(malformed.into()),
            Boot::Later(later) => self.begin(later, timed).await??,
        };
        Ok(Box::new(worker))
    }

    pub(super) fn begin_seal(self: Arc<Self>, forced: bool) -> Underway<Sealing> {
        let seal = {
            let mut state = self.lock();
            if state.phase != Phase::Running {
                return Box::pin(std::future::ready(Sealing::Ended));
            }
            state.begin_seal()
        };
        self.underway(Sealing::Ended, move |cell| async move {
            let (begun, begins) = oneshot::channel();
            let mut hook =
                pin!(cell.clone().underway(Sealing::Ended, move |cell| { cell.hand_off(forced, seal, begun) }));
            let timers = cell.core.host().timers().clone();
            // The hook's end closes the channel as well, so this wait is over in each case.
            if within(timers.delay(HAND_WAIT), begins).await.is_none() && cell.give_up_sealing(seal) {
                return Sealing::TimedOut;
            }
            match within(timers.delay(HANDOFF_LIMIT), &mut hook).await {
                Some(sealing) => sealing,
                None if cell.give_up_sealing(seal) => Sealing::TimedOut,
                None => hook.await,
            }
        })
    }

    /// Waits for the worker, asks it, and seals.
    async fn hand_off(self: Arc<Self>, forced: bool, seal: SealId, begun: oneshot::Sender<()>) -> Sealing {
        let Some(worker) = self.claim().await else {
            return Sealing::Ended;
        };
        if !self.lock().is_sealing(seal) {
            self.spawn(self.clone().drain(worker));
            return Sealing::TimedOut;
        }
        // Whoever waits for this may have gone; the seal goes on.
        begun.send(()).ok();
        let timers = self.core.host().timers().clone();
        let hook = pin!(self.hook(worker, W::begin_handoff));
        let hooked = within(timers.delay(HANDOFF_END), hook).await;
        match hooked.unwrap_or_else(|| Hooked::Panicked(format!("begin_handoff did not end within {HANDOFF_END:?}"))) {
            Hooked::Done(worker, answer) => self.handed_off(worker, answer, forced, seal),
            Hooked::Refused(worker, text) => {
                tracing::error!(name = %self.core.name, text, "begin_handoff refused to start");
                self.handed_off(worker, Handoff::Restart, forced, seal)
            }
            Hooked::Panicked(text) => {
                self.give_up_sealing(seal);
                self.crashed(&text);
                Sealing::Panicked
            }
        }
    }

    fn handed_off(self: &Arc<Self>, worker: Box<W>, answer: Handoff<Payload>, forced: bool, seal: SealId) -> Sealing {
        let mut state = self.lock();
        let stays = matches!(answer, Handoff::Ignore) && !forced;
        let sealing = match state.is_sealing(seal) {
            // Its time was over, or the cell was ended meanwhile; either way nothing was given away.
            false if state.phase == Phase::Dead => Sealing::Ended,
            false => Sealing::TimedOut,
            true if stays => {
                state.end_seal();
                state.pinned = true;
                Sealing::Ignored
            }
            true => {
                let timers = self.core.alarms().save(self.core.now(), self.core.host().timers());
                let given = match answer {
                    Handoff::Resume(given) => Some(given),
                    Handoff::Restart | Handoff::Ignore => None,
                };
                let publishes = state.publishes();
                state.seal(worker, Bundle { state: given, schema: state_schema::<W>(), timers, publishes });
                if Rule::Seal.holds() {
                    return Sealing::Sealed;
                }
                state.phase = Phase::Running;
                let Some(worker) = state.worker.take() else { return Sealing::Sealed };
                drop(state);
                self.spawn(self.clone().drain(worker));
                return Sealing::Sealed;
            }
        };
        drop(state);
        self.spawn(self.clone().drain(worker));
        sealing
    }

    /// The cell runs on, if this seal is still under way. Says whether it was.
    fn give_up_sealing(&self, seal: SealId) -> bool {
        let mut state = self.lock();
        if !state.is_sealing(seal) {
            return false;
        }
        state.end_seal();
        true
    }

    pub(super) fn go_on(self: &Arc<Self>, epoch: Epoch) -> bool {
        let mut state = self.lock();
        match state.phase {
            Phase::Sealed => {
                let bundle = state.take_bundle().expect("a sealed cell has a bundle");
                self.core.alarms().replace(bundle.timers.clone(), self.core.now(), &self.any());
            }
            Phase::Running => {}
            Phase::Starting | Phase::Sealing | Phase::Dead => return false,
        }
        self.core.set_epoch(epoch);
        let idle = state.go_on();
        drop(state);
        if let Some(worker) = idle {
            self.spawn(self.clone().drain(worker));
        }
        true
    }

    pub(super) fn resolve(self: Arc<Self>, other: Bundle) -> Underway<Result<(), String>> {
        self.underway(Err("the node's runtime has stopped".into()), |cell| async move {
            let Some(worker) = cell.claim().await else {
                return Err("the worker has ended".into());
            };
            if !cell.core.may_run() {
                cell.spawn(cell.clone().drain(worker));
                return Err(Die::NoQuorum.to_string());
            }
            if cell.phase() == Phase::Sealed {
                cell.lock().worker = Some(worker);
                return Err("the worker is sealed".into());
            }
            for publish in other.publishes {
                cell.lock().seen(publish);
            }
            let readable = other.state.is_none() || other.schema == state_schema::<W>();
            let Some(state) = other.state.filter(|_| readable) else {
                cell.spawn(cell.clone().drain(worker));
                return if readable { Ok(()) } else { Err(OTHER_STATE.into()) };
            };
            match cell.hook(worker, |at| W::resolve_conflict(at, state)).await {
                Hooked::Done(worker, ()) => {
                    cell.spawn(cell.clone().drain(worker));
                    Ok(())
                }
                Hooked::Refused(worker, text) => {
                    cell.spawn(cell.clone().drain(worker));
                    Err(text)
                }
                Hooked::Panicked(text) => {
                    cell.crashed(&text);
                    Err(text)
                }
            }
        })
    }

    pub(super) fn end_with(self: Arc<Self>, reason: Die) -> Underway<()> {
        let waiting = self.lock().shut();
        self.core.alarms().clear(self.core.host().timers());
        let why = reason.to_string();
        for entry in waiting {
            entry.end(&self.core, &why);
        }
        self.underway((), move |cell| async move {
            let limit = cell.core.host().timers().delay(DIE_LIMIT);
            let words = cell.underway((), move |cell| async move {
                if let Some(worker) = cell.claim().await {
                    cell.lock().lose();
                    cell.last_words(worker, reason).await;
                }
            });
            // A handler that never ends keeps its worker; nobody waits longer for it than this.
            within(limit, words).await;
        })
    }

    /// Runs `die`, within its limit, and drops the worker.
    pub(super) async fn last_words(self: &Arc<Self>, worker: Box<W>, reason: Die) {
        let limit = self.core.host().timers().delay(DIE_LIMIT);
        let words = pin!(self.hook(worker, |at| W::die(at, reason)));
        match within(limit, words).await {
            Some(Hooked::Done(worker, ())) => discard(&self.core, worker),
            Some(Hooked::Refused(worker, _)) => discard(&self.core, worker),
            Some(Hooked::Panicked(text)) => {
                tracing::warn!(name = %self.core.name, text, "a worker panicked in `die`")
            }
            None => {
                tracing::warn!(name = %self.core.name, limit = ?DIE_LIMIT, "a worker's `die` was cut off")
            }
        }
    }

    /// The worker itself, before the next message; `None` if there will be none. Must not be dropped while it waits,
    /// for the worker may be on its way: it is only awaited in tasks that run to their end.
    pub(super) async fn claim(&self) -> Option<Box<W>> {
        let claim = self.lock().claim();
        match claim {
            Ok(worker) => Some(worker),
            Err(receiver) => receiver.await.ok(),
        }
    }

    async fn hook<R: Send + 'static>(
        self: &Arc<Self>,
        worker: Box<W>,
        hook: impl FnOnce(Active<W>) -> Step<W, R>,
    ) -> Hooked<W, R> {
        self.core.set_due(Deadline::NEVER.due);
        match guarded(&self.core, Awaited::Nobody, || Ran::from(hook(self.active(worker)))) {
            Ok(Ran::Done(worker, answer)) => Hooked::Done(worker, answer),
            Ok(Ran::Refused(worker, malformed)) => Hooked::Refused(worker, malformed.into()),
            Ok(Ran::Later(later)) => match Guarded::new(self.clone(), later).await {
                Ok((at, answer)) => Hooked::Done(at.worker, answer),
                Err(text) => Hooked::Panicked(text),
            },
            Err(text) => Hooked::Panicked(text),
        }
    }

    /// The same for a task that hardly ever waits: it begins here, and becomes a task of its own only if it has to wait.
    fn begun<T, F>(self: Arc<Self>, lost: T, task: impl FnOnce(Arc<Self>) -> F) -> Underway<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let runtime = self.core.host().runtime().clone();
        let mut task = Box::pin(task(self));
        if let Poll::Ready(output) = task.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
            return Box::pin(std::future::ready(output));
        }
        let task = runtime.spawn(task);
        Box::pin(async move { task.await.unwrap_or(lost) })
    }

    /// Runs a task of this cell to its end. `lost` is the answer if the runtime stops before.
    pub(super) fn underway<T, F>(self: Arc<Self>, lost: T, task: impl FnOnce(Arc<Self>) -> F) -> Underway<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let runtime = self.core.host().runtime().clone();
        let task = runtime.spawn(task(self));
        Box::pin(async move { task.await.unwrap_or(lost) })
    }

    fn any(self: &Arc<Self>) -> Arc<dyn AnyCell> {
        self.clone()
    }

    fn phase(&self) -> Phase {
        self.lock().phase
    }
}

/// What `future` gives, unless `limit` is over first.
async fn within<F: Future + Unpin>(limit: impl Future<Output = ()> + Unpin, mut future: F) -> Option<F::Output> {
    let mut limit = pin!(limit);
    poll_fn(|cx| {
        if let Poll::Ready(output) = pin!(&mut future).poll(cx) {
            return Poll::Ready(Some(output));
        }
        limit.as_mut().poll(cx).map(|()| None)
    })
    .await
}
