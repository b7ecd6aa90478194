//! Owns what a client asks of a gateway, and what the answers mean. Never asks the same a second time, unless the node has said that it
//! did nothing because it stops.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use swarm_net::node::NodeId;
use tarpc::client::RpcError;

use super::link::{Link, State};
use super::{Client, Replied};
use crate::error::{CallError, CastError, Executed, Location, RegisterError, RegistryError};
use crate::gateway::{
    Code, Failure, GRACE, GatewayClient, Group, Membership, Named, Page, Place, Registration, Sent, Survey, Trace,
    Whom as Wanted,
};
use crate::group::{Change, Told};
use crate::message::{Message, Payload, Schema, encode};
use crate::name::Name;
use crate::rpc::{Bytes, until};
use crate::whom::{GroupKey, GroupNames, PART_MAX, Whom};
use crate::worker::{Call, Cast, KindId, Worker};

/// A call that waits for its answer.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Replied, CallError>> + Send>>;

/// How long a cast may take to the node, which gives a receipt for it.
const CAST_MAX: Duration = Duration::from_secs(10);

/// What a registration does where the name is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// It fails.
    New,
    /// It finds who has it.
    UnlessThere,
}

/// Why there is no answer.
enum Unanswered {
    /// There was no connection in time. Nothing was asked.
    Unreachable(String),
    /// The connection was lost.
    Lost(NodeId, String),
    /// It took too long.
    Late(NodeId),
    /// Too much is under way over the connection already. Nothing was done.
    Full(NodeId),
    /// The node says why.
    Refused(NodeId, Box<Failure>),
}

impl Client {
    /// Asks the node of the present connection, or waits for one. With whom it is asked is said as well.
    async fn ask<A, T, F>(
        &self,
        limit: Duration,
        ask: A,
        mut method: impl FnMut(GatewayClient, tarpc::context::Context, A) -> F,
    ) -> Result<(NodeId, T), Unanswered>
    where
        A: Clone,
        F: Future<Output = Result<Result<T, Failure>, RpcError>>,
    {
        let end = Instant::now() + limit.min(Duration::from_secs(3600));
        let mut link = self.link(None, end).await?;
        loop {
            let node = link.node;
            // Given in the order in which they are wanted, and back when the answer is there, or nobody waits for it any more.
            let place = self.by(end, link.places.clone().acquire_owned()).await;
            let Some(Ok(_place)) = place else { return Err(Unanswered::Full(node)) };
            let left = end.saturating_duration_since(Instant::now());
            match method(link.service.clone(), until(left + GRACE), ask.clone()).await {
                Ok(Ok(answer)) => return Ok((node, answer)),
                Ok(Err(failure)) if failure.is_stop_of(node) => {
                    // It did nothing, and another node may.
                    self.shared.moves.notify_one();
                    match self.link(Some(&link), end).await {
                        Ok(next) => link = next,
                        Err(_) => return Err(Unanswered::Refused(node, Box::new(failure))),
                    }
                }
                Ok(Err(failure)) => return Err(Unanswered::Refused(node, Box::new(failure))),
                Err(RpcError::DeadlineExceeded) => return Err(Unanswered::Late(node)),
                Err(RpcError::Server(error)) if error.kind == ErrorKind::WouldBlock => {
                    return Err(Unanswered::Full(node));
                }
                Err(error @ (RpcError::Shutdown | RpcError::Send(_) | RpcError::Channel(_) | RpcError::Server(_))) => {
                    return Err(Unanswered::Lost(node, error.to_string()));
                }
            }
        }
    }

    /// The connection, but not this one. Without one it is waited for.
    async fn link(&self, but: Option<&Arc<Link>>, end: Instant) -> Result<Arc<Link>, Unanswered> {
        let other = |state: &State| match state {
            State::Up(link) if but.is_none_or(|but| !Arc::ptr_eq(but, link)) => Some(link.clone()),
            State::Up(_) | State::Down(_) => None,
        };
        let mut state = self.shared.state.clone();
        let up = async { state.wait_for(|state| other(state).is_some()).await.ok().and_then(|state| other(&state)) };
        match self.by(end, up).await.flatten() {
            Some(link) => Ok(link),
            None => Err(Unanswered::Unreachable(self.why_down())),
        }
    }

