//! What stands for a node in a build without the feature `node`: a handle that nobody has. Never anything else: it is there so that a
//! worker's source compiles for programs that are no nodes as well.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;

use swarm_net::node::NodeId;

use crate::event::Events;
use crate::stats::Stats;

/// A node of the cluster, of which this build has none, since it is without the feature `node`. So nobody ever has such a handle; it is here
/// for workers that speak of their node, and whose source this program shares with nodes.
#[derive(Clone)]
pub struct Swarm(Infallible);

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Who it is.
    pub id: NodeId,
    /// Its share of the ring, relative to the others.
    pub weight: u16,
    /// It has begun to leave.
    pub leaving: bool,
}

impl Swarm {
    /// What nobody has can be taken for anything.
    pub(crate) fn never(&self) -> ! {
        match self.0 {}
    }

    /// `None`, as this build has no nodes.
    pub fn current() -> Option<Self> {
        None
    }

    /// Makes this the node that free functions and clients without `.on(..)` use.
    pub fn set_default(&self) {
        self.never()
    }

    /// Who this node is.
    pub fn node(&self) -> NodeId {
        self.never()
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.never()
    }

    /// The members of the cluster as this node sees them.
    pub fn nodes(&self) -> Vec<Node> {
        self.never()
    }

    /// What happens in the cluster from now on, as this node sees it.
    pub fn events(&self) -> Events {
        self.never()
    }

    /// The node's figures of this moment.
    pub fn stats(&self) -> Stats {
        self.never()
    }
}

impl fmt::Debug for Swarm {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.never()
    }
}
