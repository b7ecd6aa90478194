//! Owns what a node can be asked about itself, and told to do, by another node whose operator wants to know, and what it
//! answers. Nothing of it is on the way of a call, and nothing is counted for it.
//!
//! It travels as a survey of those nodes, so it ends with them and with its time, and is asked again after a lost connection.

use std::collections::BTreeMap;
#[cfg(any(feature = "admin", feature = "http"))]
use std::collections::BTreeSet;
use std::sync::Arc;

use rkyv::rancor::Error;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;
use swarm_net::secret::Keyring;
use swarm_net::time::Clock;

use crate::directory::GroupKey;
use crate::epoch::Epoch;
use crate::name::Name;
use crate::registration::KindInfo;
use crate::runtime::Node;
use crate::runtime::checkup::Ailments;
use crate::runtime::input::Input;
use crate::runtime::survey::Findings;
use crate::runtime::translating::{Encoded, Text, Untranslated};
use crate::runtime::vitals::{Busy, Vitals};
use crate::stats::Stats;
use crate::worker::times::Told;
use crate::worker::{AnyCell, KindId, Phase};

/// A question to one node about itself.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) enum Inquiry {
    /// What are you, and how are you?
    Node,
    /// What do you know of this worker, which you host?
    Worker(Name),
    /// Give your share of the ring away, or take it again; and then, how are you?
    Drain(bool),
    /// What message does this text tell?
    Read(Text),
    /// How does this reply read as JSON?
    Write(Encoded),
    /// What is a worker type of this name?
    Kind(String),
    /// Start this worker, which you host, again from its init arguments, for this reason.
    Restart(Name, String),
    /// Have the names that you decide about where the ring wants them, and try now what was put off; and then, how are you?
    Rebalance,
    /// Which of your workers have most to do? So many at most.
    Busiest(u16),
    /// How are your ways to others, whom have you refused, and which names that you decide about have trouble?
    CheckUp,
    /// What has happened, if you write it down?
    Diary(Lookup),
    /// In which groups are your workers, and how many in each? So many groups at most.
    Groups(u16),
    /// What has happened from this event on (without a number, of all that you have kept), if you write it down? So many bytes at most.
    Events(Option<u64>, u32),
    /// What does your clock show?
    Clock,
}

/// Which events are wanted: the last of them.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Lookup {
    /// Of this name alone.
    pub(crate) about: Option<Name>,
    /// Not older than so many milliseconds.
    pub(crate) within_ms: u64,
    /// So many at most.
    pub(crate) count: u16,
}

impl Inquiry {
    /// Whether it may be asked again when its answer may be lost.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Node | Self::Worker(_) | Self::Drain(_) | Self::Read(_) | Self::Write(_) | Self::Kind(_) => true,
            Self::Rebalance | Self::Busiest(_) | Self::CheckUp | Self::Diary(_) | Self::Groups(_) => true,
            Self::Events(..) | Self::Clock => true,
            Self::Restart(..) => false,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) enum Facts {
    /// Of the node.
    Node(Box<NodeFacts>),
    /// Of a worker; `None` if it is not here.
    Worker(Option<Box<WorkerFacts>>),
    /// The message, or why it is none.
    Read(Box<Result<Encoded, Untranslated>>),
    /// The text, or why there is none; `None` if it does not know the reply's type.
    Written(Option<Result<String, String>>),
    /// Of a worker type; `None` if it does not know it.
    Kind(Option<Box<KindInfo>>),
    /// A worker is started again, or why not; `None` if it is not here.
    Restarted(Option<Result<(), String>>),
    /// Workers that have something to do.
    Busiest(Vec<Busy>),
    /// What a check has found.
    CheckUp(Box<Ailments>),
    /// Events, as operators are told them (JSON); `None` if it writes none down.
    Diary(Option<Vec<u8>>),
    /// Groups, and how many workers are in each.
    Groups(Vec<(GroupKey, u64)>),
    /// A page of events, as operators are told them (JSON); `None` if it writes none down.
    Events(Option<Vec<u8>>),
    /// Milliseconds since 1970, by its clock.
    Clock(u64),
}

