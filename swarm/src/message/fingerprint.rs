//! Owns the hash by which two nodes find out whether they encode a type alike. Never depends on the build: the same
//! source gives the same value on every machine, and in every release of Swarm.

use xxhash_rust::const_xxh3::xxh3_64;

/// A hash over the structure of a type: equal on two nodes exactly if they encode the type alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a name.
    pub const fn of(name: &str) -> Self {
        Self(xxh3_64(name.as_bytes()))
    }

    /// This, followed by `next`: the order matters.
    pub const fn with(self, next: Self) -> Self {
        Self((self.0.rotate_left(23) ^ next.0).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Enough of it to notice another version.
    pub(crate) const fn low(self) -> u32 {
        self.0 as u32
    }

    /// What stands in the head of a cast.
    pub(crate) const fn cast(self) -> u32 {
        self.low()
    }

    /// What stands in the head of a call: the reply as well, for its reader must find out before the handler runs that it
    /// could not read it.
    pub(crate) const fn call(self, reply: Self) -> u32 {
        self.with(reply).low()
    }

    /// This, followed by a number.
    pub const fn number(self, number: u64) -> Self {
        let mut bytes = [0; 9];
        bytes[0] = b'#';
        let digits = number.to_le_bytes();
        let mut i = 0;
        while i < digits.len() {
            bytes[i + 1] = digits[i];
            i += 1;
        }
        self.with(Self(xxh3_64(&bytes)))
    }

    /// This, followed by a variant of an enum.
    pub const fn variant(self, name: &str) -> Self {
        self.with(Self::of("variant")).with(Self::of(name))
    }

    /// This, followed by a field and the fingerprint of its type.
    pub const fn field(self, name: &str, of: Self) -> Self {
        self.with(Self::of("field")).with(Self::of(name)).with(of)
    }

    /// This, followed by the size and the alignment that `A`, an archived form, has in memory.
    pub const fn layout<A>(self) -> Self {
        self.number(size_of::<A>() as u64).number(align_of::<A>() as u64)
    }
}
