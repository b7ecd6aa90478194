//! Owns the users' handle on a group: who joins and leaves it, who is in it, and what all of them are told or asked.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::call::traced;
use crate::client::Op;
use crate::directory::GroupKey;
use crate::error::{CallError, Executed, Location, RegistryError};
use crate::group::{Answers, Change, Group, Hears};
use crate::message::{Fingerprint, Message, Wire, decode, encode};
use crate::name::Name;
use crate::pages::Pages;
use crate::runtime::survey::Told;
use crate::runtime::{Node, Question, Whom, survey};
use crate::swarm::Swarm;
use crate::via::{Reach, Via};
use crate::worker::{Context, KindId, Payload, Worker};

/// A group, and the node through which it is reached.
///
/// ```no_run
/// # use swarm::prelude::*;
/// # #[swarm::worker] impl Room { #[init] fn init() -> Self { Room } #[cast] fn say(&mut self, text: String) {} }
/// # struct Room;
/// #[derive(swarm::Group)]
/// #[group(worker = Room)]
/// struct Noisy;
///
/// # async fn example() -> Result<(), swarm::RegistryError> {
/// swarm::group::<Noisy>().join("room/7").await?;
/// let heard_by = swarm::group::<Noisy>().publish(room::Say { text: "hush".into() }).await?;
/// # Ok(()) }
/// ```
#[must_use = "a group handle does nothing by itself"]
pub struct Crew<G> {
    key: Name,
    on: Option<Via>,
    group: PhantomData<fn() -> G>,
}

/// The group `G`. Every worker type is the group of all its workers, too, without joining.
pub fn group<G: Group>() -> Crew<G> {
    Crew::new()
}

impl Swarm {
    /// A group, reached through this node.
    pub fn group<G: Group>(&self) -> Crew<G> {
        Crew::new().on(self)
    }
}

#[cfg(feature = "remote")]
impl crate::remote::Client {
    /// A group, reached through this connection: those of its members that are public.
    pub fn group<G: Group>(&self) -> Crew<G> {
        Crew::new().on(self)
    }
}

impl<G: Group> Crew<G> {
    pub(crate) fn new() -> Self {
        Self { key: Name::from(""), on: None, group: PhantomData }
    }

    /// One of the groups of this type, such as one a room. The one without a key is another.
    pub fn key(mut self, key: impl Into<Name>) -> Self {
        self.key = key.into();
        self
    }

    /// Reaches it through `swarm`, a node or a connection to a cluster, instead of [`Swarm::current`].
    pub fn on(mut self, swarm: &impl Reach) -> Self {
        self.on = Some(swarm.via());
        self
    }

    /// Puts `name` into the group. The membership belongs to the registration: it survives moves and restarts.
    ///
    /// # Errors
    /// [`RegistryError::WrongWorker`] if the group takes workers of another type.
    pub fn join(&self, name: impl Into<Name>) -> Op<(), RegistryError> {
        self.change(name.into(), Change::Join)
    }

    /// Takes `name` out of the group.
    pub fn leave(&self, name: impl Into<Name>) -> Op<(), RegistryError> {
        self.change(name.into(), Change::Leave)
    }

    /// Who is in the group, in the order of their names, with where they are.
    pub fn members(&self) -> Op<Vec<(Name, Location)>, RegistryError> {
        let whom = self.whom();
        Op::new(self.on.clone(), RegistryError::NoSwarm, |reached, limit| reached.list(whom, limit))
    }

    /// The same list page by page, for groups that are too large for one answer.
    pub fn members_pages(&self) -> Pages {
        Pages::new(self.on.clone(), self.whom())
    }

    /// Casts `message` to all members that have a method for it. Gives to how many it was delivered; each gets it once,
    /// also one that moves meanwhile. Members on a node that is lost meanwhile may miss it.
    pub fn publish<M>(&self, message: M) -> Op<usize, RegistryError>
    where
        M: Message,
        G::Members: Hears<M>,
    {
        let whom = self.whom();
        Op::new(self.on.clone(), RegistryError::NoSwarm, move |reached, limit| {
            reached.publish(whom, (M::ID, M::FINGERPRINT.cast(), encode(&message)), limit)
        })
    }

    /// Calls all members, and none of them twice, also if it moves meanwhile. There is one deadline: what has not come by then is
    /// [`CallError::Timeout`], so one slow member never hides the others.
    #[expect(clippy::type_complexity, reason = "the contract's own type, spelled out for its reader")]
    pub fn multicall<M, R>(&self, message: M) -> Op<Vec<(Name, Result<R, CallError>)>, RegistryError>
    where
        M: Message,
        R: Wire,
        G::Members: Answers<M, R>,
    {
        let whom = self.whom();
        Op::new(self.on.clone(), RegistryError::NoSwarm, move |reached, limit| async move {
            let told = (M::ID, M::FINGERPRINT.call(R::FINGERPRINT), encode(&message));
            let (me, answers) = reached.multicall(whom, told, limit).await?;
            let read = |name: &Name, reply: Vec<u8>| {
                decode::<R>(&Payload::copy_of(&reply)).map_err(|malformed| CallError::SchemaMismatch {
                    name: name.clone(),
                    node: me,
                    what: format!("its reply: {malformed}"),
                    executed: Executed::Yes,
                })
            };
            let answer = |(name, reply): (Name, Result<Vec<u8>, CallError>)| {
                let reply = reply.and_then(|reply| read(&name, reply));
                (name, reply)
            };
            Ok(answers.into_iter().map(answer).collect())
        })
    }

    fn change(&self, name: Name, change: Change) -> Op<(), RegistryError> {
        let group = self.group_key();
        Op::new(self.on.clone(), RegistryError::NoSwarm, move |reached, limit| {
            reached.change::<G>(name, group, change, limit)
        })
    }

