//! Owns what is known about a registered name: its registrations, each with host, epoch and groups.
//! Never decides what they should be; that is `reconcile`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::with::Unshare;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::directory::message::Origin;
use crate::directory::pool::Pool;
use crate::directory::request::RequestId;
use crate::epoch::{Epoch, Term};
use crate::error::Location;
use crate::name::Name;
use crate::worker::{Args, KindId};

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
    /// Of what class it is; shared by all records of one node.
    #[rkyv(with = Unshare)]
    pub class: Arc<Class>,
    /// The encoded init arguments.
    pub args: Args,
}

impl Spec {
    /// The same, living on the registrar's node.
    pub fn local(self) -> Self {
        Self { class: Arc::new(Class { local: true, ..(*self.class).clone() }), ..self }
    }
}

/// What all registrations of one worker type have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct Class {
    /// The identity of the worker type.
    pub kind: KindId,
    /// The wire name of the worker type.
    pub worker: Name,
    /// The low bits of the fingerprint of the init arguments: who has another version of them must not start it.
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
    pub spec: Spec,
    /// Who asked for it: the node, and the number of its request. Nodes are shared by all records of one node.
    #[rkyv(with = Unshare)]
    registrar: Arc<NodeId>,
    request: u64,
    /// Where it runs, or is about to.
    #[rkyv(with = Unshare)]
    host: Arc<NodeId>,
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
}

/// Registrations in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
struct Siblings {
    name: Name,
    first: Sibling,
    others: Box<[Sibling]>,
}

type Sibling = (Rid, Registration);

impl Siblings {
    fn of(name: &Name, siblings: impl IntoIterator<Item = Sibling>) -> Option<Self> {
        let mut siblings = siblings.into_iter();
        Some(Self { name: name.clone(), first: siblings.next()?, others: siblings.collect() })
    }

    fn iter(&self) -> impl Iterator<Item = &Sibling> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Sibling> {
        std::iter::once(&mut self.first).chain(&mut self.others)
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
    /// A registration that has not been started, and whose worker is in no group.
    pub(super) fn new(spec: Spec, registrar: RequestId, host: NodeId, ver: Stamp) -> Self {
        Self {
            spec,
            registrar: Arc::new(registrar.node),
            request: registrar.seq,
            host: Arc::new(host),
            epoch: Epoch::default(),
            ver,
            groups: Groups::default(),
        }
    }

    /// Where it runs, or is about to.
    pub fn host(&self) -> NodeId {
        *self.host
    }

    /// Who asked for it.
    pub fn registrar(&self) -> RequestId {
        RequestId { node: *self.registrar, seq: self.request }
    }

    /// What decides where it should live: its class, and its registrar's node.
    pub(super) fn whose(&self) -> (&Class, NodeId) {
        (&self.spec.class, *self.registrar)
    }

    /// It runs there now, or is about to, as this activation.
    pub(super) fn place(&mut self, host: NodeId, epoch: Epoch) {
        if *self.host != host {
            self.host = Arc::new(host);
        }
        self.epoch = epoch;
    }

    /// Where the name is, for users.
    pub fn location(&self) -> Location {
        Location { node: *self.host, worker: self.spec.class.worker.as_str().to_owned(), epoch: self.epoch }
    }

    fn is_shared(&self, pool: &mut Pool) -> bool {
        Arc::ptr_eq(&self.spec.class, &pool.class(&self.spec.class))
            && Arc::ptr_eq(&self.registrar, &pool.node(&self.registrar))
            && Arc::ptr_eq(&self.host, &pool.node(&self.host))
    }

    fn share(&mut self, pool: &mut Pool) {
        self.spec.class = pool.class(&self.spec.class);
        self.registrar = pool.node(&self.registrar);
        self.host = pool.node(&self.host);
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
    pub fn new(name: Name, rid: Rid, registration: Registration) -> Self {
        Self::from(Siblings { name, first: (rid, registration), others: Box::default() })
    }

    /// A record of these registrations; `None` if there are none.
    pub(super) fn of(name: &Name, siblings: BTreeMap<Rid, Registration>) -> Option<Self> {
        Siblings::of(name, siblings).map(Self::from)
    }

    /// Whose record it is.
    pub fn name(&self) -> &Name {
        &self.siblings.name
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
        let Siblings { name: _, first, others } = &*self.siblings;
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
        Self::of(self.name(), siblings).unwrap_or_else(|| self.clone())
    }

    /// Writes all registrations alike: the present fields, changed by `change`, with this stamp.
    pub(super) fn write(&mut self, ver: Stamp, change: impl FnOnce(&mut Registration)) {
        let mut next = self.head().clone();
        if !self.siblings.others.is_empty() {
            next.groups = self.groups();
        }
        next.ver = ver;
        change(&mut next);
        let Siblings { name, first, others } = &*self.siblings;
        let others = others.iter().map(|(rid, _)| (*rid, next.clone())).collect();
        *self = Self::from(Siblings { name: name.clone(), first: (first.0, next), others });
    }

    /// Shares what it has in common with other records, so that a million of them do not have it a million times.
    pub(super) fn share(&mut self, pool: &mut Pool) {
        // What nobody else has is new, and what others have is nearly always shared already.
        let new = Arc::get_mut(&mut self.siblings).is_some();
        if new || !self.siblings.iter().all(|(_, registration)| registration.is_shared(pool)) {
            Arc::make_mut(&mut self.siblings).iter_mut().for_each(|(_, registration)| registration.share(pool));
        }
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
        Self { siblings: Arc::new(siblings) }
    }
}

/// What a cell that is started from a record remembers of it.
pub(super) fn origin(record: &Record) -> Origin {
    let head = record.head();
    Origin { spec: head.spec.clone(), registrar: head.registrar(), groups: active(&record.groups()) }
}

/// The groups that one is in.
pub(super) fn active(groups: &Groups) -> Vec<GroupKey> {
    groups.iter().filter(|(_, (joined, _))| *joined).map(|(key, _)| key.clone()).collect()
}

/// The fingerprint of a sorted list of groups; 0 for none.
pub(super) fn groups_mark(groups: &[GroupKey]) -> u64 {
    groups.iter().fold(0, |mark, group| xxh3_64_with_seed(group.key.as_str().as_bytes(), mark ^ group.tag).max(1))
}
