//! Owns the snapshot by which calls find their next hop: ring, roles, members. Published by the control thread, read
//! by everybody; never changed in place.

use std::sync::Arc;

use swarm_net::member::View;
use swarm_net::node::NodeId;
use swarm_net::ring::{PartitionId, Ring};

use crate::name::Name;

/// Where a call for a name without a place on this node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// To the owner of its partition.
    Owner(NodeId),
    /// This node owns the partition, or is about to: its directory knows.
    Ask,
}

/// What one node knew of the cluster at one moment.
#[derive(Clone)]
pub(crate) struct Routing {
    me: NodeId,
    ring: Arc<Ring>,
    view: Arc<View>,
    /// One bit a partition: this node's directory decides about its names.
    mine: Vec<u64>,
}

impl Routing {
    /// A node that knows only itself.
    pub(crate) fn alone(me: NodeId, partitions: u32) -> Self {
        let ring = Arc::new(Ring::new(partitions, &[]));
        let words = usize::try_from(partitions.div_ceil(64)).unwrap_or(0);
        Self { me, ring, view: Arc::new(View::new()), mine: vec![0; words] }
    }

    /// A node that sees these members, and one of them as the owner of every partition.
    #[cfg(test)]
    pub(crate) fn seen(me: NodeId, owner: NodeId, view: Arc<View>, decides: bool) -> Self {
        let mut routing = Self::alone(me, 2);
        routing.ring = Arc::new(Ring::new(2, &[(owner, 100)]));
        routing.view = view;
        routing.mine.fill(if decides { u64::MAX } else { 0 });
        routing
    }

    /// The same with other members, and the ring of those that do not leave.
    pub(crate) fn set_view(&mut self, view: Arc<View>, ring: Arc<Ring>) {
        (self.view, self.ring) = (view, ring);
    }

    /// The same with this node deciding, or no longer deciding, about a partition.
    pub(crate) fn set_mine(&mut self, partition: PartitionId, mine: bool) {
        let (word, bit) = (usize::from(partition.0 / 64), partition.0 % 64);
        if let Some(word) = self.mine.get_mut(word) {
            *word = if mine { *word | 1 << bit } else { *word & !(1 << bit) };
        }
    }

    /// The partition of a name.
    pub(crate) fn partition_of(&self, name: &Name) -> PartitionId {
        self.ring.partition_of(name.hash64().0)
    }

    /// Where a call for a name of `partition` goes, if the name has no place on this node.
    pub(crate) fn hop(&self, partition: PartitionId) -> Hop {
        let (word, bit) = (usize::from(partition.0 / 64), partition.0 % 64);
        let mine = self.mine.get(word).is_some_and(|word| word & (1 << bit) != 0);
        match self.ring.owner(partition) {
            Some(owner) if owner != self.me && !mine => Hop::Owner(owner),
            Some(_) | None => Hop::Ask,
        }
    }

    /// The owner of a partition by the ring of this view.
    pub(crate) fn owner(&self, partition: PartitionId) -> Option<NodeId> {
        self.ring.owner(partition)
    }

    /// The ring of this view.
    #[cfg(feature = "admin")]
    pub(crate) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// All members, this node included.
    pub(crate) fn view(&self) -> &Arc<View> {
        &self.view
    }
}