#[cfg(feature = "admin")]
impl Facts {
    /// Those of a node, if it is these.
    pub(crate) fn node(self) -> Option<NodeFacts> {
        if let Self::Node(facts) = self { Some(*facts) } else { None }
    }

    /// Those of a worker that is there, if it is these.
    pub(crate) fn worker(self) -> Option<WorkerFacts> {
        if let Self::Worker(Some(facts)) = self { Some(*facts) } else { None }
    }

    /// Those of a worker type that is known, if it is these.
    pub(crate) fn kind(self) -> Option<KindInfo> {
        if let Self::Kind(Some(info)) = self { Some(*info) } else { None }
    }

    /// How a text was read, if it is that.
    pub(crate) fn read(self) -> Option<Result<Encoded, Untranslated>> {
        if let Self::Read(read) = self { Some(*read) } else { None }
    }

    /// How a reply was written, if it is that and its type was known.
    pub(crate) fn written(self) -> Option<Result<String, String>> {
        if let Self::Written(written) = self { written } else { None }
    }

    /// How a restart has gone, if it is that; `None` within if there is no such worker.
    pub(crate) fn restarted(self) -> Option<Option<Result<(), String>>> {
        if let Self::Restarted(done) = self { Some(done) } else { None }
    }

    /// What a check has found, if it is that.
    pub(crate) fn check_up(self) -> Option<Ailments> {
        if let Self::CheckUp(found) = self { Some(*found) } else { None }
    }

    /// Events, if it is these and they are written down.
    #[cfg(feature = "dashboard")]
    pub(crate) fn diary(self) -> Option<Vec<u8>> {
        if let Self::Diary(events) = self { events } else { None }
    }

    /// What a clock shows, if it is that.
    pub(crate) fn clock(self) -> Option<u64> {
        if let Self::Clock(unix_ms) = self { Some(unix_ms) } else { None }
    }

    /// A page of events, if it is that.
    pub(crate) fn events(self) -> Option<Option<Vec<u8>>> {
        if let Self::Events(page) = self { Some(page) } else { None }
    }

    /// Groups, if it is these.
    #[cfg(feature = "dashboard")]
    pub(crate) fn groups(self) -> Option<Vec<(GroupKey, u64)>> {
        if let Self::Groups(groups) = self { Some(groups) } else { None }
    }

    /// Busy workers, if it is these.
    pub(crate) fn busiest(self) -> Option<Vec<Busy>> {
        if let Self::Busiest(busy) = self { Some(busy) } else { None }
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct NodeFacts {
    /// The version of Swarm that it was built with.
    pub(crate) version: String,
    /// The number of its process.
    pub(crate) pid: u32,
    /// For how long it has been there, in milliseconds.
    pub(crate) up_ms: u64,
    /// It has given its share of the ring away.
    pub(crate) drained: bool,
    /// How many of its workers stay whatever the ring says: they want to, or are instances.
    pub(crate) bound: u64,
    /// The worker types that it knows.
    pub(crate) kinds: Vec<KindFacts>,
    /// Its figures.
    pub(crate) stats: Stats,
    /// The ids of its keys; the first encrypts.
    pub(crate) keys: Vec<String>,
    /// How its process does.
    pub(crate) vitals: Vitals,
}

/// What a node says of a worker type.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct KindFacts {
    /// Its identity on the wire.
    pub(crate) kind: KindId,
    /// Its name on the wire.
    pub(crate) name: String,
    /// Which version of its init arguments this node has.
    pub(crate) schema: u32,
    /// How many workers of it are here.
    pub(crate) workers: u64,
}

/// What a node says of a worker that it hosts.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct WorkerFacts {
    /// The epoch of its activation.
    pub(crate) epoch: Epoch,
    /// How far it is in its life, in a word.
    pub(crate) state: String,
    /// A message is in hand.
    pub(crate) busy: bool,
    /// It wants to stay.
    pub(crate) pinned: bool,
    /// It is an instance that nothing can start again.
    pub(crate) local: bool,
    /// How many messages wait.
    pub(crate) queue: u64,
    /// How often it has panicked since it came to this node.
    pub(crate) panics: u32,
    /// Its groups, as this node has indexed them.
    pub(crate) groups: Vec<GroupKey>,
    /// Its timers.
    pub(crate) timers: Vec<TimerFacts>,
    /// The methods of its type, as they have done on this node.
    pub(crate) methods: Vec<MethodFacts>,
}