    /// What comes of it until then. Who waits may be no task of a runtime.
    async fn by<F: Future>(&self, end: Instant, future: F) -> Option<F::Output> {
        let (mut future, mut sleep) = (pin!(future), None);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let sleep = sleep.get_or_insert_with(|| {
                let _entered = self.shared.runtime.enter();
                Box::pin(tokio::time::sleep_until(end.into()))
            });
            sleep.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    fn why_down(&self) -> String {
        match &*self.shared.state.borrow() {
            State::Up(_) => "there was no other gateway in time".to_owned(),
            State::Down(why) => why.clone(),
        }
    }

    /// Calls a worker. Nothing happens before it is polled.
    pub(crate) fn call<W, M>(self, name: &Name, message: &M, timeout: Option<Duration>) -> Answering
    where
        W: Call<M>,
        M: Message,
    {
        let fingerprint = M::FINGERPRINT.call(<W::Reply as Schema>::FINGERPRINT);
        let sent = self.sent::<W, M>(name, fingerprint, &encode(message));
        let (name, limit) = (name.clone(), timeout.unwrap_or(self.shared.timeout));
        Box::pin(async move { self.answer(name, sent, limit).await })
    }

    async fn answer(self, name: Name, sent: Sent, limit: Duration) -> Result<Replied, CallError> {
        if let Some((bytes, limit)) = self.beyond(sent.payload.len()) {
            return Err(CallError::TooLarge { name, bytes, limit, executed: Executed::No });
        }
        let asked = self.ask(limit, sent, |node, context, ask| async move { node.call(context, ask).await }).await;
        asked.map(|(node, reply)| Replied { payload: Payload::copy_of(&reply.payload), node }).map_err(|unanswered| {
            match unanswered {
                Unanswered::Unreachable(text) => CallError::Unreachable { name, text },
                Unanswered::Lost(node, _) => CallError::NodeDown { name, node, executed: Executed::Maybe },
                Unanswered::Late(node) => CallError::Timeout { name, node, after: limit, executed: Executed::Maybe },
                Unanswered::Full(node) => {
                    CallError::Overloaded { name, node, what: "the connection to the gateway".to_owned() }
                }
                Unanswered::Refused(node, failure) => failure.of_call(name, node),
            }
        })
    }

    /// Casts to a worker, over the connection that there is.
    pub(crate) fn cast<W, M>(&self, name: &Name, message: &M) -> Result<(), CastError>
    where
        W: Cast<M>,
        M: Message,
    {
        let link = match &*self.shared.state.borrow() {
            State::Up(link) => link.clone(),
            State::Down(why) => return Err(CastError::Unreachable { name: name.clone(), text: why.clone() }),
        };
        let payload = encode(message);
        if let Some((bytes, limit)) = self.beyond(payload.len()) {
            return Err(CastError::TooLarge { name: name.clone(), bytes, limit });
        }
        let Ok(place) = link.places.clone().try_acquire_owned() else {
            let what = "the connection to the gateway".to_owned();
            return Err(CastError::Overloaded { name: name.clone(), node: link.node, what });
        };
        let sent = self.sent::<W, M>(name, M::FINGERPRINT.cast(), &payload);
        let mut receipt = Box::pin(async move {
            let receipt = link.service.cast(until(CAST_MAX), sent).await;
            if !matches!(receipt, Ok(Ok(_))) {
                tracing::debug!(node = %link.node, ?receipt, "a cast was not taken");
            }
            drop(place);
        });
        // By this it stands among what is sent, behind all that was asked before; the task only waits for the receipt.
        if receipt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.shared.runtime.spawn(receipt);
        }
        Ok(())
    }

    /// What is asked, as of now.
    fn sent<W: Worker, M: Message>(&self, name: &Name, fingerprint: u32, payload: &Payload) -> Sent {
        Sent {
            name: name.as_str().to_owned(),
            kind: W::KIND.0,
            worker: W::NAME.to_owned(),
            message: M::ID,
            fingerprint,
            payload: Bytes::copy_of(payload),
            trace: self.shared.tracing.current().map(|context| Trace::from(&*context)),
        }
    }

