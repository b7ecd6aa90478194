//! Owns the bytes of one message, reply, state or init argument: 16-aligned, so that rkyv reads them in place.

use std::fmt;
use std::mem::take;
use std::ops::Deref;

use rkyv::util::AlignedVec;
use swarm_net::wire::{buffer, give_up};

/// The encoded form of one value, aligned to 16 bytes. Empty ones take no memory, and short ones memory that others gave up.
#[derive(Default)]
pub struct Payload(AlignedVec);

impl Payload {
    /// No bytes: the encoded form of a unit struct.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = buffer(bytes.len());
        copy.extend_from_slice(bytes);
        Self(copy)
    }

    /// Forgets all bytes but the first so many.
    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.0.resize(bytes.min(self.0.len()), 0);
    }
}

impl Clone for Payload {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        give_up(take(&mut self.0));
    }
}

impl From<AlignedVec> for Payload {
    fn from(bytes: AlignedVec) -> Self {
        Self(bytes)
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} B)", self.len())
    }
}
