//! Owns the first step of a call or cast: into a cell of this node with its types, or on its way as a letter. This is
//! the hot path: what can be decided without a lock or an allocation is.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::call::frame::{Envelope, kind};
use crate::call::pending::{Answer, Place as Stand, RequestId, Ticket, Waiting};
use crate::error::{CallError, CastError, Executed};
use crate::message::{Message, Schema, Wire, decode};
use crate::name::{Hashed, Name, NameHash};
use crate::runtime::Node;
use crate::runtime::express::TooLarge;
use crate::runtime::recent;
use crate::worker::cell::Answered;
use crate::worker::{AnyCell, Call, Called, Cast, Cell, Deadline, Undelivered, Worker};

/// How far the first poll of a call got.
pub(crate) enum First<R, M> {
    /// It is over.
    Done(Result<R, CallError>),
    /// It is under way.
    Begun(Begun<R>),
    /// The task has to let others run first, and was woken for it.
    Yield(M),
}

/// A call that waits for its answer.
pub(crate) enum Begun<R> {
    /// From a cell of this node.
    Here(Answered<R>),
    /// From wherever its letter goes.
    Posted { ticket: Ticket, name: Name },
}

impl<R: Wire> Begun<R> {
    /// Looks for the answer to a call of `node`.
    pub(crate) fn poll(&mut self, node: NodeId, cx: &mut Context<'_>) -> Poll<Result<R, CallError>> {
        match self {
            Self::Here(answered) => Pin::new(answered).poll(cx),
            Self::Posted { ticket, name } => Pin::new(ticket).poll(cx).map(|answer| match answer? {
                Answer::Payload(payload) => decode(&payload).map_err(|malformed| CallError::SchemaMismatch {
                    name: name.clone(),
                    node,
                    what: format!("its reply: {malformed}"),
                    executed: Executed::Yes,
                }),
                Answer::Value(value) => match value.downcast::<R>() {
                    Ok(reply) => Ok(*reply),
                    Err(_) => Err(CallError::SchemaMismatch {
                        name: name.clone(),
                        node,
                        what: "its reply has another type".to_owned(),
                        executed: Executed::Yes,
                    }),
                },
            }),
        }
    }
}

impl Node {
    /// Calls `name`; on its own task if the worker is here and idle.
    pub(crate) fn call<W, M>(
        self: &Arc<Self>,
        Hashed { name, hash }: Hashed<'_>,
        mut message: M,
        timeout: Option<Duration>,
        cx: &mut Context<'_>,
    ) -> First<W::Reply, M>
    where
        W: Call<M>,
        M: Message,
    {
        let limit = timeout.unwrap_or_else(|| self.call_timeout());
        if let Some(cell) = self.cell_at_home(name, hash) {
            let cell = match downcast::<W>(cell) {
                Ok(cell) => cell,
                Err(cell) => return First::Done(Err(self.wrong_worker::<W>(name, &cell))),
            };
            match cell.call(message, limit, cx) {
                Called::Done(result) => return First::Done(result),
                Called::Waiting(answered) => return First::Begun(Begun::Here(answered)),
                Called::Refused(_, Undelivered::Full) => {
                    let what = "the mailbox".to_owned();
                    return First::Done(Err(CallError::Overloaded { name: name.clone(), node: self.id(), what }));
                }
                Called::Refused(back, Undelivered::Moved | Undelivered::Repeated) => message = back,
                Called::Yield(back) => return First::Yield(back),
            }
        }
        match self.post_call::<W, M>(Hashed { name, hash }, &message, Deadline::after(self.now(), limit)) {
            Ok(ticket) => First::Begun(Begun::Posted { ticket, name: name.clone() }),
            Err(error) => First::Done(Err(error)),
        }
    }

    fn post_call<W, M>(
        self: &Arc<Self>,
        Hashed { name, hash }: Hashed<'_>,
        message: &M,
        deadline: Deadline,
    ) -> Result<Ticket, CallError>
    where
        W: Call<M>,
        M: Message,
    {
        if self.is_closed() {
            return Err(CallError::Stopping { name: name.clone(), node: self.id() });
        }
        let (peer, trace) = (self.express_to(hash), self.tracing.current());
        let place = peer.as_ref().map_or(Stand::Here, |peer| Stand::Sending { peer: peer.node() });
        let waiting = Waiting { name: name.clone(), deadline, place };
        let ticket = self.pending.take(waiting).map_err(|exhausted| CallError::Overloaded {
            name: name.clone(),
            node: self.id(),
            what: format!("the table of waiting calls ({exhausted})"),
        })?;
        let RequestId(request) = ticket.request();
        let fingerprint = M::FINGERPRINT.call(<W::Reply as Schema>::FINGERPRINT);
        let mut envelope = Envelope::own(name.clone(), (W::KIND.0, M::ID, fingerprint), request, deadline.limit());
        envelope.trace = trace;
        match self.send_own(kind::CALL, (&envelope, hash), message, deadline, peer) {
            Ok(sent) => sent.into_iter().for_each(|letter| self.post(letter)),
            Err(TooLarge { bytes, limit }) => {
                return Err(CallError::TooLarge { name: name.clone(), bytes, limit, executed: Executed::No });
            }
        }
        self.end_if_stopped(RequestId(request));
        Ok(ticket)
    }

