//! Owns what a discovery may know and say. Never opens a socket.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::node::NodeId;
use crate::secret::Post;

/// What a discovery works for: the node that searches. Cheap to clone.
#[derive(Clone)]
pub struct Search {
    shared: Arc<Shared>,
}

/// What a discovery reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// A node may be reached here.
    Addr(SocketAddr),
    /// This node of our cluster is alive.
    Node { node: NodeId, joined: bool },
}

struct Shared {
    cluster: String,
    post: Post,
    local_addr: SocketAddr,
    report: Box<dyn Fn(Sighting) + Send + Sync>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    beacons: bool,
    alone: bool,
    joined: bool,
    stopped: bool,
    hooks: Vec<Box<dyn Fn() + Send>>,
}

impl Search {
    pub(crate) fn new(
        cluster: &str,
        local_addr: SocketAddr,
        post: Post,
        report: impl Fn(Sighting) + Send + Sync + 'static,
    ) -> Self {
        let state = State { beacons: false, alone: true, joined: false, stopped: false, hooks: Vec::new() };
        Self {
            shared: Arc::new(Shared {
                cluster: cluster.into(),
                post,
                local_addr,
                report: Box::new(report),
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
        }
    }

    /// The node that searches. Its address is the advertised one.
    pub fn node(&self) -> NodeId {
        self.shared.post.me()
    }

    /// The name of its cluster.
    pub fn cluster(&self) -> &str {
        &self.shared.cluster
    }

    /// Where the node listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local_addr
    }

    /// Whether the node sends beacons.
    pub(crate) fn beacons(&self) -> bool {
        self.state().beacons
    }

    /// It does, from now on.
    pub(crate) fn begin_beacons(&self) {
        self.state().beacons = true;
    }

    /// Whether the node is connected to nobody: then search eagerly, else only now and then, to heal splits.
    pub fn alone(&self) -> bool {
        self.state().alone
    }

    /// Whether the node stops.
    pub fn stopped(&self) -> bool {
        self.state().stopped
    }

    /// A node may be reached at this address. Known and own addresses do no harm.
    pub fn found(&self, addr: SocketAddr) {
        (self.shared.report)(Sighting::Addr(addr));
    }

    /// Waits for at most `span`, less if the node meets or loses its only peer. False if the node stops: return then.
    pub fn wait(&self, span: Duration) -> bool {
        let state = self.state();
        if state.stopped {
            return false;
        }
        let waited = self.shared.changed.wait_timeout(state, span);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    /// `hook` is called at every change of [`Search::alone`] and at the stop, on another thread: for discoveries that wait
    /// for sockets instead of [`Search::wait`]. It must not block, nor use the search.
    pub fn on_change(&self, hook: impl Fn() + Send + 'static) {
        self.state().hooks.push(Box::new(hook));
    }

    /// What seals the packets of the node and opens those of others.
    pub(crate) fn post(&self) -> &Post {
        &self.shared.post
    }

    /// A node of our cluster was heard.
    pub(crate) fn heard(&self, node: NodeId, joined: bool) {
        (self.shared.report)(Sighting::Node { node, joined });
    }

    pub(crate) fn joined(&self) -> bool {
        self.state().joined
    }

    pub(crate) fn set_joined(&self) {
        self.state().joined = true;
    }

    pub(crate) fn set_alone(&self, alone: bool) {
        self.change(|state| state.alone = alone);
    }

    pub(crate) fn stop(&self) {
        self.change(|state| state.stopped = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        self.shared.changed.notify_all();
        state.hooks.iter().for_each(|hook| hook());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Search({} in {})", self.node(), self.shared.cluster)
    }
}
