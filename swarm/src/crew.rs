//! Owns the users' handle on a group: who joins and leaves it, who is in it, and what all of them are told or asked.

#[cfg(feature = "node")]
mod telling;

use std::fmt;
use std::marker::PhantomData;

use crate::client::Op;
use crate::error::{CallError, Executed, Location, RegistryError};
use crate::group::{Answers, Change, Group, Hears};
use crate::message::{Fingerprint, Message, Wire, decode, encode};
use crate::name::Name;
use crate::pages::Pages;
#[cfg(feature = "node")]
use crate::runtime::Node;
use crate::swarm::Swarm;
use crate::via::{Reach, Via};
use crate::whom::{GroupKey, Whom};
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
    #[cfg(feature = "node")]
    pub fn swarm(&self) -> Swarm {
        let node = self.host().as_any().downcast_ref::<Node>().map(Node::this);
        Swarm::over(node.expect("cells are made by the runtime, whose host is its node"))
    }

    /// The node that this worker is on.
    #[cfg(not(feature = "node"))]
    pub fn swarm(&self) -> Swarm {
        Swarm::current().expect("only nodes make workers, and this build has none")
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
