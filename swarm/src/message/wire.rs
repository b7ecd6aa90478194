//! Owns the encoded form of what travels: how it is made, and how it is checked before it is read. Bytes are never
//! trusted: each read validates them and their exact length first.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

use rkyv::api::access_with_context;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::validation::shared::SharedValidator;
use rkyv::{Archive, Archived, Deserialize, Portable, Serialize};
use swarm_net::wire::buffer;

use super::payload::Payload;
use super::schema::Schema;

/// How deep what travels is nested: so many pointers lead from the whole to the innermost part. Maps of a million entries
/// take 8, and what a thread of tokio has for its stack holds many times this.
pub(crate) const NESTING_MAX: usize = 128;

/// What may travel between nodes. Implemented for everything that has a [`Schema`] and rkyv's traits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a message",
    label = "this cannot travel between nodes",
    note = "if `{Self}` is yours, write `#[swarm::message]` above it; a type parameter needs the bound `swarm::Wire`"
)]
pub trait Wire: Sized
    + Schema
    + Send
    + 'static
    + Archive<Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<Self, HighDeserializer<Error>> + Sync>
    + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>
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
        >
        + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>
{
}

/// Bytes that are not what they should be: they were made by another version of the type, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {bytes} bytes of a `{of}` cannot be read ({what}): both nodes must have the same version of it")]
pub struct Malformed {
    of: &'static str,
    bytes: usize,
    what: String,
}

impl Malformed {
    pub(crate) fn new<T>(payload: &Payload, what: impl fmt::Display) -> Self {
        Self { of: std::any::type_name::<T>(), bytes: payload.len(), what: what.to_string() }
    }
}

/// The encoded form of `value`.
pub fn encode<T: Wire>(value: &T) -> Payload {
    // What stands beside the root of a short value fits in there, too.
    let room = buffer(size_of::<Archived<T>>() + 32);
    rkyv::api::high::to_bytes_in::<_, Error>(value, room).expect("serialising into memory does not fail").into()
}

/// The value that `payload` encodes, after validation.
pub fn decode<T: Wire>(payload: &Payload) -> Result<T, Malformed> {
    rkyv::deserialize::<T, Error>(access::<T>(payload)?).map_err(|error| Malformed::new::<T>(payload, error))
}

/// The validated archived form that `payload` is.
///
/// An archive ends with its root, so that a payload which is cut or lengthened is read at the wrong place and may pass
/// validation by chance. Hence its length is checked as far as the type tells it: exactly for a flat type, and by
/// its alignment for one whose parts stand before the root. The rest is the task of frames, which carry the length,
/// and of fingerprints, since a payload of another schema never comes here.
fn access<T: Wire>(payload: &Payload) -> Result<&Archived<T>, Malformed> {
    let (size, align) = (size_of::<Archived<T>>(), align_of::<Archived<T>>());
    let fits =
        if T::FLAT { payload.len() == size } else { payload.len() >= size && payload.len().is_multiple_of(align) };
    if !fits {
        let bound = if T::FLAT { "exactly" } else { "at least" };
        let what = format_args!("its archive has {bound} {size} bytes, aligned to {align}");
        return Err(Malformed::new::<T>(payload, what));
    }
    bounded::<Archived<T>>(payload).map_err(|error| Malformed::new::<T>(payload, error))
}

/// The archived form that these bytes are, after validation.
///
/// Validation goes down one pointer after the other, on the stack, and so does what is read after it. So bytes that point
/// ever deeper are refused before they have used it up: a type that contains itself has no end of its own, and neither have
/// rkyv's maps, whose inner nodes may be chained as far as the bytes go.
pub(crate) fn bounded<T>(bytes: &[u8]) -> Result<&T, Error>
where
    T: Portable + for<'a> CheckBytes<HighValidator<'a, Error>>,
{
    let archive = ArchiveValidator::with_max_depth(bytes, NonZeroUsize::new(NESTING_MAX + 1));
    access_with_context::<T, _, Error>(bytes, &mut Validator::new(archive, SharedValidator::new()))
}

/// The validated bytes of a message: read in place.
pub struct Checked<M> {
    payload: Payload,
    message: PhantomData<fn() -> M>,
}

impl<M: Wire> Checked<M> {
    /// Validates `payload`.
    pub fn new(payload: Payload) -> Result<Self, Malformed> {
        access::<M>(&payload)?;
        Ok(Self { payload, message: PhantomData })
    }

    /// The bytes.
    #[cfg(feature = "json")]
    pub(crate) fn into_payload(self) -> Payload {
        self.payload
    }

    /// The message in place.
    pub fn archived(&self) -> &Archived<M> {
        access::<M>(&self.payload).expect("validated when this was made, and unchanged since")
    }
}
