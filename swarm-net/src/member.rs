//! Owns what the cluster knows of a member beside its liveness, and the events that report changes of membership.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::{Archive, Deserialize, Serialize};

use crate::node::NodeId;

/// What a node says of itself. A later `version` of the same node replaces an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Profile {
    /// Counts the node's own changes.
    pub version: u64,
    /// Share of the ring, relative to the others; 100 is the usual one.
    pub weight: u16,
    /// The node has begun to leave: it owns nothing new, but still serves and is asked.
    pub leaving: bool,
    /// What the node is able to host, as opaque sorted ids (worker types in their versions, to the layers above).
    pub abilities: Vec<u64>,
    /// Opaque to this crate: what the layers above tell about this node.
    pub extra: Vec<u8>,
}

/// A node that takes part, as this node sees it: alive, or leaving and still serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub id: NodeId,
    /// What it says of itself.
    pub profile: Arc<Profile>,
}

/// All members as one node sees them, itself included, ordered by id.
pub type View = BTreeMap<NodeId, Member>;

/// Why a member is no longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gone {
    /// It said goodbye.
    Left,
    /// It did not answer probes for longer than the suspicion timeout, or has left without telling this node.
    Silent,
    /// Its connection ended and nobody listens at its address: the process is dead.
    Refused,
    /// Another process took over its address.
    Replaced,
}

/// A change of membership, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberEvent {
    /// A node became a member, or one that was gone is back (same id after a healed partition).
    Up(Member),
    /// A member's profile changed.
    Changed(Member),
    /// A node is no longer a member. It may never have been reported as one: others may have told of it all the same.
    Down(NodeId, Gone),
    /// This node has the whole member list of the cluster, or has formed one alone: it may own partitions.
    Joined,
}
