//! Owns the encoded init arguments of a worker, for as long as it may be started from them. Never reads them.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rkyv::rancor::Fallible;
use rkyv::ser::{Allocator, Writer};
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::{Archive, Deserialize, Place, Serialize};

/// Init arguments as bytes. Up to 22 stand in the value itself; longer ones are shared by the record and the cell.
#[derive(Clone)]
pub struct Args(Bytes);

/// A few bytes are always `Short`.
#[derive(Clone)]
enum Bytes {
    Short { len: u8, bytes: [u8; Args::SHORT_MAX] },
    Long(Arc<[u8]>),
}

impl Args {
    /// What fits beside the length and the mark of the other form in 24 bytes.
    const SHORT_MAX: usize = 22;

    fn short(args: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::SHORT_MAX];
        bytes.get_mut(..args.len())?.copy_from_slice(args);
        Some(Self(Bytes::Short { len: args.len() as u8, bytes }))
    }
}

impl From<&[u8]> for Args {
    fn from(args: &[u8]) -> Self {
        Self::short(args).unwrap_or_else(|| Self(Bytes::Long(args.into())))
    }
}

impl Default for Args {
    fn default() -> Self {
        Self::from(&[][..])
    }
}

impl Deref for Args {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short { len, bytes } => &bytes[..usize::from(*len)],
            Bytes::Long(bytes) => bytes,
        }
    }
}

impl PartialEq for Args {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Args {}

impl Ord for Args {
    fn cmp(&self, other: &Self) -> Ordering {
        self.deref().cmp(&**other)
    }
}

impl PartialOrd for Args {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Args({} B)", self.len())
    }
}

/// They travel as a list of bytes.
impl Archive for Args {
    type Archived = ArchivedVec<u8>;
    type Resolver = VecResolver;

    fn resolve(&self, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_slice(self, resolver, out);
    }
}

impl<S: Fallible + Allocator + Writer + ?Sized> Serialize<S> for Args {
    fn serialize(&self, serializer: &mut S) -> Result<VecResolver, S::Error> {
        ArchivedVec::serialize_from_slice(self, serializer)
    }
}

impl<D: Fallible + ?Sized> Deserialize<Args, D> for ArchivedVec<u8> {
    fn deserialize(&self, _: &mut D) -> Result<Args, D::Error> {
        Ok(Args::from(self.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_arguments_are_their_bytes() {
        let all: Vec<u8> = (0..100).collect();
        for len in [0, 1, Args::SHORT_MAX, Args::SHORT_MAX + 1, 100] {
            let args = Args::from(&all[..len]);
            assert_eq!(*args, all[..len]);
            assert_eq!(matches!(args.0, Bytes::Short { .. }), len <= Args::SHORT_MAX);
            let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&args).expect("bytes can be encoded");
            let archived = rkyv::access::<ArchivedVec<u8>, rkyv::rancor::Error>(&bytes).expect("it was encoded above");
            let back: Result<Args, rkyv::rancor::Error> = rkyv::deserialize(archived);
            assert_eq!(back.expect("bytes can be decoded"), args);
        }
        assert_eq!(size_of::<Args>(), 24);
    }
}
