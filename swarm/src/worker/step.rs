//! Owns what one run of a handler takes and gives back: the checked-out worker goes in and comes out by value, so
//! that it can move with its future to another task. No unsafe, no self-reference.

use std::future::Future;
use std::pin::Pin;

use crate::message::{Checked, Malformed, Message};
use crate::worker::{Context, Payload, Plain};

/// A worker that is checked out of its cell: whoever holds this is the only one that runs it.
pub struct Active<W> {
    /// The user's value.
    pub worker: Box<W>,
    /// The handle that its handlers get.
    pub context: Context<W>,
}

/// How far one run of a handler got.
#[must_use = "the worker is inside: dropping this loses it"]
pub enum Step<W, R> {
    /// It is done, here is the worker back.
    Done(Active<W>, R),
    /// The handler did not start: its message could not be read.
    Refused(Active<W>, Malformed),
    /// It waits; the worker stands inside the future.
    Later(Later<W, R>),
}

impl<W, R> Step<W, R> {
    /// That of a handler of which [`Call::PLAIN`](crate::worker::Call::PLAIN) says all.
    ///
    /// # Panics
    /// If it says nothing.
    #[inline]
    pub fn plain<M: Message>(mut at: Active<W>, input: Input<M>, plain: Option<Plain<W, M, R>>) -> Self {
        let plain = plain.expect("a handler that is run as a plain one is one");
        match input.owned() {
            Err(malformed) => Self::Refused(at, malformed),
            Ok(message) => {
                let reply = plain(&mut at.worker, message);
                Self::Done(at, reply)
            }
        }
    }
}

/// A handler under way, with the worker inside.
pub type Later<W, R> = Pin<Box<dyn Future<Output = (Active<W>, R)> + Send>>;

/// How far the start of a worker got.
#[must_use = "the worker is inside: dropping this loses it"]
pub enum Boot<W> {
    /// `init` has returned: the worker, or the text of its error.
    Done(Result<W, String>),
    /// `init` did not start: its arguments could not be read.
    Refused(Malformed),
    /// `init` waits.
    Later(Pin<Box<dyn Future<Output = Result<W, String>> + Send>>),
}

/// A message on its way into a handler: the value itself when the caller is on this node, else its bytes.
pub enum Input<M> {
    /// From a caller on this node.
    Value(M),
    /// From the wire, not yet validated.
    Bytes(Payload),
}

impl<M: Message> Input<M> {
    /// The message, decoded if need be.
    pub fn owned(self) -> Result<M, Malformed> {
        match self {
            Self::Value(message) => Ok(message),
            Self::Bytes(payload) => crate::message::decode(&payload),
        }
    }

    /// The message as validated bytes, encoded first if it came from this node.
    pub fn checked(self) -> Result<Checked<M>, Malformed> {
        match self {
            Self::Value(message) => Checked::new(crate::message::encode(&message)),
            Self::Bytes(payload) => Checked::new(payload),
        }
    }
}
