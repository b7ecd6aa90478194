//! Owns one message in a cell's queue: typed if its caller is on this node, else bytes; and whom its answer goes to.
//! Never runs by itself.

use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::call::pending::{Answer, Place, RequestId};
use crate::error::{CallError, Executed};
use crate::message::{Message, Schema, encode};
use crate::trace::TraceContext;
use crate::worker::core::Core;
use crate::worker::{Active, Call, Cast, Deadline, Input, Later, Parcel, Payload, ReplyTo, Step, Worker};

/// One message that waits.
pub(super) struct Entry<W: 'static> {
    pub(super) work: Work<W>,
    pub(super) reply: Reply,
    pub(super) deadline: Deadline,
    /// Where its sender stands in a trace, if that is sampled.
    pub(super) trace: Option<Box<TraceContext>>,
}

/// What is to be run.
pub(super) enum Work<W: 'static> {
    Bytes { method: u64, fingerprint: u32, payload: Payload, publish: u64 },
    Value(Box<dyn Any + Send>, &'static Row<W>),
}

/// What can be done with a message whose type was forgotten.
pub(super) struct Row<W> {
    method: u64,
    fingerprint: u32,
    #[expect(clippy::type_complexity, reason = "it is the type of one function, written once")]
    pub(super) run: fn(Active<W>, Box<dyn Any + Send>) -> Step<W, Answer>,
    encode: fn(Box<dyn Any + Send>) -> Payload,
}

/// The rows of one worker type and message type.
pub(super) struct Rows<W, M>(PhantomData<fn(W, M)>);

impl<W: Call<M>, M: Message> Rows<W, M> {
    pub(super) const CALL: &'static Row<W> = &Row {
        method: M::ID,
        fingerprint: M::FINGERPRINT.call(<W::Reply as Schema>::FINGERPRINT),
        run: |at, message| answer(<W as Call<M>>::run(at, Input::Value(typed(message))), value::<W::Reply>),
        encode: |message| encode(&typed::<M>(message)),
    };
}

impl<W: Cast<M>, M: Message> Rows<W, M> {
    pub(super) const CAST: &'static Row<W> = &Row {
        method: M::ID,
        fingerprint: M::FINGERPRINT.cast(),
        run: |at, message| answer(<W as Cast<M>>::run(at, Input::Value(typed(message))), value::<()>),
        encode: |message| encode(&typed::<M>(message)),
    };
}

/// A message back in its own type.
pub(super) fn typed<M: 'static>(message: Box<dyn Any + Send>) -> M {
    *message.downcast::<M>().expect("a row is used with messages of its own type only")
}

pub(super) fn value<R: Send + 'static>(reply: R) -> Answer {
    Answer::Value(Box::new(reply))
}

/// A run whose reply's type is forgotten.
pub(super) fn answer<W: Worker, R: Send + 'static>(step: Step<W, R>, wrap: fn(R) -> Answer) -> Step<W, Answer> {
    match step {
        Step::Done(at, reply) => Step::Done(at, wrap(reply)),
        Step::Refused(at, malformed) => Step::Refused(at, malformed),
        Step::Later(later) => Step::Later(forget(later, wrap)),
    }
}

/// A handler under way whose reply's type is forgotten.
pub(super) fn forget<W: Worker, R: Send + 'static>(later: Later<W, R>, wrap: fn(R) -> Answer) -> Later<W, Answer> {
    Box::pin(Forgetful { later, wrap })
}

struct Forgetful<W, R> {
    later: Later<W, R>,
    wrap: fn(R) -> Answer,
}

impl<W, R> Future for Forgetful<W, R> {
    type Output = (Active<W>, Answer);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wrap = self.wrap;
        self.later.as_mut().poll(cx).map(|(at, reply)| (at, wrap(reply)))
    }
}

/// Whom an answer goes to.
pub(super) enum Reply {
    Nobody,
    /// A caller on this node.
    Slot(RequestId),
    /// A caller elsewhere, or one whose message was handed out of a queue as bytes.
    To(ReplyTo),
}

impl Reply {
    pub(super) fn send(self, core: &Core, result: Result<Answer, CallError>) {
        let result = result.and_then(|reply| core.in_time(reply));
        match self {
            Self::Nobody => {
                if let Err(error) = result {
                    tracing::debug!(name = %core.name, %error, "a cast was not run to its end");
                }
            }
            Self::Slot(request) => {
                core.host().pending().complete(request, result);
            }
            Self::To(ReplyTo { node, request }) => {
                let result = result.map(|answer| match answer {
                    Answer::Payload(payload) => payload,
                    Answer::Value(_) => unreachable!("what came as bytes is answered in bytes"),
                });
                core.host().reply(node, request, result);
            }
        }
    }
}

impl<W> Work<W> {
    /// The id of its message.
    pub(super) fn method(&self) -> u64 {
        match self {
            Self::Bytes { method, .. } => *method,
            Self::Value(_, row) => row.method,
        }
    }
}

impl<W: Worker> Entry<W> {
    /// The publish that it is a part of.
    pub(super) fn publish(&self) -> Option<u64> {
        match self.work {
            Work::Bytes { publish, .. } => (publish != 0).then_some(publish),
            Work::Value(..) => None,
        }
    }

    /// A message that came from elsewhere.
    pub(super) fn of(parcel: Parcel, core: &Core) -> Self {
        let Parcel { method, fingerprint, payload, deadline, reply, publish, trace, unconfirmed: _ } = parcel;
        // A caller of this node waits in a slot, where the cell notes whether the handler has begun.
        let reply = match reply {
            None => Reply::Nobody,
            Some(reply) if reply.node == core.host().node() => Reply::Slot(RequestId(reply.request)),
            Some(reply) => Reply::To(reply),
        };
        Self { work: Work::Bytes { method, fingerprint, payload, publish }, reply, deadline, trace }
    }

    /// The entry as it goes to another cell of the name. A local caller's slot becomes a call of this node.
    pub(super) fn into_parcel(self, core: &Core) -> Parcel {
        let (method, fingerprint, payload, publish) = match self.work {
            Work::Bytes { method, fingerprint, payload, publish } => (method, fingerprint, payload, publish),
            Work::Value(message, row) => (row.method, row.fingerprint, (row.encode)(message), 0),
        };
        let reply = match self.reply {
            Reply::Nobody => None,
            Reply::To(reply) => Some(reply),
            Reply::Slot(request) => {
                core.host().pending().retarget(request, Place::Away);
                Some(ReplyTo { node: core.host().node(), request: request.0 })
            }
        };
        let (deadline, trace) = (self.deadline, self.trace);
        Parcel { method, fingerprint, payload, deadline, reply, publish, trace, unconfirmed: None }
    }

    /// Answers it unrun, since it is due.
    pub(super) fn expire(self, core: &Core) {
        let after = self.deadline.limit();
        let (name, node) = (core.name.clone(), core.host().node());
        self.reply.send(core, Err(CallError::Timeout { name, node, after, executed: Executed::No }));
    }

    /// Answers it unrun, since the node may not run it.
    pub(super) fn bar(self, core: &Core) {
        self.reply.send(core, Err(core.no_quorum(Executed::No)));
    }

    /// Answers it unrun, since the cell ended.
    pub(super) fn end(self, core: &Core, why: &str) {
        self.reply.send(core, Err(core.ended(why)));
    }
}
