//! Owns what is known about a registered name: its registrations, each with host, epoch and groups.
//! Never decides what they should be; that is `reconcile`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::with::Unshare;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::directory::request::RequestId;
use crate::epoch::{Epoch, Term};
use crate::error::Location;
use crate::name::Name;
use crate::worker::KindId;

/// One change of a partition: the term in which it was made, and which of that term's changes it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct Stamp {
    /// Whose change.
    pub term: Term,
    /// Counts the changes of the term, from 1.
    pub seq: u64,
}

/// The identity of one registration. Moves and restarts keep it; to register again after an unregister makes a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct Rid(pub Stamp);

/// A group that workers can be in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct GroupKey {
    /// The fingerprint of the group's type.
    pub tag: u64,
    /// The key of a dynamic group; empty for the plain one.
    pub key: Name,
}

/// What was registered: enough to start it anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct Spec {
    /// The identity of the worker type.
    pub kind: KindId,
    /// The wire name of the worker type.
    pub worker: String,
    /// The encoded init arguments.
    pub args: Vec<u8>,
    /// The low bits of their fingerprint: who has another version of them must not start it.
    pub schema: u32,
    /// It lives on the registrar's node, never moves, and ends with that node.
    pub local: bool,
}

/// Who is or was in which group, with the stamp of the last change.
pub type Groups = BTreeMap<GroupKey, (bool, Stamp)>;

/// One registration of a name.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Registration {
    /// What runs.
    #[rkyv(with = Unshare)]
    pub spec: Arc<Spec>,
    /// Who asked for it.
    pub registrar: RequestId,
    /// Where it runs, or is about to.
    pub host: NodeId,
    /// The number of that activation.
    pub epoch: Epoch,
    /// When the fields above were written.
    pub ver: Stamp,
    /// Its groups, each with its own stamp.
    pub groups: Groups,
}

/// All registrations of one name: one, but after a healed split in which both sides registered it.
///
/// Each registration keeps its own fields, so that merging copies is associative: the fields of one that was
/// unregistered elsewhere never outlive it. The owner writes all of them alike.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Record {
    /// In the order of their ids. Shared, since a record stands in the copy, in the log and in messages under way.
    #[rkyv(with = Unshare)]
    siblings: Arc<Vec<(Rid, Registration)>>,
}

impl Registration {
    /// Where the name is, for users.
    pub fn location(&self) -> Location {
        Location { node: self.host, worker: self.spec.worker.clone(), epoch: self.epoch }
    }

    /// Takes over what `other`, the same registration in another copy, knows better.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut groups = std::mem::take(&mut self.groups);
        for (key, theirs) in &other.groups {
            let ours = groups.entry(key.clone()).or_insert(*theirs);
            if ours.1 < theirs.1 {
                *ours = *theirs;
            }
        }
        if self.ver < other.ver {
            *self = other.clone();
        }
        self.groups = groups;
    }
}

impl Record {
    /// A record of one registration.
    pub fn new(rid: Rid, registration: Registration) -> Self {
        Self { siblings: Arc::new(vec![(rid, registration)]) }
    }

    /// A record of these registrations; `None` if there are none.
    pub(super) fn of(siblings: BTreeMap<Rid, Registration>) -> Option<Self> {
        (!siblings.is_empty()).then(|| Self { siblings: Arc::new(siblings.into_iter().collect()) })
    }

    /// The ids of its registrations.
    pub fn ids(&self) -> impl Iterator<Item = Rid> + '_ {
        self.siblings.iter().map(|(rid, _)| *rid)
    }

    /// Its registrations, in the order of their ids.
    pub(super) fn siblings(&self) -> impl Iterator<Item = &(Rid, Registration)> {
        self.siblings.iter()
    }

    /// Whether this registration is one of its own.
    pub fn has(&self, rid: Rid) -> bool {
        self.siblings.iter().any(|(own, _)| *own == rid)
    }

    /// The registration that speaks for the name: the one written last.
    pub fn head(&self) -> &Registration {
        let last = self.siblings.iter().max_by_key(|(rid, registration)| (registration.ver, *rid));
        &last.expect("a record has a registration, else it is removed").1
    }

    /// The groups of all its registrations together.
    pub fn groups(&self) -> Groups {
        let mut siblings = self.siblings.iter().map(|(_, registration)| registration);
        let mut groups = siblings.next().map(|first| first.groups.clone()).unwrap_or_default();
        for (key, theirs) in siblings.flat_map(|sibling| &sibling.groups) {
            let ours = groups.entry(key.clone()).or_insert(*theirs);
            if ours.1 < theirs.1 {
                *ours = *theirs;
            }
        }
        groups
    }

    /// The same with these registrations as siblings of the others.
    pub(super) fn unite(&self, ids: &[Rid]) -> Self {
        let own = self.siblings.iter().cloned();
        let more = ids.iter().map(|rid| (*rid, self.head().clone()));
        let siblings: BTreeMap<Rid, Registration> = own.chain(more).collect();
        Self { siblings: Arc::new(siblings.into_iter().collect()) }
    }

    /// Writes all registrations alike: the present fields, changed by `change`, with this stamp.
    pub(super) fn write(&mut self, ver: Stamp, change: impl FnOnce(&mut Registration)) {
        let mut next = self.head().clone();
        if self.siblings.len() > 1 {
            next.groups = self.groups();
        }
        next.ver = ver;
        change(&mut next);
        self.siblings = Arc::new(self.siblings.iter().map(|(rid, _)| (*rid, next.clone())).collect());
    }

    /// The fingerprint of the groups that it is in, by which an owner sees whether a cell knows them.
    pub(super) fn groups_mark(&self) -> u64 {
        if self.siblings.iter().all(|(_, sibling)| sibling.groups.is_empty()) {
            return 0;
        }
        groups_mark(&active(&self.groups()))
    }
}

/// The groups that one is in.
pub(super) fn active(groups: &Groups) -> Vec<GroupKey> {
    groups.iter().filter(|(_, (joined, _))| *joined).map(|(key, _)| key.clone()).collect()
}

/// The fingerprint of a sorted list of groups; 0 for none.
pub(super) fn groups_mark(groups: &[GroupKey]) -> u64 {
    groups.iter().fold(0, |mark, group| xxh3_64_with_seed(group.key.as_str().as_bytes(), mark ^ group.tag).max(1))
}
