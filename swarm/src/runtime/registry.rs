//! Owns the requests of this node's users to the registry and its groups: what they ask, and what the answers mean.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::time::{Clock, Instant};
use tokio::sync::oneshot;

use crate::directory::{Answer, Ask, Class, DirectoryConfig, Refusal, Spec};
use crate::error::{Location, RegisterError, RegistryError};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::input::Input;
use crate::runtime::requests::{Outcome, Request};
use crate::runtime::survey::{Answers, Question};
use crate::whom::{GroupNames, Whom};
use crate::worker::{Cell, Worker};

/// A worker that is started anywhere, from these init arguments.
pub(crate) fn spec<W: Worker>(args: &[u8]) -> Spec {
    let class = Class { kind: W::KIND, worker: W::NAME.into(), schema: W::ARGS.low(), local: false };
    Spec { class: Arc::new(class), args: args.into() }
}

impl Node {
    /// Registers `name` for what `spec` says, or also gives where it is, as `ask` says.
    pub(crate) async fn register(
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
        // Nor would the question travel.
        if spec.args.len() > DirectoryConfig::LAN.records_bytes_max {
            return Err(RegisterError::NoRoom { name, node: self.id() });
        }
        let class = spec.class.clone();
        let outcome = self.ask(name.clone(), ask(spec), limit).await;
        self.registered(name, &class, outcome, limit)
    }

    /// Registers `name` with this instance, on this node.
    pub(crate) async fn register_local<W: Worker>(
        self: Arc<Self>,
        name: Name,
        worker: W,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        let key = self.instances.keep(Box::new(move |name, epoch, home| Cell::with_worker(name, epoch, home, worker)));
        let spec = spec::<W>(&key).local();
        let registered = self.clone().register(name, spec, Ask::Register, limit).await;
        // If it was not started by now it never will be.
        drop(self.instances.take(&key));
        registered
    }

    /// What the answer to a register means.
    fn registered(
        &self,
        name: Name,
        class: &Class,
        outcome: Outcome,
        limit: Duration,
    ) -> Result<Location, RegisterError> {
        let node = self.id();
        match outcome {
            Outcome::Answered(Answer::Registered(location) | Answer::Whereis(Some(location))) => Ok(location),
            Outcome::Answered(Answer::AlreadyRegistered(location)) => {
                Err(RegisterError::AlreadyRegistered { name, location })
            }
            Outcome::Answered(Answer::InitFailed(node, text)) => Err(RegisterError::Init { name, node, text }),
            Outcome::Answered(Answer::NoCapableNode) => {
                Err(RegisterError::NoCapableNode { name, node, worker: class.worker.as_str().to_owned() })
            }
            Outcome::Answered(Answer::Refused(refusal)) => Err(match refusal {
                Refusal::NotAMember => RegisterError::Stopping { node },
                Refusal::Ended => {
                    RegisterError::Init { name, node, text: "it ended before it was registered".to_owned() }
                }
                Refusal::NoQuorum => RegisterError::NoQuorum { name, node },
                Refusal::Overloaded => RegisterError::Overloaded { name, node },
                Refusal::Full => RegisterError::NoRoom { name, node },
            }),
            Outcome::Answered(
                Answer::Unregistered
                | Answer::Whereis(None)
                | Answer::Whereabouts(_)
                | Answer::Done
                | Answer::NotRegistered
                | Answer::WrongKind(_)
                | Answer::Unmovable(_)
                | Answer::NotOwner(_),
            )
            | Outcome::TimedOut => Err(RegisterError::Timeout { name, node, after: limit }),
            Outcome::Stopping => Err(RegisterError::Stopping { node }),
        }
    }

