//! Owns a node's copy of a partition's records, and how two copies become one.
//! Never knows who may write it; that is the owner's term, checked before.

use std::collections::{BTreeMap, BTreeSet};

use rkyv::{Archive, Deserialize, Serialize};

use crate::directory::pool::Pool;
use crate::directory::record::{Record, Registration};
use crate::directory::stamp::{Rid, Stamp};
use crate::directory::table::{AsList, Table};
use crate::epoch::Term;
use crate::name::Name;
use crate::rules::Rule;

/// All records of a partition, and which registrations it has ever known. *Known and absent means unregistered*, so
/// that no tombstone per name is needed (this is the optimised OR-set of Bieniusa et al., with terms for replicas).
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Copy {
    /// The last change that it contains.
    pub at: Stamp,
    #[rkyv(with = AsList)]
    pub(super) records: Table,
    /// For each term in which something was registered, up to which of its changes this copy has seen all registrations.
    pub(super) context: BTreeMap<Term, u64>,
    /// Registrations that ended though no context covers them (they were adopted from a cell), and when
    /// (milliseconds since 1970).
    pub(super) removed: BTreeMap<Rid, u64>,
}

/// One change of a copy, as it is shipped to replicas.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Op {
    /// The name's record is this now.
    Put {
        /// The record.
        record: Record,
    },
    /// The name has no record now.
    Remove {
        /// The name.
        name: Name,
        /// Those of its registrations that the context does not cover.
        uncovered: Vec<Rid>,
        /// When, in milliseconds since 1970.
        at_unix_ms: u64,
    },
}

impl Op {
    /// Whose record it changes.
    pub(super) fn name(&self) -> &Name {
        match self {
            Self::Put { record } => record.name(),
            Self::Remove { name, .. } => name,
        }
    }

    /// So many bytes it takes on the wire, or a few less.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Put { record } => record.bytes(),
            Self::Remove { name, .. } => name.as_str().len(),
        }
    }

    /// Shares what its record has in common with others.
    pub(super) fn share(&mut self, pool: &mut Pool) {
        match self {
            Self::Put { record } => record.share(pool),
            Self::Remove { .. } => {}
        }
    }
}

impl Copy {
    /// How many terms a context keeps. Every takeover adds one; ownership changes hands a few times an hour at worst.
    pub const CONTEXT_TERMS_MAX: usize = 256;
    /// How long removed registrations are remembered that no context covers, and terms if there are few of them.
    pub const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1000;

    /// The record of a name.
    pub fn record(&self, name: &Name) -> Option<&Record> {
        self.records.get(name)
    }

    /// All records, in an order that is the same on all nodes.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    /// Shares what its records have in common with others.
    pub(super) fn share(&mut self, pool: &mut Pool) {
        self.records.iter_mut().for_each(|record| record.share(pool));
    }

    /// Whether this copy has known the registration, now or in the past.
    pub fn covers(&self, rid: Rid) -> bool {
        self.context.get(&rid.0.term).is_some_and(|seen| *seen >= rid.0.seq) || self.removed.contains_key(&rid)
    }

    /// The highest counter of any term that it knows.
    pub fn counter_max(&self) -> u64 {
        let context = self.context.last_key_value().map_or(0, |(term, _)| term.counter);
        context.max(self.at.term.counter)
    }

    /// How many terms its context has.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn terms(&self) -> usize {
        self.context.len()
    }

    /// Marks everything up to this change as contained. Terms in which nobody registered anything need no place in the context: an
    /// office changes hands far more often than somebody registers under each of its terms.
    pub(super) fn reach(&mut self, at: Stamp) {
        self.at = at;
    }

    /// Makes one change of this term.
    pub(super) fn apply(&mut self, op: &Op, term: Term) {
        match op {
            Op::Put { record } => {
                // A term's changes come in order and without gaps, so all that was registered before in it is known as well. Of a
                // registration of another term that is not so: it may have been adopted from a cell.
                for Rid(made) in record.siblings().map(Registration::rid).filter(|Rid(made)| made.term == term) {
                    let seen = self.context.entry(term).or_default();
                    *seen = made.seq.max(*seen);
                }
                self.records.insert(record.clone());
            }
            Op::Remove { name, uncovered, at_unix_ms } => {
                self.records.remove(name);
                self.removed.extend(uncovered.iter().map(|rid| (*rid, *at_unix_ms)));
            }
        }
    }

    /// Takes in everything that `other` knows: a registration survives if no side knew it and no longer has it.
    /// Commutative, associative, idempotent.
    #[cfg(test)]
    pub(super) fn merge(&mut self, other: &Self) {
        let news = self.news(other);
        self.take_in(other, &news);
    }

    /// What a merge with `other` changes: each name's record as it will be.
    pub(super) fn news(&self, other: &Self) -> Vec<(Name, Option<Record>)> {
        let names: BTreeSet<&Name> = self.records.names().chain(other.records.names()).collect();
        let merged = names.into_iter().map(|name| (name, self.merged(other, name)));
        let changed = merged.filter(|(name, record)| record.as_ref() != self.records.get(name));
        changed.map(|(name, record)| (name.clone(), record)).collect()
    }

    /// Merges: makes the changes that [`news`](Self::news) gave, and knows what `other` has known. Says whether it had not.
    pub(super) fn take_in(&mut self, other: &Self, news: &[(Name, Option<Record>)]) -> bool {
        for (name, record) in news {
            match record {
                Some(record) => self.records.insert(record.clone()),
                None => self.records.remove(name),
            }
        }
        let mut learnt = false;
        for (term, seen) in &other.context {
            let ours = self.context.entry(*term).or_insert_with(|| {
                learnt = true;
                0
            });
            learnt |= *ours < *seen;
            *ours = (*ours).max(*seen);
        }
        for (rid, at) in &other.removed {
            let ours = self.removed.entry(*rid).or_insert_with(|| {
                learnt = true;
                0
            });
            learnt |= *ours < *at;
            *ours = (*ours).max(*at);
        }
        self.at = self.at.max(other.at);
        learnt
    }

    fn merged(&self, other: &Self, name: &Name) -> Option<Record> {
        let mut siblings: BTreeMap<Rid, Registration> = BTreeMap::new();
        let (ours, theirs) = (self.records.get(name), other.records.get(name));
        if ours == theirs {
            return ours.cloned();
        }
        for registration in ours.into_iter().flat_map(Record::siblings) {
            let rid = registration.rid();
            if theirs.is_some_and(|record| record.has(rid)) || !(other.covers(rid) && Rule::Context.holds()) {
                siblings.insert(rid, registration.clone());
            }
        }
        for registration in theirs.into_iter().flat_map(Record::siblings) {
            let rid = registration.rid();
            match siblings.get_mut(&rid) {
                Some(same) => same.merge(registration),
                None if !(self.covers(rid) && Rule::Context.holds()) => {
                    siblings.insert(rid, registration.clone());
                }
                None => {}
            }
        }
        if !Rule::Siblings.holds() {
            return Record::of(name, siblings.into_values().next_back());
        }
        Record::of(name, siblings.into_values())
    }

    /// Forgets what is too old to matter: data that comes back later than this may resurrect a name.
    pub(super) fn prune(&mut self, unix_ms: u64) {
        let oldest = unix_ms.saturating_sub(Self::REMEMBERED_MS);
        self.removed.retain(|_, at| *at >= oldest);
        while self.context.len() > Self::CONTEXT_TERMS_MAX {
            self.context.pop_first();
        }
    }
}
