//! Owns the fencing numbers of the directory: terms of ownership, epochs of activations, ids of registrations.
//! Never decides who may make one; that is the directory's.

use std::fmt;

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::Tag;

/// The number of one ownership of a partition: lexicographic, and never held by two nodes, since it ends in the
/// claimant's tag (as ballots do in Paxos).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, Hash, PartialOrd, Ord))]
pub struct Term {
    /// Above every counter that the claimant had seen, and at least the wall clock's milliseconds.
    pub counter: u64,
    /// Whose term it is.
    pub tag: Tag,
}

impl Term {
    /// Above all wall clocks of the next million years, and low enough that sums never overflow. Who tells of a higher one lies.
    pub(crate) const COUNTER_MAX: u64 = 1 << 56;
}

/// The fencing token of one activation of a name. Every later activation of the name has a larger one
/// (see Chubby's sequencers): give it to a database and refuse smaller ones there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, Hash, PartialOrd, Ord))]
pub struct Epoch {
    // Not a term and a number: so there is no padding, and there are very many of these.
    counter: u64,
    tag: Tag,
    n: u32,
}

impl Epoch {
    /// The activation of this number in a term.
    pub(crate) fn new(term: Term, n: u32) -> Self {
        Self { counter: term.counter, tag: term.tag, n }
    }

    /// The term in which it began.
    pub(crate) fn term(self) -> Term {
        Term { counter: self.counter, tag: self.tag }
    }

    /// Its number in that term.
    pub(crate) fn number(self) -> u32 {
        self.n
    }

    /// What [`Epoch::to_be_bytes`] gave.
    #[cfg(feature = "remote")]
    pub(crate) fn from_be_bytes(bytes: [u8; 16]) -> Self {
        let bytes = u128::from_be_bytes(bytes);
        // The parts of it, from its upper end down.
        Self { counter: (bytes >> 64) as u64, tag: Tag((bytes >> 32) as u32), n: bytes as u32 }
    }

    /// Sixteen bytes whose order as bytes is the order of epochs.
    pub fn to_be_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.counter.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.tag.0.to_be_bytes());
        bytes[12..].copy_from_slice(&self.n.to_be_bytes());
        bytes
    }
}

impl From<Epoch> for u128 {
    fn from(epoch: Epoch) -> Self {
        Self::from_be_bytes(epoch.to_be_bytes())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:08x}", self.counter, self.tag.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.term(), self.n)
    }
}
