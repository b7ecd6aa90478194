//! Owns for how long a node lives that users hold, and which node is meant where none is named. Never knows what they do
//! with it.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::runtime::Node;
use crate::worker::running;

/// The first node that this process started, unless another was chosen.
static DEFAULT: RwLock<Weak<Guard>> = RwLock::new(Weak::new());

/// Stops the node when the last handle goes.
pub(crate) struct Guard(Arc<Node>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Guard {
    /// Of a node that has just been started: it is the process's default, if there is none.
    pub(crate) fn of(node: Arc<Node>) -> Arc<Self> {
        let guard = Self::unnamed(node);
        let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
        if default.strong_count() == 0 {
            *default = Arc::downgrade(&guard);
        }
        guard
    }

    /// Of a node that is meant only where it is named.
    pub(crate) fn unnamed(node: Arc<Node>) -> Arc<Self> {
        let guard = Arc::new(Self(node));
        guard.0.set_guard(Arc::downgrade(&guard));
        guard
    }

    /// Of a node that has been started before.
    pub(crate) fn over(node: Arc<Node>) -> Arc<Self> {
        // Without a user's handle the node has stopped, and another stop does nothing.
        node.guard().upgrade().unwrap_or_else(|| Arc::new(Self(node)))
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.0
    }

    /// Makes its node the one that is meant where none is named.
    pub(crate) fn set_default(self: &Arc<Self>) {
        *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(self);
    }
}

impl Node {
    /// The node of the worker that runs on this thread, else the process's default.
    pub(crate) fn current() -> Option<Arc<Self>> {
        if let Some(host) = running::host() {
            return host.as_any().downcast_ref::<Self>().map(Self::this);
        }
        let default = DEFAULT.read().unwrap_or_else(PoisonError::into_inner).upgrade();
        default.map(|guard| guard.0.clone())
    }
}
