//! Owns the identity that the gossip knows a node by. Never leaves this module: to the rest of Swarm a node is a `NodeId`.

use std::net::SocketAddr;

use crate::node::NodeId;

/// One claim of a process to its address.
///
/// To the gossip "down" is final, so a node that was wrongly held to be down renews its claim under a higher generation.
/// It stays the same process: a renewal is not a restart.
///
/// A member can say anything of others, and none of it may be such that they cannot outbid it. So what is told of others is
/// believed up to [`Identity::TOLD_MAX`] only, and beyond it a claim is believed of who makes it. Whoever is lied about thus goes above
/// the lie, where nobody else's word is worth anything, and has room there for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) node: NodeId,
    /// The higher claim to an address wins. Starts at the wall clock's milliseconds, so that a restart wins.
    pub(super) generation: u64,
    /// How often this process has renewed its claim.
    pub(super) renewals: u32,
}

impl Identity {
    /// Low enough that sums never overflow. From [`Self::TOLD_MAX`] to here there are 2^36 of the largest steps, so who tries to
    /// drive a process to the end, a lie at a time, is at it for days, and for millions of years by having it renew.
    pub(super) const GENERATION_MAX: u64 = 1 << 56;

    /// The highest generation that is believed of a process when others tell of it: above all wall clocks of the next 35,000 years,
    /// whatever they show.
    pub(super) const TOLD_MAX: u64 = 1 << 50;

    /// The largest step, by its number of bits: 17 minutes.
    const STEP_BITS_MAX: u32 = 20;

    pub(super) fn first(node: NodeId, unix_ms: u64) -> Self {
        Self { node, generation: unix_ms.clamp(1, Self::TOLD_MAX), renewals: 0 }
    }

    /// Somebody at `addr`, whoever it is: gossip takes an announcement to any claim of the address.
    pub(super) fn whoever(addr: SocketAddr) -> Self {
        Self { node: NodeId::new(addr, 0), generation: 0, renewals: 0 }
    }

    /// This claim, raised above a rival's that others tell of; or towards it, if it is higher than what is believed of others. That may be
    /// true, of a predecessor that was lied about, or a lie. Doubling steps overtake the one soon, and the other never gets far.
    pub(super) fn above(&self, rival: &Self) -> Self {
        let reach = self.generation.max(Self::TOLD_MAX) + self.step();
        let generation = rival.generation.saturating_add(1).clamp(self.generation + 1, reach).min(Self::GENERATION_MAX);
        Self { generation, renewals: self.renewals.saturating_add(1), ..*self }
    }

    pub(super) fn beats(&self, rival: &Self) -> bool {
        (self.generation, self.node.boot()) > (rival.generation, rival.node.boot())
    }

    /// Steps double: a process whose clock was set back by hours regains its address after a few renewals.
    fn step(&self) -> u64 {
        1 << self.renewals.min(Self::STEP_BITS_MAX)
    }
}

impl foca::Identity for Identity {
    type Addr = SocketAddr;

    /// Above what is believed of others nobody has to be overtaken: who makes a process renew there is not to make it run out of room.
    fn renew(&self) -> Option<Self> {
        let step = if self.generation > Self::TOLD_MAX { 1 } else { self.step() };
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

#[cfg(test)]
mod tests {
    use foca::Identity as _;

    use super::*;

    fn claim(generation: u64) -> Identity {
        Identity { generation, ..Identity::first(NodeId::new(([10, 0, 0, 1], 7000).into(), 1), 1) }
    }

    #[test]
    fn what_is_believed_of_others_is_outbid_at_once() {
        for rival in [5, 1 << 45, Identity::TOLD_MAX] {
            let risen = claim(5).above(&claim(rival));
            assert_eq!((risen.generation, risen.beats(&claim(rival))), (rival + 1, true));
        }
        assert_eq!(claim(9).above(&claim(5)).generation, 10, "never down");
    }

    /// A process that was lied about has renewed many times more before it ended; its successor is told so by the others.
    #[test]
    fn a_predecessor_beyond_belief_is_outbid_soon() {
        for renewals in [0, 1, 1_000, 1_000_000_000] {
            let rival = claim(Identity::TOLD_MAX + 1 + renewals);
            let mut mine = claim(1_700_000_000_000);
            let turns = (1..5_000).find(|_| {
                mine = mine.above(&rival);
                mine.beats(&rival)
            });
            assert!(turns.is_some(), "{renewals}");
        }
    }

    #[test]
    fn no_lie_drives_a_process_to_the_end() {
        let mut mine = claim(1_700_000_000_000);
        for _ in 0..100_000 {
            mine = mine.above(&claim(Identity::GENERATION_MAX));
            mine = mine.renew().expect("there is room");
        }
        assert!(mine.generation - Identity::TOLD_MAX < (Identity::GENERATION_MAX - Identity::TOLD_MAX) / 100_000);
        // Below it renewals go further, and end where nobody can outbid them.
        mine = claim(1_700_000_000_000);
        for _ in 0..100_000 {
            mine = mine.renew().expect("there is room");
        }
        assert!(mine.generation < Identity::TOLD_MAX);
    }
}
