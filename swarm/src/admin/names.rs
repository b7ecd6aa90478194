//! Owns what is told of names and their workers: where, why, and how they are. Never guesses: the owner of a name says where it
//! is, and the node that hosts it how it is.

use std::collections::BTreeSet;

use swarm_net::node::NodeId;

use super::answer::{
    Code, Membership, Method, Page, Reason, Refusal, Row, Timer, Times, Unregistered, Whereabouts, Worker,
};
use super::ask::Filter;
use super::cluster::Sight;
use super::operator::refusal;
use crate::directory::{GroupKey, Whereabouts as Found};
use crate::message::Fingerprint;
use crate::name::Name;
use crate::runtime::Question;
use crate::runtime::inquiry::{Facts, Inquiry, MethodFacts, TimerFacts, WorkerFacts};
use crate::whom::Whom;
use crate::worker::KindId;
use crate::worker::times::Told;

impl Sight {
    pub(super) async fn locate(&self, name: &str) -> Result<Whereabouts, Refusal> {
        let found = self.find_name(name).await?;
        Ok(self.whereabouts(name, found))
    }

    pub(crate) async fn describe(&self, name: &str) -> Result<Worker, Refusal> {
        let found = self.find_name(name).await?;
        let host = found.location.node;
        let worker = Worker { at: self.whereabouts(name, found), ..Worker::default() };
        let facts = self.inquire(BTreeSet::from([host]), Inquiry::Worker(Name::from(name))).await?.remove(&host);
        Ok(match facts.and_then(Facts::worker) {
            Some(facts) => described(worker, facts),
            None => worker,
        })
    }

    pub(super) async fn unregister(&self, name: &str) -> Result<Unregistered, Refusal> {
        // Both within the time that there is.
        let end = self.node.now() + self.limit;
        let found = self.find_name(name).await?;
        self.node.clone().unregister(Name::from(name), end.since(self.node.now())).await?;
        tracing::info!(node = %self.node.id(), name, "an operator has unregistered a name");
        Ok(Unregistered { name: name.to_owned(), node: found.location.node.to_string() })
    }

    pub(super) async fn list(&self, ask: Filter, count: usize) -> Result<Page, Refusal> {
        let tag = ask.group.as_ref().map(|group| Fingerprint::of(group).0);
        self.list_of(tag, ask, count).await
    }

    /// The same of the group whose name has this fingerprint, if there is one.
    pub(crate) async fn list_of(&self, group: Option<u64>, ask: Filter, count: usize) -> Result<Page, Refusal> {
        let whom = match (group, &ask.kind) {
            (Some(tag), _) => Whom::Group(GroupKey { tag, key: Name::from(ask.group_key.as_str()) }),
            (None, Some(kind)) => Whom::Kind(self.kind(kind).0),
            (None, None) => Whom::Everyone,
        };
        let nodes: BTreeSet<NodeId> = match &ask.node {
            Some(node) => BTreeSet::from([self.find(node)?]),
            None => self.view().keys().copied().collect(),
        };
        let first = ask.after.is_none();
        let question = Question::Page {
            whom,
            prefix: Name::from(ask.prefix.as_str()),
            after: ask.after.as_deref().map(Name::from),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        };
        let due = self.node.now() + self.limit;
        let answers = self.node.ask_some(nodes, &question, due)?;
        let (found, next) = self.node.gather(answers, count, self.limit, due).await?;
        let rows = found.into_iter().map(|(name, at)| Row {
            name: name.to_string(),
            kind: at.worker,
            node: at.node.to_string(),
            epoch: at.epoch.to_string(),
        });
        let workers: Vec<Row> = rows.filter(|row| ask.kind.as_ref().is_none_or(|kind| row.kind == *kind)).collect();
        if workers.is_empty()
            && first
            && next.is_none()
            && let Some(kind) = &ask.kind
        {
            self.check_kind(kind).await?;
        }
        Ok(Page { workers, next: next.map(|name| name.to_string()) })
    }

    pub(super) async fn find_name(&self, name: &str) -> Result<Found, Refusal> {
        let found = self.node.clone().whereabouts(Name::from(name), self.limit).await?;
        found.ok_or_else(|| refusal(Code::NotFound, format!("no worker is registered as `{name}`")))
    }

    /// The worker type of a name; that of a generic one is known only where this node has it, too.
    pub(super) fn kind(&self, name: &str) -> KindId {
        let known = self.node.kinds.iter().find(|entry| entry.name == name).map(|entry| entry.kind);
        known.unwrap_or_else(|| KindId::of(name, &[]))
    }

