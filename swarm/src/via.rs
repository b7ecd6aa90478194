//! Owns by what the cluster is reached: a node of this process, or a gateway of it. Never does what is asked itself.

#[cfg(feature = "node")]
use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;

#[cfg(feature = "node")]
use crate::directory::Ask;
use crate::error::{CallError, Location, RegisterError, RegistryError};
use crate::group::{Change, Group, Members, Told};
use crate::name::Name;
#[cfg(feature = "remote")]
use crate::remote::Client;
#[cfg(feature = "node")]
use crate::runtime::{Held, Node, spec};
use crate::swarm::Swarm;
use crate::whom::{GroupKey, GroupNames, Whom};
use crate::worker::{Payload, Worker};

/// What `.on(..)` takes: a node of this process, [`Swarm`], or with the feature `remote` a connection to a cluster that this program is no
/// member of, `remote::Client`.
pub trait Reach: sealed::Reach {}

impl<T: sealed::Reach + ?Sized> Reach for T {}

mod sealed {
    use std::sync::Arc;

    use super::{Swarm, Via};

    pub trait Reach {
        fn via(&self) -> Via;
    }

    impl Reach for Swarm {
        fn via(&self) -> Via {
            Via::Swarm(self.clone())
        }
    }

    #[cfg(feature = "remote")]
    impl Reach for super::Client {
        fn via(&self) -> Via {
            Via::Remote(self.clone())
        }
    }

    // What stood where a `&Swarm` was wanted still does.
    impl<T: Reach + ?Sized> Reach for &T {
        fn via(&self) -> Via {
            (**self).via()
        }
    }

    impl<T: Reach + ?Sized> Reach for &mut T {
        fn via(&self) -> Via {
            (**self).via()
        }
    }

    impl<T: Reach + ?Sized> Reach for Arc<T> {
        fn via(&self) -> Via {
            (**self).via()
        }
    }

    impl<T: Reach + ?Sized> Reach for Box<T> {
        fn via(&self) -> Via {
            (**self).via()
        }
    }
}

/// By what the cluster is reached.
#[derive(Clone)]
pub enum Via {
    /// A node of this process.
    Swarm(Swarm),
    /// A gateway.
    #[cfg(feature = "remote")]
    Remote(Client),
}

