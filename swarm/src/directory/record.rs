//! Owns what is known about a registered name: its registrations, each with host, epoch and groups.
//! Never decides what they should be; that is `reconcile`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::rancor::Fallible;
use rkyv::ser::{Allocator, Writer};
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith, Skip, Unshare};
use rkyv::{Archive, Deserialize, Place, Serialize};
use swarm_net::node::NodeId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::directory::message::Origin;
use crate::directory::request::RequestId;
use crate::directory::rest::Note;
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
    /// The wire name of the worker type; of the type of names, since short ones take no memory of their own.
    pub worker: Name,
    /// The encoded init arguments, shared with the cell.
    #[rkyv(with = AsBytes)]
    pub args: Arc<[u8]>,
    /// The low bits of their fingerprint: who has another version of them must not start it.
    pub schema: u32,
    /// It lives on the registrar's node, never moves, and ends with that node.
    pub local: bool,
}

/// Who is or was in which group, with the stamp of the last change. Most workers are in none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Groups(
    #[expect(clippy::box_collection, reason = "in a million registrations the map itself would be felt")]
    Option<Box<BTreeMap<GroupKey, (bool, Stamp)>>>,
);

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
    /// Shared, since a record stands in the copy, in the log and in messages under way.
    #[rkyv(with = Unshare)]
    siblings: Arc<Siblings>,
    #[rkyv(with = Skip)]
    pub(super) note: Note,
}

/// Registrations in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
struct Siblings {
    first: Sibling,
    others: Box<[Sibling]>,
}

type Sibling = (Rid, Registration);

impl Siblings {
    fn of(siblings: impl IntoIterator<Item = Sibling>) -> Option<Self> {
        let mut siblings = siblings.into_iter();
        Some(Self { first: siblings.next()?, others: siblings.collect() })
    }

    fn iter(&self) -> impl Iterator<Item = &Sibling> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Groups {
    /// When a group was joined or left.
    pub fn get(&self, group: &GroupKey) -> Option<&(bool, Stamp)> {
        self.0.as_ref()?.get(group)
    }

    /// Notes that a group was joined or left.
    pub fn insert(&mut self, group: GroupKey, entry: (bool, Stamp)) {
        self.0.get_or_insert_default().insert(group, entry);
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupKey, &(bool, Stamp))> {
        self.0.iter().flat_map(|groups| groups.iter())
    }

    /// Takes over what `other` has later news of.
    fn merge(&mut self, other: &Self) {
        for (group, theirs) in other.iter() {
            let ours = self.0.get_or_insert_default().entry(group.clone()).or_insert(*theirs);
            if ours.1 < theirs.1 {
                *ours = *theirs;
            }
        }
    }
}

impl FromIterator<(GroupKey, (bool, Stamp))> for Groups {
    fn from_iter<I: IntoIterator<Item = (GroupKey, (bool, Stamp))>>(groups: I) -> Self {
        let groups: BTreeMap<_, _> = groups.into_iter().collect();
        Self((!groups.is_empty()).then(|| Box::new(groups)))
    }
}

impl Registration {
    /// Where the name is, for users.
    pub fn location(&self) -> Location {
        Location { node: self.host, worker: self.spec.worker.as_str().to_owned(), epoch: self.epoch }
    }

    /// Takes over what `other`, the same registration in another copy, knows better.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.merge(&other.groups);
        if self.ver < other.ver {
            *self = other.clone();
        }
        self.groups = groups;
    }
}

impl Record {
    /// A record of one registration.
    pub fn new(rid: Rid, registration: Registration) -> Self {
        Self::from(Siblings { first: (rid, registration), others: Box::default() })
    }

    /// A record of these registrations; `None` if there are none.
    pub(super) fn of(siblings: BTreeMap<Rid, Registration>) -> Option<Self> {
        Siblings::of(siblings).map(Self::from)
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
        let Siblings { first, others } = &*self.siblings;
        let later = |a, b| std::cmp::max_by_key(a, b, |(rid, registration): &&Sibling| (registration.ver, *rid));
        &others.iter().fold(first, later).1
    }

    /// The groups of all its registrations together.
    pub fn groups(&self) -> Groups {
        let mut groups = self.siblings.first.1.groups.clone();
        self.siblings.others.iter().for_each(|(_, sibling)| groups.merge(&sibling.groups));
        groups
    }

    /// The same with these registrations as siblings of the others.
    pub(super) fn unite(&self, ids: &[Rid]) -> Self {
        let own = self.siblings.iter().cloned();
        let more = ids.iter().map(|rid| (*rid, self.head().clone()));
        let siblings: BTreeMap<Rid, Registration> = own.chain(more).collect();
        Self::of(siblings).unwrap_or_else(|| self.clone())
    }

    /// Writes all registrations alike: the present fields, changed by `change`, with this stamp.
    pub(super) fn write(&mut self, ver: Stamp, change: impl FnOnce(&mut Registration)) {
        let mut next = self.head().clone();
        if !self.siblings.others.is_empty() {
            next.groups = self.groups();
        }
        next.ver = ver;
        change(&mut next);
        let Siblings { first, others } = &*self.siblings;
        let others = others.iter().map(|(rid, _)| (*rid, next.clone())).collect();
        *self = Self::from(Siblings { first: (first.0, next), others });
    }

    /// The fingerprint of the groups that it is in, by which an owner sees whether a cell knows them.
    pub(super) fn groups_mark(&self) -> u64 {
        if self.siblings.iter().all(|(_, sibling)| sibling.groups.0.is_none()) {
            return 0;
        }
        groups_mark(&active(&self.groups()))
    }
}

impl From<Siblings> for Record {
    fn from(siblings: Siblings) -> Self {
        Self { siblings: Arc::new(siblings), note: Note::default() }
    }
}

/// What a cell that is started from a record remembers of it.
pub(super) fn origin(record: &Record) -> Origin {
    let head = record.head();
    Origin { spec: head.spec.clone(), registrar: head.registrar, groups: active(&record.groups()) }
}

/// The groups that one is in.
pub(super) fn active(groups: &Groups) -> Vec<GroupKey> {
    groups.iter().filter(|(_, (joined, _))| *joined).map(|(key, _)| key.clone()).collect()
}

/// The fingerprint of a sorted list of groups; 0 for none.
pub(super) fn groups_mark(groups: &[GroupKey]) -> u64 {
    groups.iter().fold(0, |mark, group| xxh3_64_with_seed(group.key.as_str().as_bytes(), mark ^ group.tag).max(1))
}

/// Shared bytes travel as a list of them.
struct AsBytes;

impl ArchiveWith<Arc<[u8]>> for AsBytes {
    type Archived = ArchivedVec<u8>;
    type Resolver = VecResolver;

    fn resolve_with(bytes: &Arc<[u8]>, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_slice(bytes, resolver, out);
    }
}

impl<S: Fallible + Allocator + Writer + ?Sized> SerializeWith<Arc<[u8]>, S> for AsBytes {
    fn serialize_with(bytes: &Arc<[u8]>, serializer: &mut S) -> Result<VecResolver, S::Error> {
        ArchivedVec::serialize_from_slice(bytes, serializer)
    }
}

impl<D: Fallible + ?Sized> DeserializeWith<ArchivedVec<u8>, Arc<[u8]>, D> for AsBytes {
    fn deserialize_with(bytes: &ArchivedVec<u8>, _: &mut D) -> Result<Arc<[u8]>, D::Error> {
        Ok(Arc::from(bytes.as_slice()))
    }
}
