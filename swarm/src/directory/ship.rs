//! Owns what an owner knows of its replicas' copies: what they were sent, and what is there. Never sends anything.

use swarm_net::node::NodeId;

/// What a replica was sent and has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ship {
    /// Everything up to this change is on its way, if anything is.
    pub(super) sent: Option<u64>,
    /// Everything up to this change is there.
    pub(super) acked: u64,
    /// What was there at the last sweep.
    pub(super) swept: u64,
}

/// The same for each. They are two or three, and looked up at every turn: in a list they stand side by side.
#[derive(Debug, Default)]
pub(super) struct Ships(Vec<(NodeId, Ship)>);

impl Ships {
    pub(super) fn get(&self, replica: &NodeId) -> Option<&Ship> {
        self.0.iter().find(|(node, _)| node == replica).map(|(_, ship)| ship)
    }

    pub(super) fn get_mut(&mut self, replica: &NodeId) -> Option<&mut Ship> {
        self.iter_mut().find(|(node, _)| node == replica).map(|(_, ship)| ship)
    }

    /// What is known of a replica; nothing was sent to one that is new.
    pub(super) fn of(&mut self, replica: NodeId) -> &mut Ship {
        let place = self.0.iter().position(|(node, _)| *node == replica).unwrap_or_else(|| {
            self.0.reserve_exact(1);
            self.0.push((replica, Ship::default()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    pub(super) fn remove(&mut self, replica: &NodeId) {
        self.0.retain(|(node, _)| node != replica);
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut (NodeId, Ship)> {
        self.0.iter_mut()
    }
}
