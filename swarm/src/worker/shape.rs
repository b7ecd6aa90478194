//! Owns what a worker type marked `#[swarm::worker(json)]` tells of itself to those who do not have its types: its messages with their fields
//! as they were written, and how they are read and written as JSON. Never knows a value.

use serde::de::DeserializeOwned;

use super::json_type::JsonType;
#[cfg(feature = "json")]
use crate::message::{Json, Message, Schema, json};
use crate::message::{JsonError, Payload, Wire};
#[cfg(feature = "json")]
use crate::worker::{Call, Cast};

/// A worker type as JSON: [`Worker::SHAPE`](crate::Worker::SHAPE).
///
/// ```standalone_crate
/// # #[cfg(feature = "json")] fn main() {
/// use swarm::Worker;
/// use swarm::prelude::*;
///
/// struct Account;
///
/// #[swarm::worker(json)]
/// impl Account {
///     #[init]
///     fn init() -> Self {
///         Self
///     }
///
///     /// Sends money away.
///     #[call]
///     fn transfer(&mut self, to: String, cents: u64) -> Option<u64> {
///         drop((to, cents));
///         None
///     }
/// }
///
/// let transfer = &Account::SHAPE.expect("it is marked").messages[0];
/// assert_eq!((transfer.message, transfer.docs, transfer.reply), ("Account/transfer", "Sends money away.", "Option<u64>"));
/// let fields = transfer.takes.expect("it was generated")[0].fields;
/// assert_eq!(fields.iter().map(|field| (field.name, field.ty)).collect::<Vec<_>>(), [("to", "String"), ("cents", "u64")]);
/// # }
/// # #[cfg(not(feature = "json"))] fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KindShape {
    /// What starts one.
    pub init: InitShape,
    /// Its messages, in the order of their methods.
    pub messages: &'static [MessageShape],
}

/// The arguments of an `#[init]`: a JSON object with a field for each.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct InitShape {
    /// Its documentation.
    pub docs: &'static str,
    /// Its arguments, but for the context.
    pub fields: &'static [FieldShape],
    /// Encodes what a JSON text tells.
    pub read: fn(&[u8]) -> Result<Payload, JsonError>,
}

/// A message of a worker type.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MessageShape {
    /// Its name on the wire.
    pub message: &'static str,
    /// Its id on the wire.
    pub id: u64,
    /// The method that handles it.
    pub method: &'static str,
    /// It has no reply.
    pub cast: bool,
    /// The method's documentation.
    pub docs: &'static str,
    /// What the JSON of the message may be; `None` if only serde knows, since the user implements its traits for it.
    pub takes: Option<&'static [VariantShape]>,
    /// The type of the reply, as it was written; empty for a cast.
    pub reply: &'static str,
    /// What the JSON of the reply may be.
    pub reply_of: fn() -> JsonType,
    /// What stands in the head of the message's frame: the schema of the message, and for a call of its reply.
    pub(crate) fingerprint: u32,
    /// Encodes what a JSON text tells.
    pub read: fn(&[u8]) -> Result<Payload, JsonError>,
    /// Tells an encoded reply as JSON.
    pub write: fn(&Payload) -> Result<String, JsonError>,
}

/// What a struct is as JSON, or an enum's variant: an object with the fields, an array of them if they have no names, or the one alone that
/// has none; a variant in an object of that one, under its name, or its name alone if it has no fields.
#[derive(Clone, Copy, Debug)]
pub struct VariantShape {
    /// The variant's name; empty for a struct.
    pub name: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// Its fields have names.
    pub named: bool,
    /// Its fields.
    pub fields: &'static [FieldShape],
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct FieldShape {
    /// Its name, or its number if it has none.
    pub name: &'static str,
    /// Its type, as it was written.
    pub ty: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// What its JSON may be.
    pub of: fn() -> JsonType,
}

/// A type whose JSON is described: `#[swarm::message(json)]` implements it.
pub trait Described {
    /// What it may be: one for a struct, and one for each variant of an enum.
    const TAKES: &'static [VariantShape];
}

/// The arguments of an `#[init]` by their names.
#[doc(hidden)]
pub trait Arguments: DeserializeOwned {
    /// As `register` takes them.
    type Init: Wire;

    fn into_init(self) -> Self::Init;
}

#[cfg(feature = "json")]
impl InitShape {
    /// Of these arguments.
    #[doc(hidden)]
    pub const fn of<A: Arguments>(docs: &'static str, fields: &'static [FieldShape]) -> Self {
        Self { docs, fields, read: |text| json::read_as(text, A::into_init) }
    }
}

#[cfg(feature = "json")]
impl MessageShape {
    /// Of a `#[call]`.
    pub const fn call<W: Call<M>, M: Message + Json>(
        method: &'static str,
        docs: &'static str,
        takes: Option<&'static [VariantShape]>,
        reply: &'static str,
    ) -> Self
    where
        W::Reply: Json,
    {
        let fingerprint = M::FINGERPRINT.call(<W::Reply as Schema>::FINGERPRINT);
        let (message, id, read) = (M::NAME, M::ID, json::read::<M>);
        let (reply_of, write): (fn() -> JsonType, _) = (|| JsonType::Any, json::write::<W::Reply>);
        Self { message, id, method, cast: false, docs, takes, reply, reply_of, fingerprint, read, write }
    }

    /// Of a `#[cast]`.
    pub const fn cast<W: Cast<M>, M: Message + Json>(
        method: &'static str,
        docs: &'static str,
        takes: Option<&'static [VariantShape]>,
    ) -> Self {
        let (message, id, fingerprint) = (M::NAME, M::ID, M::FINGERPRINT.cast());
        let (read, write) = (json::read::<M>, json::write::<()>);
        let reply_of: fn() -> JsonType = || JsonType::Null;
        Self { message, id, method, cast: true, docs, takes, reply: "", reply_of, fingerprint, read, write }
    }

    /// With what is known of the JSON of its reply.
    #[must_use]
    pub const fn replying(mut self, reply_of: fn() -> JsonType) -> Self {
        self.reply_of = reply_of;
        self
    }
}

impl KindShape {
    /// The message of this wire name, or of the method of this name.
    pub fn message(&self, name: &str) -> Option<&'static MessageShape> {
        let by_name = self.messages.iter().find(|shape| shape.message == name);
        by_name.or_else(|| self.messages.iter().find(|shape| shape.method == name))
    }
}