    /// Casts to `name`.
    pub(crate) fn cast<W, M>(
        self: &Arc<Self>,
        Hashed { name, hash }: Hashed<'_>,
        mut message: M,
    ) -> Result<(), CastError>
    where
        W: Cast<M>,
        M: Message,
    {
        self.counters.casts.add(1);
        if let Some(cell) = self.cell_at_home(name, hash) {
            let cell = match downcast::<W>(cell) {
                Ok(cell) => cell,
                Err(cell) => return Err(cast_error(self.wrong_worker::<W>(name, &cell), self)),
            };
            match cell.cast(message) {
                Ok(()) => return Ok(()),
                Err((_, Undelivered::Full)) => {
                    let what = "the mailbox".to_owned();
                    return Err(CastError::Overloaded { name: name.clone(), node: self.id(), what });
                }
                Err((back, Undelivered::Moved | Undelivered::Repeated)) => message = back,
            }
        }
        if self.is_closed() {
            return Err(CastError::Stopping { name: name.clone(), node: self.id() });
        }
        if self.tenancy.is_below() {
            return Err(CastError::NoQuorum { name: name.clone(), node: self.id() });
        }
        // A cast has no deadline of its own, but what waits for a lost node must not wait for ever.
        let deadline = Deadline::after(self.now(), self.config().cast_wait());
        let mut envelope = Envelope::own(name.clone(), (W::KIND.0, M::ID, M::FINGERPRINT.cast()), 0, deadline.limit());
        envelope.trace = self.tracing.current();
        match self.send_own(kind::CAST, (&envelope, hash), &message, deadline, self.express_to(hash)) {
            Ok(None) => Ok(()),
            Ok(Some(letter)) => self.route(letter).map_err(|(_, error)| cast_error(error, self)),
            Err(TooLarge { bytes, limit }) => Err(CastError::TooLarge { name: name.clone(), bytes, limit }),
        }
    }

    /// The cell of a name that takes this node's own calls right away, for who calls very many.
    pub(super) fn open_at_home(&self, name: &Name) -> Option<Arc<dyn AnyCell>> {
        let hash = name.hash64();
        self.lanes.is_home(self.partition_at(hash), name).then(|| self.places.open_cell_at(hash, name))?
    }

    /// The same, for who may call it again.
    fn cell_at_home(&self, name: &Name, hash: NameHash) -> Option<Arc<dyn AnyCell>> {
        if !self.lanes.is_home(self.partition_at(hash), name) {
            return None;
        }
        recent::get(self, hash, name).or_else(|| {
            let cell = self.places.open_cell_at(hash, name)?;
            recent::note(hash, &cell);
            Some(cell)
        })
    }

    fn wrong_worker<W: Worker>(&self, name: &Name, cell: &Arc<dyn AnyCell>) -> CallError {
        CallError::WrongWorker {
            name: name.clone(),
            node: self.id(),
            expected: W::NAME.to_owned(),
            found: cell.worker().to_owned(),
        }
    }
}

/// The cell as its own type, without counting it twice on the way.
fn downcast<W: Worker>(cell: Arc<dyn AnyCell>) -> Result<Arc<Cell<W>>, Arc<dyn AnyCell>> {
    let any: &dyn Any = &*cell;
    if !any.is::<Cell<W>>() {
        return Err(cell);
    }
    let any: Arc<dyn Any + Send + Sync> = cell;
    Ok(any.downcast().expect("its type was looked at above"))
}

fn cast_error(error: CallError, node: &Node) -> CastError {
    match error {
        CallError::Overloaded { name, node, what } => CastError::Overloaded { name, node, what },
        CallError::WrongWorker { name, node, expected, found } => {
            CastError::WrongWorker { name, node, expected, found }
        }
        CallError::TooLarge { name, bytes, limit, executed: _ } => CastError::TooLarge { name, bytes, limit },
        CallError::Stopping { name, node } => CastError::Stopping { name, node },
        CallError::NoQuorum { name, node, executed: _ } => CastError::NoQuorum { name, node },
        CallError::NoSwarm => CastError::NoSwarm,
        CallError::Unreachable { name, text } => CastError::Unreachable { name, text },
        // The others end a letter only after it was taken.
        other @ (CallError::NotRegistered { .. }
        | CallError::Unhandled { .. }
        | CallError::Timeout { .. }
        | CallError::NodeDown { .. }
        | CallError::Panicked { .. }
        | CallError::SchemaMismatch { .. }
        | CallError::Ended { .. }
        | CallError::SelfCall { .. }
        | CallError::NotOwner { .. }
        | CallError::NoCapableNode { .. }
        | CallError::NotPublic { .. }) => CastError::Overloaded {
            name: Name::from(""),
            node: node.id(),
            what: format!("the way to it ({other}, executed: {:?})", Executed::No),
        },
    }
}
