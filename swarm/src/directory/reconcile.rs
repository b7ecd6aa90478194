//! Owns the decision about one name: from what is registered and what is running, the one next thing to do
//! (protocol.md §6). A pure function: it never sends, writes or remembers anything.

use swarm_net::node::NodeId;

use crate::directory::copy::Copy;
use crate::directory::message::{CellReport, Farewell, Phase};
use crate::directory::office::Plan;
use crate::directory::record::Record;
use crate::directory::stamp::{Ids, Rid};
use crate::directory::world::World;
use crate::epoch::Epoch;
use crate::rules::Rule;

/// All that a decision depends on. Every host has been heard, and no directive is out for the name.
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    pub(super) copy: &'a Copy,
    pub(super) record: Option<&'a Record>,
    pub(super) cells: &'a [(NodeId, CellReport)],
    pub(super) plan: Option<&'a Plan>,
    /// Where the ring wants it.
    pub(super) desired: Option<NodeId>,
    /// The last change, and the last one that all replicas have.
    pub(super) seq: u64,
    pub(super) stable: u64,
    pub(super) trial: Trial,
    /// The cell that was told to seal for a move.
    pub(super) sealing: Option<Epoch>,
}

/// How the last attempt went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trial {
    /// A start failed since the name last ran.
    pub(super) failed: bool,
    /// It is too early to try again.
    pub(super) resting: bool,
    /// The register that waits is the first to try, so its failure is the end.
    pub(super) first: bool,
}

/// What to do next about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All is well, or a host will report.
    Rest,
    /// Nothing until this change is stable.
    AwaitStable(u64),
    /// Register anew what runs there: the copies of its record were lost.
    Adopt(NodeId),
    /// These registrations are siblings of the record's.
    Unite(Ids),
    /// The plan's grounds are gone.
    Void,
    /// Order what is planned.
    Carry,
    /// Write an activation into the record: at `to`, continuing `from`.
    Plan {
        to: NodeId,
        from: Option<(NodeId, Epoch)>,
        unseal: bool,
    },
    /// The record is to say what runs.
    Amend {
        host: NodeId,
        epoch: Epoch,
    },
    /// End the registration: its worker has ended, or it was local to a node that is gone.
    Unregister,
    /// The register that waits has failed, and leaves no trace.
    GiveUp,
    /// `begin_handoff` timed out: try the move later.
    Postpone,
    Drop {
        at: NodeId,
        epoch: Epoch,
        why: Farewell,
        successor: Option<NodeId>,
    },
    Seal {
        at: NodeId,
        epoch: Epoch,
        forced: bool,
        moving: bool,
    },
    Absorb {
        at: NodeId,
        epoch: Epoch,
        loser: NodeId,
    },
    Groups {
        at: NodeId,
        epoch: Epoch,
    },
    /// What was halted goes on as it was.
    Resume {
        at: NodeId,
        epoch: Epoch,
    },
}

impl Verdict {
    /// An activation that continues where it is, under a new epoch.
    fn renewal(at: NodeId, epoch: Epoch) -> Self {
        Self::Plan { to: at, from: Some((at, epoch)), unseal: true }
    }
}

