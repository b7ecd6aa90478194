//! Owns names at rest: of most names, at most times, the record says all that there is to say about the cell, so that
//! neither owner nor host keeps anything else. Never decides anything: whoever looks at a name wakes it first.

use std::collections::BTreeMap;

use swarm_net::node::NodeId;

use crate::directory::cell::{Cell, cell_mark};
use crate::directory::message::{CellReport, Phase};
use crate::directory::office::Work;
use crate::directory::partition::Partition;
use crate::directory::record::{self, Record};
use crate::epoch::Epoch;
use crate::name::Name;

/// What this node knows of a name at rest, beside the record in its copy. It is about this copy on this node: it does
/// not travel, a clone of the table does not have it, and it is no part of the table's value.
#[derive(Debug, Default)]
pub(super) struct Note {
    /// The owner knows of exactly one cell, and it is the record's.
    seen: bool,
    /// This node's cell of the name is the record's.
    hosted: bool,
}

#[cfg(test)]
impl Note {
    pub(super) fn full() -> Self {
        Self { seen: true, hosted: true }
    }

    /// Whether it says the same; it equals any other, since it is no part of a value.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.seen, self.hosted) == (other.seen, other.hosted)
    }
}

impl Clone for Note {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Note {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Note {}

impl Record {
    /// Whether a cell is as this record says: it runs at the record's epoch, and all else about it is the record's too,
    /// but for the epochs that it contains, which stand beside.
    fn describes(&self, cell: &CellReport) -> bool {
        let CellReport { ids, kind, epoch, phase, pinned, absorbed: _, groups_mark, indexed, origin: _ } = cell;
        let head = self.head();
        (*phase, *epoch, *kind) == (Phase::Running, head.epoch(), head.class().kind)
            && !pinned
            && *indexed
            && self.ids().eq(ids.iter().copied())
            && *groups_mark == self.groups_mark()
    }

    /// The cell that it describes, with the epochs that it contains.
    fn described(&self, absorbed: Option<&[Epoch]>) -> CellReport {
        let head = self.head();
        CellReport {
            ids: self.ids().collect(),
            kind: head.class().kind,
            epoch: head.epoch(),
            phase: Phase::Running,
            pinned: false,
            absorbed: absorbed.unwrap_or_default().to_vec(),
            groups_mark: self.groups_mark(),
            indexed: true,
            origin: None,
        }
    }

