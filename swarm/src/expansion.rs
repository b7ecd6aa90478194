//! Owns what generated code names and nobody else should: every path in an expansion starts at `::swarm::__private`.
//! Never promises anything to users.

pub use std::boxed::Box;
pub use std::clone::Clone;
pub use std::convert::{From, Into};
pub use std::fmt;
pub use std::marker::PhantomData;
pub use std::option::Option::{self, None, Some};
pub use std::primitive::{bool, str, u64, usize};
pub use std::result::Result::{self, Err, Ok};
pub use std::string::String;
pub use std::time::Duration;

pub use linkme;
pub use rkyv;
pub use serde;

pub use crate::client::{Calling, Handle, Op};
pub use crate::error::{CastError, Location, RegisterError, RegistryError};
pub use crate::group::{Anyone, Group, Of};
pub use crate::message::json::no_fields;
pub use crate::message::{Answered, Cut, Fingerprint, Json, Message, Schema, Wire, closed, decode, encode};
pub use crate::name::Name;
pub use crate::registration::{Entry, WORKERS};
pub use crate::via::Reach;
pub use crate::worker::{
    Active, Arguments, Boot, Call, Cast, Context, Described, Die, FieldShape, Handoff, Init, InitShape, Input,
    IntoInit, JsonType, KindId, KindShape, MessageShape, Method, Options, Payload, Plain, Restart, Shaped, Step,
    VariantShape, Worker,
};

/// Says that a type travels, at the user's own token. Bounded by [`Schema`] alone, since rkyv's words would win over ours.
pub trait Travels<const N: usize> {
    /// The type.
    type Field: Schema;
}

/// What only workers marked `json` need. Without the feature there is this one error in its place.
#[cfg(feature = "json")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_json {
    ($($items:tt)*) => { $($items)* };
}

/// As above.
#[cfg(not(feature = "json"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_json {
    ($($items:tt)*) => {
        ::core::compile_error! {
            "`json` needs Swarm's feature of that name: write `swarm = { version = \"..\", features = [\"json\"] }` in Cargo.toml"
        }
    };
}

pub use crate::__with_json as with_json;

/// What only nodes need of a worker type: its entry in the program's list of them. Without the entry nothing refers to its handlers, so
/// they are not in the program.
#[cfg(feature = "node")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_node {
    ($($items:tt)*) => { $($items)* };
}

/// As above.
#[cfg(not(feature = "node"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_node {
    ($($items:tt)*) => {};
}

pub use crate::__with_node as with_node;

/// What [`Json`] is, without its supertraits: the compiler would look at these first, and use serde's words.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given and answered as JSON",
    label = "this cannot be JSON",
    note = "write `#[swarm::message(json)]` above each type of yours in it, or implement serde's `Serialize` and `Deserialize` for it",
    note = "a type parameter needs the bound `swarm::Json`; an array has at most 32 elements"
)]
pub trait CanBeJson {}

#[diagnostic::do_not_recommend]
impl<T: Json> CanBeJson for T {}

/// Says that a type can be JSON, at the user's own token.
pub trait IsJson<const N: usize> {
    /// The type.
    type Field: CanBeJson;
}

/// Finds out what is told of a type: `Told::<M>::TAKES`, with [`Untold`] in scope, is what [`Described`] says, if `M` has that, and
/// `Told::<M>::OF` what [`Shaped`] says.
pub struct Told<M>(PhantomData<M>);

impl<M: Described> Told<M> {
    /// It is described.
    pub const TAKES: Option<&'static [VariantShape]> = Some(M::TAKES);
}

impl<T: Shaped> Told<T> {
    /// It is known what its JSON may be.
    pub const OF: fn() -> JsonType = T::json_type;
}

/// What is found of a message that is not described.
pub trait Untold {
    /// Nothing.
    const TAKES: Option<&'static [VariantShape]> = None;
    /// It may be anything.
    const OF: fn() -> JsonType = || JsonType::Any;
}

impl<M> Untold for Told<M> {}

/// Refuses, at compile time, two methods whose messages have one wire name.
pub const fn unique<W, const N: usize>(rows: [Method<W>; N]) -> [Method<W>; N] {
    let mut i = 0;
    while i < N {
        let mut j = 0;
        while j < i {
            assert!(
                rows[i].id != rows[j].id,
                "two methods of this worker have messages with the same wire name; rename one: `#[call(name = \"..\")]`"
            );
            j += 1;
        }
        i += 1;
    }
    rows
}

/// The answer of a `begin_handoff` whose worker takes a state.
pub fn seal<S: Wire>(answer: Handoff<S>) -> Handoff<Payload> {
    match answer {
        Handoff::Restart => Handoff::Restart,
        Handoff::Resume(state) => Handoff::Resume(encode(&state)),
        Handoff::Ignore => Handoff::Ignore,
    }
}

/// The answer of a `begin_handoff` whose worker takes no state: with nobody to read it, `Resume` means `Restart`.
pub fn seal_stateless<S>(answer: Handoff<S>) -> Handoff<Payload> {
    match answer {
        Handoff::Restart | Handoff::Resume(_) => Handoff::Restart,
        Handoff::Ignore => Handoff::Ignore,
    }
}

/// Stands where the macro has reported a mistake, so that the compiler reports no other. Such a program does not run.
pub fn mistaken<T>() -> T {
    unreachable!("a worker with a reported mistake does not compile")
}

/// Carries a field whose type the macro has refused, so that the compiler does not refuse it again.
pub struct Mistaken;

impl<T> rkyv::with::ArchiveWith<T> for Mistaken {
    type Archived = ();
    type Resolver = ();

    fn resolve_with(_: &T, (): (), _: rkyv::Place<()>) {}
}

impl<T, S: rkyv::rancor::Fallible + ?Sized> rkyv::with::SerializeWith<T, S> for Mistaken {
    fn serialize_with(_: &T, _: &mut S) -> Result<(), S::Error> {
        mistaken()
    }
}

impl<T, D: rkyv::rancor::Fallible + ?Sized> rkyv::with::DeserializeWith<(), T, D> for Mistaken {
    fn deserialize_with((): &(), _: &mut D) -> Result<T, D::Error> {
        mistaken()
    }
}