    /// Where `name` is.
    pub(crate) async fn whereis(
        self: Arc<Self>,
        name: Name,
        limit: Duration,
    ) -> Result<Option<Location>, RegistryError> {
        match self.ask(name.clone(), Ask::Whereis, limit).await {
            Outcome::Answered(Answer::Whereis(location)) => Ok(location),
            Outcome::Answered(Answer::NotRegistered) => Ok(None),
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(name, &other, limit))
            }
        }
    }

    /// Where `name` is and why, as its owner says.
    #[cfg(feature = "admin")]
    pub(crate) async fn whereabouts(
        self: Arc<Self>,
        name: Name,
        limit: Duration,
    ) -> Result<Option<crate::directory::Whereabouts>, RegistryError> {
        match self.ask(name.clone(), Ask::Explain, limit).await {
            Outcome::Answered(Answer::Whereabouts(whereabouts)) => Ok(Some(*whereabouts)),
            Outcome::Answered(Answer::Whereis(None) | Answer::NotRegistered) => Ok(None),
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(name, &other, limit))
            }
        }
    }

    /// Has `name` live on a node, or again where the ring wants it. The inner result says why it cannot; `None` if nobody has the name.
    #[cfg(feature = "admin")]
    pub(crate) async fn post_name(
        self: Arc<Self>,
        name: Name,
        to: Option<swarm_net::node::NodeId>,
        limit: Duration,
    ) -> Result<Option<Result<(), crate::directory::Unmovable>>, RegistryError> {
        match self.ask(name.clone(), Ask::Post(to), limit).await {
            Outcome::Answered(Answer::Done) => Ok(Some(Ok(()))),
            Outcome::Answered(Answer::Unmovable(why)) => Ok(Some(Err(why))),
            Outcome::Answered(Answer::NotRegistered) => Ok(None),
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(name, &other, limit))
            }
        }
    }

    /// Ends `name`'s worker and frees the name.
    pub(crate) async fn unregister(self: Arc<Self>, name: Name, limit: Duration) -> Result<(), RegistryError> {
        match self.ask(name.clone(), Ask::Unregister, limit).await {
            // Nobody has the name: that is what was wanted, as with Swarm's unregister_name.
            Outcome::Answered(Answer::Unregistered | Answer::NotRegistered) => Ok(()),
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(name, &other, limit))
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
            Outcome::Answered(Answer::NotRegistered) => Err(RegistryError::NotRegistered { name, node: self.id() }),
            Outcome::Answered(Answer::WrongKind(found)) => {
                let GroupNames { group, worker: expected } = names;
                Err(RegistryError::WrongWorker { name, node: self.id(), group, expected, found })
            }
            other @ (Outcome::Answered(_) | Outcome::TimedOut | Outcome::Stopping) => {
                Err(self.unanswered(name, &other, limit))
            }
        }
    }

    /// Which workers there are, in the order of their names.
    pub(crate) async fn list(
        self: Arc<Self>,
        whom: Whom,
        limit: Duration,
    ) -> Result<Vec<(Name, Location)>, RegistryError> {
        let due = self.now() + limit;
        let mut answers = self.ask_all(&Question::List(whom), due)?;
        let mut found = BTreeMap::<Name, Location>::new();
        loop {
            match self.within(due.since(self.now()), answers.next()).await {
                Some(Some((_, findings))) => later_ones(&mut found, findings.found),
                Some(None) => return Ok(found.into_iter().collect()),
                None => return Err(RegistryError::Timeout { name: None, node: self.id(), after: limit }),
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
        let due = self.now() + limit;
        let count = u32::try_from(size).unwrap_or(u32::MAX);
        let question = Question::Page { whom, prefix: Name::from(""), after, count };
        let answers = self.ask_all(&question, due)?;
        self.gather(answers, size, limit, due).await
    }

    /// The page that these answers make.
    pub(crate) async fn gather(
        &self,
        mut answers: Answers,
        size: usize,
        limit: Duration,
        due: Instant,
    ) -> Result<(Vec<(Name, Location)>, Option<Name>), RegistryError> {
        let mut found = BTreeMap::<Name, Location>::new();
        // Up to here every node has told all that it has.
        let mut until: Option<Name> = None;
        loop {
            match self.within(due.since(self.now()), answers.next()).await {
                Some(Some((_, findings))) => {
                    until = match (until, findings.until) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                    later_ones(&mut found, findings.found);
                }
                Some(None) => break,
                None => return Err(RegistryError::Timeout { name: None, node: self.id(), after: limit }),
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

    fn unanswered(&self, name: Name, outcome: &Outcome, limit: Duration) -> RegistryError {
        let node = self.id();
        match outcome {
            Outcome::Stopping => RegistryError::Stopping { node },
            Outcome::Answered(Answer::Refused(Refusal::NoQuorum)) => RegistryError::NoQuorum { node },
            Outcome::Answered(Answer::Refused(Refusal::Overloaded)) => RegistryError::Overloaded { name, node },
            Outcome::Answered(Answer::Refused(Refusal::Full)) => RegistryError::NoRoom { name, node },
            Outcome::TimedOut | Outcome::Answered(_) => RegistryError::Timeout { name: Some(name), node, after: limit },
        }
    }

    async fn ask(&self, name: Name, ask: Ask, limit: Duration) -> Outcome {
        let Some(in_hand) = self.take_in_hand() else { return Outcome::Stopping };
        let (done, outcome) = oneshot::channel();
        if self.desk.promise(Input::Ask(Request { name, ask, due: Clock::instant() + limit, done, in_hand })) {
            self.desk.keep_promise().await;
        }
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