    /// Who asks for a type that there is not has mistyped it.
    pub(super) async fn check_kind(&self, kind: &str) -> Result<(), Refusal> {
        let said = self.ask(self.view().keys().copied().collect(), Inquiry::Node).await?;
        let known: BTreeSet<String> = said.into_values().flat_map(|said| said.kinds).map(|facts| facts.name).collect();
        if known.contains(kind) {
            return Ok(());
        }
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        Err(refusal(Code::NotFound, format!("no node knows a worker type `{kind}`: they know {known}")))
    }

    pub(super) fn whereabouts(&self, name: &str, found: Found) -> Whereabouts {
        let (reason, why) = reason(&found);
        Whereabouts {
            name: name.to_owned(),
            partition: u64::from(self.node.partition_of(&Name::from(name)).0),
            node: found.location.node.to_string(),
            kind: found.location.worker,
            epoch: found.location.epoch.to_string(),
            owner: found.owner.to_string(),
            replicas: found.replicas.iter().map(NodeId::to_string).collect(),
            registered_by: found.registrar.to_string(),
            reason,
            why,
            cells: found.cells,
            groups: found.groups.into_iter().map(membership).collect(),
        }
    }
}

/// Why a name is where it is; the same in words.
fn reason(found: &Found) -> (Reason, String) {
    let Found { location, owner, desired, .. } = found;
    let (host, text) = (location.node, |node: Option<NodeId>| node.map(|node| node.to_string()).unwrap_or_default());
    if let Some(why) = &found.stranded {
        return (
            Reason::Stranded,
            format!("no node can start it: {why}; run a node with that version, or unregister it"),
        );
    }
    if let Some(moving) = &found.moving {
        let (from, to) = (text(moving.from), text(moving.to));
        let seconds = moving.since_ms as f64 / 1000.0;
        let of = if from.is_empty() { String::new() } else { format!(" from {from}") };
        let why = format!("it has been moving{of} to {to} for {seconds:.1} s");
        return (Reason::Moving { from, to, since_ms: moving.since_ms }, why);
    }
    if found.starting {
        return (Reason::Starting, "a start of it is under way".to_owned());
    }
    if found.local {
        return (Reason::Local, "it was registered there as an instance, and stays".to_owned());
    }
    if *desired == Some(host) && found.unposted != Some(host) {
        let ring = text(found.unposted);
        let why = format!(
            "an operator has moved it there: the ring would have it on {ring}, where it goes when its partition gets another owner than \
             {owner}, when {host} leaves, is drained or lost, or by `swarmctl move NAME --home` or `swarmctl rebalance`"
        );
        return (Reason::Posted { ring }, why);
    }
    if *desired == Some(host) {
        return match host == *owner {
            true => (Reason::RingOwner, "the ring gives its partition to this node".to_owned()),
            false => {
                let why = format!(
                    "the ring gives its partition to {owner}, which does not know its type or version: this is the next node that does"
                );
                (Reason::NextAble, why)
            }
        };
    }
    let wanted = text(*desired);
    if found.pinned {
        let why = format!("it would be on {wanted}, and has said that it stays (Handoff::Ignore)");
        return (Reason::Pinned { wanted }, why);
    }
    if found.queued {
        let why = format!("it moves to {wanted} as soon as others have (`moves_max`)");
        return (Reason::Queued { to: wanted }, why);
    }
    if let Some((failures, said)) = &found.trouble {
        let said = said.as_ref().map(|(node, text)| format!("{node}: {text}")).unwrap_or_default();
        let last = if said.is_empty() { String::new() } else { format!("; {said}") };
        let why = format!("it should be on {wanted}, and {failures} attempts to move or start it have failed{last}");
        return (Reason::Failing { failures: *failures, said }, why);
    }
    let why = format!("it should be on {wanted}: its owner is about to see to it");
    (Reason::Unsettled { wanted }, why)
}

fn membership(group: GroupKey) -> Membership {
    Membership { group: format!("{:016x}", group.tag), key: group.key.to_string() }
}

/// A worker with what its host says of it.
fn described(worker: Worker, facts: WorkerFacts) -> Worker {
    Worker {
        answered: true,
        state: facts.state,
        busy: facts.busy,
        pinned: facts.pinned,
        queue: facts.queue,
        panics: facts.panics,
        timers: facts.timers.into_iter().map(timer).collect(),
        methods: facts.methods.into_iter().map(method).collect(),
        ..worker
    }
}

fn timer(facts: TimerFacts) -> Timer {
    let TimerFacts { id, due_in_ms, every_ms, method: message } = facts;
    Timer { id, due_in_ms, every_ms, message }
}

fn method(facts: MethodFacts) -> Method {
    let MethodFacts { name: message, cast, quick, times } = facts;
    let times = times.map(Times::from);
    Method { message, cast, quick, times }
}

impl From<Told> for Times {
    fn from(told: Told) -> Self {
        Self { count: told.count, p50_ns: told.p50_ns, p99_ns: told.p99_ns, max_ns: told.max_ns }
    }
}
