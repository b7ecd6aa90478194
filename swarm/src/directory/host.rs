//! Owns the table of this node's cells and does what owners direct (protocol.md §6, host side).
//! Never acts by itself, and obeys nobody but the holder of the highest term that it knows.

use swarm_net::node::NodeId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::directory::Happened;
use crate::directory::action::{Action, Order};
use crate::directory::groups;
use crate::directory::message::{CellReport, Directive, DirectiveId, Farewell, Message, Origin, Phase, Start};
use crate::directory::partition::Partition;
use crate::directory::record::{self, Record, Registration};
use crate::directory::stamp::Rid;
use crate::directory::turn::Turn;
use crate::epoch::{Epoch, Term};
use crate::name::Name;
use crate::rules::Rule;
use crate::worker::Die;

/// One cell of this node.
#[derive(Debug)]
pub(super) struct Cell {
    ids: Vec<Rid>,
    origin: Origin,
    pub(super) epoch: Epoch,
    pub(super) phase: Phase,
    /// It runs nothing, since this node stood still.
    halted: bool,
    pinned: bool,
    /// The seal under way is forced.
    forced: bool,
    absorbed: Vec<Epoch>,
    /// When it was told its groups last, as the partition counts these.
    told: u32,
    /// That, or the start, has taken effect.
    indexed: bool,
    /// Whose state it is merging.
    merging: Option<Box<Merging>>,
    /// The last directive about it, and in whose term.
    last: (Term, DirectiveId),
}

#[derive(Debug)]
struct Merging {
    loser: Epoch,
    ids: Vec<Rid>,
    absorbed: Vec<Epoch>,
}

impl Cell {
    /// How many epochs a cell remembers to contain. Each move adds one; those of cells that still exist are recent.
    const ABSORBED_MAX: usize = 64;

    fn new(start: &Start, last: (Term, DirectiveId)) -> Self {
        let mut cell = Self {
            ids: start.ids.clone(),
            origin: Origin { spec: start.spec.clone(), registrar: start.registrar, groups: start.groups.clone() },
            epoch: start.epoch,
            phase: Phase::Starting,
            halted: false,
            pinned: false,
            forced: false,
            absorbed: Vec::new(),
            told: 0,
            indexed: true,
            merging: None,
            last,
        };
        if let Some((_, epoch)) = start.source {
            cell.contain(start.absorbed.iter().copied(), epoch);
        }
        cell
    }

    /// A cell that the record describes.
    pub(super) fn of(record: &Record, cell: CellReport) -> Self {
        let CellReport { ids, epoch, phase, pinned, absorbed, .. } = cell;
        Self {
            ids,
            origin: record::origin(record),
            epoch,
            phase,
            halted: false,
            pinned,
            forced: false,
            absorbed,
            told: 0,
            indexed: true,
            merging: None,
            // It was answered long ago.
            last: Default::default(),
        }
    }

    /// Whether it remembers the same registration. (Whether it knows the same groups its mark says.)
    pub(super) fn is_from(&self, head: &Registration) -> bool {
        head.is_of(&self.origin.spec, self.origin.registrar)
    }

    /// The epochs whose state it contains.
    pub(super) fn absorbed(&self) -> &[Epoch] {
        &self.absorbed
    }

    /// Its part of the fingerprint of all cells.
    pub(super) fn mark(&self, name: &Name) -> u64 {
        cell_mark(name, self.epoch, self.shown(), (groups::mark(&self.origin.groups), self.indexed))
    }

    /// What it does, as others see it.
    fn shown(&self) -> Phase {
        if self.halted && self.phase == Phase::Running { Phase::Halted } else { self.phase }
    }

    pub(super) fn report(&self, whole: bool) -> CellReport {
        CellReport {
            ids: self.ids.clone(),
            kind: self.origin.spec.class.kind,
            epoch: self.epoch,
            phase: self.shown(),
            pinned: self.pinned,
            absorbed: self.absorbed.clone(),
            groups_mark: groups::mark(&self.origin.groups),
            indexed: self.indexed,
            origin: whole.then(|| Box::new(self.origin.clone())),
        }
    }

    /// The order that tells it its groups, once more.
    fn tell_groups(&mut self, turns: &mut u32) -> Order {
        *turns = turns.wrapping_add(1);
        (self.told, self.indexed) = (*turns, false);
        Order::Groups { epoch: self.epoch, groups: self.origin.groups.clone(), turn: self.told }
    }

