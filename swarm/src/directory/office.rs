//! Owns what a candidate or owner keeps about a partition while its term lasts: who hosts what, what was ordered,
//! what the replicas have. Never decides; `reconcile` does.

use std::collections::{BTreeMap, BTreeSet};

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::directory::ability::Ability;
use crate::directory::claim::Claim;
use crate::directory::copy::Op;
use crate::directory::few::Few;
use crate::directory::message::{CellReport, DirectiveId};
use crate::directory::record::Registration;
use crate::directory::request::{Ask, RequestId};
use crate::directory::ship::Ships;
use crate::directory::stamp::{Ids, Stamp};
use crate::epoch::{Epoch, Term};
use crate::name::Name;
use crate::rules::Rule;

/// The office of a candidate or owner. It ends with its term, and everything in it is volatile.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) term: Term,
    pub(super) claim: Claim,
    /// The claim was complete once: it decides.
    pub(super) owner: bool,
    /// Everybody was heard: unknown names do not exist.
    pub(super) complete: bool,
    /// Somebody's cells are not known: no decision about any name.
    pub(super) blocked: bool,
    /// Counts the changes of this term.
    pub(super) seq: u64,
    epochs: u32,
    directives: u32,
    /// How many directives there were at the last sweep.
    swept: u32,
    /// Whose cells are not known, as of the last look at everybody, less those that have promised since.
    pub(super) unseen: BTreeSet<NodeId>,
    /// Whose cells are known.
    pub(super) hosts: BTreeMap<NodeId, Told>,
    /// The names that something is to be kept of beside their records; see `rest`.
    pub(super) names: Few<Name, Box<Work>>,
    /// Names to be reconciled.
    pub(super) dirty: Few<Name, ()>,
    /// Names that wait until a change is stable.
    pub(super) waiting: Few<(u64, Name), ()>,
    /// Where each kind should live, as of the last look at the ring.
    pub(super) desired: Few<Ability, Option<NodeId>>,
    /// Where an operator wants names to live that the ring wants elsewhere.
    pub(super) posts: Few<Name, NodeId>,
    /// The changes since `log_base`, to be shipped at the end of the turn.
    pub(super) log: Vec<Op>,
    pub(super) log_base: u64,
    pub(super) replicas: Vec<NodeId>,
    pub(super) ships: Ships,
    /// Covered nodes that hold no copy.
    pub(super) retired: BTreeSet<NodeId>,
    /// Covered nodes whose copies are to be retired.
    pub(super) retiring: BTreeSet<NodeId>,
    /// The number of copies last complained about.
    pub(super) copies_told: usize,
}

/// Whether a host has told its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It has, and reports each change.
    Known,
    /// The connection was lost since.
    Unknown,
    /// It is asked.
    Asked(DirectiveId),
}

/// What an owner is doing about one name.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Its cells, wherever they are.
    pub(super) seen: Vec<(NodeId, CellReport)>,
    /// The one directive that is not yet reported.
    pub(super) out: Option<(NodeId, DirectiveId)>,
    /// That one is a start.
    pub(super) starting: bool,
    pub(super) plan: Option<Box<Plan>>,
    pub(super) waits: Waits,
    pub(super) trouble: Option<Box<Trouble>>,
    /// The cell that was told to seal for a move.
    pub(super) sealing: Option<Box<Epoch>>,
}

/// An activation that is written in the record and not yet ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) epoch: Epoch,
    pub(super) to: NodeId,
    /// The sealed cell that it continues. Boxed, since most activations are the first.
    pub(super) from: Option<Box<(NodeId, Epoch)>>,
    /// It continues where it is.
    pub(super) unseal: bool,
    /// To be stable before it is ordered.
    pub(super) seq: u64,
}

/// Who waits for what about a name. Nobody waits for nearly all names at nearly all times.
#[derive(Debug, Default)]
pub(super) struct Waits(Option<Box<Lists>>);

#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Registers that wait until the worker runs, and the change that must be stable.
    pub(super) starts: Vec<(RequestId, u64)>,
    /// Registers of others that came meanwhile: whether the name is taken shows when the first start has ended.
    pub(super) rivals: Vec<(RequestId, Ask)>,
    /// Unregisters that wait until nothing of these registrations is left.
    pub(super) ends: Vec<(RequestId, u64, Ids)>,
    /// Joins and leaves.
    pub(super) groups: Vec<(RequestId, u64)>,
}

/// What went wrong with a name, and when to try again.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) failures: u32,
    pub(super) not_before: Instant,
    /// The last start failed: what is sealed has to run on where it is.
    pub(super) failed: bool,
    /// The node that tried last, and what it said, if it was a start that failed there.
    pub(super) said: Option<(NodeId, String)>,
    /// It was told that no node can start it.
    pub(super) stranded: bool,
}

