//! Owns the identity that the gossip knows a node by. Never leaves this module: to the rest of Swarm a node is a `NodeId`.

use std::net::SocketAddr;

use crate::node::NodeId;

/// One claim of a process to its address.
///
/// To the gossip "down" is final, so a node that was wrongly held to be down renews its claim under a higher generation.
/// It stays the same process: a renewal is not a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) node: NodeId,
    /// The higher claim to an address wins. Starts at the wall clock's milliseconds, so that a restart wins.
    pub(super) generation: u64,
    /// How often this process has renewed its claim.
    pub(super) renewals: u32,
}

impl Identity {
    /// Above all wall clocks of the next million years, and low enough that sums never overflow.
    pub(super) const GENERATION_MAX: u64 = 1 << 56;

    pub(super) fn first(node: NodeId, unix_ms: u64) -> Self {
        Self { node, generation: unix_ms.clamp(1, Self::GENERATION_MAX / 2), renewals: 0 }
    }

    /// Somebody at `addr`, whoever it is: gossip takes an announcement to any claim of the address.
    pub(super) fn whoever(addr: SocketAddr) -> Self {
        Self { node: NodeId::new(addr, 0), generation: 0, renewals: 0 }
    }

    /// This claim, raised above a rival's.
    pub(super) fn above(&self, rival: &Self) -> Self {
        let generation = self.generation.max(rival.generation).saturating_add(1);
        Self { generation, renewals: self.renewals.saturating_add(1), ..*self }
    }

    pub(super) fn beats(&self, rival: &Self) -> bool {
        (self.generation, self.node.boot()) > (rival.generation, rival.node.boot())
    }
}

impl foca::Identity for Identity {
    type Addr = SocketAddr;

    /// Steps double: a process whose clock was set back by hours regains its address after a few renewals.
    fn renew(&self) -> Option<Self> {
        let step = 1u64 << self.renewals.min(40);
        let generation = self.generation.checked_add(step).filter(|next| *next <= Self::GENERATION_MAX)?;
        Some(Self { generation, renewals: self.renewals.saturating_add(1), ..*self })
    }

    fn addr(&self) -> SocketAddr {
        self.node.addr()
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.beats(adversary)
    }
}
