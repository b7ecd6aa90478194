//! Owns the requests of this node's users to the registry and its groups: what they ask, and what the answers mean.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::time::Clock;
use tokio::sync::oneshot;

use crate::directory::{Answer, Ask, Refusal, Spec};
use crate::error::{Location, RegisterError, RegistryError};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::control::Input;
use crate::runtime::requests::{Outcome, Request};
use crate::runtime::survey::{Question, Whom};
use crate::worker::{Cell, Payload, Worker};

/// What a group and the worker type that it takes are called, for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupNames {
    pub(crate) group: &'static str,
    pub(crate) worker: &'static str,
}

impl Node {
    /// Registers `name` with a new worker.
    pub(crate) async fn register<W: Worker>(
        self: Arc<Self>,
        name: Name,
        args: Payload,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        let spec = Spec { kind: W::KIND, worker: W::NAME.to_owned(), args: args.to_vec(), local: false };
        self.register_spec(name, spec, Ask::Register, limit).await
    }

    /// Where `name` is, after registering it if it was free.
    pub(crate) async fn whereis_or_register<W: Worker>(
        self: Arc<Self>,
        name: Name,
        args: Payload,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        let spec = Spec { kind: W::KIND, worker: W::NAME.to_owned(), args: args.to_vec(), local: false };
        self.register_spec(name, spec, Ask::WhereisOrRegister, limit).await
    }

    /// Registers `name` with this instance, on this node.
    pub(crate) async fn register_local<W: Worker>(
        self: Arc<Self>,
        name: Name,
        worker: W,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        let key = self.instances.keep(Box::new(move |name, epoch, host| Cell::with_worker(name, epoch, host, worker)));
        let spec = Spec { kind: W::KIND, worker: W::NAME.to_owned(), args: key.to_vec(), local: true };
        let registered = self.clone().register_spec(name, spec, Ask::Register, limit).await;
        // If it was not started by now it never will be.
        drop(self.instances.take(&key));
        registered
    }

    async fn register_spec(
        self: Arc<Self>,
        name: Name,
        spec: Spec,
        ask: impl FnOnce(Spec) -> Ask,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        let (args, bytes_max) = (spec.args.len() as u64, self.config().message_bytes_max());
        if args > bytes_max {
            return Err(RegisterError::TooLarge { name, bytes: args, limit: bytes_max });
        }
        let bytes = name.as_str().len();
        if bytes > Name::BYTES_MAX {
            return Err(RegisterError::NameTooLong { bytes, limit: Name::BYTES_MAX });
        }
        let worker = spec.worker.clone();
        match self.ask(name.clone(), ask(spec), limit).await {
            Outcome::Answered(Answer::Registered(location) | Answer::Whereis(Some(location))) => Ok(location),
            Outcome::Answered(Answer::AlreadyRegistered(location)) => {
                Err(RegisterError::AlreadyRegistered { name, location })
            }
            Outcome::Answered(Answer::InitFailed(text)) => Err(RegisterError::Init { name, text }),
            Outcome::Answered(Answer::NoCapableNode) => Err(RegisterError::NoCapableNode { name, worker }),
            Outcome::Answered(Answer::Refused(refusal)) => Err(match refusal {
                Refusal::NotAMember => RegisterError::Stopping { node: self.id() },
                Refusal::Ended => RegisterError::Init { name, text: "it ended before it was registered".to_owned() },
                Refusal::NoQuorum => RegisterError::NoQuorum { name, node: self.id() },
                Refusal::Overloaded => RegisterError::Timeout { name, after: limit },
            }),
            Outcome::Answered(
                Answer::Unregistered
                | Answer::Whereis(None)
                | Answer::Done
                | Answer::NotRegistered
                | Answer::WrongKind(_)
                | Answer::NotOwner(_),
            )
            | Outcome::TimedOut => Err(RegisterError::Timeout { name, after: limit }),
            Outcome::Stopping => Err(RegisterError::Stopping { node: self.id() }),
        }
    }

