//! Owns what is told of the nodes of a cluster and of its ring: what this node sees, with what the others say of themselves.
//! Never waits long for who does not answer: it stands in the answer as silent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use swarm_net::member::View;
use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::Instant;

use super::answer::{Busiest, BusyRow, Code, KindRing, KindRow, NodeRow, Nodes, Refusal, Ring, Share, Status, Times};
use super::operator::refusal;
use crate::directory::Ability;
use crate::runtime::Node;
use crate::runtime::inquiry::{Facts, Inquiry, NodeFacts};
use crate::runtime::vitals::Busy;
use crate::worker::KindId;

/// How long the others have to say how they are. They take milliseconds; who needs longer is in trouble, which is worth seeing.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The cluster as one node sees it, for one question.
#[derive(Clone)]
pub(crate) struct Sight {
    pub(super) node: Arc<Node>,
    /// How long the answer may take.
    pub(super) limit: Duration,
}

type Said = BTreeMap<NodeId, NodeFacts>;

impl Sight {
    pub(crate) fn new(node: Arc<Node>, limit: Duration) -> Self {
        Self { node, limit }
    }

    pub(super) async fn status(&self) -> Result<Status, Refusal> {
        let view = self.view();
        let said = self.ask(view.keys().copied().collect(), Inquiry::Node).await?;
        let me = self.node.id();
        let (own, profile) = (said.get(&me), view.get(&me).map(|member| &member.profile));
        Ok(Status {
            node: me.to_string(),
            swarm: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            up_ms: own.map(|own| own.up_ms).unwrap_or_default(),
            placement: self.node.config().placement.to_string(),
            below_quorum: self.node.tenancy.is_below(),
            leaving: profile.is_some_and(|profile| profile.leaving),
            drained: self.node.is_drained(),
            nodes: view.len() as u64,
            silent: view.keys().filter(|node| !said.contains_key(node)).map(NodeId::to_string).collect(),
            workers: said.values().map(|said| said.stats.workers).sum(),
            under_replicated: said.values().map(|said| said.stats.under_replicated).sum(),
            stats: self.node.stats(),
            ..Status::default()
        })
    }

    pub(crate) async fn nodes(&self) -> Result<Nodes, Refusal> {
        let view = self.view();
        let said = self.ask(view.keys().copied().collect(), Inquiry::Node).await?;
        let owned = self.owned();
        Ok(Nodes { nodes: view.keys().map(|node| self.row(*node, &view, &owned, said.get(node))).collect() })
    }

    pub(crate) async fn drain(&self, node: &str, drained: bool) -> Result<NodeRow, Refusal> {
        let (view, node) = (self.view(), self.find(node)?);
        let takes = |(id, member): (&NodeId, &swarm_net::member::Member)| {
            *id != node && !member.profile.leaving && member.profile.weight > 0
        };
        if drained && !view.iter().any(takes) {
            let text = format!(
                "{node} is the only node that takes workers, so there is nowhere for them to go: start another first, or undrain one"
            );
            return Err(refusal(Code::Refused, text));
        }
        if drained && view.get(&node).is_some_and(|member| member.profile.leaving) {
            let text = format!("{node} is leaving, which moves its workers away already");
            return Err(refusal(Code::Refused, text));
        }
        let said = self.ask(BTreeSet::from([node]), Inquiry::Drain(drained)).await?;
        match said.get(&node) {
            Some(facts) => Ok(self.row(node, &view, &self.owned(), Some(facts))),
            None => Err(self.silent(node)),
        }
    }

    pub(super) async fn ring(&self) -> Result<Ring, Refusal> {
        let view = self.view();
        let said = self.ask(view.keys().copied().collect(), Inquiry::Node).await?;
        let (node, replicas) = (self.node.clone(), usize::from(self.node.config().replicas));
        // It looks at every partition for every type, which may take some milliseconds.
        let counted = tokio::task::spawn_blocking(move || Count::new(&node, &view, replicas).ring(&said));
        counted.await.map_err(|_| refusal(Code::Stopping, "the node stops"))
    }

    /// The members, this node included.
    pub(crate) fn view(&self) -> Arc<View> {
        self.node.routing().view().clone()
    }

