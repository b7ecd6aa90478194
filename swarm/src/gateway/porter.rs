//! Owns which question of a program that is no member is answered by what. Never lets it reach a worker that is not public.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tarpc::context::Context;

use super::answer::{Answer, Answers, Delivered, Done, Found, Listed, Place, Reply, Welcome};
use super::ask::{Group, Hello, Membership, Named, Page, Registration, Sent, Survey, Trace, Whom as Wanted};
use super::failure::Failure;
use super::service::Gateway;
use super::{ANSWER_BYTES_MAX, GRACE, HEAD_BYTES_MAX, OLDEST, VERSION};
use crate::directory::{Ask, Class, Spec};
use crate::error::{CallError, Executed, Location, RegistryError};
use crate::name::Name;
use crate::registration::Entry;
use crate::runtime::Node;
use crate::trace::TraceContext;
use crate::whom::{GroupKey, GroupNames, PART_MAX, Whom};
use crate::worker::{Deadline, KindId, Payload};

/// What all replies to one multicall may take. Those that find no room are said to be too large.
const REPLIES_BYTES_MAX: usize = ANSWER_BYTES_MAX / 2;

/// What a name takes in a list beside its own bytes: the place, with the longest names that a worker type has in practice.
const FOUND_BYTES: usize = 1024;

/// Answers the programs that are connected to a node.
#[derive(Clone)]
pub(super) struct Porter {
    node: Arc<Node>,
}

impl Porter {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// The worker type of this identity, if it is public. `worker` is what it is called, for the error.
    fn public(&self, kind: u64, worker: &str) -> Result<Entry, Failure> {
        let entry = self.node.kinds.get(KindId(kind));
        entry.filter(|entry| entry.public).copied().ok_or_else(|| self.not_public(worker))
    }

    /// Whether all worker types of this name are public: instantiations of a generic one share it.
    fn is_public(&self, worker: &str) -> bool {
        let mut kinds = self.node.kinds.iter().filter(|entry| entry.name == worker).peekable();
        kinds.peek().is_some() && kinds.all(|entry| entry.public)
    }

    fn not_public(&self, worker: &str) -> Failure {
        let error = RegistryError::NotPublic { node: self.node.id(), worker: worker.to_owned() };
        Failure::registry(error, self.node.id())
    }

    fn registry(&self, error: RegistryError) -> Failure {
        Failure::registry(error, self.node.id())
    }

    async fn start(
        self,
        context: &Context,
        ask: Registration,
        how: impl FnOnce(Spec) -> Ask,
    ) -> Result<Place, Failure> {
        let entry = self.public(ask.kind, &ask.worker)?;
        let class = Class { kind: entry.kind, worker: entry.name.into(), schema: ask.schema, local: false };
        let spec = Spec { class: Arc::new(class), args: (&*ask.args).into() };
        let me = self.node.id();
        let started = self.node.clone().register(Name::from(ask.name), spec, how, limit(context)).await;
        self.place(started.map_err(|error| Failure::register(error, me))?)
    }

    /// The place of a worker, if it is a public one.
    fn place(&self, location: Location) -> Result<Place, Failure> {
        if self.is_public(&location.worker) { Ok(location.into()) } else { Err(self.not_public(&location.worker)) }
    }

    /// Where a name is, if its worker is public.
    async fn find(&self, name: &Name, limit: Duration) -> Result<Option<Place>, Failure> {
        let found = self.node.clone().whereis(name.clone(), limit).await;
        found.map_err(|error| self.registry(error))?.map(|location| self.place(location)).transpose()
    }

    async fn answer(&self, context: &Context, ask: Sent) -> Result<Reply, CallError> {
        let name = Name::from(ask.name.as_str());
        let parcel = self.sent(&name, &ask)?;
        let deadline = Deadline::after(self.node.now(), limit(context));
        let reply = self.node.call_bytes(name.clone(), parcel, deadline, self.trace(&ask)).await?;
        let (bytes, limit) = (reply.len() as u64, self.node.config().message_bytes_max());
        if bytes > limit {
            return Err(CallError::TooLarge { name, bytes, limit, executed: Executed::Yes });
        }
        Ok(Reply { payload: reply.into() })
    }