    /// If so many bytes are more than a message may have there: how many, and the limit.
    fn beyond(&self, bytes: usize) -> Option<(u64, u64)> {
        let limit = match &*self.shared.state.borrow() {
            State::Up(link) => link.message_bytes_max,
            // The node will say so.
            State::Down(_) => return None,
        };
        let bytes = bytes as u64;
        (bytes > limit).then_some((bytes, limit))
    }

    /// Starts a worker.
    pub(crate) async fn start<W: Worker>(
        self,
        name: Name,
        init: Payload,
        how: Start,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        if let Some((bytes, limit)) = self.beyond(init.len()) {
            return Err(RegisterError::TooLarge { name, bytes, limit });
        }
        let ask = Registration {
            name: name.as_str().to_owned(),
            kind: W::KIND.0,
            worker: W::NAME.to_owned(),
            schema: W::ARGS.low(),
            args: Bytes::copy_of(&init),
        };
        let asked = self.ask(limit, ask, |node, context, ask| async move {
            match how {
                Start::New => node.register(context, ask).await,
                Start::UnlessThere => node.whereis_or_register(context, ask).await,
            }
        });
        match asked.await {
            Ok((node, place)) => {
                let text = "it does not say where".to_owned();
                place.location().ok_or(RegisterError::Lost { name, node, text })
            }
            Err(Unanswered::Unreachable(text)) => Err(RegisterError::Unreachable { name, text }),
            Err(Unanswered::Lost(node, text)) => Err(RegisterError::Lost { name, node, text }),
            Err(Unanswered::Late(node)) => Err(RegisterError::Timeout { name, node, after: limit }),
            Err(Unanswered::Full(node)) => Err(RegisterError::Overloaded { name, node }),
            Err(Unanswered::Refused(node, failure)) => Err(failure.of_register(name, node)),
        }
    }

    /// Where a name is.
    pub(crate) async fn find(self, name: Name, limit: Duration) -> Result<Option<Location>, RegistryError> {
        let ask = Named { name: name.as_str().to_owned() };
        let asked = self.ask(limit, ask, |node, context, ask| async move { node.whereis(context, ask).await }).await;
        let (node, place) = asked.map_err(|unanswered| unanswered.registry(Some(name), limit))?;
        place.map(|place| located(place, node)).transpose()
    }

    /// Ends a worker.
    pub(crate) async fn end(self, name: Name, limit: Duration) -> Result<(), RegistryError> {
        let ask = Named { name: name.as_str().to_owned() };
        let asked = self.ask(limit, ask, |node, context, ask| async move { node.unregister(context, ask).await }).await;
        asked.map(drop).map_err(|unanswered| unanswered.registry(Some(name), limit))
    }

    /// Puts a name into a group, or takes it out.
    pub(crate) async fn change(
        self,
        (name, group, kind): (Name, GroupKey, Option<KindId>),
        change: Change,
        names: GroupNames,
        limit: Duration,
    ) -> Result<(), RegistryError> {
        let kind = kind.map(|KindId(kind)| kind);
        let ask = Membership { name: name.as_str().to_owned(), group: group.into(), kind };
        let asked = self.ask(limit, ask, |node, context, ask| async move {
            match change {
                Change::Join => node.join(context, ask).await,
                Change::Leave => node.leave(context, ask).await,
            }
        });
        asked.await.map(drop).map_err(|unanswered| unanswered.about((names.group, names.worker), Some(name), limit))
    }

    /// Casts to all members of a group that are public.
    pub(crate) async fn publish(self, whom: Whom, told: Told, limit: Duration) -> Result<usize, RegistryError> {
        let ask = self.survey(whom, told)?;
        let asked = self.ask(limit, ask, |node, context, ask| async move { node.publish(context, ask).await }).await;
        let (_, delivered) = asked.map_err(|unanswered| unanswered.registry(None, limit))?;
        Ok(usize::try_from(delivered.count).unwrap_or(usize::MAX))
    }

