//! Owns the form in which a message reaches a cell from another node, and why a cell may not take it.
//! Never looks inside the message.

use std::any::Any;
use std::fmt;

use crate::trace::TraceContext;
use crate::worker::{Deadline, Payload, ReplyTo};

/// A message that came as bytes.
pub struct Parcel {
    /// The message's id on the wire.
    pub method: u64,
    /// The low bits of the fingerprint of the sender's version of it, and of its reply if one is waited for.
    pub fingerprint: u32,
    /// The message.
    pub payload: Payload,
    /// Until when it may start to run.
    pub deadline: Deadline,
    /// Whom the answer goes to; `None` for a cast.
    pub reply: Option<ReplyTo>,
    /// The id of the publish or multicall that it is part of, zero if of none.
    pub publish: u64,
    /// Where its sender stands in a trace, if that is sampled.
    pub trace: Option<Box<TraceContext>>,
    /// Dropped as soon as the message stands in a cell's queue or was refused for good; it comes back with a parcel
    /// that the cell did not take.
    pub unconfirmed: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel")
            .field("method", &format_args!("{:#018x}", self.method))
            .field("payload", &self.payload)
            .field("reply", &self.reply)
            .finish_non_exhaustive()
    }
}

/// Why a cell did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// Its queue is full.
    Full,
    /// It is dead: the name has moved or ended, look it up again.
    Moved,
    /// It has this publish or multicall already. Of other messages nobody can tell.
    Repeated,
}
