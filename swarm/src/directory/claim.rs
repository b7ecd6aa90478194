//! Owns the arithmetic of one claim: whom it must ask, who has answered, whether that is everybody.
//! Never sends anything.

use std::collections::BTreeSet;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::directory::world::World;

/// Who was asked about a partition, and who has answered.
#[derive(Debug, Default)]
pub(super) struct Claim {
    /// Asked, and neither answered nor lost since.
    pub(super) asked: BTreeSet<NodeId>,
    /// Promised, and told all they had.
    pub(super) covered: BTreeSet<NodeId>,
    /// Covered by the complete owner that promised.
    pub(super) inherited: BTreeSet<NodeId>,
    /// Members that others see, though this node may not.
    pub(super) must: BTreeSet<NodeId>,
    /// Silent or disagreeing for longer than `claim_wait`: it goes on without them.
    pub(super) forced: BTreeSet<NodeId>,
    /// Who saw another owner when asked last.
    pub(super) disagreed: BTreeSet<NodeId>,
    /// When to go on without the rest.
    pub(super) force_at: Option<Instant>,
    /// When to ask again those that disagreed.
    pub(super) retry_at: Option<Instant>,
}

impl Claim {
    /// Everybody who has to be asked: (my view ∪ what others see) − known down.
    pub(super) fn need(&self, world: &World) -> BTreeSet<NodeId> {
        let all = world.view.keys().chain(&self.must).copied();
        all.filter(|node| !world.down.contains(node)).collect()
    }

    /// Whether everybody was asked.
    pub(super) fn complete(&self, need: &BTreeSet<NodeId>) -> bool {
        need.iter()
            .all(|node| self.covered.contains(node) || self.inherited.contains(node) || self.forced.contains(node))
    }

    /// Who has not been heard: neither covered nor given up.
    pub(super) fn unheard(&self, need: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        need.iter().filter(|node| !self.covered.contains(node) && !self.forced.contains(node)).copied().collect()
    }

    /// Everything known about the node's answers is void: it was away, or owned the partition itself.
    pub(super) fn uncover(&mut self, node: NodeId) {
        self.asked.remove(&node);
        self.covered.remove(&node);
        self.inherited.remove(&node);
        self.disagreed.remove(&node);
    }

    /// The node is down.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.uncover(node);
        self.must.remove(&node);
        self.forced.remove(&node);
    }
}