    fn mark(&self) -> u64 {
        cell_mark(self.name(), self.head().epoch(), Phase::Running, (self.groups_mark(), true))
    }
}

/// The epochs that the cells of names at rest contain, of those that have moved. Owner and host keep one list for both.
#[derive(Debug, Default)]
pub(super) struct Absorbed(BTreeMap<Name, Box<[Epoch]>>);

impl Absorbed {
    /// Keeps what a cell contains. Says whether it could: if the name rests already, the other side must say the same.
    fn keep(&mut self, name: &Name, epochs: &[Epoch], note: &Note) -> bool {
        match self.0.get(name) {
            Some(kept) => **kept == *epochs,
            None if epochs.is_empty() => true,
            None if note.seen || note.hosted => false,
            None => {
                self.0.insert(name.clone(), epochs.into());
                true
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &Name) -> Option<&[Epoch]> {
        self.0.get(name).map(|epochs| &**epochs)
    }

    /// One of the two does not need it any more.
    fn release(&mut self, name: &Name, note: &Note) {
        if !(note.seen || note.hosted) {
            self.0.remove(name);
        }
    }
}

// The owner's side.

impl Partition {
    /// Whether the owner keeps nothing of a name but its record, and so that its worker runs where that says.
    pub(super) fn rests(&self, name: &Name) -> bool {
        self.office.is_some() && self.note(name).is_some_and(|note| note.seen)
    }

    /// Owner: keeps of a name what its record does not say only if there is something.
    pub(super) fn lay_down(&mut self, name: &Name) {
        let (Some(office), Some(copy)) = (&mut self.office, &mut self.copy) else {
            return;
        };
        let Some(work) = office.names.get(name) else {
            return;
        };
        if !work.is_quiet() {
            return;
        }
        let rests = match (work.seen.as_slice(), copy.records.noted(name)) {
            ([], _) => true,
            ([(at, cell)], Some((record, note))) if record.head().host() == *at && record.describes(cell) => {
                let sealing = work.sealing.as_deref() == Some(&cell.epoch);
                note.seen = !sealing && self.absorbed.keep(name, &cell.absorbed, note);
                note.seen
            }
            (_, _) => false,
        };
        if rests {
            office.names.remove(name);
        }
    }

    /// Owner: takes up again what is known about a name.
    pub(super) fn wake(&mut self, name: &Name) {
        let (Some(office), Some(copy)) = (&mut self.office, &mut self.copy) else {
            return;
        };
        if let Some((record, note)) = copy.records.noted(name)
            && std::mem::take(&mut note.seen)
        {
            let cell = record.described(self.absorbed.get(name));
            office.names.insert(name.clone(), Work::of(record.head().host(), cell));
            self.absorbed.release(name, note);
        }
    }

    /// Owner: the same for all names whose worker runs on one node.
    pub(super) fn wake_at(&mut self, node: NodeId) {
        let (Some(office), Some(copy)) = (&mut self.office, &mut self.copy) else {
            return;
        };
        for (record, note) in copy.records.notes_mut() {
            let (name, host) = (record.name(), record.head().host());
            if host == node && std::mem::take(&mut note.seen) {
                let cell = record.described(self.absorbed.get(name));
                office.names.insert(name.clone(), Work::of(host, cell));
                self.absorbed.release(name, note);
            }
        }
    }

    /// Owner: a host told all its cells.
    pub(super) fn see_all(&mut self, host: NodeId, cells: Vec<(Name, CellReport)>) {
        self.wake_at(host);
        cells.iter().for_each(|(name, _)| self.wake(name));
        if let Some(office) = &mut self.office {
            office.see_all(host, cells);
        }
    }

    /// The office has ended, and what it knew with it.
    pub(super) fn unsee(&mut self) {
        for (record, note) in self.copy.iter_mut().flat_map(|copy| copy.records.notes_mut()) {
            if std::mem::take(&mut note.seen) {
                self.absorbed.release(record.name(), note);
            }
        }
    }

    /// Owner: the names that have a cell on a node, in no order.
    pub(super) fn names_at(&self, host: NodeId) -> impl Iterator<Item = &Name> {
        let resting = self.resting().filter(move |record| record.head().host() == host).map(Record::name);
        resting.chain(self.office.iter().flat_map(move |office| office.names_at(host)))
    }

    /// Owner: the fingerprint of all cells that it knows on a node.
    pub(super) fn mark_of(&self, host: NodeId) -> u64 {
        let resting = self.resting().filter(|record| record.head().host() == host).map(Record::mark);
        let works = self.office.iter().flat_map(|office| office.names.iter()).filter_map(|(name, work)| {
            let cell = work.cell(host)?;
            Some(cell_mark(name, cell.epoch, cell.phase, (cell.groups_mark, cell.indexed)))
        });
        resting.chain(works).fold(0, u64::wrapping_add)
    }

    fn resting(&self) -> impl Iterator<Item = &Record> {
        let copy = self.copy.iter().filter(|_| self.office.is_some());
        copy.flat_map(|copy| copy.records.notes()).filter(|(_, note)| note.seen).map(|(record, _)| record)
    }

    fn note(&self, name: &Name) -> Option<&Note> {
        self.copy.as_ref()?.records.note(name)
    }
}

// The host's side.

impl Partition {
    /// Host: whether the record in its copy says all about its cell of a name.
    pub(super) fn hosts(&self, name: &Name) -> bool {
        self.hosted > 0 && self.note(name).is_some_and(|note| note.hosted)
    }

    /// Host: keeps of a cell what its record does not say only if there is something.
    pub(super) fn lay_cell_down(&mut self, me: NodeId, name: &Name) {
        let (Some(cell), Some(copy)) = (self.cells.get(name), &mut self.copy) else {
            return;
        };
        if cell.phase == Phase::Running
            && let Some((record, note)) = copy.records.noted(name)
            && record.head().host() == me
            && record.describes(&cell.report(false))
            && cell.is_from(record.head())
            && self.absorbed.keep(name, cell.absorbed(), note)
        {
            note.hosted = true;
            self.hosted += 1;
            self.cells.remove(name);
        }
    }

    /// Host: the same for all cells, after the copy has changed.
    pub(super) fn lay_cells_down(&mut self, me: NodeId) {
        let names: Vec<Name> = self.cells.keys().cloned().collect();
        names.iter().for_each(|name| self.lay_cell_down(me, name));
    }

    /// Host: takes up again what is known about a cell, before it or its record changes.
    pub(super) fn wake_cell(&mut self, name: &Name) {
        if self.hosted == 0 {
            return;
        }
        if let Some((record, note)) = self.copy.as_mut().and_then(|copy| copy.records.noted(name))
            && std::mem::take(&mut note.hosted)
        {
            self.hosted -= 1;
            let cell = record.described(self.absorbed.get(name));
            self.cells.insert(name.clone(), Box::new(Cell::of(record, cell)));
            self.absorbed.release(name, note);
        }
    }

    /// Host: the same for all cells, before the copy changes as a whole.
    pub(super) fn wake_cells(&mut self) {
        if std::mem::take(&mut self.hosted) == 0 {
            return;
        }
        for (record, note) in self.copy.iter_mut().flat_map(|copy| copy.records.notes_mut()) {
            if std::mem::take(&mut note.hosted) {
                let name = record.name();
                let cell = record.described(self.absorbed.get(name));
                self.cells.insert(name.clone(), Box::new(Cell::of(record, cell)));
                self.absorbed.release(name, note);
            }
        }
    }

    /// Everything that this node hosts of the partition.
    pub(super) fn all_cells(&self) -> Vec<(Name, CellReport)> {
        let resting = self.hosted().map(|record| {
            let cell = record.described(self.absorbed.get(record.name()));
            (record.name().clone(), CellReport { origin: Some(Box::new(record::origin(record))), ..cell })
        });
        resting.chain(self.cells.iter().map(|(name, cell)| (name.clone(), cell.report(true)))).collect()
    }

    /// Host: the fingerprint of all its cells.
    pub(super) fn own_mark(&self) -> u64 {
        let resting = self.hosted().map(Record::mark);
        resting.chain(self.cells.iter().map(|(name, cell)| cell.mark(name))).fold(0, u64::wrapping_add)
    }

    fn hosted(&self) -> impl Iterator<Item = &Record> {
        let copy = self.copy.iter().filter(|_| self.hosted > 0);
        copy.flat_map(|copy| copy.records.notes()).filter(|(_, note)| note.hosted).map(|(record, _)| record)
    }
}