    /// Where a program stands in its trace, or else what of it is known here, if this node traces.
    fn trace(&self, ask: &Sent) -> Option<Box<TraceContext>> {
        let tracing = &self.node.tracing;
        tracing.propagator()?;
        let told = ask.trace.as_ref().and_then(Trace::context);
        told.map(Box::new).or_else(|| tracing.current())
    }

    /// What is given to a worker, if that is public, and it is not too long.
    fn sent(&self, name: &Name, ask: &Sent) -> Result<(u64, u64, u32, Payload), CallError> {
        let node = self.node.id();
        if self.public(ask.kind, &ask.worker).is_err() {
            return Err(CallError::NotPublic { name: name.clone(), node, worker: ask.worker.clone() });
        }
        if name.as_str().len() > Name::BYTES_MAX {
            return Err(CallError::NotRegistered { name: name.clone(), node });
        }
        let (bytes, limit) = (ask.payload.len() as u64, self.node.config().message_bytes_max());
        if bytes > limit {
            return Err(CallError::TooLarge { name: name.clone(), bytes, limit, executed: Executed::No });
        }
        Ok((ask.kind, ask.message, ask.fingerprint, Payload::copy_of(&ask.payload)))
    }

    /// Whom a message to a group goes to: the public ones of its members.
    fn told(&self, wanted: Wanted) -> Result<Whom, Failure> {
        match (wanted.kind, wanted.group) {
            (Some(kind), _) => self.public(kind, &self.node.kind_name(kind)).map(|entry| Whom::Kind(entry.kind.0)),
            (None, Some(group)) => Ok(Whom::Public(key(group))),
            // There is no way to say something to all workers.
            (None, None) => Err(self.not_public("all")),
        }
    }

    async fn asked(&self, context: &Context, ask: Survey) -> Result<Answers, Failure> {
        let whom = self.told(ask.whom)?;
        let node = &self.node;
        let payload = node.for_a_group(Payload::copy_of(&ask.payload)).map_err(|error| self.registry(error))?;
        let answers = node.multicall(whom, ask.message, ask.fingerprint, &payload, limit(context)).await;
        let mut room = REPLIES_BYTES_MAX;
        let answer = |(name, reply): (Name, Result<Vec<u8>, CallError>)| {
            let reply = reply.and_then(|reply| match room.checked_sub(reply.len()) {
                Some(rest) => {
                    room = rest;
                    Ok(reply)
                }
                None => {
                    let (bytes, limit) = (reply.len() as u64, room as u64);
                    Err(CallError::TooLarge { name: name.clone(), bytes, limit, executed: Executed::Yes })
                }
            });
            let name = name.as_str().to_owned();
            match reply {
                Ok(reply) => Answer { name, payload: reply.into(), failure: None },
                Err(error) => Answer { name, failure: Some(Failure::call(error, node.id())), ..Answer::default() },
            }
        };
        Ok(Answers { answers: answers.map_err(|error| self.registry(error))?.into_iter().map(answer).collect() })
    }

    async fn list(&self, context: &Context, ask: Page) -> Result<Listed, Failure> {
        let whom = match (ask.whom.kind, ask.whom.group) {
            (Some(kind), _) => Whom::Kind(self.public(kind, &self.node.kind_name(kind))?.kind.0),
            (None, Some(group)) => Whom::Group(key(group)),
            (None, None) => Whom::Everyone,
        };
        let room = (ANSWER_BYTES_MAX - HEAD_BYTES_MAX) / (FOUND_BYTES + Name::BYTES_MAX);
        let count = usize::try_from(ask.count).unwrap_or(usize::MAX).clamp(1, PART_MAX.min(room));
        let page = self.node.clone().page(whom, ask.after.map(Name::from), count, limit(context)).await;
        let (found, until) = page.map_err(|error| self.registry(error))?;
        let found = found.into_iter().filter(|(_, location)| self.is_public(&location.worker));
        let found = found.map(|(name, location)| Found { name: name.as_str().to_owned(), place: location.into() });
        Ok(Listed { found: found.collect(), until: until.map(|name| name.as_str().to_owned()) })
    }