/// A timer of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct TimerFacts {
    /// Its number.
    pub(crate) id: u64,
    /// How long it has to go, in milliseconds.
    pub(crate) due_in_ms: u64,
    /// Its period, if it has one.
    pub(crate) every_ms: Option<u64>,
    /// The method that it calls.
    pub(crate) method: String,
}

/// A method of a worker type.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct MethodFacts {
    /// The wire name of its message.
    pub(crate) name: String,
    /// It has no answer.
    pub(crate) cast: bool,
    /// It runs where its message arrives.
    pub(crate) quick: bool,
    /// The runs that were timed, of all workers of the type, if the node keeps that.
    pub(crate) times: Option<Told>,
}

/// How many timers of a worker are told.
const TIMERS_TOLD_MAX: usize = 64;

impl Node {
    /// Answers another node's inquiry, or this node's own. On a thread of tokio's: to count workers takes as long as there
    /// are many.
    pub(super) fn answer_inquiry(self: &Arc<Self>, to: NodeId, number: u64, inquiry: Inquiry) {
        let node = self.clone();
        self.runtime().spawn(async move {
            let facts = match inquiry {
                Inquiry::Node => Facts::Node(Box::new(node.facts())),
                Inquiry::Worker(name) => Facts::Worker(node.worker_facts(&name).map(Box::new)),
                Inquiry::Drain(drained) => {
                    node.set_drained(drained);
                    Facts::Node(Box::new(node.facts()))
                }
                Inquiry::Rebalance => {
                    node.control(Input::Rebalance);
                    Facts::Node(Box::new(node.facts()))
                }
                Inquiry::CheckUp => Facts::CheckUp(Box::new(node.check_up().await)),
                Inquiry::Busiest(count) => Facts::Busiest(node.busiest(usize::from(count))),
                Inquiry::Restart(name, why) => Facts::Restarted(node.restart_here(&name, why).await),
                Inquiry::Diary(lookup) => Facts::Diary(node.look_up(&lookup)),
                Inquiry::Clock => Facts::Clock(Clock::now().unix_ms),
                Inquiry::Events(from, bytes) => Facts::Events(node.look_on(from, bytes)),
                Inquiry::Groups(count) => Facts::Groups(node.groups.counts(usize::from(count))),
                Inquiry::Read(text) => Facts::Read(Box::new(node.read_json(&text))),
                Inquiry::Write(reply) => Facts::Written(node.write_json(&reply)),
                Inquiry::Kind(kind) => {
                    let entry = node.kinds.iter().find(|entry| entry.name == kind);
                    Facts::Kind(entry.map(|entry| Box::new(entry.info())))
                }
            };
            let bytes = rkyv::to_bytes::<Error>(&facts).map(|bytes| bytes.to_vec());
            let bytes = bytes.inspect_err(|error| tracing::error!(%error, "facts could not be encoded"));
            // They travel as the answer of nobody, so that no other answer is longer for it.
            let replies = bytes.into_iter().map(|bytes| (Name::from(""), Ok(bytes))).collect();
            node.findings(to, number, Findings { replies, last: true, ..Findings::default() });
        });
    }

