//! Owns the ring: the pure function from a set of weighted members to the nodes of each partition.
//! Never looks at liveness, names or time.
//!
//! Every member scores every partition (`score`), the partitions are matched to the members by these scores under a
//! bound on each member's load (`matching`), and the table of the owners is kept. Nothing in it is a float, random or
//! dependent on the order of the input, so equal sets give bit-identical tables on every machine.

mod change;
mod matching;
mod score;
#[cfg(test)]
mod tests;

use crate::node::NodeId;
use change::Change;
use score::Seat;

/// One of the P fixed slices of the hash space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(pub u16);

/// For each partition, all members in order of preference. The first is its owner.
///
/// No member owns more than 1.05 times its fair part (where that is less than a partition more: its fair part, rounded
/// up, and one). A join or leave moves the least it can, one member's fair part, times (means of 12 to 24 rings;
/// copies are owner and two replicas together):
///
/// | members | owners, 4,096 partitions | copies | owners, 32,768 partitions | copies | built in (release, CPU) |
/// |---|---|---|---|---|---|
/// | 3 | 1.00 | 1.00 | 1.00 | 1.00 | 0.5 ms; 5 ms |
/// | 10 | 1.00 | 1.00 | 1.00 | 1.00 | 1 ms; 10 ms |
/// | 30 | 1.10 | 1.00 | 1.00 | 1.00 | 3 ms; 23 ms |
/// | 100 | 2.01 | 1.12 | 1.05 | 1.01 | 6 ms; 53 ms |
/// | 1,000 | | | | | 39 ms; 408 ms |
///
/// The 2.01 is of a join at which the bound falls from 43 partitions to 42; where it stays, 1.5.
#[derive(Clone, Debug)]
pub struct Ring {
    /// In the order of their ids.
    seats: Vec<Seat>,
    /// For each partition, the seat of its owner. Empty if there are no members.
    owners: Vec<u32>,
    /// For each partition, the `head` seats that score best, best first: replicas are found here with no work.
    heads: Vec<u32>,
    head: usize,
    partitions: u32,
    /// How many places a seat's order of the partitions has.
    places: u64,
}

impl Ring {
    /// The default number of partitions of a cluster: enough for some 30 members, and every partition costs each node
    /// memory, and messages whenever the members change.
    pub const PARTITIONS: u32 = 4096;

    /// The number of partitions for a cluster of some 100 members: a join then moves hardly more than it must.
    pub const PARTITIONS_LARGE: u32 = 1 << 15;

    /// The most partitions that a [`PartitionId`] can tell apart.
    pub const PARTITIONS_MAX: u32 = 1 << 16;

    /// So many best members are kept for each partition; those after them are ranked again when somebody asks.
    /// Well above the number of replicas, and memory stays independent of the number of members.
    const HEAD: usize = 16;

    /// The ring of these members with their weights. The same set gives the same ring, in whatever order it is written.
    ///
    /// A member of weight 0 owns nothing unless all have weight 0, which counts as all having weight 1.
    ///
    /// # Panics
    ///
    /// If `partitions` is 0 or above [`Ring::PARTITIONS_MAX`].
    pub fn new(partitions: u32, members: &[(NodeId, u16)]) -> Self {
        assert!((1..=Self::PARTITIONS_MAX).contains(&partitions), "1 to 65,536 partitions, not {partitions}");
        let places = score::places(partitions);
        let empty = Self { seats: Vec::new(), owners: Vec::new(), heads: Vec::new(), head: 0, partitions, places };
        empty.with_members(members)
    }

    /// The ring of these members, as [`new`](Self::new) makes it. The fewer of them are not in this one, and the fewer of
    /// this one are not among them, the less work it is.
    #[must_use]
    pub fn with_members(&self, members: &[(NodeId, u16)]) -> Self {
        let Self { partitions, places, .. } = *self;
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup_by_key(|(id, _)| *id);
        let weightless = members.iter().all(|(_, weight)| *weight == 0);
        let seats: Vec<Seat> =
            members.iter().map(|&(id, weight)| Seat::new(id, if weightless { 1 } else { weight }, places)).collect();

        let head = seats.len().min(Self::HEAD);
        let mut ring = Self { seats, owners: Vec::new(), heads: Vec::new(), head, partitions, places };
        if !ring.seats.is_empty() {
            let change = Change::between(&self.seats, &ring.seats);
            ring.heads = (0..partitions).flat_map(|p| change.best(&ring, p, self.head_of(p))).collect();
            ring.owners = matching::owners(&ring.seats, partitions, places, &ring.heads, head);
        }
        ring
    }

    /// P, the number of partitions.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The partition of everything that has this hash.
    pub fn partition_of(&self, hash: u64) -> PartitionId {
        let p = hash % u64::from(self.partitions);
        PartitionId(u16::try_from(p).expect("a remainder by at most 65,536 fits 16 bits"))
    }

    /// The node that owns `p`: none in an empty ring, or for a partition that the ring does not have.
    pub fn owner(&self, p: PartitionId) -> Option<NodeId> {
        self.owners.get(usize::from(p.0)).map(|&seat| self.seats[seat as usize].id)
    }

    /// All members in the order in which they should own `p`, owner first, each once.
    pub fn preference(&self, p: PartitionId) -> impl Iterator<Item = NodeId> + '_ {
        let owner = self.owners.get(usize::from(p.0)).copied();
        let head = if owner.is_some() { self.head_of(p.0.into()) } else { &[] };
        let tail = std::iter::once_with(move || match owner {
            Some(_) if self.head < self.seats.len() => {
                score::best(&self.seats, u32::from(p.0), self.places, self.seats.len()).split_off(self.head)
            }
            Some(_) | None => Vec::new(),
        });
        let others = head.iter().copied().chain(tail.flatten()).filter(move |seat| Some(*seat) != owner);
        owner.into_iter().chain(others).map(|seat| self.seats[seat as usize].id)
    }

    /// The seats that score best for a partition that the ring has, best first.
    fn head_of(&self, p: u32) -> &[u32] {
        &self.heads[p as usize * self.head..][..self.head]
    }
}