impl Case<'_> {
    /// The one next thing to do.
    pub(super) fn decide(&self) -> Verdict {
        match self.record {
            None => self.decide_unregistered(),
            Some(record) => self.decide_registered(record),
        }
    }

    /// Cells without a record: those that were unregistered go, others are registrations whose copies were lost.
    fn decide_unregistered(&self) -> Verdict {
        let Some((at, cell)) = self.cells.first() else {
            return Verdict::Rest;
        };
        if !cell.ids.iter().all(|rid| self.copy.covers(*rid)) {
            return Verdict::Adopt(*at);
        }
        self.cells.iter().find(|(_, cell)| cell.phase != Phase::Dropping).map_or(Verdict::Rest, |(at, cell)| {
            if cell.ids.iter().all(|rid| self.copy.covers(*rid)) {
                Verdict::Drop { at: *at, epoch: cell.epoch, why: Farewell::Unregistered, successor: None }
            } else {
                Verdict::Adopt(*at)
            }
        })
    }

    fn decide_registered(&self, record: &Record) -> Verdict {
        if let Some(verdict) = self.decide_strangers(record) {
            return verdict;
        }
        if let Some(plan) = self.plan {
            return self.decide_plan(record, plan);
        }
        if let Some(verdict) = self.decide_groups(record) {
            return verdict;
        }
        if !Rule::DropAfterRun.holds()
            && let Some(verdict) = self.drop_early()
        {
            return verdict;
        }
        let transient = |phase| matches!(phase, Phase::Starting | Phase::Sealing | Phase::Absorbing | Phase::Dropping);
        if self.cells.iter().any(|(_, cell)| transient(cell.phase)) {
            return Verdict::Rest;
        }
        match self.winner() {
            None => self.decide_start(record),
            Some((at, cell)) => match cell.phase {
                Phase::Running => self.decide_running(record, at, cell),
                Phase::Halted => self.decide_halted(record, at, cell),
                Phase::Sealed => self.decide_sealed(at, cell),
                Phase::Ended => self.decide_ended(at, cell),
                Phase::Starting | Phase::Sealing | Phase::Absorbing | Phase::Dropping => Verdict::Rest,
            },
        }
    }

    /// What would be done if a source were not kept until its successor runs.
    fn drop_early(&self) -> Option<Verdict> {
        let (to, heir) = self.cells.iter().find(|(_, cell)| cell.phase == Phase::Starting)?;
        let (at, source) = self.cells.iter().find(|(_, cell)| heir.absorbed.contains(&cell.epoch))?;
        let drop = Verdict::Drop { at: *at, epoch: source.epoch, why: Farewell::Moved, successor: Some(*to) };
        (source.phase == Phase::Sealed).then_some(drop)
    }

    /// Cells of other registrations than the record's: unregistered ones go, unknown ones are siblings.
    fn decide_strangers(&self, record: &Record) -> Option<Verdict> {
        let fresh = |cell: &CellReport| -> Ids {
            let unknown = |rid: &&Rid| !record.has(**rid) && !self.copy.covers(**rid);
            cell.ids.iter().filter(unknown).copied().collect()
        };
        for (at, cell) in self.cells {
            let fresh = fresh(cell);
            if !fresh.is_empty() {
                return Some(Verdict::Unite(fresh));
            }
            if !cell.ids.iter().any(|rid| record.has(*rid)) {
                let why = Farewell::Unregistered;
                let drop = Verdict::Drop { at: *at, epoch: cell.epoch, why, successor: None };
                return Some(if cell.phase == Phase::Dropping { Verdict::Rest } else { drop });
            }
        }
        None
    }

    /// A cell is told its groups also while it does not run: what is published to them waits in its queue.
    fn decide_groups(&self, record: &Record) -> Option<Verdict> {
        let (at, epoch) = (record.head().host(), record.head().epoch());
        let (_, cell) = self.cells.iter().find(|(node, cell)| (*node, cell.epoch) == (at, epoch))?;
        let told = match cell.phase {
            Phase::Starting | Phase::Halted | Phase::Sealing | Phase::Sealed | Phase::Absorbing => {
                cell.groups_mark == record.groups_mark()
            }
            // A running one hears when nothing more important is to be decided.
            Phase::Running | Phase::Dropping | Phase::Ended => true,
        };
        (!told).then_some(Verdict::Groups { at, epoch })
    }

    fn decide_plan(&self, record: &Record, plan: &Plan) -> Verdict {
        let grounds = match plan.from.as_deref() {
            None => self.cells.is_empty(),
            Some((node, epoch)) => {
                let source = self.cells.iter().find(|(at, cell)| at == node && cell.epoch == *epoch);
                source.is_some_and(|(_, cell)| match cell.phase {
                    Phase::Sealed => true,
                    Phase::Running | Phase::Halted => plan.unseal,
                    Phase::Starting | Phase::Sealing | Phase::Absorbing | Phase::Dropping | Phase::Ended => false,
                })
            }
        };
        let target = self.world.is_member(&plan.to) && (plan.unseal || self.desired == Some(plan.to));
        let sent = !Rule::StartOnce.holds() && self.cells.iter().any(|(_, cell)| cell.epoch == plan.epoch);
        if !grounds || !target || sent || record.head().epoch() != plan.epoch {
            return Verdict::Void;
        }
        if self.trial.resting && !Rule::StartOnce.holds() {
            return Verdict::Rest;
        }
        if plan.seq > self.stable && Rule::Intent.holds() { Verdict::AwaitStable(plan.seq) } else { Verdict::Carry }
    }

    /// The instance that goes on: not contained in another, best where it should be, else the latest.
    fn winner(&self) -> Option<(NodeId, &CellReport)> {
        let contained = |epoch: Epoch| self.cells.iter().any(|(_, cell)| cell.absorbed.contains(&epoch));
        let free = self.cells.iter().filter(|(_, cell)| !contained(cell.epoch));
        free.max_by_key(|(at, cell)| (Some(*at) == self.desired, cell.epoch)).map(|(at, cell)| (*at, cell))
    }

    fn decide_start(&self, record: &Record) -> Verdict {
        let head = record.head();
        if self.trial.failed && self.trial.first {
            return Verdict::GiveUp;
        }
        // A local one has one start. Whether an owner before this one has ordered it is known to its registrar's node alone, which
        // refuses a second.
        if head.class().local && (self.trial.failed || self.desired.is_none()) {
            return Verdict::Unregister;
        }
        match self.desired {
            Some(to) if !self.trial.resting => Verdict::Plan { to, from: None, unseal: false },
            Some(_) | None => Verdict::Rest,
        }
    }

    /// Whether there is, or was, a later activation than this one. Who has heard of that must not be answered by this one.
    fn is_overtaken(&self, record: &Record, at: NodeId, cell: &CellReport) -> bool {
        let others = self.cells.iter().filter(|(node, _)| *node != at).map(|(_, other)| other.epoch);
        Rule::Renewal.holds() && others.chain([record.head().epoch()]).any(|epoch| epoch > cell.epoch)
    }

    fn decide_halted(&self, record: &Record, at: NodeId, cell: &CellReport) -> Verdict {
        if self.is_overtaken(record, at, cell) {
            return Verdict::renewal(at, cell.epoch);
        }
        Verdict::Resume { at, epoch: cell.epoch }
    }

    fn decide_running(&self, record: &Record, at: NodeId, cell: &CellReport) -> Verdict {
        if self.is_overtaken(record, at, cell) {
            return Verdict::renewal(at, cell.epoch);
        }
        let head = record.head();
        if (head.host(), head.epoch()) != (at, cell.epoch) {
            return Verdict::Amend { host: at, epoch: cell.epoch };
        }
        if let Some(verdict) = self.decide_others(at, cell) {
            return verdict;
        }
        let epoch = cell.epoch;
        if cell.groups_mark != record.groups_mark() {
            return Verdict::Groups { at, epoch };
        }
        let leaving = self.world.is_leaving(&at);
        if head.class().local {
            return if leaving { Verdict::Unregister } else { Verdict::Rest };
        }
        let elsewhere = self.desired.is_some_and(|desired| desired != at);
        if !elsewhere || (cell.pinned && !leaving) {
            return Verdict::Rest;
        }
        if self.sealing == Some(epoch) {
            return Verdict::Postpone;
        }
        if self.trial.resting {
            return Verdict::Rest;
        }
        Verdict::Seal { at, epoch, forced: leaving, moving: true }
    }

    /// What becomes of the other cells beside a running winner.
    fn decide_others(&self, at: NodeId, winner: &CellReport) -> Option<Verdict> {
        let inside_another = |other: &CellReport| {
            let of_third = |(node, third): &&(NodeId, CellReport)| {
                *node != at && third.epoch != other.epoch && third.absorbed.contains(&other.epoch)
            };
            self.cells.iter().any(|cell| of_third(&cell))
        };
        let (node, other) = self.cells.iter().find(|(node, other)| *node != at && !inside_another(other))?;
        let drop = |why| Verdict::Drop { at: *node, epoch: other.epoch, why, successor: Some(at) };
        Some(if winner.absorbed.contains(&other.epoch) {
            if self.stable < self.seq { Verdict::AwaitStable(self.seq) } else { drop(Farewell::Moved) }
        } else if other.kind != winner.kind || other.phase == Phase::Ended {
            drop(Farewell::Conflict)
        } else if matches!(other.phase, Phase::Running | Phase::Halted) {
            Verdict::Seal { at: *node, epoch: other.epoch, forced: true, moving: false }
        } else if self.trial.resting {
            Verdict::Rest
        } else {
            Verdict::Absorb { at, epoch: winner.epoch, loser: *node }
        })
    }

    fn decide_sealed(&self, at: NodeId, cell: &CellReport) -> Verdict {
        let here = |to| Verdict::Plan { to, from: Some((at, cell.epoch)), unseal: to == at };
        match self.desired {
            Some(to) if self.cells.len() == 1 && !self.trial.failed => here(to),
            Some(_) | None => here(at),
        }
    }

    /// A worker that ended by itself ends its name, unless another instance lives that does not know it.
    fn decide_ended(&self, at: NodeId, ended: &CellReport) -> Verdict {
        let alive = |(node, cell): &&(NodeId, CellReport)| {
            *node != at && cell.phase != Phase::Ended && !ended.absorbed.contains(&cell.epoch)
        };
        if self.cells.iter().any(|cell| alive(&cell)) {
            return Verdict::Drop { at, epoch: ended.epoch, why: Farewell::Conflict, successor: None };
        }
        Verdict::Unregister
    }
}
