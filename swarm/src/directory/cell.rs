//! Owns one cell as its host remembers it: what it is, what it does, and what it contains. Never orders or sends anything.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::directory::Happened;
use crate::directory::action::Order;
use crate::directory::groups;
use crate::directory::message::{CellReport, DirectiveId, Origin, Phase, Start};
use crate::directory::record::{self, Record, Registration};
use crate::directory::stamp::{Ids, Rid};
use crate::epoch::{Epoch, Term};
use crate::name::Name;
use crate::rules::Rule;

/// One cell of this node.
#[derive(Debug)]
pub(super) struct Cell {
    ids: Ids,
    pub(super) origin: Origin,
    pub(super) epoch: Epoch,
    pub(super) phase: Phase,
    /// It runs nothing, since this node stood still.
    pub(super) halted: bool,
    pinned: bool,
    /// The seal under way is forced.
    pub(super) forced: bool,
    absorbed: Vec<Epoch>,
    /// When it was told its groups last, as the partition counts these.
    pub(super) told: u32,
    /// That, or the start, has taken effect.
    pub(super) indexed: bool,
    /// Whose state it is merging.
    pub(super) merging: Option<Box<Merging>>,
    /// The last directive about it, and in whose term.
    pub(super) last: (Term, DirectiveId),
}

/// The state that a cell is given to merge.
#[derive(Debug)]
pub(super) struct Merging {
    pub(super) loser: Epoch,
    pub(super) ids: Ids,
    pub(super) absorbed: Vec<Epoch>,
}

impl Cell {
    /// How many epochs a cell remembers to contain. Each move adds one, which the owner has it forget when the cell that it has moved
    /// from is gone, unless that is prevented; those of cells that still exist are recent.
    const ABSORBED_MAX: usize = 64;

    pub(super) fn new(start: &Start, last: (Term, DirectiveId)) -> Self {
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
    pub(super) fn tell_groups(&mut self, turns: &mut u32) -> Order {
        *turns = turns.wrapping_add(1);
        (self.told, self.indexed) = (*turns, false);
        Order::Groups { epoch: self.epoch, groups: self.origin.groups.clone(), turn: self.told }
    }

    /// From now on it contains these; `last`, whose cell is there still, is remembered in any case.
    pub(super) fn contain(&mut self, epochs: impl IntoIterator<Item = Epoch>, last: Epoch) {
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

    /// There is no cell of that epoch any more, nor will there ever be: nobody will ask whether this one contains it.
    pub(super) fn forget(&mut self, gone: Epoch) {
        self.absorbed.retain(|epoch| *epoch != gone);
        self.absorbed.shrink_to_fit();
    }

    /// What the worker did. Says whether the cell is still there.
    pub(super) fn advance(&mut self, happened: &Happened) -> bool {
        match (self.phase, happened) {
            (Phase::Starting, Happened::Started) => self.phase = Phase::Running,
            (Phase::Starting | Phase::Dropping, Happened::StartFailed(_)) => return false,
            (Phase::Sealing, Happened::Sealed) => (self.phase, self.pinned) = (Phase::Sealed, false),
            (Phase::Sealing, Happened::Ignored) => {
                // A forced seal that is ignored leaves a sealed cell without state.
                self.pinned = !self.forced;
                self.phase = if self.forced { Phase::Sealed } else { Phase::Running };
            }
            (Phase::Sealing, Happened::SealTimedOut) => self.phase = Phase::Running,
            (Phase::Absorbing, Happened::Absorbed { from }) => {
                if let Some(merging) = self.merging.take().filter(|merging| merging.loser == *from) {
                    let ids: BTreeSet<Rid> = self.ids.iter().chain(&*merging.ids).copied().collect();
                    self.ids = ids.into_iter().collect();
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

/// The part of a cell in the fingerprint of all cells of a host. They are added up, so that order does not matter.
pub(super) fn cell_mark(name: &Name, epoch: Epoch, phase: Phase, groups: (u64, bool)) -> u64 {
    let (groups_mark, indexed) = groups;
    let state = phase as u64 | u64::from(indexed) << 7;
    xxh3_64_with_seed(&epoch.to_be_bytes(), name.hash64().0 ^ groups_mark.rotate_left(8) ^ state)
}

#[cfg(test)]
mod tests {
    use swarm_net::node::NodeId;

    use super::*;
    use crate::directory::RequestId;
    use crate::directory::tests::cluster::spec;

    fn epoch(n: u32) -> Epoch {
        Epoch::new(Term { counter: 1, ..Term::default() }, n)
    }

    /// Whoever is made to give way, and then goes on after all, is asked anew whether it stays.
    #[test]
    fn who_was_sealed_is_not_pinned_any_more() {
        let mut cell = moved_from(1, Vec::new());
        let mut seal = |forced, happened: &Happened| {
            (cell.phase, cell.forced) = (Phase::Sealing, forced);
            assert!(cell.advance(happened));
            (cell.pinned, cell.phase)
        };
        assert_eq!(seal(false, &Happened::Ignored), (true, Phase::Running));
        assert_eq!(seal(false, &Happened::SealTimedOut), (true, Phase::Running));
        assert_eq!(seal(true, &Happened::Sealed), (false, Phase::Sealed));
    }

    fn moved_from(source: u32, absorbed: Vec<Epoch>) -> Cell {
        let node = NodeId::new(([127, 0, 0, 1], 1).into(), 1);
        let start = Start {
            ids: Ids::from_iter([]),
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
        cell.merging = Some(Box::new(Merging { loser: epoch(7), ids: Ids::from_iter([]), absorbed }));
        assert!(cell.advance(&Happened::Absorbed { from: epoch(7) }));
        assert_eq!((cell.absorbed[0], cell.absorbed.len()), (epoch(7), Cell::ABSORBED_MAX));
        assert!(cell.absorbed.contains(&epoch(1_000)));
    }
}
