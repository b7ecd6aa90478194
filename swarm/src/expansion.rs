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

pub use crate::client::{Calling, Handle, Op};
pub use crate::error::{CastError, Location, RegisterError, RegistryError};
pub use crate::group::{Anyone, Group, Of};
pub use crate::message::{Answered, Cut, Fingerprint, Message, Schema, Wire, closed, decode, encode};
pub use crate::name::Name;
pub use crate::registration::{Entry, WORKERS};
pub use crate::via::Reach;
pub use crate::worker::{
    Active, Boot, Call, Cast, Context, Die, Handoff, Init, Input, IntoInit, KindId, Method, Options, Payload, Restart,
    Step, Worker,
};

/// Says that a type travels, at the user's own token. Bounded by [`Schema`] alone, since rkyv's words would win over ours.
pub trait Travels<const N: usize> {
    /// The type.
    type Field: Schema;
}

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
