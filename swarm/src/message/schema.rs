//! Owns the schemas: the fingerprint of every type that may travel, those of Rust's own types included. Never looks at
//! a value.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use super::fingerprint::Fingerprint;

/// A type whose structure has a fingerprint. `#[swarm::message]` implements it; it can be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a message",
    label = "this cannot travel between nodes",
    note = "if `{Self}` is yours, write `#[swarm::message]` above it",
    note = "if it is another crate's, mark the field with `#[rkyv(with = ..)] #[swarm(schema = \"name@1\")]`"
)]
pub trait Schema {
    /// The fingerprint without that of the types named in `cycle(..)`: what breaks circles.
    const SHALLOW: Fingerprint = Self::FINGERPRINT;
    /// The fingerprint of the whole structure.
    const FINGERPRINT: Fingerprint;
    /// Every value is encoded in as many bytes as its archived form has, and nothing beside it: so that other lengths
    /// can be refused. `false` is always right.
    const FLAT: bool = false;
    /// The ids of the messages named in `cycle(..)`.
    #[doc(hidden)]
    const CYCLE: &'static [u64] = &[];
}

/// Stands for a type inside its own schema: 0 for the type itself, n for the n-th that its `cycle(..)` names.
#[doc(hidden)]
pub struct Cut<const N: usize>;

impl<const N: usize> Schema for Cut<N> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("cut").number(N as u64);
}

/// Refuses, at compile time, a `cycle(..)` that leaves out a type of the circle: what is left out would be in no
/// fingerprint.
#[doc(hidden)]
pub const fn closed(own: u64, named: &[u64], theirs: &[&[u64]]) {
    let mut i = 0;
    while i < theirs.len() {
        let mut j = 0;
        while j < theirs[i].len() {
            let wanted = theirs[i][j];
            let mut found = wanted == own;
            let mut k = 0;
            while k < named.len() {
                found |= named[k] == wanted;
                k += 1;
            }
            assert!(found, "types that contain each other name each other: `cycle(..)` must name all of the circle");
            j += 1;
        }
        i += 1;
    }
}

macro_rules! flat {
    ($($type:ty = $name:literal),* $(,)?) => {$(
        impl Schema for $type {
            const FINGERPRINT: Fingerprint = Fingerprint::of($name);
            const FLAT: bool = true;
        }
    )*};
}

flat! {
    () = "()", bool = "bool", char = "char", Duration = "duration",
    u8 = "u8", u16 = "u16", u32 = "u32", u64 = "u64", u128 = "u128",
    i8 = "i8", i16 = "i16", i32 = "i32", i64 = "i64", i128 = "i128",
    f32 = "f32", f64 = "f64",
    IpAddr = "ip", Ipv4Addr = "ipv4", Ipv6Addr = "ipv6",
    SocketAddr = "socket", SocketAddrV4 = "socketv4", SocketAddrV6 = "socketv6",
}

#[cfg(feature = "uuid")]
flat! { uuid::Uuid = "uuid" }

impl Schema for String {
    const FINGERPRINT: Fingerprint = Fingerprint::of("string");
}

impl<T: Schema> Schema for Option<T> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("option").with(T::FINGERPRINT);
    const FLAT: bool = T::FLAT;
}

impl<T: Schema, E: Schema> Schema for Result<T, E> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("result").with(T::FINGERPRINT).with(E::FINGERPRINT);
    const FLAT: bool = T::FLAT && E::FLAT;
}

// A box is encoded unlike its content (behind a pointer), so it has a name of its own.
macro_rules! containers {
    ($($type:ident<$($inner:ident),+> = $name:literal),* $(,)?) => {$(
        impl<$($inner: Schema),+> Schema for $type<$($inner),+> {
            const FINGERPRINT: Fingerprint = Fingerprint::of($name)$(.with($inner::FINGERPRINT))+;
        }
    )*};
}

containers! {
    Box<T> = "box", Vec<T> = "vec", VecDeque<T> = "deque",
    BTreeMap<K, V> = "btreemap", BTreeSet<T> = "btreeset",
}

impl Schema for Box<str> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("box str");
}

impl<T: Schema> Schema for Box<[T]> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("box slice").with(T::FINGERPRINT);
}

impl<K: Schema, V: Schema, H> Schema for HashMap<K, V, H> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("hashmap").with(K::FINGERPRINT).with(V::FINGERPRINT);
}

impl<T: Schema, H> Schema for HashSet<T, H> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("hashset").with(T::FINGERPRINT);
}

impl<T: Schema, const N: usize> Schema for [T; N] {
    const FINGERPRINT: Fingerprint = Fingerprint::of("array").number(N as u64).with(T::FINGERPRINT);
    const FLAT: bool = T::FLAT;
}

macro_rules! tuples {
    ($(($($item:ident),+) = $arity:literal),* $(,)?) => {$(
        impl<$($item: Schema),+> Schema for ($($item,)+) {
            const FINGERPRINT: Fingerprint = Fingerprint::of("tuple").number($arity)$(.with($item::FINGERPRINT))+;
            const FLAT: bool = true $(&& $item::FLAT)+;
        }
    )*};
}

tuples! {
    (A) = 1, (A, B) = 2, (A, B, C) = 3, (A, B, C, D) = 4, (A, B, C, D, E) = 5, (A, B, C, D, E, F) = 6,
}