    /// The member that is meant by a text.
    pub(super) fn find(&self, text: &str) -> Result<NodeId, Refusal> {
        let view = self.view();
        let whole = |node: &&NodeId| node.to_string() == text || node.addr().to_string() == text;
        if let Some(node) = view.keys().find(whole) {
            return Ok(*node);
        }
        let begins = |node: &&NodeId| !text.is_empty() && node.to_string().starts_with(text);
        let found: Vec<_> = view.keys().filter(begins).collect();
        if let [node] = found[..] {
            return Ok(*node);
        }
        let known = view.keys().map(NodeId::to_string).collect::<Vec<_>>().join(", ");
        let problem = if found.is_empty() { "is no node of this cluster" } else { "may be any of several nodes" };
        Err(refusal(Code::NotFound, format!("`{text}` {problem}: write one of {known}")))
    }

    /// What these nodes say of themselves.
    pub(super) async fn ask(&self, nodes: BTreeSet<NodeId>, inquiry: Inquiry) -> Result<Said, Refusal> {
        let facts = self.inquire(nodes, inquiry).await?.into_iter();
        Ok(facts.filter_map(|(node, facts)| Some((node, facts.node()?))).collect())
    }

    pub(crate) async fn inquire(
        &self,
        nodes: BTreeSet<NodeId>,
        inquiry: Inquiry,
    ) -> Result<BTreeMap<NodeId, Facts>, Refusal> {
        let due = self.node.now() + self.limit.min(ANSWER_MAX);
        Ok(self.node.inquire(nodes, inquiry, due).await?)
    }

    /// The same for what is left of the time until then.
    pub(super) fn until(&self, end: Instant) -> Self {
        Self { limit: end.since(self.node.now()), ..self.clone() }
    }

    pub(super) fn silent(&self, node: NodeId) -> Refusal {
        let text = format!("{node} did not answer in time: look at its log, or whether it still is among the nodes");
        refusal(Code::Timeout, text)
    }

    /// How many partitions each node owns.
    fn owned(&self) -> BTreeMap<NodeId, u64> {
        let mut owned = BTreeMap::new();
        let routing = self.node.routing();
        for partition in partitions(self.node.config().partitions()) {
            if let Some(owner) = routing.owner(partition) {
                *owned.entry(owner).or_default() += 1;
            }
        }
        owned
    }

    fn row(&self, node: NodeId, view: &View, owned: &BTreeMap<NodeId, u64>, said: Option<&NodeFacts>) -> NodeRow {
        let profile = view.get(&node).map(|member| &member.profile);
        let row = NodeRow {
            node: node.to_string(),
            here: node == self.node.id(),
            leaving: profile.is_some_and(|profile| profile.leaving),
            weight: profile.map_or(0, |profile| profile.weight),
            owns: owned.get(&node).copied().unwrap_or_default(),
            ..NodeRow::default()
        };
        let Some(said) = said else { return row };
        let kind = |facts: &crate::runtime::inquiry::KindFacts| KindRow {
            kind: facts.name.clone(),
            version: version(facts.schema),
            workers: facts.workers,
        };
        NodeRow {
            answered: true,
            drained: said.drained,
            swarm: said.version.clone(),
            pid: said.pid,
            up_ms: said.up_ms,
            workers: said.stats.workers,
            bound: said.bound,
            kinds: said.kinds.iter().map(kind).collect(),
            stats: said.stats,
            memory_bytes: said.vitals.memory_bytes,
            cpu_ms: said.vitals.cpu_ms,
            lately: said.vitals.lately.map(Times::from),
            ..row
        }
    }

    pub(super) async fn busiest(&self, count: usize) -> Result<Busiest, Refusal> {
        let all: BTreeSet<NodeId> = self.view().keys().copied().collect();
        let inquiry = Inquiry::Busiest(u16::try_from(count).unwrap_or(u16::MAX));
        let told = self.inquire(all.clone(), inquiry).await?;
        let silent = all.iter().filter(|node| !told.contains_key(node)).map(NodeId::to_string).collect();
        let rows = |(node, facts): (NodeId, Facts)| {
            facts.busiest().into_iter().flatten().map(move |busy| busy_row(node, busy))
        };
        let mut workers: Vec<BusyRow> = told.into_iter().flat_map(rows).collect();
        workers.sort_by(|a, b| {
            let rank = |row: &BusyRow| (row.queue, row.busy, row.panics);
            rank(b).cmp(&rank(a)).then_with(|| a.name.cmp(&b.name))
        });
        workers.truncate(count);
        Ok(Busiest { workers, silent })
    }
}

