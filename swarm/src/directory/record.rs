//! Owns what is known about a registered name: its registrations, each with host, epoch and groups.
//! Never decides what they should be; that is `reconcile`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::with::Unshare;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::directory::groups::{self, Groups};
use crate::directory::message::Origin;
use crate::directory::pool::Pool;
use crate::directory::request::RequestId;
use crate::directory::stamp::{Numbers, Rid, Stamp};
use crate::epoch::Epoch;
use crate::error::Location;
use crate::name::Name;
use crate::worker::{Args, KindId};

/// What was registered: enough to start it anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct Spec {
    /// Of what class it is.
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

/// One registration of a name.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Registration {
    /// The encoded init arguments.
    args: Args,
    /// Shared by all records of one node.
    #[rkyv(with = Unshare)]
    setting: Arc<Setting>,
    numbers: Numbers,
    /// Its groups, each with its own stamp.
    pub groups: Groups,
}

/// What many registrations of a cluster have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub(super) struct Setting {
    /// What runs.
    #[rkyv(with = Unshare)]
    class: Arc<Class>,
    /// Whose request it was.
    registrar: NodeId,
    /// Where it runs, or is about to.
    host: NodeId,
}

/// All registrations of one name: one, but after a healed split in which both sides registered it.
///
/// Each registration keeps its own fields, so that merging copies is associative: the fields of one that was
/// unregistered elsewhere never outlive it. The owner writes all of them alike.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Record {
    /// Shared, since a record stands in the copy, in the log and in messages under way.
    #[rkyv(with = Unshare)]
    named: Arc<Named>,
}

/// A name and its registrations.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
struct Named {
    name: Name,
    siblings: Siblings,
}

/// Registrations in the order of their ids. The usual form costs no pointer for the other.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
enum Siblings {
    One(Registration),
    More(Box<(Registration, Box<[Registration]>)>),
}

impl Siblings {
    fn of(siblings: impl IntoIterator<Item = Registration>) -> Option<Self> {
        let mut siblings = siblings.into_iter();
        let first = siblings.next()?;
        let others: Box<[Registration]> = siblings.collect();
        Some(if others.is_empty() { Self::One(first) } else { Self::More(Box::new((first, others))) })
    }

    fn first(&self) -> &Registration {
        match self {
            Self::One(first) => first,
            Self::More(all) => &all.0,
        }
    }

