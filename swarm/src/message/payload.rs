//! Owns the bytes of one message, reply, state or init argument: 16-aligned, so that rkyv reads them in place.

use std::fmt;
use std::ops::Deref;

use rkyv::util::AlignedVec;

/// The encoded form of one value, aligned to 16 bytes. Empty ones do not allocate.
#[derive(Clone, Default)]
pub struct Payload(AlignedVec<16>);

impl Payload {
    /// No bytes: the encoded form of a unit struct.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut buffer = AlignedVec::with_capacity(bytes.len());
        buffer.extend_from_slice(bytes);
        Self(buffer)
    }

    /// Forgets all bytes but the first so many.
    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.0.resize(bytes.min(self.0.len()), 0);
    }
}

impl From<AlignedVec<16>> for Payload {
    fn from(bytes: AlignedVec<16>) -> Self {
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
