//! Owns what may travel: messages, their schemas' fingerprints, and their encoded form.

use std::marker::PhantomData;

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Archived, Deserialize, Serialize};
use xxhash_rust::const_xxh3::xxh3_64;

use crate::worker::Payload;

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
}

/// A type whose structure has a fingerprint.
pub trait Schema {
    /// The fingerprint without that of the types it contains: what breaks circles.
    const SHALLOW: Fingerprint = Self::FINGERPRINT;
    /// The fingerprint of the whole structure.
    const FINGERPRINT: Fingerprint;
}

impl Schema for () {
    const FINGERPRINT: Fingerprint = Fingerprint::of("()");
}

/// What may travel between nodes. Implemented for everything that has a [`Schema`] and rkyv's traits.
pub trait Wire:
    Sized
    + Schema
    + Send
    + 'static
    + Archive<
        Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<Self, HighDeserializer<Error>> + Sync,
    > + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>
{
}

#[diagnostic::do_not_recommend]
impl<T> Wire for T where
    T: Sized
        + Schema
        + Send
        + 'static
        + Archive<
            Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<Self, HighDeserializer<Error>> + Sync,
        > + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>
{
}

/// A message: a travelling type with a name of its own.
pub trait Message: Wire {
    /// Its name on the wire.
    const NAME: &'static str;
    /// The hash of the name, mixed with the fingerprints of type arguments.
    const ID: u64;
}

/// Bytes that are not what they should be: they were made by another version of the type, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Malformed {
    what: String,
}

/// The encoded form of `value`.
pub fn encode<T: Wire>(value: &T) -> Payload {
    rkyv::to_bytes::<Error>(value).expect("serialising into memory does not fail").into()
}

/// The value that `payload` encodes, after validation.
pub fn decode<T: Wire>(payload: &Payload) -> Result<T, Malformed> {
    rkyv::from_bytes::<T, Error>(payload).map_err(|error| Malformed { what: error.to_string() })
}

/// The validated bytes of a message: read in place.
pub struct Checked<M> {
    payload: Payload,
    message: PhantomData<fn() -> M>,
}

impl<M: Wire> Checked<M> {
    /// Validates `payload`.
    pub fn new(payload: Payload) -> Result<Self, Malformed> {
        rkyv::access::<Archived<M>, Error>(&payload).map_err(|error| Malformed { what: error.to_string() })?;
        Ok(Self { payload, message: PhantomData })
    }

    /// The message in place.
    pub fn archived(&self) -> &Archived<M> {
        rkyv::access::<Archived<M>, Error>(&self.payload).expect("validated when this was made, and unchanged since")
    }
}
