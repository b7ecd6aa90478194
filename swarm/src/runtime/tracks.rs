//! Owns the tracks of one lane: the one of its partition, and those of names that take another way. Never more of the
//! latter than a limit says.

use std::collections::BTreeMap;

use swarm_net::node::NodeId;

use crate::name::Name;
use crate::runtime::lane::{Key, Lane, Way};
use crate::runtime::track::{Track, Turn};

/// How many names of one lane may have tracks of their own; further ones share their partition's, and wait more often.
const APART_MAX: usize = 64;

/// The tracks of one lane.
pub(crate) struct Tracks<L> {
    common: Track<L>,
    /// The names that take another way, or took one and may still have something there.
    apart: BTreeMap<Name, Track<L>>,
}

impl<L> Default for Tracks<L> {
    fn default() -> Self {
        Self { common: Track::default(), apart: BTreeMap::new() }
    }
}

impl<L> Tracks<L> {
    /// The track that a letter of `name` takes, and whether it is the name's own.
    pub(crate) fn of(&mut self, name: &Name, way: Way, turn: Turn) -> (bool, &mut Track<L>) {
        // While others wait here, those of this name may be among them: what comes next stays behind them.
        let parts = way.apart && turn == Turn::New && !self.common.waits();
        let parts = parts && (way.hop.is_some() || !self.common.is_idle());
        if parts && !self.apart.contains_key(name) && self.make_room() {
            self.apart.insert(name.clone(), Track::beside(&self.common));
        }
        self.present(name)
    }

    /// The track of `name` as things are, and whether it is the name's own.
    pub(crate) fn present(&mut self, name: &Name) -> (bool, &mut Track<L>) {
        match self.apart.get_mut(name) {
            Some(track) => (true, track),
            None => (false, &mut self.common),
        }
    }

    /// The track of all names, if none has one of its own and a new letter may take this hop at once.
    pub(crate) fn free(&mut self, hop: NodeId) -> Option<&mut Track<L>> {
        (self.apart.is_empty() && self.common.is_free(hop)).then_some(&mut self.common)
    }

    pub(crate) fn at(&mut self, key: &Key) -> Option<&mut Track<L>> {
        match &key.name {
            Some(name) => self.apart.get_mut(name),
            None => Some(&mut self.common),
        }
    }

    /// A name that takes its partition's way again needs no track, unless somebody waits.
    pub(crate) fn rejoin(&mut self, name: &Name) {
        if !self.common.waits()
            && self.apart.get(name).is_some_and(|track| !track.waits())
            && let Some(track) = self.apart.remove(name)
        {
            self.common.take_over(&track);
        }
    }

    fn make_room(&mut self) -> bool {
        if self.apart.len() < APART_MAX {
            return true;
        }
        let Some(name) = self.apart.iter().find(|(_, track)| !track.waits()).map(|(name, _)| name.clone()) else {
            return false;
        };
        self.rejoin(&name);
        true
    }

    /// Forgets what says nothing. Whether nothing is left.
    pub(crate) fn tidy(&mut self) -> bool {
        if self.common.is_idle() {
            // A name without anything under way is as its partition is.
            self.apart.retain(|_, track| !track.is_idle());
        }
        self.common.is_idle() && self.apart.is_empty()
    }

    /// How many names have tracks of their own.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn apart(&self) -> usize {
        self.apart.len()
    }

    pub(crate) fn lost(&mut self, lane: Lane, node: NodeId) -> Vec<Key> {
        // The order of what a lost node has sent cannot be kept, since nobody knows what is missing.
        let upstream = lane.caller == Some(node);
        let lose = |track: &mut Track<L>| if upstream { track.forget() } else { track.lost(node) };
        self.all(lane).filter_map(|(key, track)| lose(track).then_some(key)).collect()
    }

    pub(crate) fn all(&mut self, lane: Lane) -> impl Iterator<Item = (Key, &mut Track<L>)> {
        let apart = self.apart.iter_mut().map(move |(name, track)| (Key { lane, name: Some(name.clone()) }, track));
        [(Key { lane, name: None }, &mut self.common)].into_iter().chain(apart)
    }

    pub(crate) fn clear(&mut self, letters: &mut Vec<L>) {
        letters.extend(self.common.clear());
        for (_, mut track) in std::mem::take(&mut self.apart) {
            letters.extend(track.clear());
        }
    }
}

#[cfg(test)]
impl<L: crate::runtime::lane::Passenger> Tracks<L> {
    pub(crate) fn describe(&self) -> String {
        let apart: Vec<_> = self.apart.iter().map(|(name, track)| (name.clone(), track.describe())).collect();
        format!("common {} apart {apart:?}", self.common.describe())
    }
}
