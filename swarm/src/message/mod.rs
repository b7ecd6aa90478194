//! Owns what may travel: messages, the fingerprints of their schemas, and their encoded form. Never knows where
//! a message goes.

#[cfg(feature = "json")]
mod bounded;
mod fingerprint;
pub(crate) mod json;
mod payload;
mod schema;
#[cfg(test)]
mod tests;
mod wire;

pub use fingerprint::Fingerprint;
pub use json::{JSON_BYTES_MAX, JSON_NESTING_MAX, Json, JsonError};
pub use payload::Payload;
pub use schema::Schema;
#[doc(hidden)]
pub use schema::{Cut, closed};
pub(crate) use wire::bounded;
pub use wire::{Checked, Malformed, Wire, decode, encode};

/// A message: a travelling type with a name of its own. `#[swarm::message]` implements it; it can be implemented by
/// hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "this is not a message",
    note = "a message is a type of yours with `#[swarm::message]` above it, or one that `#[swarm::worker]` made of a method"
)]
pub trait Message: Wire {
    /// Its name on the wire.
    const NAME: &'static str;
    /// The hash of the name, mixed with the fingerprints of type arguments.
    const ID: u64;
    /// The schema of the reply that the message itself declares (`reply = ..`): every worker that answers it must
    /// answer with that.
    const REPLY: Option<Fingerprint> = None;
}

/// The message has one reply type, whoever answers it: needed in groups that any worker may join.
///
/// The reply is a parameter and not an associated type, so that a public message may have a private one.
#[diagnostic::on_unimplemented(
    message = "the reply to `{Self}` depends on who answers it",
    label = "which reply this has is not known here",
    note = "declare it with `#[swarm::message(reply = ..)]`, or name the group's worker: `#[group(worker = ..)]`"
)]
pub trait Answered<R>: Message {}