/// The same, where something is asked while this is held.
pub(crate) enum Met<'a> {
    #[cfg(feature = "node")]
    Node(Held<'a>),
    #[cfg(feature = "remote")]
    Remote(&'a Client),
    #[cfg(not(any(feature = "node", feature = "remote")))]
    Nobody(&'a Swarm),
}

/// The same, where the answer may take longer.
#[derive(Clone)]
pub(crate) enum Reached {
    #[cfg(feature = "node")]
    Node(Arc<Node>),
    #[cfg(feature = "remote")]
    Remote(Client),
}

/// What is meant where something says `on`, or nothing: [`Swarm::current`]'s node. `None` if there is none.
#[inline]
pub(crate) fn met(on: Option<&Via>) -> Option<Met<'_>> {
    match on {
        #[cfg(feature = "node")]
        Some(Via::Swarm(swarm)) => Some(Met::Node(Held::Lent(swarm.inner()))),
        #[cfg(not(feature = "node"))]
        Some(Via::Swarm(swarm)) => swarm.never(),
        #[cfg(feature = "remote")]
        Some(Via::Remote(client)) => Some(Met::Remote(client)),
        #[cfg(feature = "node")]
        None => Held::current().map(Met::Node),
        #[cfg(not(feature = "node"))]
        None => None,
    }
}

/// The same, to be kept.
pub(crate) fn reached(on: Option<&Via>) -> Option<Reached> {
    met(on).map(|met| match met {
        #[cfg(feature = "node")]
        Met::Node(node) => Reached::Node(node.clone()),
        #[cfg(feature = "remote")]
        Met::Remote(client) => Reached::Remote(client.clone()),
        #[cfg(not(any(feature = "node", feature = "remote")))]
        Met::Nobody(swarm) => swarm.never(),
    })
}

impl Reached {
    /// The time that is given where none is named.
    pub(crate) fn call_timeout(&self) -> Duration {
        match *self {
            #[cfg(feature = "node")]
            Self::Node(ref node) => node.call_timeout(),
            #[cfg(feature = "remote")]
            Self::Remote(ref client) => client.call_timeout(),
        }
    }

    pub(crate) async fn register<W: Worker>(
        self,
        name: Name,
        init: Payload,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => node.register(name, spec::<W>(&init), Ask::Register, limit).await,
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.start::<W>(name, init, crate::remote::Start::New, limit).await,
        }
    }

    pub(crate) async fn whereis_or_register<W: Worker>(
        self,
        name: Name,
        init: Payload,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => node.register(name, spec::<W>(&init), Ask::WhereisOrRegister, limit).await,
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.start::<W>(name, init, crate::remote::Start::UnlessThere, limit).await,
        }
    }

    pub(crate) async fn register_local<W: Worker>(
        self,
        name: Name,
        worker: W,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => node.register_local::<W>(name, worker, limit).await,
            #[cfg(feature = "remote")]
            Self::Remote(_) => Err(RegisterError::NoMember { name }),
        }
    }

    pub(crate) async fn whereis(self, name: Name, limit: Duration) -> Result<Option<Location>, RegistryError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => node.whereis(name, limit).await,
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.find(name, limit).await,
        }
    }

    pub(crate) async fn unregister(self, name: Name, limit: Duration) -> Result<(), RegistryError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => node.unregister(name, limit).await,
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.end(name, limit).await,
        }
    }

    /// Who is there, in the order of their names.
    pub(crate) async fn list(self, whom: Whom, limit: Duration) -> Result<Vec<(Name, Location)>, RegistryError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => node.list(whom, limit).await,
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.list(whom, limit).await,
        }
    }

    /// The first `size` of them after a name; and the last of them, if there may be more.
    pub(crate) async fn page(
        self,
        whom: Whom,
        after: Option<Name>,
        size: usize,
        limit: Duration,
    ) -> Result<(Vec<(Name, Location)>, Option<Name>), RegistryError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => node.page(whom, after, size, limit).await,
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.page(whom, after, size, limit).await,
        }
    }

    /// Puts a name into a group, or takes it out.
    pub(crate) async fn change<G: Group>(
        self,
        name: Name,
        group: GroupKey,
        change: Change,
        limit: Duration,
    ) -> Result<(), RegistryError> {
        let (kind, worker) = G::Members::WORKER.unzip();
        let names = GroupNames { group: G::NAME, worker: worker.unwrap_or("") };
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => {
                let ask = match change {
                    Change::Join => Ask::Join { group, kind },
                    Change::Leave => Ask::Leave { group },
                };
                node.group(name, ask, names, limit).await
            }
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.change((name, group, kind), change, names, limit).await,
        }
    }

    /// Casts to all members of a group, and says to how many it was delivered.
    pub(crate) async fn publish(
        self,
        whom: Whom,
        (message, fingerprint, payload): Told,
        limit: Duration,
    ) -> Result<usize, RegistryError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => {
                let payload = node.for_a_group(payload)?;
                node.publish(whom, message, fingerprint, &payload, limit).await
            }
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.publish(whom, (message, fingerprint, payload), limit).await,
        }
    }

    /// Calls all members of a group. Also says who was asked.
    pub(crate) async fn multicall(
        self,
        whom: Whom,
        (message, fingerprint, payload): Told,
        limit: Duration,
    ) -> Result<(NodeId, Vec<(Name, Result<Vec<u8>, CallError>)>), RegistryError> {
        match self {
            #[cfg(feature = "node")]
            Self::Node(node) => {
                let payload = node.for_a_group(payload)?;
                let answers = node.multicall(whom, message, fingerprint, &payload, limit).await?;
                Ok((node.id(), answers))
            }
            #[cfg(feature = "remote")]
            Self::Remote(client) => client.multicall(whom, (message, fingerprint, payload), limit).await,
        }
    }
}
