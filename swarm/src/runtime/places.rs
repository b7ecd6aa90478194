//! Owns where the names that this node has to do with are: in a cell here, gone to another node, or not known yet.
//! Sharded, so that names hardly ever wait for each other. Never decides where a name should be.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::epoch::Epoch;
use crate::name::Name;
use crate::runtime::letter::Letter;
use crate::worker::{AnyCell, KindId};

/// A power of two well above the number of threads that look names up.
const SHARDS: usize = 256;

/// How many letters of one name may be held while its place is not known.
pub(crate) const HELD_MAX: usize = 4096;

/// Where a name is, as far as this node has to do with it.
pub(crate) enum Place {
    /// Here. With a gate, if its predecessor's queue has not arrived in full.
    Cell(Arc<dyn AnyCell>, Option<Box<Gate>>),
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

pub(crate) type Shard = HashMap<Name, Place>;

/// All places of one node.
pub(crate) struct Places {
    shards: Box<[RwLock<Shard>]>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }

    /// The cell of a name that takes calls right away.
    pub(crate) fn open_cell(&self, name: &Name) -> Option<Arc<dyn AnyCell>> {
        match self.read(name).get(name) {
            Some(Place::Cell(cell, None)) => Some(cell.clone()),
            Some(Place::Cell(_, Some(_)) | Place::Redirect(..) | Place::Held(_)) | None => None,
        }
    }

    /// The cell of a name, whether it takes calls right away or not.
    pub(crate) fn any_cell(&self, name: &Name) -> Option<Arc<dyn AnyCell>> {
        match self.read(name).get(name) {
            Some(Place::Cell(cell, _)) => Some(cell.clone()),
            Some(Place::Redirect(..) | Place::Held(_)) | None => None,
        }
    }

    /// The cell of a name at an epoch.
    pub(crate) fn cell(&self, name: &Name, epoch: Epoch) -> Option<Arc<dyn AnyCell>> {
        match self.read(name).get(name) {
            Some(Place::Cell(cell, _)) if cell.epoch() == epoch => Some(cell.clone()),
            Some(Place::Cell(..) | Place::Redirect(..) | Place::Held(_)) | None => None,
        }
    }

    /// The shard of a name, to look.
    pub(crate) fn read(&self, name: &Name) -> RwLockReadGuard<'_, Shard> {
        self.shard(name).read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard of a name, to change. Held while letters of the name are delivered, so that they stay in order.
    pub(crate) fn write(&self, name: &Name) -> RwLockWriteGuard<'_, Shard> {
        self.shard(name).write().unwrap_or_else(PoisonError::into_inner)
    }

    /// All cells, shard by shard.
    pub(crate) fn cells(&self) -> impl Iterator<Item = Arc<dyn AnyCell>> + '_ {
        self.shards.iter().flat_map(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let cells = shard.values().filter_map(|place| match place {
                Place::Cell(cell, _) => Some(cell.clone()),
                Place::Redirect(..) | Place::Held(_) => None,
            });
            cells.collect::<Vec<_>>()
        })
    }

    /// The names of all workers of a kind that are here, or were and have moved on lately.
    pub(crate) fn of_kind(&self, kind: KindId) -> Vec<Name> {
        let mut names = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let of_kind = |place: &Place| match place {
                Place::Cell(cell, _) => cell.kind() == kind,
                Place::Redirect(_, moved, _) => *moved == kind,
                Place::Held(_) => false,
            };
            names.extend(shard.iter().filter(|(_, place)| of_kind(place)).map(|(name, _)| name.clone()));
        }
        names
    }

    /// Whether there is nothing but open cells.
    #[cfg(test)]
    pub(crate) fn are_at_rest(&self) -> bool {
        self.shards.iter().all(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.values().all(|place| matches!(place, Place::Cell(_, None)))
        })
    }

    /// Forgets everything, for a node that stops.
    pub(crate) fn clear(&self) -> Vec<(Name, Place)> {
        let shards = self.shards.iter();
        shards.flat_map(|shard| std::mem::take(&mut *shard.write().unwrap_or_else(PoisonError::into_inner))).collect()
    }

    fn shard(&self, name: &Name) -> &RwLock<Shard> {
        let hash = usize::try_from(name.hash64().0 >> 32).unwrap_or(0);
        &self.shards[hash & (SHARDS - 1)]
    }
}