impl Waits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Those who wait, to add one.
    pub(super) fn lists(&mut self) -> &mut Lists {
        self.0.get_or_insert_default()
    }

    /// Those who wait for a start.
    pub(super) fn starts(&self) -> &[(RequestId, u64)] {
        self.0.as_ref().map_or(&[], |lists| &lists.starts)
    }

    /// Those who wait for an end.
    pub(super) fn ends(&self) -> &[(RequestId, u64, Ids)] {
        self.0.as_ref().map_or(&[], |lists| &lists.ends)
    }

    /// All who wait; nobody does afterwards.
    pub(super) fn take(&mut self) -> Lists {
        self.0.take().map_or_else(Lists::default, |lists| *lists)
    }

    /// Those who wait for how another's start ends; they do not afterwards.
    pub(super) fn take_rivals(&mut self) -> Vec<(RequestId, Ask)> {
        self.change(|lists| std::mem::take(&mut lists.rivals))
    }

    /// Changes who waits, if anybody does.
    pub(super) fn change<R: Default>(&mut self, change: impl FnOnce(&mut Lists) -> R) -> R {
        let Some(lists) = &mut self.0 else {
            return R::default();
        };
        let result = change(lists);
        let Lists { starts, rivals, ends, groups } = &**lists;
        if starts.is_empty() && rivals.is_empty() && ends.is_empty() && groups.is_empty() {
            self.0 = None;
        }
        result
    }
}

impl Lists {
    /// Every request in them.
    pub(super) fn requests(self) -> impl Iterator<Item = RequestId> {
        let starts = self.starts.into_iter().map(|(to, _)| to).chain(self.rivals.into_iter().map(|(to, _)| to));
        let ends = self.ends.into_iter().map(|(to, ..)| to);
        starts.chain(ends).chain(self.groups.into_iter().map(|(to, _)| to))
    }
}

impl Work {
    /// One cell of the name is known.
    pub(super) fn of(host: NodeId, cell: CellReport) -> Box<Self> {
        Box::new(Self { seen: vec![(host, cell)], ..Self::default() })
    }

    /// Nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.out.is_none() && self.plan.is_none() && self.waits.is_empty() && self.trouble.is_none()
    }

    pub(super) fn cell(&self, host: NodeId) -> Option<&CellReport> {
        self.seen.iter().find(|(node, _)| *node == host).map(|(_, cell)| cell)
    }
}

impl Office {
    pub(super) fn new(term: Term) -> Self {
        Self {
            term,
            claim: Claim::default(),
            owner: false,
            complete: false,
            blocked: true,
            seq: 0,
            epochs: 0,
            directives: 0,
            swept: 0,
            unseen: BTreeSet::new(),
            hosts: BTreeMap::new(),
            names: Few::default(),
            dirty: Few::default(),
            waiting: Few::default(),
            desired: Few::default(),
            posts: Few::default(),
            log: Vec::new(),
            log_base: 0,
            replicas: Vec::new(),
            ships: Ships::default(),
            retired: BTreeSet::new(),
            retiring: BTreeSet::new(),
            copies_told: usize::MAX,
        }
    }

    /// Whether a node may have a copy and is not to keep it.
    pub(super) fn is_to_retire(&self, node: &NodeId) -> bool {
        !self.replicas.contains(node) && !self.retired.contains(node)
    }

    /// The cells of a node that has promised are known. Says whether they were all that kept the owner from deciding.
    pub(super) fn unblocks(&mut self, node: &NodeId) -> bool {
        self.unseen.remove(node) && self.unseen.is_empty()
    }

    /// A number for one activation, never used before or after; `last` is that of the activation before.
    pub(super) fn next_epoch(&mut self, last: Epoch) -> Epoch {
        if !Rule::TermEpochs.holds() {
            return Epoch::new(Term::default(), last.number() + 1);
        }
        self.epochs += 1;
        Epoch::new(self.term, self.epochs)
    }

    /// The activation with which a name is registered. None if anything is known about the name, or not known yet: then it
    /// is for `reconcile` to say what is next; else it could say nothing but this.
    pub(super) fn first_plan(&mut self, name: &Name, to: NodeId) -> Option<Box<Plan>> {
        if self.blocked || self.names.contains_key(name) {
            return None;
        }
        Some(Box::new(Plan {
            epoch: self.next_epoch(Epoch::default()),
            to,
            from: None,
            unseal: false,
            seq: self.seq + 1,
        }))
    }

    pub(super) fn next_directive(&mut self) -> DirectiveId {
        self.directives += 1;
        DirectiveId(self.directives)
    }

    /// Whoever was asked for its cells before the last sweep and has not told them will be asked again: it took this node for
    /// dead when the question came. Says whether there is one.
    pub(super) fn forget_unanswered(&mut self) -> bool {
        let swept = std::mem::replace(&mut self.swept, self.directives);
        let mut any = false;
        for told in self.hosts.values_mut() {
            if matches!(told, Told::Asked(id) if id.0 <= swept) {
                *told = Told::Unknown;
                any = true;
            }
        }
        any
    }

