//! Owns where the names that this node has to do with are: in a cell here, gone to another node, or not known yet.
//! Sharded, so that names hardly ever wait for each other. Never decides where a name should be.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::epoch::Epoch;
use crate::hash::{HashMap, HashSet};
use crate::name::{Name, NameHash};
use crate::runtime::letter::Letter;
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::worker::{AnyCell, KindId};

/// A power of two well above the number of threads that look names up.
const SHARDS: usize = if cfg!(loom) { 1 } else { 256 };

/// How many letters of one name may be held while its place is not known.
pub(crate) const HELD_MAX: usize = 4096;

/// Where a name is, as far as this node has to do with it.
pub(crate) enum Place {
    /// In a cell here.
    Cell(Arc<dyn AnyCell>),
    /// In a cell here whose predecessor's queue has not arrived in full.
    Gated(Arc<dyn AnyCell>, Box<Gate>),
    /// A worker of this kind was here and has moved. Calls are passed on until then.
    Redirect(NodeId, KindId, Instant),
    /// The directory is asked.
    Held(VecDeque<Letter>),
}

/// Keeps calls that did not come by the old host behind those that did (protocol §8, rule G).
pub(crate) struct Gate {
    /// The old host.
    pub(crate) source: NodeId,
    /// Its activation.
    pub(crate) predecessor: Epoch,
    /// What waits.
    pub(crate) waiting: VecDeque<Letter>,
    /// When it opens by itself; set when the worker runs.
    pub(crate) opens: Option<Instant>,
}

/// The places of some names.
///
/// Cells without a gate, which at rest are all there is, stand in a table of their own: it finds them by the names that
/// they know themselves, so that an idle worker costs it no more than a pointer.
#[derive(Default)]
pub(crate) struct Shard {
    cells: HashSet<ByName>,
    others: HashMap<Name, Place>,
}

/// A cell as an element of a set of names.
struct ByName(Arc<dyn AnyCell>);

impl Borrow<Name> for ByName {
    fn borrow(&self) -> &Name {
        self.0.name()
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl Eq for ByName {}

/// The place of a name, to look at.
#[derive(Clone, Copy)]
pub(crate) enum Found<'a> {
    /// [`Place::Cell`] or [`Place::Gated`].
    Cell(&'a Arc<dyn AnyCell>, Option<&'a Gate>),
    /// [`Place::Redirect`].
    Redirect(NodeId, KindId, Instant),
    /// [`Place::Held`].
    Held,
}

impl<'a> From<&'a Place> for Found<'a> {
    fn from(place: &'a Place) -> Self {
        match place {
            Place::Cell(cell) => Self::Cell(cell, None),
            Place::Gated(cell, gate) => Self::Cell(cell, Some(gate)),
            Place::Redirect(to, kind, until) => Self::Redirect(*to, *kind, *until),
            Place::Held(_) => Self::Held,
        }
    }
}

impl Shard {
    /// Where a name is.
    pub(crate) fn get(&self, name: &Name) -> Option<Found<'_>> {
        match self.cells.get(name) {
            Some(ByName(cell)) => Some(Found::Cell(cell, None)),
            None => self.others.get(name).map(Found::from),
        }
    }

    /// The gate before a name's cell, if it has one.
    pub(crate) fn gate_mut(&mut self, name: &Name) -> Option<(&Arc<dyn AnyCell>, &mut Gate)> {
        match self.others.get_mut(name)? {
            Place::Gated(cell, gate) => Some((cell, gate)),
            Place::Cell(_) | Place::Redirect(..) | Place::Held(_) => None,
        }
    }

    /// What is held for a name, if something is.
    pub(crate) fn held_mut(&mut self, name: &Name) -> Option<&mut VecDeque<Letter>> {
        match self.others.get_mut(name)? {
            Place::Held(waiting) => Some(waiting),
            Place::Cell(_) | Place::Gated(..) | Place::Redirect(..) => None,
        }
    }

    /// Gives a name a place. Returns the one that it had.
    pub(crate) fn insert(&mut self, name: &Name, place: Place) -> Option<Place> {
        let before = self.remove(name);
        match place {
            Place::Cell(cell) => {
                debug_assert_eq!(cell.name(), name, "a cell stands under its own name");
                self.cells.insert(ByName(cell));
            }
            place @ (Place::Gated(..) | Place::Redirect(..) | Place::Held(_)) => {
                self.others.insert(name.clone(), place);
            }
        }
        before
    }

    /// Forgets a name. Returns the place that it had.
    pub(crate) fn remove(&mut self, name: &Name) -> Option<Place> {
        match self.cells.take(name) {
            Some(ByName(cell)) => Some(Place::Cell(cell)),
            None if self.others.is_empty() => None,
            None => self.others.remove(name),
        }
    }

    /// How many cells there are.
    fn count(&self) -> usize {
        let is_cell = |place: &&Place| matches!(place, Place::Cell(_) | Place::Gated(..));
        self.cells.len() + self.others.values().filter(is_cell).count()
    }

    fn iter(&self) -> impl Iterator<Item = (&Name, Found<'_>)> {
        let cells = self.cells.iter().map(|ByName(cell)| (cell.name(), Found::Cell(cell, None)));
        cells.chain(self.others.iter().map(|(name, place)| (name, Found::from(place))))
    }
}

