//! Owns what happens after a panic: restart in place, with back-off, or the end of the cell. A restart keeps the epoch,
//! since the worker gave nothing away.

use std::sync::Arc;
use std::time::Duration;

use super::guard::discard;
use super::state::CheckedOut;
use super::{Cell, Underway};
use crate::worker::{Die, End, Incident, Phase, Restart, Worker};

/// OTP's default is one restart in five seconds; three let a worker outlive a short fault of what it depends on.
pub(super) const RESTARTS_MAX: usize = 3;
/// The window in which restarts are counted.
pub(super) const RESTART_WINDOW: Duration = Duration::from_secs(5);
/// The first restart is immediate; the second waits this long, and each further one twice as long. All of them together
/// stay well within the window, so that a worker which never comes up does end.
const BACKOFF: Duration = Duration::from_millis(100);

impl<W: Worker> Cell<W> {
    /// The worker is lost to a panic, or could not be started again. Decides what now.
    pub(super) fn crashed(self: &Arc<Self>, text: &str) {
        self.core.alarms().clear(self.core.host().timers());
        let now = self.core.now();
        let mut state = self.lock();
        self.core.give_back();
        if state.phase == Phase::Dead {
            state.lose();
            return;
        }
        let crashes = state.crash(now, RESTART_WINDOW);
        let restarts = match W::OPTIONS.restart {
            Restart::Permanent | Restart::Transient => state.args.is_some() && crashes <= RESTARTS_MAX,
            Restart::Temporary => false,
        };
        drop(state);
        tracing::warn!(name = %self.core.name, worker = W::NAME, text, restarts, "a worker failed");
        match restarts {
            true => {
                self.core.host().befell(W::KIND, Incident::Restarted);
                self.core.host().restarted(&self.core.name, text);
                self.spawn(self.clone().restart(backoff(crashes)));
            }
            false => {
                self.core.host().befell(W::KIND, Incident::GivenUp);
                self.end(End::Failed(text.to_owned()));
            }
        }
    }

    /// An operator wants the worker started again: as after a panic, after the message in hand, and whatever its restart rule says.
    pub(super) fn begin_restart(self: Arc<Self>, why: String) -> Underway<Result<(), &'static str>> {
        // Looked at before its turn comes, so that who may not be restarted is not taken out at all.
        if let Some(hindrance) = self.lock().hindrance() {
            return Box::pin(std::future::ready(Err(hindrance)));
        }
        self.underway(Err("its node stops"), move |cell| async move {
            let Some(worker) = cell.claim().await else { return Err("it has ended") };
            // Much may have happened since.
            let hindrance = cell.lock().hindrance();
            if let Some(hindrance) = hindrance {
                cell.put_back(worker);
                return Err(hindrance);
            }
            discard(&cell.core, worker);
            cell.core.alarms().clear(cell.core.host().timers());
            tracing::info!(name = %cell.core.name, worker = W::NAME, why, "a worker is started again, as an operator wants");
            cell.core.host().befell(W::KIND, Incident::Restarted);
            cell.core.host().restarted(&cell.core.name, &why);
            cell.spawn(cell.clone().restart(Duration::ZERO));
            Ok(())
        })
    }

    /// The worker comes back from who has claimed it for nothing.
    fn put_back(self: &Arc<Self>, worker: Box<W>) {
        {
            let mut state = self.lock();
            if state.phase == Phase::Sealed {
                state.worker = Some(worker);
                return;
            }
        }
        self.spawn(self.clone().drain(worker));
    }

    /// Starts the worker again from its init arguments, after `wait`.
    async fn restart(self: Arc<Self>, wait: Duration) {
        if !wait.is_zero() {
            self.core.host().timers().delay(wait).await;
        }
        let args = {
            let mut state = self.lock();
            match (state.phase, state.args.clone()) {
                (Phase::Starting | Phase::Running | Phase::Sealing | Phase::Sealed, Some(args)) => args,
                (Phase::Dead, _) | (_, None) => return state.lose(),
            }
        };
        match self.init(args).await {
            Ok(worker) => self.drain(worker).await,
            Err(text) => self.crashed(&text),
        }
    }

    /// The worker asked to end: its last words, then the end of the cell.
    pub(super) fn stop(self: &Arc<Self>, worker: Box<W>) {
        {
            let mut state = self.lock();
            if state.phase == Phase::Dead {
                // It was ended from outside meanwhile: whoever did that takes it from here for its last words.
                drop(state.check_in(worker));
                return;
            }
        }
        self.refuse_all(&End::Stopped);
        let cell = self.clone();
        self.spawn(async move {
            cell.last_words(worker, Die::Stopped).await;
            cell.tell(End::Stopped);
        });
    }

    /// The worker asks to end: after the message in hand, or now if there is none.
    pub(crate) fn request_stop(self: &Arc<Self>) {
        self.core.request_stop();
        if let CheckedOut::Worker(worker) = self.check_out() {
            self.bring_back(worker);
        }
    }

    fn end(&self, why: End) {
        self.refuse_all(&why);
        self.tell(why);
    }

    /// There is no worker any more: answers what waits for it.
    fn refuse_all(&self, why: &End) {
        let waiting = {
            let mut state = self.lock();
            state.lose();
            state.shut()
        };
        self.core.alarms().clear(self.core.host().timers());
        let why = why.to_string();
        for entry in waiting {
            entry.end(&self.core, &why);
        }
    }

    fn tell(&self, why: End) {
        self.core.host().ended(self.name(), W::KIND, self.core.epoch(), why);
    }
}

fn backoff(crashes: usize) -> Duration {
    match crashes {
        0 | 1 => Duration::ZERO,
        further => BACKOFF * (1 << (further - 2).min(RESTARTS_MAX)),
    }
}
