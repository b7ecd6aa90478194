//! Owns the wait of a process for the signal to end, and the leave that follows: the future that
//! [`Swarm::leave_on_signal`] gives. Never ends the process itself: what its status is to say is for `main`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::call::wait;
use crate::error::LeaveError;
use crate::leaving::Leaving;
use crate::runtime::Node;
use crate::swarm::Swarm;
use crate::worker::Host;

/// How often it is told what is left: often enough that whoever watches a deployment sees it go on.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// A node that is to leave when its process is asked to end. It is a future, and does nothing until it is polled; once the
/// signal has come the node leaves even if this is dropped.
#[must_use = "signals are not waited for until this is awaited (or `.wait()`ed for, outside async code)"]
pub struct LeavingOnSignal {
    swarm: Swarm,
    timeout: Option<Duration>,
    task: Option<JoinHandle<Result<(), LeaveError>>>,
}

impl Swarm {
    /// Waits until the process is asked to end (SIGTERM or SIGINT, which is Ctrl-C), then leaves the cluster as
    /// [`Swarm::leave`] does. While it leaves, a line at the level `info` says each second what is left. A second signal
    /// ends the node at once.
    ///
    /// It is the last line of most programs. From its first poll on these signals end the process no more by themselves, so
    /// `main` should end soon after it is ready. What runs beside it, in tasks or by `tokio::select!`, goes on while the node
    /// leaves; what it begins after the handover is refused with `Stopping`.
    ///
    /// ```no_run
    /// # use swarm::prelude::*;
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let swarm = Swarm::builder().cluster("bank").start().await?;
    ///     // Serves until Ctrl-C, or until an orchestrator stops it; an exit status other than 0 says that not all was moved.
    ///     Ok(swarm.leave_on_signal().await?)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LeaveError::Incomplete`] with the number of workers that could not be handed over within `Config::leave_timeout_ms`
    /// (or [`LeavingOnSignal::timeout`]), [`LeaveError::Interrupted`] after a second signal, [`LeaveError::Stopped`] if the node
    /// stops without a signal, and [`LeaveError::NoSignals`] if the process cannot wait for any.
    pub fn leave_on_signal(&self) -> LeavingOnSignal {
        LeavingOnSignal { swarm: self.clone(), timeout: None, task: None }
    }
}

impl LeavingOnSignal {
    /// It takes so long at most after the signal (default `Config::leave_timeout_ms`, 30 s), as [`Leaving::timeout`] says. Make
    /// it a little less than your orchestrator waits before it kills: systemd 90 s, Kubernetes 30 s, Docker 10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Blocks this thread until the node has left. Not for async code: it would block the runtime.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn wait(self) -> Result<(), LeaveError> {
        wait::wait(self)
    }
}

impl Future for LeavingOnSignal {
    type Output = Result<(), LeaveError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (swarm, limit) = (&this.swarm, this.timeout);
        // A task of the node's runtime: this may be polled where there is none.
        let task =
            this.task.get_or_insert_with(|| swarm.inner().runtime().spawn(leave_on_signal(swarm.clone(), limit)));
        Pin::new(task).poll(cx).map(|left| match left {
            Ok(left) => left,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime has gone, and the node's workers with it.
            Err(_) => Err(LeaveError::Stopped),
        })
    }
}

impl Drop for LeavingOnSignal {
    fn drop(&mut self) {
        // Without a signal nothing has begun. With one, the leave runs in a task of its own.
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for LeavingOnSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeavingOnSignal").field(&self.swarm).finish()
    }
}

async fn leave_on_signal(swarm: Swarm, limit: Option<Duration>) -> Result<(), LeaveError> {
    let node = swarm.inner();
    // It panics where a runtime was built without I/O.
    let mut signals = match catch_unwind(Signals::listen) {
        Ok(listening) => listening.map_err(|error| LeaveError::NoSignals { why: error.to_string() })?,
        Err(_) => {
            let why = "the tokio runtime has no I/O driver: build it with `enable_io` or `enable_all`";
            return Err(LeaveError::NoSignals { why: why.to_owned() });
        }
    };
    let Some(signal) = signals.next_unless(stopped(&swarm)).await else { return Err(LeaveError::Stopped) };
    let within = limit.unwrap_or_else(|| node.config().leave_timeout());
    tracing::info!(node = %node.id(), signal, ?within, "asked to end, leaving");
    let mut left = pin!(Leaving::new(&swarm).within(limit));
    let mut news = pin!(tell(node));
    let end = poll_fn(|cx| {
        if let Poll::Ready(left) = left.as_mut().poll(cx) {
            return Poll::Ready(Ok(left));
        }
        if let Poll::Ready(signal) = signals.poll_next(cx) {
            return Poll::Ready(Err(signal));
        }
        let Poll::Pending = news.as_mut().poll(cx);
        Poll::Pending
    })
    .await;
    end.unwrap_or_else(|signal| {
        let workers = node.places.cells().count();
        tracing::warn!(node = %node.id(), signal, workers, "asked to end a second time: the node stops at once");
        node.stop();
        Err(LeaveError::Interrupted { workers })
    })
}

/// Ready when the node has stopped.
async fn stopped(swarm: &Swarm) {
    let mut events = swarm.events();
    // One that had stopped before its events were asked for closes nothing any more.
    while !swarm.inner().is_stopped() && events.next().await.is_some() {}
}

/// Says each second what a leaving node has still to do.
async fn tell(node: &Node) -> std::convert::Infallible {
    loop {
        node.timers().delay(TELL_EVERY).await;
        let (workers, calls) = (node.places.cells().count(), node.pending.len());
        tracing::info!(node = %node.id(), workers, calls, "leaving: workers still to move, calls still to answer");
    }
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        // An end of either stream, which tokio does not know, would be no signal.
        if let Poll::Ready(Some(())) = self.terminate.poll_recv(cx) {
            return Poll::Ready("SIGTERM");
        }
        if let Poll::Ready(Some(())) = self.interrupt.poll_recv(cx) {
            return Poll::Ready("SIGINT");
        }
        Poll::Pending
    }
}

/// The signals that ask a process to end.
#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_shutdown};
        Ok(Self { ctrl_c: ctrl_c()?, shutdown: ctrl_shutdown()? })
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        if let Poll::Ready(Some(())) = self.shutdown.poll_recv(cx) {
            return Poll::Ready("shutdown");
        }
        if let Poll::Ready(Some(())) = self.ctrl_c.poll_recv(cx) {
            return Poll::Ready("Ctrl-C");
        }
        Poll::Pending
    }
}

impl Signals {
    /// The next signal, or nothing if `end` is ready before.
    async fn next_unless(&mut self, end: impl Future<Output = ()>) -> Option<&'static str> {
        let mut end = pin!(end);
        poll_fn(|cx| {
            if let Poll::Ready(signal) = self.poll_next(cx) {
                return Poll::Ready(Some(signal));
            }
            end.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
}