    /// Where `name` is.
    pub(crate) async fn whereis(
        self: Arc<Self>,
        name: Name,
        limit: Duration,
    ) -> Result<Option<Location>, RegistryError> {
        match self.ask(name, Ask::Whereis, limit).await {
            Outcome::Answered(Answer::Whereis(location)) => Ok(location),
            Outcome::Answered(Answer::NotRegistered) => Ok(None),
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(&other, limit))
            }
        }
    }

    /// Ends `name`'s worker and frees the name.
    pub(crate) async fn unregister(self: Arc<Self>, name: Name, limit: Duration) -> Result<(), RegistryError> {
        match self.ask(name, Ask::Unregister, limit).await {
            // Nobody has the name: that is what was wanted, as with Swarm's unregister_name.
            Outcome::Answered(Answer::Unregistered | Answer::NotRegistered) => Ok(()),
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(&other, limit))
            }
        }
    }

    /// Puts `name` into a group, or takes it out, as `ask` says.
    pub(crate) async fn group(
        self: Arc<Self>,
        name: Name,
        ask: Ask,
        names: GroupNames,
        limit: Duration,
    ) -> Result<(), RegistryError> {
        match self.ask(name.clone(), ask, limit).await {
            Outcome::Answered(Answer::Done) => Ok(()),
            Outcome::Answered(Answer::NotRegistered) => Err(RegistryError::NotRegistered { name }),
            Outcome::Answered(Answer::WrongKind(found)) => {
                let (group, expected) = (names.group.to_owned(), names.worker.to_owned());
                Err(RegistryError::WrongWorker { name, group, expected, found })
            }
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(&other, limit))
            }
        }
    }

    /// Which workers there are, in the order of their names.
    pub(crate) async fn list(
        self: Arc<Self>,
        whom: Whom,
        limit: Duration,
    ) -> Result<Vec<(Name, Location)>, RegistryError> {
        if self.is_stopped() {
            return Err(RegistryError::Stopping { node: self.id() });
        }
        let due = Clock::instant() + limit;
        let mut answers = self.surveys.ask(&self, &Question::List(whom));
        let mut found = BTreeMap::<Name, Location>::new();
        loop {
            match self.within(due.since(Clock::instant()), answers.next()).await {
                Some(Some((_, findings))) => later_ones(&mut found, findings.found),
                Some(None) => return Ok(found.into_iter().collect()),
                None => return Err(RegistryError::Timeout { after: limit }),
            }
        }
    }

    /// The first `size` workers after a name, in the order of their names; and the last of them, if there may be more.
    pub(crate) async fn page(
        self: Arc<Self>,
        whom: Whom,
        after: Option<Name>,
        size: usize,
        limit: Duration,
    ) -> Result<(Vec<(Name, Location)>, Option<Name>), RegistryError> {
        if self.is_stopped() {
            return Err(RegistryError::Stopping { node: self.id() });
        }
        let due = Clock::instant() + limit;
        let count = u32::try_from(size).unwrap_or(u32::MAX);
        let mut answers = self.surveys.ask(&self, &Question::Page { whom, after, count });
        let mut found = BTreeMap::<Name, Location>::new();
        // Up to here every node has told all that it has.
        let mut until: Option<Name> = None;
        loop {
            match self.within(due.since(Clock::instant()), answers.next()).await {
                Some(Some((_, findings))) => {
                    until = match (until, findings.until) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                    later_ones(&mut found, findings.found);
                }
                Some(None) => break,
                None => return Err(RegistryError::Timeout { after: limit }),
            }
        }
        if let Some(until) = &until {
            found.retain(|name, _| name <= until);
        }
        let mut page: Vec<_> = found.into_iter().collect();
        if page.len() > size {
            page.truncate(size);
            until = page.last().map(|(name, _)| name.clone());
        }
        Ok((page, until))
    }

    fn unanswered(&self, outcome: &Outcome, limit: Duration) -> RegistryError {
        match outcome {
            Outcome::Stopping => RegistryError::Stopping { node: self.id() },
            Outcome::Answered(Answer::Refused(Refusal::NoQuorum)) => RegistryError::NoQuorum { node: self.id() },
            Outcome::TimedOut | Outcome::Answered(_) => RegistryError::Timeout { after: limit },
        }
    }

    async fn ask(&self, name: Name, ask: Ask, limit: Duration) -> Outcome {
        let (done, outcome) = oneshot::channel();
        self.control(Input::Ask(Request { name, ask, due: Clock::instant() + limit, done }));
        outcome.await.unwrap_or(Outcome::Stopping)
    }
}

/// While a worker moves, both hosts list it: the later activation counts.
fn later_ones(known: &mut BTreeMap<Name, Location>, found: Vec<(Name, Location)>) {
    for (name, location) in found {
        let known = known.entry(name).or_insert_with(|| location.clone());
        if known.epoch < location.epoch {
            *known = location;
        }
    }
}