    async fn change(&self, context: &Context, name: String, ask: Ask) -> Result<Done, Failure> {
        let (name, limit) = (Name::from(name), limit(context));
        // Who is not public is in no group by the will of strangers.
        self.find(&name, limit).await?;
        let names = GroupNames { group: "", worker: "" };
        let changed = self.node.clone().group(name, ask, names, limit).await;
        changed.map(|()| Done {}).map_err(|error| self.registry(error))
    }
}

impl Gateway for Porter {
    async fn hello(self, _: Context, _: Hello) -> Welcome {
        Welcome {
            version: VERSION,
            oldest: OLDEST,
            swarm: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.node.id().into(),
            message_bytes_max: self.node.config().message_bytes_max(),
            leaving: self.node.is_leaving(),
        }
    }

    async fn register(self, context: Context, ask: Registration) -> Result<Place, Failure> {
        self.start(&context, ask, Ask::Register).await
    }

    async fn whereis_or_register(self, context: Context, ask: Registration) -> Result<Place, Failure> {
        self.start(&context, ask, Ask::WhereisOrRegister).await
    }

    async fn whereis(self, context: Context, ask: Named) -> Result<Option<Place>, Failure> {
        self.find(&Name::from(ask.name), limit(&context)).await
    }

    async fn unregister(self, context: Context, ask: Named) -> Result<Done, Failure> {
        let (name, limit) = (Name::from(ask.name), limit(&context));
        // Should the name pass to another worker between the two, that one is ended: a name is not to change its type.
        if self.find(&name, limit).await?.is_some() {
            self.node.clone().unregister(name, limit).await.map_err(|error| self.registry(error))?;
        }
        Ok(Done {})
    }

    async fn call(self, context: Context, ask: Sent) -> Result<Reply, Failure> {
        let kind = KindId(ask.kind);
        let answered = self.answer(&context, ask).await;
        self.node.note_call(kind, answered).map_err(|error| Failure::call(error, self.node.id()))
    }

    async fn cast(self, _: Context, ask: Sent) -> Result<Done, Failure> {
        let name = Name::from(ask.name.as_str());
        let sent = self.sent(&name, &ask).and_then(|parcel| self.node.cast_bytes(name, parcel, self.trace(&ask)));
        sent.map(|()| Done {}).map_err(|error| {
            tracing::debug!(node = %self.node.id(), %error, "a program's cast was not taken");
            Failure::call(error, self.node.id())
        })
    }

    async fn publish(self, context: Context, ask: Survey) -> Result<Delivered, Failure> {
        let whom = self.told(ask.whom)?;
        let payload = self.node.for_a_group(Payload::copy_of(&ask.payload)).map_err(|error| self.registry(error))?;
        let told = self.node.clone().publish(whom, ask.message, ask.fingerprint, &payload, limit(&context)).await;
        told.map(|count| Delivered { count: count as u64 }).map_err(|error| self.registry(error))
    }

    async fn multicall(self, context: Context, ask: Survey) -> Result<Answers, Failure> {
        self.asked(&context, ask).await
    }

    async fn page(self, context: Context, ask: Page) -> Result<Listed, Failure> {
        self.list(&context, ask).await
    }

    async fn join(self, context: Context, ask: Membership) -> Result<Done, Failure> {
        let (group, kind) = (key(ask.group), ask.kind.map(KindId));
        self.change(&context, ask.name, Ask::Join { group, kind }).await
    }

    async fn leave(self, context: Context, ask: Membership) -> Result<Done, Failure> {
        self.change(&context, ask.name, Ask::Leave { group: key(ask.group) }).await
    }
}

fn key(group: Group) -> GroupKey {
    GroupKey { tag: group.tag, key: group.key.into() }
}

/// How long the program waits for the answer, without what it waits longer so as to be told why there is none.
fn limit(context: &Context) -> Duration {
    context.deadline.saturating_duration_since(Instant::now()).saturating_sub(GRACE)
}
