//! Owns a cluster in memory: machines, ordered channels between them, simulated hosts, views set by the script.
//! Never checks anything itself; `ghost` does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use swarm_net::member::{Member, Profile, View};
use swarm_net::node::NodeId;
use swarm_net::ring::{PartitionId, Ring};
use swarm_net::time::{Instant, Now};

use crate::directory::Class;
use crate::directory::tests::ghost::Ghost;
use crate::directory::{
    Ability, Action, Answer, Ask, Directory, DirectoryConfig, Event, GroupKey, Happened, Message, Notice, Order,
    RequestId, Role, Route, Spec, Stats, Tenure,
};
use crate::epoch::Epoch;
use crate::name::Name;
use crate::placement::Placement;
use crate::worker::{Die, KindId};

pub(super) const KIND: KindId = KindId(7);
pub(super) const ABLE: Ability = Ability::new(KIND, 0);
/// Of a node with another version.
const OTHERWISE: Ability = Ability::new(KIND, 1);
/// The length of a lease.
pub(super) const LEASE: Duration = Duration::from_secs(2);
pub(super) type Check = Result<(), String>;

/// What the simulated host has to do next for a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Start { source: Option<(usize, Epoch)> },
    Seal { forced: bool },
    Absorb { from: usize, loser: Epoch },
    Drop,
}

#[derive(Clone, Debug, Default)]
pub(super) struct HostCell {
    pub(super) epoch: Epoch,
    pub(super) job: Option<Job>,
    pub(super) running: bool,
    /// It runs nothing until it is unsealed.
    pub(super) halted: bool,
    pub(super) sealed: bool,
    /// Its state: the calls that it has served.
    pub(super) ops: BTreeSet<u32>,
    /// The epochs whose state it contains.
    pub(super) lineage: BTreeSet<Epoch>,
    /// It answers Ignore.
    pub(super) pin: bool,
    pub(super) groups: Vec<GroupKey>,
    /// What it was told about groups, and has not yet said that it has taken effect.
    pub(super) indexing: VecDeque<(Epoch, u32, Vec<GroupKey>)>,
    /// By which groups it is found.
    pub(super) found: Vec<GroupKey>,
    /// The lease of its node under which it was started.
    pub(super) era: usize,
}

impl HostCell {
    /// Whether it runs what it is given.
    pub(super) fn serves(&self) -> bool {
        self.running && !self.halted
    }
}

pub(super) struct Node {
    pub(super) dir: Directory,
    pub(super) up: bool,
    pub(super) gone: bool,
    pub(super) leaving: bool,
    pub(super) joined: bool,
    pub(super) drained: bool,
    pub(super) view: BTreeSet<usize>,
    pub(super) down: BTreeSet<usize>,
    pub(super) leavers: BTreeSet<usize>,
    pub(super) cells: BTreeMap<Name, HostCell>,
    /// How fast its clock runs, in thousandths of the true rate.
    pub(super) rate: u64,
    /// Counts its leases, and until when the last one lasts on its clock.
    pub(super) era: usize,
    pub(super) leased_until: Instant,
    /// It stands still: time passes, and nothing is done.
    pub(super) frozen: bool,
    /// It has said goodbye.
    pub(super) left: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) nodes: usize,
    pub(super) formed: usize,
    pub(super) partitions: u32,
    pub(super) replicas: usize,
    pub(super) capable: u32,
    /// Who knows another version of the worker type.
    pub(super) otherwise: u32,
    pub(super) claim_wait: Duration,
    pub(super) wall: bool,
    /// The size of the quorum; 0 is none.
    pub(super) quorum: u32,
}

impl Setup {
    /// `formed` nodes of four, two copies, all capable.
    pub(super) fn of(formed: usize) -> Self {
        let claim_wait = Duration::from_secs(86_400);
        let (capable, otherwise) = (0xf, 0);
        Self { nodes: 4, formed, partitions: 1, replicas: 2, capable, otherwise, claim_wait, wall: true, quorum: 0 }
    }