    /// From now on it contains these; `last`, whose cell is there still, is remembered in any case.
    fn contain(&mut self, epochs: impl IntoIterator<Item = Epoch>, last: Epoch) {
        if !Rule::Lineage.holds() {
            return;
        }
        self.absorbed.extend(epochs);
        self.absorbed.push(last);
        self.absorbed.sort_unstable();
        self.absorbed.dedup();
        let surplus = self.absorbed.len().saturating_sub(Self::ABSORBED_MAX);
        self.absorbed.drain(..surplus);
        if let Some(first) = self.absorbed.first_mut() {
            *first = last.min(*first);
        }
    }

    /// What the worker did. Says whether the cell is still there.
    fn advance(&mut self, happened: &Happened) -> bool {
        match (self.phase, happened) {
            (Phase::Starting, Happened::Started) => self.phase = Phase::Running,
            (Phase::Starting | Phase::Dropping, Happened::StartFailed(_)) => return false,
            (Phase::Sealing, Happened::Sealed) => self.phase = Phase::Sealed,
            (Phase::Sealing, Happened::Ignored) => {
                // A forced seal that is ignored leaves a sealed cell without state.
                self.pinned = !self.forced;
                self.phase = if self.forced { Phase::Sealed } else { Phase::Running };
            }
            (Phase::Sealing, Happened::SealTimedOut) => self.phase = Phase::Running,
            (Phase::Absorbing, Happened::Absorbed { from }) => {
                if let Some(merging) = self.merging.take().filter(|merging| merging.loser == *from) {
                    self.ids.extend(merging.ids);
                    self.ids.sort_unstable();
                    self.ids.dedup();
                    self.contain(merging.absorbed, merging.loser);
                }
                self.phase = Phase::Running;
            }
            (Phase::Absorbing, Happened::AbsorbFailed { .. }) => {
                self.merging = None;
                self.phase = Phase::Running;
            }
            (_, Happened::Indexed { turn }) => self.indexed |= *turn == self.told,
            (Phase::Dropping, Happened::Stopped { .. }) | (_, Happened::Dropped) => return false,
            (_, Happened::Stopped { .. }) => self.phase = Phase::Ended,
            // A report about an order that was overtaken, such as a start that ended while the cell was dropped.
            (_, Happened::Started | Happened::StartFailed(_) | Happened::Sealed | Happened::Ignored)
            | (_, Happened::SealTimedOut | Happened::Absorbed { .. } | Happened::AbsorbFailed { .. }) => {}
        }
        true
    }
}

impl From<Farewell> for Die {
    fn from(why: Farewell) -> Self {
        match why {
            Farewell::Unregistered => Self::Unregistered,
            Farewell::Moved => Self::Moved,
            Farewell::Conflict => Self::Conflict,
        }
    }
}

impl Partition {
    /// The runtime reports about a cell.
    pub(super) fn on_happened(&mut self, turn: &mut Turn<'_>, name: &Name, epoch: Epoch, happened: Happened) {
        self.wake_cell(name);
        let Some(cell) = self.cells.get_mut(name).filter(|cell| cell.epoch == epoch) else {
            return self.lay_cell_down(turn.world.me, name);
        };
        let before = cell.phase;
        let stays = cell.advance(&happened);
        let failure = match happened {
            Happened::StartFailed(text) => (before == Phase::Starting).then_some(text),
            Happened::Started | Happened::Sealed | Happened::Ignored | Happened::SealTimedOut => None,
            Happened::Absorbed { .. } | Happened::AbsorbFailed { .. } | Happened::Indexed { .. } => None,
            Happened::Stopped { .. } | Happened::Dropped => None,
        };
        let (cell, id) = (stays.then(|| cell.report(false)), self.last_directive(name));
        if stays {
            self.lay_cell_down(turn.world.me, name);
        } else {
            self.cells.remove(name);
        }
        if let Some(boss) = self.boss {
            let report = Message::Report { term: self.promised, id, name: name.clone(), cell, failure };
            turn.send(boss, self.id, report);
        }
    }

    fn last_directive(&self, name: &Name) -> DirectiveId {
        let last = self.cells.get(name).map(|cell| cell.last).filter(|(term, _)| *term == self.promised);
        last.map(|(_, id)| id).unwrap_or_default()
    }