    /// The stamp of the change that is made next.
    pub(super) fn next_stamp(&self) -> Stamp {
        Stamp { term: self.term, seq: self.seq + 1 }
    }

    pub(super) fn work(&mut self, name: &Name) -> &mut Work {
        if !self.names.contains_key(name) {
            self.names.insert(name.clone(), Box::default());
        }
        self.names.get_mut(name).expect("the name's work was inserted above")
    }

    /// The first start of a registration has not ended, so that it may yet leave no trace.
    pub(super) fn unborn(&self, name: &Name, head: &Registration) -> bool {
        let waits = |work: &Work| work.waits.starts().iter().any(|(to, _)| *to == head.registrar());
        head.epoch() == Epoch::default() || self.names.get(name).is_some_and(|work| waits(work))
    }

    /// Notes what a host says about a name.
    pub(super) fn see(&mut self, host: NodeId, name: &Name, cell: Option<CellReport>) {
        if cell.is_none() && !self.names.contains_key(name) {
            return;
        }
        let work = self.work(name);
        let place = work.seen.iter().position(|(node, _)| *node == host);
        match (cell, place) {
            (Some(mut cell), Some(place)) => {
                let known = &mut work.seen[place].1;
                cell.origin = cell.origin.or_else(|| known.origin.take());
                *known = cell;
            }
            (Some(cell), None) => {
                // Nearly every name has one cell for nearly all of its life.
                work.seen.reserve_exact(1);
                work.seen.push((host, cell));
            }
            (None, Some(place)) => {
                work.seen.remove(place);
            }
            (None, None) => {}
        }
        self.dirty.insert(name.clone(), ());
    }

    /// The activation that a host is known to have of a name.
    pub(super) fn epoch_at(&self, host: NodeId, name: &Name) -> Option<Epoch> {
        Some(self.names.get(name)?.cell(host)?.epoch)
    }

    /// A host told all its cells. What a directive is out for is newer than that.
    pub(super) fn see_all(&mut self, host: NodeId, cells: Vec<(Name, CellReport)>) {
        self.hosts.insert(host, Told::Known);
        let told: BTreeMap<Name, CellReport> = cells.into_iter().collect();
        let gone: Vec<Name> = self.names_at(host).filter(|name| !told.contains_key(*name)).cloned().collect();
        let news = told.into_iter().map(|(name, cell)| (name, Some(cell)));
        for (name, cell) in news.chain(gone.into_iter().map(|name| (name, None))) {
            let busy = self.names.get(&name).is_some_and(|work| work.out.is_some_and(|(node, _)| node == host));
            if !(busy && Rule::Ids.holds()) {
                self.see(host, &name, cell);
            }
        }
    }

    /// The names that have a cell there; those at rest must be awake, or are not among them.
    pub(super) fn names_at(&self, host: NodeId) -> impl Iterator<Item = &Name> {
        self.names.iter().filter(move |(_, work)| work.cell(host).is_some()).map(|(name, _)| name)
    }

    /// The host is dead: so are its cells.
    pub(super) fn bury(&mut self, host: NodeId) {
        self.hosts.remove(&host);
        self.ships.remove(&host);
        self.retired.remove(&host);
        for (name, work) in self.names.iter_mut() {
            let before = work.seen.len();
            work.seen.retain(|(node, _)| *node != host);
            if work.seen.len() < before {
                self.dirty.insert(name.clone(), ());
            }
        }
        self.recall(host);
    }

    /// The connection was lost: what the host was told and has said since may never have arrived.
    pub(super) fn doubt(&mut self, host: NodeId) {
        self.claim.asked.remove(&host);
        self.claim.disagreed.remove(&host);
        self.retired.remove(&host);
        if let Some(ship) = self.ships.get_mut(&host) {
            ship.sent = None;
        }
        if let Some(told) = self.hosts.get_mut(&host) {
            *told = Told::Unknown;
        }
        self.recall(host);
    }

    fn recall(&mut self, host: NodeId) {
        for (name, work) in self.names.iter_mut() {
            if work.out.is_some_and(|(node, _)| node == host) {
                work.out = None;
                self.dirty.insert(name.clone(), ());
            }
        }
    }

    /// Every current replica has the changes up to this one. Those that are forced do not count.
    pub(super) fn stable(&self) -> u64 {
        let forced = &self.claim.forced;
        let counted = self.replicas.iter().filter(|node| forced.is_empty() || !forced.contains(node));
        counted.map(|node| self.ships.get(node).map_or(0, |ship| ship.acked)).min().unwrap_or(self.seq)
    }

    /// Wakes the names whose change is stable now.
    pub(super) fn wake_stable(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let stable = self.stable();
        while self.waiting.first().is_some_and(|((seq, _), ())| *seq <= stable) {
            if let Some(((_, name), ())) = self.waiting.pop_first() {
                self.dirty.insert(name, ());
            }
        }
    }
}
