//! Owns the users' handle on a node. Never the node's life, which its guard ends.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::builder::Builder;
use crate::client::{Handle, Op};
use crate::crew::Crew;
use crate::error::{Location, RegistryError};
use crate::event::Events;
use crate::group::Group;
use crate::leaving::Leaving;
use crate::name::Name;
use crate::pages::Pages;
use crate::runtime::{Guard, Node as Inner, Whom};
use crate::stats::Stats;
use crate::worker::Worker;

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
    /// Its share of the ring, relative to the others.
    pub weight: u16,
    /// It has begun to leave.
    pub leaving: bool,
}

impl Swarm {
    /// Describes a node to start.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn of(node: Arc<Inner>) -> Self {
        Self { guard: Guard::of(node) }
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
        Inner::current().map(Self::over)
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

    /// What happens in the cluster from now on, as this node sees it.
    pub fn events(&self) -> Events {
        self.inner().subscribers.subscribe()
    }

    /// The node's figures of this moment.
    pub fn stats(&self) -> Stats {
        self.inner().stats()
    }

    /// The client of one name, bound to this node.
    pub fn at<W: Worker>(&self, name: impl Into<Name>) -> W::Client {
        Handle::new(name).on(self).into()
    }

    /// A group, reached through this node.
    pub fn group<G: Group>(&self) -> Crew<G> {
        Crew::new().on(self)
    }

    /// Where `name` is, if it is registered.
    pub fn whereis(&self, name: impl Into<Name>) -> Op<Option<Location>, RegistryError> {
        Handle::new(name).on(self).whereis()
    }

    /// Stops the worker of `name` cleanly, wherever it is, and frees the name.
    pub fn unregister(&self, name: impl Into<Name>) -> Op<(), RegistryError> {
        Handle::new(name).on(self).unregister()
    }

    /// All registered names, in order, with where they are. See [`registered`].
    pub fn registered(&self) -> Op<Vec<(Name, Location)>, RegistryError> {
        registered().on(self)
    }

    /// The same list page by page. See [`registered_pages`].
    pub fn registered_pages(&self) -> Pages {
        registered_pages().on(self)
    }

    /// Leaves the cluster: hands every worker over with its state, tells the others, then stops.
    ///
    /// # Errors
    /// [`LeaveError::Incomplete`](crate::LeaveError::Incomplete) if not everything could be handed over in `Config::leave_timeout_ms`; the node has
    /// left all the same.
    pub fn leave(&self) -> Leaving {
        Leaving::new(self)
    }
}

impl fmt::Debug for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Swarm({})", self.node())
    }
}

/// Where `name` is, if it is registered. Asks the owner of the name, so the answer is not a guess.
pub fn whereis(name: impl Into<Name>) -> Op<Option<Location>, RegistryError> {
    Handle::new(name).whereis()
}

/// Stops the worker of `name` cleanly (its `die` runs), wherever it is, and frees the name. A name that is free already
/// stays so.
pub fn unregister(name: impl Into<Name>) -> Op<(), RegistryError> {
    Handle::new(name).unregister()
}

/// All registered names, in order, with where they are: Swarm's `registered/0`. Every node is asked for the workers it
/// hosts, so names that are between two nodes at this moment may be missing.
pub fn registered() -> Op<Vec<(Name, Location)>, RegistryError> {
    Op::new(None, RegistryError::NoSwarm, |node: Arc<Inner>, limit: Duration| node.list(Whom::Everyone, limit))
}

/// All registered names page by page, in order, with where they are: for clusters whose list is too large for one
/// answer.
pub fn registered_pages() -> Pages {
    Pages::new(None, Whom::Everyone)
}