/// All places of one node.
pub(crate) struct Places {
    shards: Box<[RwLock<Shard>]>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::new(Shard::default())).collect() }
    }

    /// The cell of a name that takes calls right away.
    pub(crate) fn open_cell(&self, name: &Name) -> Option<Arc<dyn AnyCell>> {
        self.open_cell_at(name.hash64(), name)
    }

    /// The same for who has the name's hash at hand.
    #[inline]
    pub(crate) fn open_cell_at(&self, hash: NameHash, name: &Name) -> Option<Arc<dyn AnyCell>> {
        match self.shard_at(hash).read().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(Found::Cell(cell, None)) => Some(cell.clone()),
            Some(Found::Cell(_, Some(_)) | Found::Redirect(..) | Found::Held) | None => None,
        }
    }

    /// The cell of a name, whether it takes calls right away or not.
    pub(crate) fn any_cell(&self, name: &Name) -> Option<Arc<dyn AnyCell>> {
        match self.read(name).get(name) {
            Some(Found::Cell(cell, _)) => Some(cell.clone()),
            Some(Found::Redirect(..) | Found::Held) | None => None,
        }
    }

    /// The cell of a name at an epoch.
    pub(crate) fn cell(&self, name: &Name, epoch: Epoch) -> Option<Arc<dyn AnyCell>> {
        match self.read(name).get(name) {
            Some(Found::Cell(cell, _)) if cell.epoch() == epoch => Some(cell.clone()),
            Some(Found::Cell(..) | Found::Redirect(..) | Found::Held) | None => None,
        }
    }

    /// The shard of a name, to look.
    pub(crate) fn read(&self, name: &Name) -> RwLockReadGuard<'_, Shard> {
        self.read_at(name.hash64())
    }

    /// The same for who has the name's hash at hand.
    pub(crate) fn read_at(&self, hash: NameHash) -> RwLockReadGuard<'_, Shard> {
        self.shard_at(hash).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard of a name, to change. Held while letters of the name are delivered, so that they stay in order.
    pub(crate) fn write(&self, name: &Name) -> RwLockWriteGuard<'_, Shard> {
        self.shard(name).write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until whoever is changing a shard now has done. Whoever comes later sees what was published before: ways are
    /// looked up with the shard locked.
    pub(crate) fn await_changes(&self) {
        for shard in &self.shards {
            drop(shard.write().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// All cells, shard by shard.
    pub(crate) fn cells(&self) -> impl Iterator<Item = Arc<dyn AnyCell>> + '_ {
        self.shards.iter().flat_map(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let cells = shard.iter().filter_map(|(_, place)| match place {
                Found::Cell(cell, _) => Some(cell.clone()),
                Found::Redirect(..) | Found::Held => None,
            });
            cells.collect::<Vec<_>>()
        })
    }

    /// How many there are. None of them is looked at, which at a million takes as long as a thousand calls.
    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).count()).sum()
    }

    /// The names of all workers of a kind that are here, or were and have moved on lately.
    pub(crate) fn of_kind(&self, kind: KindId) -> Vec<Name> {
        let mut names = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let of_kind = |place: Found<'_>| match place {
                Found::Cell(cell, _) => cell.kind() == kind,
                Found::Redirect(_, moved, _) => moved == kind,
                Found::Held => false,
            };
            names.extend(shard.iter().filter(|(_, place)| of_kind(*place)).map(|(name, _)| name.clone()));
        }
        names
    }

    /// Whether there is nothing but open cells.
    #[cfg(test)]
    pub(crate) fn are_at_rest(&self) -> bool {
        self.shards.iter().all(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.others.is_empty()
        })
    }

    /// Forgets everything, for a node that stops.
    pub(crate) fn clear(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for shard in &self.shards {
            let Shard { cells, others } = std::mem::take(&mut *shard.write().unwrap_or_else(PoisonError::into_inner));
            places.extend(cells.into_iter().map(|ByName(cell)| Place::Cell(cell)));
            places.extend(others.into_values());
        }
        places
    }

    fn shard(&self, name: &Name) -> &RwLock<Shard> {
        self.shard_at(name.hash64())
    }

    #[inline]
    fn shard_at(&self, hash: NameHash) -> &RwLock<Shard> {
        let hash = usize::try_from(hash.0 >> 32).unwrap_or(0);
        &self.shards[hash & (SHARDS - 1)]
    }
}

#[cfg(all(test, loom))]
mod models;
