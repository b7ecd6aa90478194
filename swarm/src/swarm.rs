//! Owns the users' handle on a node, and what it tells of the node itself. The ways into the cluster stand with their own
//! nouns, each with its method here: `registry`, `crew`, `keys`, `leaving`, `signal`, `builder`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use swarm_net::node::NodeId;

use crate::event::Events;
use crate::runtime::{Guard, Held, Node as Inner};
use crate::stats::Stats;

/// A node of the cluster, which this process runs. Cheap to clone; the last one dropped stops the node at once, as a
/// crash would. To leave in good order, [`Swarm::leave`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let swarm = swarm::Swarm::builder().cluster("bank").start().await?;
/// println!("{} with {} nodes", swarm.node(), swarm.nodes().len());
/// swarm.leave().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Swarm {
    guard: Arc<Guard>,
}

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Who it is.
    pub id: NodeId,
    /// Its share of the ring, relative to the others: 0 before its first lease, with
    /// [`Placement::Quorum`](crate::Placement::Quorum).
    pub weight: u16,
    /// It has begun to leave.
    pub leaving: bool,
}

impl Swarm {
    pub(crate) fn of(node: Arc<Inner>) -> Self {
        Self { guard: Guard::of(node) }
    }

    /// A handle on a node that is never the default.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn unnamed(node: Arc<Inner>) -> Self {
        Self { guard: Guard::unnamed(node) }
    }

    /// A handle on a node that has been started before.
    pub(crate) fn over(node: Arc<Inner>) -> Self {
        Self { guard: Guard::over(node) }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        self.guard.node()
    }

    /// Inside a worker its own node, elsewhere the process's default: the first node that was started, unless
    /// [`Swarm::set_default`] chose another.
    pub fn current() -> Option<Self> {
        Held::current().map(|node| Self::over(node.clone()))
    }

    /// Makes this the node that free functions and clients without `.on(..)` use.
    pub fn set_default(&self) {
        self.guard.set_default();
    }

    /// Who this node is.
    pub fn node(&self) -> NodeId {
        self.inner().id()
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner().transport().local_addr()
    }

    /// The members of the cluster as this node sees them, itself included, in the order of their ids.
    pub fn nodes(&self) -> Vec<Node> {
        let routing = self.inner().routing();
        let node = |member: &swarm_net::member::Member| Node {
            id: member.id,
            weight: member.profile.weight,
            leaving: member.profile.leaving,
        };
        routing.view().values().map(node).collect()
    }

    /// Where programs that are no members reach this node, if it was told so by [`Builder::gateway`](crate::Builder::gateway).
    #[cfg(feature = "gateway")]
    pub fn gateway(&self) -> Option<SocketAddr> {
        self.inner().gateway.get().copied()
    }

    /// Where programs in other languages reach this node by HTTP, if it was told so by [`Builder::http`](crate::Builder::http).
    #[cfg(feature = "http")]
    pub fn http(&self) -> Option<SocketAddr> {
        self.inner().http.get().map(|opened| opened.addr)
    }

    /// Where this node shows the cluster to browsers, if it was told so by [`Builder::dashboard`](crate::Builder::dashboard).
    #[cfg(feature = "dashboard")]
    pub fn dashboard(&self) -> Option<SocketAddr> {
        self.inner().dashboard.get().map(|opened| opened.addr)
    }

    /// Where this node tells its metrics by HTTP, if it was told so by [`Builder::metrics`](crate::Builder::metrics): the page is `/metrics`.
    #[cfg(feature = "prometheus")]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.inner().metrics.get().copied()
    }

    /// What happens in the cluster from now on, as this node sees it.
    pub fn events(&self) -> Events {
        self.inner().subscribers.subscribe()
    }

    /// The node's figures of this moment.
    pub fn stats(&self) -> Stats {
        self.inner().stats()
    }
}

impl fmt::Debug for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Swarm({})", self.node())
    }
}