    fn abilities(&self, i: usize) -> impl Iterator<Item = Ability> + use<> {
        let has = |mask: u32, ability| (mask & (1 << i) != 0).then_some(ability);
        has(self.capable, ABLE).into_iter().chain(has(self.otherwise, OTHERWISE))
    }
}

pub(super) struct Cluster {
    pub(super) setup: Setup,
    pub(super) ids: Vec<NodeId>,
    pub(super) nodes: Vec<Node>,
    pub(super) channels: BTreeMap<(usize, usize), VecDeque<(PartitionId, Message)>>,
    pub(super) now: Duration,
    pub(super) ghost: Ghost,
    pub(super) answers: BTreeMap<RequestId, Vec<Answer>>,
    /// What nodes were told about where calls go.
    pub(super) routes: Vec<(usize, Name, Route)>,
    pub(super) seq: u64,
    pub(super) trace: Option<Vec<String>>,
}

impl Cluster {
    pub(super) fn new(setup: Setup) -> Self {
        let mut ids: Vec<NodeId> = (0..setup.nodes)
            .map(|i| {
                let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000 + i as u16));
                NodeId::new(addr, 0x1234_5678 * (i as u64 + 1))
            })
            .collect();
        // The last node is the first that partition 0 prefers.
        let ring = Ring::new(setup.partitions, &ids.iter().map(|id| (*id, 100)).collect::<Vec<_>>());
        let order: Vec<NodeId> = ring.preference(PartitionId(0)).collect();
        ids.sort_by_key(|id| std::cmp::Reverse(order.iter().position(|other| other == id)));
        let config = DirectoryConfig {
            partitions: setup.partitions,
            replicas: setup.replicas,
            claim_wait: setup.claim_wait,
            placement: if setup.quorum > 0 { Placement::Quorum { size: setup.quorum } } else { Placement::Ring },
            lease: LEASE,
            ..DirectoryConfig::LAN
        };
        let nodes = (0..setup.nodes).map(|i| Node {
            dir: Directory::new(ids[i], setup.abilities(i).collect(), config.clone()),
            up: i < setup.formed,
            gone: false,
            leaving: false,
            joined: false,
            drained: false,
            view: if i < setup.formed { (0..setup.formed).collect() } else { BTreeSet::new() },
            down: BTreeSet::new(),
            leavers: BTreeSet::new(),
            cells: BTreeMap::new(),
            rate: if setup.quorum > 0 { 970 + 30 * (i as u64 % 3) } else { 1000 },
            era: 0,
            leased_until: Instant::START,
            frozen: false,
            left: false,
        });
        let nodes = nodes.collect();
        let mut cluster = Self {
            setup,
            ids,
            nodes,
            channels: BTreeMap::new(),
            now: Duration::from_secs(1),
            ghost: Ghost::default(),
            answers: BTreeMap::new(),
            routes: Vec::new(),
            seq: 0,
            trace: None,
        };
        for i in 0..cluster.setup.formed {
            cluster.show_view(i).expect("nothing runs yet");
            cluster.join_done(i).expect("nothing runs yet");
        }
        cluster.deliver_all().expect("a cluster forms");
        if cluster.setup.quorum > 0 {
            cluster.pass(LEASE + LEASE).expect("a quorum forms");
        }
        cluster
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(text());
        }
    }

    pub(super) fn index(&self, id: NodeId) -> usize {
        self.ids.iter().position(|other| *other == id).expect("all nodes are ours")
    }

    pub(super) fn alive(&self) -> BTreeSet<usize> {
        (0..self.nodes.len()).filter(|i| self.nodes[*i].up).collect()
    }

    /// Hands one event to a node and does what it wants done.
    pub(super) fn feed(&mut self, n: usize, event: Event) -> Check {
        if !self.nodes[n].up {
            return Ok(());
        }
        let unix_ms = if self.setup.wall { 1_700_000_000_000 + self.now.as_millis() as u64 } else { 0 };
        self.nodes[n].frozen = false;
        let now = Now { instant: self.clock(n), unix_ms };
        self.now += Duration::from_millis(1);
        let before = self.registered(n);
        let mut lapsed = false;
        let mut out = Vec::new();
        self.nodes[n].dir.handle(now, event, &mut out);
        self.watch_ends(n);
        for action in out {
            match action {
                Action::Send { to, partition, message } => {
                    let to = self.index(to);
                    self.note(|| format!("   n{n} -> n{to} {message:?}"));
                    assert_ne!(to, n, "a node sends nothing to itself");
                    if self.nodes[to].up {
                        self.channels.entry((n, to)).or_default().push_back((partition, message));
                    }
                }
                Action::Answer { to, answer } => {
                    self.note(|| format!("   ** n{n} answers {to:?}: {answer:?}"));
                    self.watch_answer(n, to, &answer, &before)?;
                    self.answers.entry(to).or_default().push(answer);
                }
                Action::Lease(change) => lapsed |= !self.tenure(n, change),
                Action::Order { name, order } => self.order(n, name, order)?,
                Action::Drained if self.nodes[n].dir.stats() == Stats::default() => self.nodes[n].drained = true,
                Action::Drained => {
                    // It knew nobody who could take over: all that it had ends with it.
                    self.ghost.crashes += self.setup.replicas;
                    self.crash(n);
                }
                Action::Notice(notice) => {
                    self.note(|| format!("   n{n}: {notice:?}"));
                    if let Notice::Forced { .. } = notice {
                        self.ghost.imperfect = true;
                    }
                }
                Action::Route { name, to } => self.routes.push((n, name, to)),
                Action::Role { .. } => {}
            }
        }
        self.check_now()?;
        if lapsed { self.feed(n, Event::Lapsed) } else { Ok(()) }
    }

    fn order(&mut self, n: usize, name: Name, order: Order) -> Check {
        self.note(|| format!("   n{n} host: {name} {order:?}"));
        match order {
            Order::Start { epoch, groups, source, .. } => {
                if self.nodes[n].cells.contains_key(&name) {
                    return Err(format!("{name} is started at n{n} beside its cell"));
                }
                self.watch_activation(n, &name, epoch)?;
                let source = source.map(|(node, epoch)| (self.index(node), epoch));
                let job = Some(Job::Start { source });
                let (era, found) = (self.nodes[n].era, groups.clone());
                self.nodes[n].cells.insert(name, HostCell { epoch, job, groups, found, era, ..HostCell::default() });
            }
            Order::Seal { epoch, forced } => self.with_cell(n, &name, epoch, |cell| {
                cell.job = Some(Job::Seal { forced });
            })?,
            Order::Halt { epoch } => self.with_cell(n, &name, epoch, |cell| cell.halted = true)?,
            Order::Unseal { epoch, new } => {
                if new != epoch {
                    self.watch_activation(n, &name, new)?;
                }
                self.with_cell(n, &name, epoch, |cell| {
                    if new != epoch {
                        cell.lineage.insert(epoch);
                    }
                    cell.epoch = new;
                    cell.running = true;
                    cell.halted = false;
                    cell.sealed = false;
                })?;
                self.watch_running(n, &name)?;
            }
            Order::Absorb { epoch, from, loser } => {
                let from = self.index(from);
                self.with_cell(n, &name, epoch, |cell| cell.job = Some(Job::Absorb { from, loser }))?;
            }
            // It has ended by itself a moment ago, and the directory is being told.
            Order::Drop { why: Die::NoQuorum, .. } if !self.nodes[n].cells.contains_key(&name) => {}
            Order::Drop { epoch, why, .. } => {
                self.watch_drop(n, &name, why);
                self.with_cell(n, &name, epoch, |cell| {
                    cell.job = Some(Job::Drop);
                    cell.running = false;
                })?;
            }
            Order::Groups { epoch, groups, turn } => {
                self.with_cell(n, &name, epoch, |cell| {
                    cell.indexing.push_back((epoch, turn, groups.clone()));
                    cell.groups = groups;
                })?;
            }
        }
        Ok(())
    }

    fn with_cell(&mut self, n: usize, name: &Name, epoch: Epoch, change: impl FnOnce(&mut HostCell)) -> Check {
        match self.nodes[n].cells.get_mut(name) {
            Some(cell) if cell.epoch == epoch => {
                change(cell);
                Ok(())
            }
            Some(_) | None => Err(format!("n{n} is ordered about {name} at {epoch}, which it has not")),
        }
    }

    /// What is published from now on finds a cell by the groups that it was told.
    pub(super) fn indexed(&mut self, n: usize, name: &Name, epoch: Epoch, turn: u32) -> Check {
        self.note(|| format!("[n{n} has indexed {name}]"));
        if let Some(cell) = self.nodes[n].cells.get_mut(name)
            && let Some((.., groups)) = cell.indexing.pop_front()
        {
            cell.found = groups;
        }
        self.feed(n, Event::Cell { name: name.clone(), epoch, happened: Happened::Indexed { turn } })
    }

    /// Ends the job of a cell: as it should, or with the other outcome (`well` = false).
    pub(super) fn work(&mut self, n: usize, name: &Name, well: bool) -> Check {
        let Some(cell) = self.nodes[n].cells.get(name).cloned() else {
            return Ok(());
        };
        if let Some((epoch, turn, _)) =
            cell.indexing.front().filter(|(_, turn, _)| well && (cell.job.is_none() || turn % 2 == 0))
        {
            return self.indexed(n, name, *epoch, *turn);
        }
        let Some(job) = cell.job.clone() else {
            return Ok(());
        };
        self.note(|| format!("[n{n} ends {job:?} of {name} {}]", if well { "well" } else { "badly" }));
        let mut next = HostCell { job: None, ..cell.clone() };
        let sealed = |cluster: &Self, at: usize, epoch: Epoch| {
            let source = cluster.nodes[at].cells.get(name).filter(|_| cluster.nodes[at].up);
            source.filter(|source| source.sealed && source.epoch == epoch).cloned()
        };
        let mut keep = true;
        let happened = match job {
            Job::Start { source: None } if well => {
                next.running = true;
                Happened::Started
            }
            Job::Start { source: Some((at, epoch)) } if well => match sealed(self, at, epoch) {
                Some(source) => {
                    next.running = true;
                    next.ops = source.ops;
                    next.lineage = source.lineage;
                    next.lineage.insert(epoch);
                    Happened::Started
                }
                None => {
                    keep = false;
                    Happened::StartFailed("the source is lost".into())
                }
            },
            Job::Start { .. } => {
                keep = false;
                Happened::StartFailed("init failed".into())
            }
            Job::Seal { forced: false } if cell.pin => Happened::Ignored,
            Job::Seal { forced } if well => {
                if forced && cell.pin {
                    self.ghost.excused.extend(cell.ops.iter().map(|op| (name.clone(), *op)));
                    next.ops.clear();
                }
                next.running = false;
                next.sealed = true;
                Happened::Sealed
            }
            Job::Seal { .. } => Happened::SealTimedOut,
            Job::Absorb { from, loser } => match sealed(self, from, loser).filter(|_| well) {
                Some(other) => {
                    if next.lineage.contains(&loser) || other.lineage.contains(&next.epoch) {
                        return Err(format!("resolve_conflict of {name} with a state that it contains"));
                    }
                    next.ops.extend(other.ops);
                    next.lineage.extend(other.lineage);
                    next.lineage.insert(loser);
                    Happened::Absorbed { from: loser }
                }
                None => Happened::AbsorbFailed { from: loser },
            },
            Job::Drop => {
                keep = false;
                Happened::Dropped
            }
        };
        if keep {
            self.nodes[n].cells.insert(name.clone(), next);
        } else {
            self.nodes[n].cells.remove(name);
        }
        if happened == Happened::Started {
            self.watch_running(n, name)?;
        }
        self.feed(n, Event::Cell { name: name.clone(), epoch: cell.epoch, happened })
    }

    /// The worker ends by itself.
    pub(super) fn stop(&mut self, n: usize, name: &Name) -> Check {
        self.note(|| format!("[{name} at n{n} stops itself]"));
        self.watch_stop(n, name);
        let Some(cell) = self.nodes[n].cells.remove(name) else {
            return Ok(());
        };
        self.feed(
            n,
            Event::Cell { name: name.clone(), epoch: cell.epoch, happened: Happened::Stopped { why: "done".into() } },
        )
    }

    pub(super) fn call(&mut self, n: usize, name: &Name) {
        let op = self.ghost.next_op();
        self.note(|| format!("[call {op} to {name} at n{n}]"));
        self.ghost.ops.insert((name.clone(), op));
        self.nodes[n].cells.get_mut(name).expect("the script calls a running cell").ops.insert(op);
    }

    // ---------- asks ----------
    pub(super) fn ask(&mut self, n: usize, name: &str, ask: Ask) -> Result<RequestId, String> {
        self.seq += 1;
        let from = RequestId { node: self.ids[n], seq: self.seq };
        self.ask_as(from, n, name, ask)?;
        Ok(from)
    }

    pub(super) fn ask_as(&mut self, from: RequestId, n: usize, name: &str, ask: Ask) -> Check {
        self.note(|| format!("[ask n{n} about {name}: {ask:?} as {from:?}]"));
        self.ghost.asked.insert(from, Name::from(name));
        if let Ask::Join { group, .. } = &ask {
            self.ghost.joins.insert(from, group.clone());
        }
        self.feed(n, Event::Ask { from, name: Name::from(name), ask })
    }

    pub(super) fn register(&mut self, n: usize, name: &str) -> Result<RequestId, String> {
        self.ask(n, name, Ask::Register(spec(false)))
    }

    // ---------- channels ----------
    pub(super) fn deliver(&mut self, from: usize, to: usize) -> Check {
        let Some(message) = self.channels.get_mut(&(from, to)).and_then(VecDeque::pop_front) else {
            return Ok(());
        };
        self.note(|| format!("[n{to} <- n{from} {:?}]", message.1));
        let from = self.ids[from];
        self.feed(to, Event::Messages { from, batch: vec![message] })
    }

    pub(super) fn pending(&self) -> Vec<(usize, usize)> {
        let hears = |(_, to): &(usize, usize)| !self.nodes[*to].frozen;
        let waiting = self.channels.iter().filter(|(pair, queue)| !queue.is_empty() && hears(pair));
        waiting.map(|(pair, _)| *pair).collect()
    }

    /// Delivers everything and ends all jobs, in turn.
    pub(super) fn deliver_all(&mut self) -> Check {
        for _ in 0..5_000 {
            let pairs = self.pending();
            let jobs = self.jobs();
            if pairs.is_empty() && jobs.is_empty() {
                return Ok(());
            }
            for (from, to) in pairs {
                self.deliver(from, to)?;
            }
            for (n, name) in jobs {
                self.work(n, &name, true)?;
            }
        }
        Err("no rest after 5,000 rounds".into())
    }

    pub(super) fn jobs(&self) -> Vec<(usize, Name)> {
        let up = self.nodes.iter().enumerate().filter(|(_, node)| node.up && !node.frozen);
        let cells = up.flat_map(|(n, node)| node.cells.iter().map(move |(name, cell)| (n, name, cell)));
        cells
            .filter(|(.., cell)| cell.job.is_some() || !cell.indexing.is_empty())
            .map(|(n, name, _)| (n, name.clone()))
            .collect()
    }

    pub(super) fn tick(&mut self, span: Duration) -> Check {
        self.now += span;
        for n in self.alive() {
            let due = self.nodes[n].dir.next_timeout().is_some_and(|at| at <= self.clock(n));
            if due && !self.nodes[n].frozen {
                self.feed(n, Event::Timeout)?;
            }
        }
        Ok(())
    }

    /// Lets time pass, in steps in which everything is delivered and done.
    pub(super) fn pass(&mut self, span: Duration) -> Check {
        let end = self.now + span;
        while self.now < end {
            self.tick(LEASE / 64)?;
            self.deliver_all()?;
        }
        Ok(())
    }

    /// What a node's clock shows.
    pub(super) fn clock(&self, n: usize) -> Instant {
        Instant::from_nanos(self.now.as_nanos() as u64 / 1_000 * self.nodes[n].rate)
    }

    /// What a node may run has changed. Says whether that came in time.
    fn tenure(&mut self, n: usize, change: Tenure) -> bool {
        self.note(|| format!("   n{n} lease: {change:?}"));
        let clock = self.clock(n);
        let node = &mut self.nodes[n];
        match change {
            Tenure::Begun(until) => {
                node.era += 1;
                node.leased_until = until;
            }
            Tenure::Extended(_) if clock >= node.leased_until => return false,
            Tenure::Extended(until) => node.leased_until = until,
            Tenure::Ended => node.leased_until = Instant::START,
            Tenure::Settled | Tenure::Below | Tenure::Above => {}
        }
        true
    }

    /// Whether a worker of this node answers calls.
    pub(super) fn answers(&self, n: usize, name: &Name) -> bool {
        let node = &self.nodes[n];
        let leased =
            |cell: &HostCell| self.setup.quorum == 0 || (cell.era == node.era && self.clock(n) < node.leased_until);
        node.up && node.cells.get(name).is_some_and(|cell| cell.serves() && leased(cell))
    }

    fn clear(&mut self, a: usize, b: usize) {
        self.channels.remove(&(a, b));
        self.channels.remove(&(b, a));
    }

    // ---------- membership and faults ----------
    pub(super) fn show_view(&mut self, n: usize) -> Check {
        let node = &self.nodes[n];
        let member = |i: &usize| {
            let abilities = self.setup.abilities(*i).map(|ability| ability.0).collect();
            let leaving = node.leavers.contains(i);
            let profile = Profile { version: 1, weight: 100, leaving, abilities, extra: Vec::new() };
            (self.ids[*i], Member { id: self.ids[*i], profile: Arc::new(profile) })
        };
        let view: View = node.view.iter().map(member).collect();
        self.feed(n, Event::View(Arc::new(view)))
    }

    pub(super) fn join_done(&mut self, n: usize) -> Check {
        self.nodes[n].joined = true;
        self.feed(n, Event::Joined)
    }

    pub(super) fn learn(&mut self, n: usize, m: usize) -> Check {
        self.note(|| format!("[n{n} learns of n{m}]"));
        self.nodes[n].view.insert(m);
        self.show_view(n)
    }

    pub(super) fn notice_down(&mut self, n: usize, m: usize) -> Check {
        self.note(|| format!("[n{n} takes n{m} for dead]"));
        self.clear(n, m);
        let node = &mut self.nodes[n];
        node.view.remove(&m);
        node.leavers.remove(&m);
        node.down.insert(m);
        let gone = self.ids[m];
        self.feed(n, if self.nodes[m].left { Event::Left(gone) } else { Event::Down(gone) })?;
        self.show_view(n)?;
        let reset = Event::Reset(self.ids[n]);
        self.feed(m, reset)
    }

    pub(super) fn suspect(&mut self, n: usize, m: usize) -> Check {
        self.ghost.imperfect = true;
        self.notice_down(n, m)
    }

    /// Those who are `away` and all others lose sight of each other, on both sides or, if it is not noticed, on the others'.
    pub(super) fn split(&mut self, away: &BTreeSet<usize>, noticed: bool) -> Check {
        self.note(|| format!("[{away:?} are cut off, noticed: {noticed}]"));
        self.ghost.imperfect = true;
        let others: Vec<usize> = self.alive().difference(away).copied().collect();
        for (n, m) in others.iter().flat_map(|n| away.iter().map(move |m| (*n, *m))) {
            if self.nodes[n].view.contains(&m) {
                self.notice_down(n, m)?;
            }
            if noticed && self.nodes[m].view.contains(&n) {
                self.notice_down(m, n)?;
            }
        }
        Ok(())
    }

    pub(super) fn reset(&mut self, a: usize, b: usize) -> Check {
        self.note(|| format!("[reset n{a} n{b}]"));
        self.clear(a, b);
        let (ia, ib) = (self.ids[a], self.ids[b]);
        self.feed(a, Event::Reset(ib))?;
        self.feed(b, Event::Reset(ia))
    }

    pub(super) fn heal(&mut self, n: usize, m: usize) -> Check {
        self.reset(n, m)?;
        self.nodes[n].down.remove(&m);
        self.learn(n, m)
    }

    pub(super) fn crash(&mut self, n: usize) {
        self.note(|| format!("[n{n} crashes]"));
        self.ghost.crashes += 1;
        let node = &mut self.nodes[n];
        node.up = false;
        node.gone = true;
        for (name, cell) in std::mem::take(&mut node.cells) {
            self.ghost.excused.extend(cell.ops.into_iter().map(|op| (name.clone(), op)));
        }
        self.channels.retain(|(_, to), _| *to != n);
        self.forget_terms();
    }

    /// When nobody is left that could know a term, names begin anew; only the wall clock keeps epochs growing then.
    fn forget_terms(&mut self) {
        if self.alive().iter().all(|n| !self.nodes[*n].joined) {
            self.ghost.forget();
        }
    }

    pub(super) fn join(&mut self, n: usize, contact: usize) -> Check {
        self.note(|| format!("[n{n} joins by n{contact}]"));
        self.nodes[n].up = true;
        self.nodes[n].view = BTreeSet::from([n, contact]);
        self.show_view(n)
    }

    /// The full member list is exchanged with a joined member.
    pub(super) fn sync(&mut self, n: usize, contact: usize) -> Check {
        self.note(|| format!("[n{n} syncs with n{contact}]"));
        let theirs = self.nodes[contact].view.clone();
        let node = &mut self.nodes[n];
        node.view.extend(theirs.difference(&node.down).copied().collect::<Vec<_>>());
        self.nodes[contact].view.insert(n);
        self.join_done(n)?;
        self.show_view(n)?;
        self.show_view(contact)
    }

    pub(super) fn leave(&mut self, n: usize) -> Check {
        self.note(|| format!("[n{n} leaves]"));
        self.nodes[n].leaving = true;
        self.nodes[n].leavers.insert(n);
        let stay = self.alive().into_iter().filter(|m| !self.nodes[*m].leaving).count();
        self.ghost.thin |= stay < self.setup.replicas;
        self.feed(n, Event::Leave { within: Duration::from_secs(86_400) })
    }

    pub(super) fn learn_leave(&mut self, n: usize, m: usize) -> Check {
        self.nodes[n].leavers.insert(m);
        self.show_view(n)
    }

    pub(super) fn exit(&mut self, n: usize) -> Check {
        self.note(|| format!("[n{n} is gone]"));
        self.nodes[n].up = false;
        self.nodes[n].gone = true;
        self.nodes[n].left = true;
        self.forget_terms();
        self.channels.retain(|(_, to), _| *to != n);
        if self.nodes[n].cells.is_empty() { Ok(()) } else { Err("leave() with cells left".into()) }
    }

    /// The complete owner of a name's partition, if there is one.
    pub(super) fn owner(&self, name: &str) -> Option<usize> {
        let name = Name::from(name);
        self.alive().into_iter().find(|n| {
            let dir = &self.nodes[*n].dir;
            dir.role(dir.partition_of(&name)) == Role::Owner { complete: true }
        })
    }

    pub(super) fn hosts(&self, name: &str) -> Vec<usize> {
        let name = Name::from(name);
        self.alive().into_iter().filter(|n| self.nodes[*n].cells.contains_key(&name)).collect()
    }
}

pub(in crate::directory) fn spec(local: bool) -> Spec {
    let class = Class { kind: KIND, worker: "test".into(), schema: 0, local };
    Spec { class: Arc::new(class), args: [1, 2, 3][..].into() }
}
