//! Owns what programs that are no members are answered, as data. Never loses a field or changes what one means: later versions add
//! fields, each with a default.

#[cfg(any(feature = "http", feature = "remote"))]
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use swarm_net::node::NodeId;

use super::failure::Failure;
#[cfg(feature = "remote")]
use crate::epoch::Epoch;
use crate::error::Location;
use crate::rpc::Bytes;

/// The answer to the first words.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Welcome {
    /// The version of the service that the node speaks.
    pub(crate) version: u32,
    /// The oldest that it still understands.
    pub(crate) oldest: u32,
    /// The version of its crate, for people.
    pub(crate) swarm: String,
    pub(crate) node: Node,
    /// The longest message and reply.
    pub(crate) message_bytes_max: u64,
    /// It begins to leave, or has: another node is to be asked from now on.
    pub(crate) leaving: bool,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) addr: String,
    pub(crate) boot: u64,
}

/// Where a worker is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    pub(crate) node: Node,
    /// The wire name of its type.
    pub(crate) worker: String,
    /// Its epoch in sixteen bytes.
    pub(crate) epoch: Bytes,
}

/// It is done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Done {}

/// The reply to a call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Reply {
    pub(crate) payload: Bytes,
}

/// To how many a message was given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Delivered {
    pub(crate) count: u64,
}

/// What the members of a group have answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Answers {
    pub(crate) answers: Vec<Answer>,
}

/// What one of them has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) name: String,
    /// Its reply, if it has one.
    pub(crate) payload: Bytes,
    /// Why it has none.
    pub(crate) failure: Option<Failure>,
}

/// A part of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Listed {
    pub(crate) found: Vec<Found>,
    /// There may be more after this name.
    pub(crate) until: Option<String>,
}

/// One that is there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) place: Place,
}

impl From<NodeId> for Node {
    fn from(node: NodeId) -> Self {
        Self { addr: node.addr().to_string(), boot: node.boot() }
    }
}

impl Node {
    /// The node, if the other side has named one.
    #[cfg(any(feature = "http", feature = "remote"))]
    pub(crate) fn id(&self) -> Option<NodeId> {
        let addr: SocketAddr = self.addr.parse().ok()?;
        Some(NodeId::new(addr, self.boot))
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let epoch = Bytes::copy_of(&location.epoch.to_be_bytes());
        Self { node: location.node.into(), worker: location.worker, epoch }
    }
}

impl Place {
    /// The place, if the other side has named one.
    #[cfg(feature = "remote")]
    pub(crate) fn location(self) -> Option<Location> {
        let epoch = Epoch::from_be_bytes((*self.epoch).try_into().ok()?);
        Some(Location { node: self.node.id()?, worker: self.worker, epoch })
    }
}

#[cfg(all(test, feature = "remote"))]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_the_wire() {
        let epoch = Epoch::new(crate::epoch::Term { counter: 7, tag: swarm_net::node::Tag(8) }, 9);
        for addr in ["127.0.0.1:45892", "[fe80::1%4]:9"] {
            let node = NodeId::new(addr.parse().expect("an address"), u64::MAX);
            let location = Location { node, worker: "Account".to_owned(), epoch };
            assert_eq!(Place::from(location.clone()).location(), Some(location));
        }
        assert_eq!(Place::default().location(), None);
    }
}
