//! Owns the wait of a node that leaves: the future that [`Swarm::leave`] gives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::call::wait;
use crate::error::LeaveError;
use crate::runtime::input::Left;
use crate::runtime::leave;
use crate::swarm::Swarm;

/// A node that is to leave. It is a future, and does nothing until it is polled; then the node leaves even if this is
/// dropped.
#[must_use = "a node does not leave until this is awaited (or `.wait()`ed for, outside async code)"]
pub struct Leaving {
    swarm: Swarm,
    timeout: Option<Duration>,
    task: Option<JoinHandle<Option<Left>>>,
}

impl Swarm {
    /// Leaves the cluster: hands every worker over with its state, answers what users of this node have asked for by then,
    /// tells the others, then stops. What users begin after the handover is refused with `Stopping`.
    ///
    /// # Errors
    /// [`LeaveError::Incomplete`](crate::LeaveError::Incomplete) if not everything could be handed over within `Config::leave_timeout_ms`; the node
    /// has left all the same.
    pub fn leave(&self) -> Leaving {
        Leaving::new(self)
    }
}

impl Leaving {
    pub(crate) fn new(swarm: &Swarm) -> Self {
        Self { swarm: swarm.clone(), timeout: None, task: None }
    }

    /// It takes so long at most (default `Config::leave_timeout_ms`, 30 s), with all that belongs to it: the last quarter, or
    /// the last four seconds of a longer limit, are kept for what comes after the hand-over. Of several that leave with one
    /// node, the first sets the limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// As [`Leaving::timeout`], if there is a limit.
    pub(crate) fn within(mut self, limit: Option<Duration>) -> Self {
        self.timeout = limit;
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

impl Future for Leaving {
    type Output = Result<(), LeaveError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (node, limit) = (this.swarm.inner().clone(), this.timeout);
        // A task of its own: half a departure would leave a node that neither works nor is gone.
        let task =
            this.task.get_or_insert_with(|| node.runtime().clone().spawn(async move { leave(&node, limit).await }));
        Pin::new(task).poll(cx).map(|left| match left {
            Ok(Some(Left { workers: 0, .. })) => Ok(()),
            Ok(Some(Left { workers, after })) => Err(LeaveError::Incomplete { after, workers }),
            // The runtime has gone, and the node's workers with it.
            Ok(None) | Err(_) => Err(LeaveError::Stopped),
        })
    }
}

impl fmt::Debug for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leaving").field(&self.swarm).finish()
    }
}