fn busy_row(node: NodeId, busy: Busy) -> BusyRow {
    BusyRow {
        name: busy.name.to_string(),
        kind: busy.worker,
        node: node.to_string(),
        queue: busy.queue,
        mailbox: busy.mailbox,
        busy: busy.busy,
        panics: busy.panics,
    }
}

fn partitions(count: u32) -> impl Iterator<Item = PartitionId> {
    (0..count).map_while(|p| u16::try_from(p).ok().map(PartitionId))
}

/// A version of init arguments, as errors and logs write it.
fn version(schema: u32) -> String {
    format!("{schema:08x}")
}

/// The partitions of each node.
struct Count<'a> {
    view: &'a View,
    ring: Arc<swarm_net::ring::Ring>,
    replicas: usize,
}

impl<'a> Count<'a> {
    fn new(node: &Node, view: &'a View, replicas: usize) -> Self {
        Self { view, ring: node.routing().ring().clone(), replicas }
    }

    fn ring(&self, said: &Said) -> Ring {
        let kinds: BTreeMap<&str, KindId> =
            said.values().flat_map(|said| &said.kinds).map(|facts| (facts.name.as_str(), facts.kind)).collect();
        let workers = |node: &NodeId| said.get(node).map_or(0, |said| said.stats.workers);
        let all: BTreeSet<NodeId> = self.view.keys().copied().collect();
        let (owned, copies) = self.counts(&all, true);
        Ring {
            partitions: u64::from(self.ring.partitions()),
            replicas: self.replicas as u64,
            owners: all.iter().map(|node| self.share(node, &owned, &copies, workers(node))).collect(),
            kinds: kinds.into_iter().map(|(name, kind)| self.kind(name, kind, said, &owned)).collect(),
        }
    }

    fn kind(&self, name: &str, kind: KindId, said: &Said, owned: &BTreeMap<NodeId, u64>) -> KindRing {
        let mut versions = BTreeSet::new();
        let mut able = BTreeSet::new();
        for member in self.view.values() {
            let known: Vec<u32> =
                member.profile.abilities.iter().filter_map(|ability| Ability(*ability).version(kind)).collect();
            if !known.is_empty() {
                able.insert(member.id);
            }
            versions.extend(known.into_iter().map(version));
        }
        // Where all know the type its workers are where the owners are.
        let counts = (able.len() < self.view.len()).then(|| self.counts(&able, false).0);
        let hosted = counts.as_ref().unwrap_or(owned);
        let workers = |node: &NodeId| {
            let of_kind =
                |said: &NodeFacts| said.kinds.iter().find(|facts| facts.kind == kind).map(|facts| facts.workers);
            said.get(node).and_then(of_kind).unwrap_or_default()
        };
        KindRing {
            kind: name.to_owned(),
            versions: versions.into_iter().collect(),
            nodes: able.iter().map(|node| self.share(node, hosted, &BTreeMap::new(), workers(node))).collect(),
        }
    }

    /// How many partitions each of these is the first for, and of how many it holds copies, if that is wanted.
    fn counts(&self, able: &BTreeSet<NodeId>, copies: bool) -> (BTreeMap<NodeId, u64>, BTreeMap<NodeId, u64>) {
        let (mut first, mut held) = (BTreeMap::new(), BTreeMap::new());
        for partition in partitions(self.ring.partitions()) {
            if let Some(node) = self.ring.preference(partition).find(|node| able.contains(node)) {
                *first.entry(node).or_default() += 1;
            }
            if copies {
                for node in self.ring.preference(partition).take(self.replicas).skip(1) {
                    *held.entry(node).or_default() += 1;
                }
            }
        }
        (first, held)
    }

    fn share(
        &self,
        node: &NodeId,
        owned: &BTreeMap<NodeId, u64>,
        copies: &BTreeMap<NodeId, u64>,
        workers: u64,
    ) -> Share {
        let partitions = owned.get(node).copied().unwrap_or_default();
        Share {
            node: node.to_string(),
            partitions,
            share: partitions as f64 / f64::from(self.ring.partitions()),
            replicas: copies.get(node).copied().unwrap_or_default(),
            workers,
        }
    }
}