    fn others(&self) -> &[Registration] {
        match self {
            Self::One(_) => &[],
            Self::More(all) => &all.1,
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Registration> {
        std::iter::once(self.first()).chain(self.others())
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Registration> {
        let (first, others) = match self {
            Self::One(first) => (first, &mut [][..]),
            Self::More(all) => (&mut all.0, &mut *all.1),
        };
        std::iter::once(first).chain(others)
    }
}

impl Registration {
    /// What one takes on the wire beside what its users choose: two nodes, numbers with their terms, and what points to all that.
    const FIXED_BYTES: usize = 320;

    /// A registration whose worker is, or is to be, this activation there, and in no group.
    pub(super) fn new(
        rid: Rid,
        spec: Spec,
        registrar: RequestId,
        (host, epoch): (NodeId, Epoch),
        ver: Stamp,
        pool: &mut Pool,
    ) -> Self {
        let Spec { class, args } = spec;
        Self {
            args,
            setting: pool.new_setting(Setting { class, registrar: registrar.node, host }),
            numbers: Numbers::new(rid, registrar.seq, ver, epoch, pool),
            groups: Groups::default(),
        }
    }

    /// Which registration it is.
    pub fn rid(&self) -> Rid {
        self.numbers.rid()
    }

    /// What runs.
    pub fn spec(&self) -> Spec {
        Spec { class: self.setting.class.clone(), args: self.args.clone() }
    }

    /// Of what class that is.
    pub fn class(&self) -> &Class {
        &self.setting.class
    }

    /// Where it runs, or is about to.
    pub fn host(&self) -> NodeId {
        self.setting.host
    }

    /// The number of that activation.
    pub fn epoch(&self) -> Epoch {
        self.numbers.epoch()
    }

    /// Who asked for it.
    pub fn registrar(&self) -> RequestId {
        RequestId { node: self.setting.registrar, seq: self.numbers.request() }
    }

    /// When all but the groups was last written.
    fn ver(&self) -> Stamp {
        self.numbers.ver()
    }

    /// What decides where it should live: its class, and its registrar's node.
    pub(super) fn whose(&self) -> (&Class, NodeId) {
        (self.class(), self.setting.registrar)
    }

    /// Whether it is of this request for this.
    pub(super) fn is_of(&self, spec: &Spec, registrar: RequestId) -> bool {
        self.setting.class == spec.class && self.args == spec.args && self.registrar() == registrar
    }

    /// The same registration of another id.
    pub(super) fn with_id(&self, rid: Rid) -> Self {
        let mut same = self.clone();
        same.numbers.set_rid(rid);
        same
    }

    /// It runs there now, or is about to, as this activation.
    pub(super) fn place(&mut self, host: NodeId, epoch: Epoch) {
        if self.setting.host != host {
            Arc::make_mut(&mut self.setting).host = host;
        }
        self.numbers.set_epoch(epoch);
    }

    /// Where the name is, for users.
    pub fn location(&self) -> Location {
        Location { node: self.host(), worker: self.class().worker.as_str().to_owned(), epoch: self.epoch() }
    }

    /// So many bytes it takes on the wire, or a few less.
    fn bytes(&self) -> usize {
        Self::FIXED_BYTES + self.class().worker.as_str().len() + self.args.len() + self.groups.bytes()
    }

    fn is_shared(&self, pool: &mut Pool) -> bool {
        Arc::ptr_eq(&self.setting, &pool.setting(&self.setting))
            && Arc::ptr_eq(&self.numbers.lead, &pool.lead(&self.numbers.lead))
    }

    fn share(&mut self, pool: &mut Pool) {
        self.setting = pool.setting(&self.setting);
        self.numbers.lead = pool.lead(&self.numbers.lead);
    }

    /// Takes over what `other`, the same registration in another copy, knows better.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.merge(&other.groups);
        if self.ver() < other.ver() {
            *self = other.clone();
        }
        self.groups = groups;
    }
}

impl Record {
    /// So many bytes it takes on the wire, or a few less.
    pub(super) fn bytes(&self) -> usize {
        self.siblings().map(|registration| self.name().as_str().len() + registration.bytes()).sum()
    }

    /// The least that one takes of a name, with these init arguments.
    pub(super) fn bytes_of(name: &Name, spec: &Spec) -> usize {
        name.as_str().len() + Registration::FIXED_BYTES + spec.class.worker.as_str().len() + spec.args.len()
    }

    /// A record of one registration.
    pub fn new(name: Name, registration: Registration) -> Self {
        Self::from(Named { name, siblings: Siblings::One(registration) })
    }

    /// A record of these registrations; `None` if there are none. If two are of one id the later counts.
    pub(super) fn of(name: &Name, siblings: impl IntoIterator<Item = Registration>) -> Option<Self> {
        let siblings: BTreeMap<Rid, Registration> =
            siblings.into_iter().map(|registration| (registration.rid(), registration)).collect();
        Some(Self::from(Named { name: name.clone(), siblings: Siblings::of(siblings.into_values())? }))
    }

    /// Whose record it is.
    pub fn name(&self) -> &Name {
        &self.named.name
    }

    /// The ids of its registrations.
    pub fn ids(&self) -> impl Iterator<Item = Rid> + '_ {
        self.siblings().map(Registration::rid)
    }

    /// Its registrations, in the order of their ids.
    pub(super) fn siblings(&self) -> impl Iterator<Item = &Registration> {
        self.named.siblings.iter()
    }

    /// Whether this registration is one of its own.
    pub fn has(&self, rid: Rid) -> bool {
        self.ids().any(|own| own == rid)
    }

    /// The registration that speaks for the name: the one written last.
    pub fn head(&self) -> &Registration {
        let siblings = &self.named.siblings;
        let later =
            |a, b| std::cmp::max_by_key(a, b, |registration: &&Registration| (registration.ver(), registration.rid()));
        siblings.others().iter().fold(siblings.first(), later)
    }

    /// The groups of all its registrations together.
    pub fn groups(&self) -> Groups {
        let mut groups = self.named.siblings.first().groups.clone();
        self.named.siblings.others().iter().for_each(|sibling| groups.merge(&sibling.groups));
        groups
    }

    /// The same with these registrations as siblings of the others.
    pub(super) fn unite(&self, ids: &[Rid]) -> Self {
        let more = ids.iter().map(|rid| self.head().with_id(*rid));
        Self::of(self.name(), self.siblings().cloned().chain(more)).unwrap_or_else(|| self.clone())
    }

    /// Writes all registrations alike: the present fields, changed by `change`, with this stamp.
    pub(super) fn write(&mut self, ver: Stamp, change: impl FnOnce(&mut Registration)) {
        let mut next = self.head().clone();
        if !self.named.siblings.others().is_empty() {
            next.groups = self.groups();
        }
        next.numbers.set_ver(ver);
        change(&mut next);
        let siblings = match &self.named.siblings {
            Siblings::One(_) => Siblings::One(next),
            Siblings::More(all) => {
                let others = all.1.iter().map(|sibling| next.with_id(sibling.rid())).collect();
                Siblings::More(Box::new((next.with_id(all.0.rid()), others)))
            }
        };
        *self = Self::from(Named { name: self.name().clone(), siblings });
    }

    /// Shares what it has in common with other records, so that a million of them do not have it a million times.
    pub(super) fn share(&mut self, pool: &mut Pool) {
        // What nobody else has is new, and what others have is nearly always shared already.
        let new = Arc::get_mut(&mut self.named).is_some();
        if new || !self.siblings().all(|registration| registration.is_shared(pool)) {
            Arc::make_mut(&mut self.named).siblings.iter_mut().for_each(|registration| registration.share(pool));
        }
    }

    /// The fingerprint of the groups that it is in, by which an owner sees whether a cell knows them.
    pub(super) fn groups_mark(&self) -> u64 {
        if self.siblings().all(|sibling| sibling.groups.is_empty()) {
            return 0;
        }
        groups::mark(&groups::active(&self.groups()))
    }
}

impl From<Named> for Record {
    fn from(named: Named) -> Self {
        Self { named: Arc::new(named) }
    }
}

/// What a cell that is started from a record remembers of it.
pub(super) fn origin(record: &Record) -> Origin {
    let head = record.head();
    Origin { spec: head.spec(), registrar: head.registrar(), groups: groups::active(&record.groups()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_record_is_eleven_words_beside_its_counts() {
        assert_eq!(size_of::<Siblings>(), size_of::<Registration>());
        assert_eq!(size_of::<Named>(), 88);
    }
}