    pub(super) fn on_do(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        (term, id): (Term, DirectiveId),
        name: Name,
        directive: Directive,
    ) {
        if !self.fence(turn, from, term) {
            return;
        }
        self.wake_cell(&name);
        match directive {
            Directive::Start(start) => self.start(turn, &name, *start, (term, id)),
            Directive::Seal { .. }
            | Directive::Unseal { .. }
            | Directive::Absorb { .. }
            | Directive::Drop { .. }
            | Directive::Groups { .. } => self.direct(turn, &name, directive),
        }
        if let Some(cell) = self.cells.get_mut(&name) {
            cell.last = (term, id);
        }
        let cell = self.cells.get(&name).map(|cell| cell.report(false));
        self.lay_cell_down(turn.world.me, &name);
        turn.send(from, self.id, Message::Report { term, id, name, cell, failure: None });
    }

    fn start(&mut self, turn: &mut Turn<'_>, name: &Name, start: Start, last: (Term, DirectiveId)) {
        if self.cells.contains_key(name) || turn.world.refuses_starts() {
            return;
        }
        self.cells.insert(name.clone(), Box::new(Cell::new(&start, last)));
        let order = Order::Start {
            spec: start.spec,
            epoch: start.epoch,
            groups: start.groups,
            source: start.source,
            registrar: start.registrar,
        };
        turn.out.push(Action::Order { name: name.clone(), order });
        self.route(turn, name);
    }

    /// This node stood still. The others may have gone on without it: it decides nothing before it has asked them, and its
    /// workers run nothing before an owner has said how they go on.
    pub(super) fn stall(&mut self, turn: &mut Turn<'_>) {
        self.lose(turn);
        // With a quorum nobody else runs what is leased here.
        if turn.world.never_forces() || !Rule::Halt.holds() {
            return;
        }
        self.wake_cells();
        let runs = |phase| matches!(phase, Phase::Starting | Phase::Running | Phase::Sealing | Phase::Absorbing);
        let mut halted = Vec::new();
        for (name, cell) in self.cells.iter_mut().filter(|(_, cell)| runs(cell.phase) && !cell.halted) {
            cell.halted = true;
            turn.out.push(Action::Order { name: name.clone(), order: Order::Halt { epoch: cell.epoch } });
            halted.push((name.clone(), cell.report(false)));
        }
        let Some(boss) = self.boss else { return };
        for (name, cell) in halted {
            let (term, id) = (self.promised, self.last_directive(&name));
            turn.send(boss, self.id, Message::Report { term, id, name, cell: Some(cell), failure: None });
        }
    }

    /// What would happen if hosts ended seals themselves when nobody speaks to them.
    pub(super) fn unseal_all(&mut self, turn: &mut Turn<'_>) {
        let sealed: Vec<(Name, Epoch)> = self
            .cells
            .iter()
            .filter(|(_, cell)| cell.phase == Phase::Sealed)
            .map(|(name, cell)| (name.clone(), cell.epoch))
            .collect();
        for (name, epoch) in sealed {
            let new = Epoch::new(epoch.term(), epoch.number() + 1);
            self.direct(turn, &name, Directive::Unseal { epoch, new });
        }
    }

