//! Owns what a lane is called, here and among nodes, and what is said of a letter that takes one. Never what waits in it.

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::name::Name;

/// Whose letters of which partition: those that this node has written, or another. What one node has written must not
/// wait for another's, or nodes that pass letters on to each other would wait for each other in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    /// `None`: this node.
    pub(crate) caller: Option<NodeId>,
    pub(crate) partition: PartitionId,
}

/// A lane as nodes name it to each other: the tag of the caller above, the partition below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LaneId(pub(crate) u64);

impl Lane {
    /// Its name in the words of other nodes.
    pub(crate) fn id(self, me: NodeId) -> LaneId {
        LaneId(u64::from(self.caller.unwrap_or(me).tag().0) << 32 | u64::from(self.partition.0))
    }
}

/// One track: a lane's, or that of one of its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) lane: Lane,
    pub(crate) name: Option<Name>,
}

/// Where a letter goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The next node; `None`: it stays on this one.
    pub(crate) hop: Option<NodeId>,
    /// It is the way of this name, not of its partition.
    pub(crate) apart: bool,
}

/// What waits in lanes.
pub(crate) trait Passenger {
    /// Whom it is for.
    fn name(&self) -> &Name;
}
