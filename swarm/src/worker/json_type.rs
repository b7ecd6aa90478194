//! Owns what the JSON of a type may be, for documents about it: of Rust's own types and of messages. Never looks at a value.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use super::shape::{FieldShape, VariantShape};

/// What the JSON of a type may be. What is inside stands there as a function, since a type may contain itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum JsonType {
    /// Only serde knows, since the user implements its traits, or has something to say to them; or it is a type parameter.
    Any,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// It may be below zero.
        signed: bool,
        /// Of so many bits.
        bits: u32,
    },
    /// A number.
    Number,
    /// A string of one character.
    Char,
    /// A string.
    Text {
        /// Its format in the words of JSON Schema; empty if it has none.
        format: &'static str,
    },
    /// This, or `null`.
    Nullable(fn() -> JsonType),
    /// An array.
    List {
        /// Of these.
        of: fn() -> JsonType,
        /// It has so many elements, if that is fixed.
        len: Option<usize>,
    },
    /// An object whose fields have any names, and these values.
    Map(fn() -> JsonType),
    /// An array of just these.
    Tuple(&'static [fn() -> JsonType]),
    /// `{"Ok": ..}` or `{"Err": ..}`.
    Fallible(fn() -> JsonType, fn() -> JsonType),
    /// A type with [`Described`](super::Described).
    Composite {
        /// Its name on the wire.
        name: &'static str,
        /// Its id on the wire, which tells instantiations of a generic type apart.
        id: u64,
        /// What it may be.
        takes: &'static [VariantShape],
    },
}

/// A type of which it is known what its JSON may be: Rust's own, and those with `#[swarm::message(json)]`.
pub trait Shaped {
    /// What that is.
    fn json_type() -> JsonType;
}

macro_rules! shaped {
    ($($type:ty = $json:expr),* $(,)?) => {$(
        impl Shaped for $type {
            fn json_type() -> JsonType {
                $json
            }
        }
    )*};
}

const fn integer(signed: bool, bits: u32) -> JsonType {
    JsonType::Integer { signed, bits }
}

const fn text(format: &'static str) -> JsonType {
    JsonType::Text { format }
}

/// As serde has it.
const DURATION: &[VariantShape] = &[VariantShape {
    name: "",
    docs: "A span of time.",
    named: true,
    fields: &[
        FieldShape { name: "secs", ty: "u64", docs: "Whole seconds.", of: u64::json_type },
        FieldShape { name: "nanos", ty: "u32", docs: "And nanoseconds.", of: u32::json_type },
    ],
}];

shaped! {
    () = JsonType::Null, bool = JsonType::Bool, char = JsonType::Char,
    u8 = integer(false, 8), u16 = integer(false, 16), u32 = integer(false, 32), u64 = integer(false, 64),
    u128 = integer(false, 128), i8 = integer(true, 8), i16 = integer(true, 16), i32 = integer(true, 32),
    i64 = integer(true, 64), i128 = integer(true, 128), f32 = JsonType::Number, f64 = JsonType::Number,
    String = text(""), Box<str> = text(""), IpAddr = text(""), Ipv4Addr = text("ipv4"), Ipv6Addr = text("ipv6"),
    SocketAddr = text(""), SocketAddrV4 = text(""), SocketAddrV6 = text(""),
    Duration = JsonType::Composite { name: "Duration", id: 0, takes: DURATION },
}

#[cfg(feature = "uuid")]
shaped! { uuid::Uuid = text("uuid") }

macro_rules! lists {
    ($($type:ident),*) => {$(
        impl<T: Shaped> Shaped for $type<T> {
            fn json_type() -> JsonType {
                JsonType::List { of: T::json_type, len: None }
            }
        }
    )*};
}

lists! { Vec, VecDeque, BTreeSet }

impl<T: Shaped, H> Shaped for HashSet<T, H> {
    fn json_type() -> JsonType {
        JsonType::List { of: T::json_type, len: None }
    }
}

impl<T: Shaped> Shaped for Box<[T]> {
    fn json_type() -> JsonType {
        JsonType::List { of: T::json_type, len: None }
    }
}

impl<T: Shaped, const N: usize> Shaped for [T; N] {
    fn json_type() -> JsonType {
        JsonType::List { of: T::json_type, len: Some(N) }
    }
}

impl<T: Shaped> Shaped for Box<T> {
    fn json_type() -> JsonType {
        T::json_type()
    }
}

impl<T: Shaped> Shaped for Option<T> {
    fn json_type() -> JsonType {
        JsonType::Nullable(T::json_type)
    }
}

impl<T: Shaped, E: Shaped> Shaped for Result<T, E> {
    fn json_type() -> JsonType {
        JsonType::Fallible(T::json_type, E::json_type)
    }
}

impl<K, V: Shaped> Shaped for BTreeMap<K, V> {
    fn json_type() -> JsonType {
        JsonType::Map(V::json_type)
    }
}

impl<K, V: Shaped, H> Shaped for HashMap<K, V, H> {
    fn json_type() -> JsonType {
        JsonType::Map(V::json_type)
    }
}

macro_rules! tuples {
    ($(($($item:ident),+)),* $(,)?) => {$(
        impl<$($item: Shaped),+> Shaped for ($($item,)+) {
            fn json_type() -> JsonType {
                JsonType::Tuple(&[$($item::json_type),+])
            }
        }
    )*};
}

tuples! { (A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E), (A, B, C, D, E, F) }
