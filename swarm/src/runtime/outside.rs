//! Owns the way of calls and casts that come to this node as bytes, from programs that are no members. Never looks at whether they
//! may come; that is the gateway's.

use std::sync::Arc;

use crate::call::pending::Answer;
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::letter::Letter;
use crate::trace::TraceContext;
use crate::worker::{Deadline, Parcel, Payload, ReplyTo};

/// The kind that the worker must have, the message's id, its fingerprint, and its bytes.
pub(crate) type Outside = (u64, u64, u32, Payload);

impl Node {
    /// Calls a worker. The message is on its way when this is polled for the first time.
    pub(crate) async fn call_bytes(
        self: &Arc<Self>,
        name: Name,
        outside: Outside,
        deadline: Deadline,
        trace: Option<Box<TraceContext>>,
    ) -> Result<Vec<u8>, CallError> {
        if self.is_closed() {
            return Err(CallError::Stopping { name, node: self.id() });
        }
        let kind = outside.0;
        let ticket = self.post_bytes(name, kind, deadline, |reply| parcel(outside, deadline, Some(reply), trace))?;
        match ticket.await? {
            Answer::Payload(payload) => Ok(payload.to_vec()),
            Answer::Value(_) => unreachable!("a message that came as bytes is answered in bytes"),
        }
    }

    /// Casts to a worker.
    pub(crate) fn cast_bytes(
        self: &Arc<Self>,
        name: Name,
        outside: Outside,
        trace: Option<Box<TraceContext>>,
    ) -> Result<(), CallError> {
        self.counters.casts.add(1);
        if self.is_closed() {
            return Err(CallError::Stopping { name, node: self.id() });
        }
        if self.tenancy.is_below() {
            return Err(CallError::NoQuorum { name, node: self.id(), executed: Executed::No });
        }
        // As with a cast of this node's own, what waits for a lost node must not wait for ever.
        let deadline = Deadline::after(self.now(), self.config().cast_wait());
        let kind = outside.0;
        self.route(Letter::new(name, kind, parcel(outside, deadline, None, trace))).map_err(|(_, error)| error)
    }
}

fn parcel(
    (_, method, fingerprint, payload): Outside,
    deadline: Deadline,
    reply: Option<ReplyTo>,
    trace: Option<Box<TraceContext>>,
) -> Parcel {
    Parcel { method, fingerprint, payload, deadline, reply, publish: 0, trace, unconfirmed: None }
}