    /// Calls all members of a group that are public.
    pub(crate) async fn multicall(
        self,
        whom: Whom,
        told: Told,
        limit: Duration,
    ) -> Result<(NodeId, Vec<(Name, Result<Vec<u8>, CallError>)>), RegistryError> {
        let ask = self.survey(whom, told)?;
        let asked = self.ask(limit, ask, |node, context, ask| async move { node.multicall(context, ask).await }).await;
        let (node, answers) = asked.map_err(|unanswered| unanswered.registry(None, limit))?;
        let answers = answers.answers.into_iter().map(|answer| {
            let name = Name::from(answer.name);
            let reply = match answer.failure {
                None => Ok(answer.payload.to_vec()),
                Some(failure) => Err(failure.of_call(name.clone(), node)),
            };
            (name, reply)
        });
        Ok((node, answers.collect()))
    }

    fn survey(&self, whom: Whom, (message, fingerprint, payload): Told) -> Result<Survey, RegistryError> {
        if let Some((bytes, limit)) = self.beyond(payload.len())
            && let Some(node) = self.node()
        {
            return Err(RegistryError::TooLarge { node, bytes, limit });
        }
        Ok(Survey { whom: whom.into(), message, fingerprint, payload: Bytes::copy_of(&payload) })
    }

    /// Who is there that is public.
    pub(crate) async fn list(self, whom: Whom, limit: Duration) -> Result<Vec<(Name, Location)>, RegistryError> {
        let (end, mut found, mut after) = (Instant::now() + limit, Vec::new(), None);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let (page, more) = self.clone().page(whom.clone(), after, PART_MAX, left).await?;
            found.extend(page);
            match more {
                Some(last) => after = Some(last),
                None => return Ok(found),
            }
        }
    }

    /// A part of that list.
    pub(crate) async fn page(
        self,
        whom: Whom,
        after: Option<Name>,
        size: usize,
        limit: Duration,
    ) -> Result<(Vec<(Name, Location)>, Option<Name>), RegistryError> {
        let after = after.map(|name| name.as_str().to_owned());
        let ask = Page { whom: whom.into(), after, count: u32::try_from(size).unwrap_or(u32::MAX) };
        let asked = self.ask(limit, ask, |node, context, ask| async move { node.page(context, ask).await }).await;
        let (node, listed) = asked.map_err(|unanswered| unanswered.registry(None, limit))?;
        let found = listed.found.into_iter().map(|found| Ok((Name::from(found.name), located(found.place, node)?)));
        Ok((found.collect::<Result<_, _>>()?, listed.until.map(Name::from)))
    }
}

fn located(place: Place, node: NodeId) -> Result<Location, RegistryError> {
    let text = "it does not say where, or in words of a later version".to_owned();
    place.location().ok_or(RegistryError::Lost { node, text })
}

impl Unanswered {
    fn registry(self, name: Option<Name>, limit: Duration) -> RegistryError {
        self.about(("", ""), name, limit)
    }

    fn about(self, group: (&'static str, &'static str), name: Option<Name>, limit: Duration) -> RegistryError {
        match self {
            Self::Unreachable(text) => RegistryError::Unreachable { text },
            Self::Lost(node, text) => RegistryError::Lost { node, text },
            Self::Late(node) => RegistryError::Timeout { name, node, after: limit },
            Self::Full(node) => match name {
                Some(name) => RegistryError::Overloaded { name, node },
                None => RegistryError::Lost { node, text: "too much is under way over its connection".to_owned() },
            },
            Self::Refused(node, failure) => failure.of_registry(group, node),
        }
    }
}

impl Failure {
    /// Whether this very node says that it stops, and did nothing.
    fn is_stop_of(&self, node: NodeId) -> bool {
        self.code == Code::Stopping && self.node.id() == Some(node)
    }
}

impl From<GroupKey> for Group {
    fn from(group: GroupKey) -> Self {
        Self { tag: group.tag, key: group.key.as_str().to_owned() }
    }
}

impl From<Whom> for Wanted {
    fn from(whom: Whom) -> Self {
        match whom {
            Whom::Everyone => Self::default(),
            Whom::Kind(kind) => Self { kind: Some(kind), ..Self::default() },
            Whom::Group(group) | Whom::Public(group) => Self { group: Some(group.into()), ..Self::default() },
        }
    }
}