    /// Does a directive about a cell that exists, if it is meant for its present activation.
    fn direct(&mut self, turn: &mut Turn<'_>, name: &Name, directive: Directive) {
        let Some(cell) = self.cells.get_mut(name) else {
            return;
        };
        let order = match directive {
            Directive::Seal { epoch, forced } if cell.epoch == epoch && cell.phase == Phase::Running => {
                cell.phase = Phase::Sealing;
                cell.forced = forced;
                Order::Seal { epoch, forced }
            }
            Directive::Unseal { epoch, new }
                if cell.epoch == epoch && matches!(cell.phase, Phase::Running | Phase::Sealed) =>
            {
                if new != epoch {
                    cell.contain([], epoch);
                }
                cell.epoch = new;
                cell.halted = false;
                cell.phase = Phase::Running;
                turn.out.push(Action::Order { name: name.clone(), order: Order::Unseal { epoch, new } });
                if cell.indexed {
                    return;
                }
                // Word of the order under way would come under the old epoch.
                cell.tell_groups(&mut self.turns)
            }
            Directive::Absorb { epoch, from, loser, ids, absorbed }
                if cell.epoch == epoch && cell.phase == Phase::Running && !cell.absorbed.contains(&loser) =>
            {
                cell.merging = Some(Box::new(Merging { loser, ids, absorbed }));
                cell.phase = Phase::Absorbing;
                Order::Absorb { epoch, from, loser }
            }
            Directive::Drop { epoch, .. } if cell.epoch == epoch && cell.phase == Phase::Ended => {
                self.cells.remove(name);
                return;
            }
            Directive::Drop { epoch, why, successor } if cell.epoch == epoch && cell.phase != Phase::Dropping => {
                cell.phase = Phase::Dropping;
                // A local worker's registration ends with its node's leave, and that is what it hears.
                let leaves = cell.origin.spec.class.local && turn.world.is_leaving(&turn.world.me);
                let why = if leaves && why == Farewell::Unregistered { Die::NodeLeaving } else { why.into() };
                Order::Drop { epoch, why, successor }
            }
            Directive::Groups { epoch, groups }
                if cell.epoch == epoch && !matches!(cell.phase, Phase::Dropping | Phase::Ended) =>
            {
                cell.origin.groups = groups;
                cell.tell_groups(&mut self.turns)
            }
            // For another activation, or one that is past it: the report says how things are.
            Directive::Start(_)
            | Directive::Seal { .. }
            | Directive::Unseal { .. }
            | Directive::Absorb { .. }
            | Directive::Drop { .. }
            | Directive::Groups { .. } => return,
        };
        turn.out.push(Action::Order { name: name.clone(), order });
    }

    /// An owner wants to know all cells, or only whether they are what it believes.
    pub(super) fn on_survey(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        (term, id): (Term, DirectiveId),
        mark: Option<u64>,
    ) {
        if self.fence(turn, from, term) && mark != Some(self.own_mark()) {
            let cells = self.all_cells();
            turn.send(from, self.id, Message::Cells { term, id, cells });
        }
    }
}

/// The part of a cell in the fingerprint of all cells of a host. They are added up, so that order does not matter.
pub(super) fn cell_mark(name: &Name, epoch: Epoch, phase: Phase, groups: (u64, bool)) -> u64 {
    let (groups_mark, indexed) = groups;
    let state = phase as u64 | u64::from(indexed) << 7;
    xxh3_64_with_seed(&epoch.to_be_bytes(), name.hash64().0 ^ groups_mark.rotate_left(8) ^ state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::RequestId;
    use crate::directory::tests::cluster::spec;

    fn epoch(n: u32) -> Epoch {
        Epoch::new(Term { counter: 1, ..Term::default() }, n)
    }

    fn moved_from(source: u32, absorbed: Vec<Epoch>) -> Cell {
        let node = NodeId::new(([127, 0, 0, 1], 1).into(), 1);
        let start = Start {
            ids: Vec::new(),
            spec: spec(false),
            registrar: RequestId { node, seq: 1 },
            epoch: epoch(source + 1),
            groups: Vec::new(),
            source: Some((node, epoch(source))),
            absorbed,
        };
        Cell::new(&start, Default::default())
    }

    #[test]
    fn however_often_it_moves_a_cell_remembers_the_last_of_what_it_contains() {
        let moves = 3 * Cell::ABSORBED_MAX as u32;
        let cell = (1..moves).fold(moved_from(0, Vec::new()), |cell, n| moved_from(n, cell.absorbed));
        let last = moves - Cell::ABSORBED_MAX as u32..moves;
        assert_eq!(cell.absorbed, last.map(epoch).collect::<Vec<_>>());
    }

    /// Else it would be merged again and again.
    #[test]
    fn what_was_merged_is_remembered_however_old_it_is() {
        let mut cell = moved_from(1_000, (500..1_000).map(epoch).collect());
        cell.phase = Phase::Absorbing;
        let absorbed = (0..100).map(epoch).collect();
        cell.merging = Some(Box::new(Merging { loser: epoch(7), ids: Vec::new(), absorbed }));
        assert!(cell.advance(&Happened::Absorbed { from: epoch(7) }));
        assert_eq!((cell.absorbed[0], cell.absorbed.len()), (epoch(7), Cell::ABSORBED_MAX));
        assert!(cell.absorbed.contains(&epoch(1_000)));
    }
}