    fn group_key(&self) -> GroupKey {
        GroupKey { tag: Fingerprint::of(G::NAME).0, key: self.key.clone() }
    }

    fn whom(&self) -> Whom {
        match G::ALL {
            Some(KindId(kind)) if self.key.as_str().is_empty() => Whom::Kind(kind),
            Some(_) | None => Whom::Group(self.group_key()),
        }
    }
}

impl<G> Clone for Crew<G> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), on: self.on.clone(), group: PhantomData }
    }
}

impl<G: Group> fmt::Debug for Crew<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("group", &G::NAME).field("key", &self.key).finish_non_exhaustive()
    }
}

impl<W: Worker> Context<W> {
    /// The node that this worker is on.
    pub fn swarm(&self) -> Swarm {
        let node = self.host().as_any().downcast_ref::<Node>().map(Node::this);
        Swarm::over(node.expect("cells are made by the runtime, whose host is its node"))
    }

    /// Puts this worker into a group.
    pub fn join<G: Group>(&self) -> Op<(), RegistryError> {
        group::<G>().on(&self.swarm()).join(self.name())
    }

    /// Takes this worker out of a group.
    pub fn leave<G: Group>(&self) -> Op<(), RegistryError> {
        group::<G>().on(&self.swarm()).leave(self.name())
    }
}

impl Node {
    /// A message that may travel.
    pub(crate) fn for_a_group(&self, payload: Payload) -> Result<Payload, RegistryError> {
        let (node, bytes, limit) = (self.id(), payload.len() as u64, self.config().message_bytes_max());
        if bytes > limit { Err(RegistryError::TooLarge { node, bytes, limit }) } else { Ok(payload) }
    }

    /// A number for one publish or multicall: unique in the cluster, and never zero. The node's own numbers, spread by its
    /// boot id.
    fn crew_id(&self) -> u64 {
        (self.id().boot().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.number()) | 1 << 63
    }

    /// What the members of a group are told, for whoever's span this is asked in.
    fn told(&self, message: u64, fingerprint: u32, payload: &Payload) -> Told {
        let trace = self.tracing.current().map(|trace| traced::bytes(&trace)).unwrap_or_default();
        Told { id: self.crew_id(), message, fingerprint, payload: payload.to_vec(), trace }
    }

    pub(crate) async fn publish(
        self: Arc<Self>,
        whom: Whom,
        message: u64,
        fingerprint: u32,
        payload: &Payload,
        limit: Duration,
    ) -> Result<usize, RegistryError> {
        let due = self.now() + limit;
        let told = self.told(message, fingerprint, payload);
        let mut answers = self.ask_all(&Question::Publish { whom, told }, due)?;
        let mut delivered = 0;
        loop {
            match self.within(due.since(self.now()), answers.next()).await {
                // Whoever says how many it was may say anything.
                Some(Some((_, findings))) => {
                    delivered =
                        usize::try_from(findings.delivered).map_or(usize::MAX, |more| more.saturating_add(delivered));
                }
                Some(None) => return Ok(delivered),
                None => return Err(RegistryError::Timeout { name: None, node: self.id(), after: limit }),
            }
        }
    }

    /// Calls the members of a group; what they answer comes as it comes.
    ///
    /// # Errors
    /// If nothing more is begun here for users.
    pub(crate) fn call_all(
        self: &Arc<Self>,
        whom: Whom,
        message: u64,
        fingerprint: u32,
        payload: &Payload,
        limit: Duration,
    ) -> Result<survey::Answers, RegistryError> {
        let within_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        let told = self.told(message, fingerprint, payload);
        self.ask_all(&Question::Multicall { whom, told, within_ms }, self.now() + limit)
    }

    pub(crate) async fn multicall(
        self: &Arc<Self>,
        whom: Whom,
        message: u64,
        fingerprint: u32,
        payload: &Payload,
        limit: Duration,
    ) -> Result<Vec<(Name, Result<Vec<u8>, CallError>)>, RegistryError> {
        let due = self.now() + limit;
        let mut answers = self.call_all(whom, message, fingerprint, payload, limit)?;
        let mut called = BTreeMap::<Name, (NodeId, Option<Result<Vec<u8>, CallError>>)>::new();
        let in_time = loop {
            let (from, findings) = match self.within(due.since(self.now()), answers.next()).await {
                Some(Some(part)) => part,
                Some(None) => break true,
                None => break false,
            };
            for (name, _) in findings.found {
                called.entry(name).or_insert((from, None));
            }
            for (name, reply) in findings.replies {
                // A member that moves may be called twice. It answers once, and that goes before what came of the other.
                let known = called.get(&name).and_then(|(_, known)| known.as_ref());
                if known.is_none_or(|known| certainty(known) < certainty(&reply)) {
                    called.insert(name, (from, Some(reply)));
                }
            }
        };
        let answer = |(name, (node, reply)): (Name, (NodeId, Option<_>))| {
            // All have answered or are lost: so it went with its node, or with the connection to that.
            let executed = Executed::Maybe;
            let lost = || match in_time {
                true => CallError::NodeDown { name: name.clone(), node, executed },
                false => CallError::Timeout { name: name.clone(), node, after: limit, executed },
            };
            let reply = reply.unwrap_or_else(|| Err(lost()));
            (name, reply)
        };
        Ok(called.into_iter().map(answer).collect())
    }
}

/// How much an answer says of whether the call ran.
fn certainty(reply: &Result<Vec<u8>, CallError>) -> u8 {
    match reply.as_ref().map_or_else(CallError::executed, |_| Executed::Yes) {
        Executed::No => 0,
        Executed::Maybe => 1,
        Executed::Yes => 2,
    }
}
