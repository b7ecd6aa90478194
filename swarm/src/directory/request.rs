//! Owns what can be asked of a partition's owner, and its answers.
//! Never knows how an ask travels to the owner.

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::directory::groups::GroupKey;
use crate::directory::record::{Class, Spec};
use crate::directory::whereabouts::Whereabouts;
use crate::error::Location;
use crate::worker::KindId;

/// The identity of a request: asking again with the same one never does a thing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct RequestId {
    /// Whose request.
    pub node: NodeId,
    /// Counts the node's requests.
    pub seq: u64,
}

/// What is asked about a name.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Ask {
    /// Start this under the name, if the name is free.
    Register(Spec),
    /// Start this under the name, if the name is free, and say where the name is in any case.
    WhereisOrRegister(Spec),
    /// Stop what runs under the name.
    Unregister,
    /// Say where the name is.
    Whereis,
    /// Say where the name is, and why.
    Explain,
    /// Put it into a group.
    Join {
        /// Which.
        group: GroupKey,
        /// The kind of worker that the group takes, if it takes not all.
        kind: Option<KindId>,
    },
    /// Take it out of a group.
    Leave {
        /// Which.
        group: GroupKey,
    },
}

impl Ask {
    /// What kind of worker it wants started.
    pub fn class(&self) -> Option<&Class> {
        match self {
            Self::Register(spec) | Self::WhereisOrRegister(spec) => Some(&spec.class),
            Self::Unregister | Self::Whereis | Self::Explain | Self::Join { .. } | Self::Leave { .. } => None,
        }
    }
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Answer {
    /// It runs there and its record is on all replicas.
    Registered(Location),
    /// The name is taken.
    AlreadyRegistered(Location),
    /// The first start failed on this node with this text. Nothing was registered.
    InitFailed(NodeId, String),
    /// No member knows the kind. Nothing was registered.
    NoCapableNode,
    /// Nothing runs under the name any more, nor will it come back.
    Unregistered,
    /// Where the name is, if it is registered.
    Whereis(Option<Location>),
    /// Where the name is, and why.
    Whereabouts(Box<Whereabouts>),
    /// The group was joined or left.
    Done,
    /// There is no such name.
    NotRegistered,
    /// The group takes workers of another kind; the name's is called so.
    WrongKind(String),
    /// Ask that node, or whom the ring names, again with the same request id.
    NotOwner(Option<NodeId>),
    /// It will not be done.
    Refused(Refusal),
}

/// Why an ask is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Refusal {
    /// Too many asks wait for the owner to be complete (`asks_held_max`).
    Overloaded,
    /// `local` was asked by a node that leaves or is no member.
    NotAMember,
    /// The side of the split that the asked node is on has too few members.
    NoQuorum,
    /// The records of the partition take all the room that they may have (`records_bytes_max`).
    Full,
    /// The registration was ended (unregister, or the end of its worker) before it was acknowledged.
    Ended,
}
