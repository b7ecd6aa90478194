//! Owns for how long a node lives that users hold, and which node is meant where none is named. Never knows what they do
//! with it.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::runtime::Node;
use crate::worker::running;

/// The first node that this process started, unless another was chosen, while users hold it. Who asks for it counts no reference:
/// all threads would meet at that count.
static DEFAULT: ArcSwapOption<Node> = ArcSwapOption::const_empty();

/// Stops the node when the last handle goes.
pub(crate) struct Guard(Arc<Node>);

impl Drop for Guard {
    fn drop(&mut self) {
        // Unless it is another by now.
        DEFAULT.compare_and_swap(&Some(self.0.clone()), None);
        self.0.stop();
    }
}

impl Guard {
    /// Of a node that has just been started: it is the process's default, if there is none.
    pub(crate) fn of(node: Arc<Node>) -> Arc<Self> {
        DEFAULT.compare_and_swap(&None::<Arc<Node>>, Some(node.clone()));
        Self::unnamed(node)
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
        DEFAULT.store(Some(self.0.clone()));
    }
}

/// A node while something is asked of it, kept by whoever has it anyway: the hot path counts no reference twice.
pub(crate) enum Held<'a> {
    /// Somebody else keeps it.
    Lent(&'a Arc<Node>),
    /// It is the process's default.
    Default(arc_swap::Guard<Option<Arc<Node>>>),
    /// As that of the worker that runs on this thread.
    Own(Arc<Node>),
}

impl Held<'static> {
    /// The node of the worker that runs on this thread, else the process's default.
    pub(crate) fn current() -> Option<Self> {
        if let Some(host) = running::host() {
            return host.as_any().downcast_ref::<Node>().map(|node| Self::Own(node.this()));
        }
        let default = DEFAULT.load();
        default.is_some().then_some(Self::Default(default))
    }
}

impl Deref for Held<'_> {
    type Target = Arc<Node>;

    fn deref(&self) -> &Arc<Node> {
        match self {
            Self::Lent(node) => node,
            Self::Default(node) => node.as_ref().expect("it was looked at when this was made"),
            Self::Own(node) => node,
        }
    }
}