    fn facts(&self) -> NodeFacts {
        let mut workers = BTreeMap::<KindId, u64>::new();
        let mut bound = 0;
        for cell in self.places.cells() {
            *workers.entry(cell.kind()).or_default() += 1;
            let glance = cell.glance();
            bound += u64::from(glance.pinned || glance.local);
        }
        let kinds = self.kinds.iter().map(|entry| KindFacts {
            kind: entry.kind,
            name: entry.name.to_owned(),
            schema: entry.args.low(),
            workers: workers.get(&entry.kind).copied().unwrap_or_default(),
        });
        NodeFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            up_ms: millis(self.up()),
            drained: self.is_drained(),
            bound,
            kinds: kinds.collect(),
            stats: self.stats(),
            keys: self.keys.iter().flat_map(Keyring::ids).map(|id| id.to_string()).collect(),
            vitals: self.vitals(),
        }
    }

    /// Starts a worker of this node again.
    async fn restart_here(&self, name: &Name, why: String) -> Option<Result<(), String>> {
        let cell = self.places.any_cell(name)?;
        Some(cell.restart(why).await.map_err(str::to_owned))
    }

    fn worker_facts(&self, name: &Name) -> Option<WorkerFacts> {
        let cell = self.places.any_cell(name)?;
        let glance = cell.glance();
        Some(WorkerFacts {
            epoch: cell.epoch(),
            state: state(glance.phase, glance.halted).to_owned(),
            busy: glance.busy,
            pinned: glance.pinned,
            local: glance.local,
            queue: glance.queue as u64,
            panics: glance.panics,
            groups: self.groups.groups_of(name),
            timers: self.timer_facts(&cell),
            methods: self.method_facts(&cell),
        })
    }

    /// What it has written down, if it does.
    #[cfg(feature = "admin")]
    fn look_up(&self, lookup: &Lookup) -> Option<Vec<u8>> {
        self.diary.get().map(|diary| diary.look_up(lookup))
    }

    /// As above: it does not.
    #[cfg(not(feature = "admin"))]
    fn look_up(&self, _: &Lookup) -> Option<Vec<u8>> {
        None
    }

    /// The same from an event on.
    #[cfg(feature = "admin")]
    fn look_on(&self, from: Option<u64>, bytes: u32) -> Option<Vec<u8>> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.diary.get().map(|diary| diary.look_on(from, bytes))
    }

    /// As above.
    #[cfg(not(feature = "admin"))]
    fn look_on(&self, _: Option<u64>, _: u32) -> Option<Vec<u8>> {
        None
    }

    fn timer_facts(&self, cell: &Arc<dyn AnyCell>) -> Vec<TimerFacts> {
        let armed = cell.core().alarms().list(self.now());
        let timer = |(id, due_in, every, method): (u64, _, Option<_>, u64)| TimerFacts {
            id,
            due_in_ms: millis(due_in),
            every_ms: every.map(millis),
            method: self.kinds.message_name(method),
        };
        armed.into_iter().take(TIMERS_TOLD_MAX).map(timer).collect()
    }

    fn method_facts(&self, cell: &Arc<dyn AnyCell>) -> Vec<MethodFacts> {
        let (kind, paces) = (cell.kind(), &cell.core().home.paces);
        let methods = self.kinds.get(kind).map(|entry| (entry.methods)()).unwrap_or_default();
        let fact = |(row, method): (usize, crate::registration::MethodInfo)| {
            let pace = paces.method(kind, row);
            MethodFacts {
                name: method.name.to_owned(),
                cast: method.cast,
                quick: pace.is_some_and(crate::worker::pace::Pace::is_quick),
                times: pace.and_then(crate::worker::pace::Pace::times),
            }
        };
        methods.into_iter().enumerate().map(fact).collect()
    }
}

#[cfg(any(feature = "admin", feature = "http"))]
impl Node {
    /// Asks these nodes, and gives what has come by `due`. Who is not in it did not answer, or is no member any more.
    ///
    /// # Errors
    /// If nothing more is begun for users.
    pub(crate) async fn inquire(
        self: &Arc<Self>,
        nodes: BTreeSet<NodeId>,
        inquiry: Inquiry,
        due: swarm_net::time::Instant,
    ) -> Result<BTreeMap<NodeId, Facts>, crate::error::RegistryError> {
        use crate::runtime::survey::Question;
        use crate::worker::Payload;

        let mut answers = self.ask_some(nodes, &Question::Inquire(inquiry), due)?;
        let mut told = BTreeMap::new();
        while let Some(Some((node, findings))) = self.within(due.since(self.now()), answers.next()).await {
            let facts = findings.replies.into_iter().find_map(|(_, reply)| reply.ok());
            let read = |bytes: Vec<u8>| crate::runtime::batch::read::<Facts>(&Payload::copy_of(&bytes));
            told.extend(facts.and_then(read).map(|facts| (node, facts)));
        }
        Ok(told)
    }
}

fn state(phase: Phase, halted: bool) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Running if halted => "halted",
        Phase::Running => "running",
        Phase::Sealing => "sealing",
        Phase::Sealed => "sealed",
        Phase::Dead => "ended",
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
