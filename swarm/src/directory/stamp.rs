//! Owns the numbers that tell changes and registrations apart, and the few bytes in which a registration keeps its own.
//! Never makes one; that is the office's.

use std::ops::Deref;
use std::sync::Arc;

use rkyv::with::Unshare;
use rkyv::{Archive, Deserialize, Serialize};

use crate::directory::pool::Pool;
use crate::epoch::{Epoch, Term};

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

/// The registrations that one worker is of, in their order: one, but after a healed split in which both sides registered
/// its name. The usual form takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Ids {
    /// Nearly always.
    One(Rid),
    /// None, or several.
    More(Vec<Rid>),
}

impl Deref for Ids {
    type Target = [Rid];

    fn deref(&self) -> &[Rid] {
        match self {
            Self::One(rid) => std::slice::from_ref(rid),
            Self::More(rids) => rids,
        }
    }
}

impl FromIterator<Rid> for Ids {
    fn from_iter<I: IntoIterator<Item = Rid>>(rids: I) -> Self {
        let mut rids = rids.into_iter();
        match (rids.next(), rids.next()) {
            (Some(rid), None) => Self::One(rid),
            (first, second) => Self::More(first.into_iter().chain(second).chain(rids).collect()),
        }
    }
}

/// The numbers of one registration.
///
/// There are very many of these. What changes from one registration to the next is the low half of each number; terms and
/// high halves are the same for nearly all of those that were made by the same owners, and are shared by them.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct Numbers {
    #[rkyv(with = Unshare)]
    pub(super) lead: Arc<Lead>,
    request: u32,
    rid: u32,
    ver: u32,
    epoch: u32,
}

/// What numbers begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub(super) struct Lead {
    request: u32,
    rid: (Term, u32),
    ver: (Term, u32),
    epoch: Term,
}

impl Numbers {
    /// Those of a registration that was made by a request, of an activation.
    pub(super) fn new(rid: Rid, request: u64, ver: Stamp, epoch: Epoch, pool: &mut Pool) -> Self {
        let ((rid, rid_low), (ver, ver_low), (request, request_low)) = (cut(rid.0), cut(ver), halves(request));
        let lead = pool.new_lead(Lead { request, rid, ver, epoch: epoch.term() });
        Self { lead, request: request_low, rid: rid_low, ver: ver_low, epoch: epoch.number() }
    }

    /// The number of the request that made it, of those of its node.
    pub(super) fn request(&self) -> u64 {
        join(self.lead.request, self.request)
    }

    /// Which registration it is.
    pub(super) fn rid(&self) -> Rid {
        Rid(stamp(self.lead.rid, self.rid))
    }

    /// When it was last written.
    pub(super) fn ver(&self) -> Stamp {
        stamp(self.lead.ver, self.ver)
    }

    /// Its activation.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch::new(self.lead.epoch, self.epoch)
    }

    pub(super) fn set_rid(&mut self, rid: Rid) {
        let (lead, low) = cut(rid.0);
        self.rid = low;
        self.set_lead(Lead { rid: lead, ..*self.lead });
    }

    pub(super) fn set_ver(&mut self, ver: Stamp) {
        let (lead, low) = cut(ver);
        self.ver = low;
        self.set_lead(Lead { ver: lead, ..*self.lead });
    }

    pub(super) fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch.number();
        self.set_lead(Lead { epoch: epoch.term(), ..*self.lead });
    }

    fn set_lead(&mut self, lead: Lead) {
        if *self.lead != lead {
            self.lead = Arc::new(lead);
        }
    }
}

fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn cut(stamp: Stamp) -> ((Term, u32), u32) {
    let (high, low) = halves(stamp.seq);
    ((stamp.term, high), low)
}

fn stamp((term, high): (Term, u32), low: u32) -> Stamp {
    Stamp { term, seq: join(high, low) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use swarm_net::node::Tag;

    use super::*;

    /// The same in plain words.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Plain {
        request: u64,
        rid: Rid,
        ver: Stamp,
        epoch: Epoch,
    }

    impl From<&Numbers> for Plain {
        fn from(numbers: &Numbers) -> Self {
            let (request, rid) = (numbers.request(), numbers.rid());
            Self { request, rid, ver: numbers.ver(), epoch: numbers.epoch() }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Change {
        Rid(Rid),
        Ver(Stamp),
        Epoch(Epoch),
    }

    fn number() -> impl Strategy<Value = u64> {
        let edge = u64::from(u32::MAX);
        prop_oneof![0..3_u64, edge - 1..edge + 2, Just(u64::MAX)]
    }

    fn term() -> impl Strategy<Value = Term> {
        (number(), 0..2_u32).prop_map(|(counter, tag)| Term { counter, tag: Tag(tag) })
    }

    fn any_stamp() -> impl Strategy<Value = Stamp> {
        (term(), number()).prop_map(|(term, seq)| Stamp { term, seq })
    }

    fn change() -> impl Strategy<Value = Change> {
        let epoch = (term(), any::<u32>()).prop_map(|(term, n)| Epoch::new(term, n));
        prop_oneof![
            any_stamp().prop_map(|stamp| Change::Rid(Rid(stamp))),
            any_stamp().prop_map(Change::Ver),
            epoch.prop_map(Change::Epoch),
        ]
    }

    fn made(rid: Rid, request: u64, ver: Stamp, changes: &[Change]) -> (Numbers, Plain) {
        let epoch = Epoch::default();
        let mut numbers = Numbers::new(rid, request, ver, epoch, &mut Pool::default());
        let mut plain = Plain { request, rid, ver, epoch };
        for change in changes {
            match *change {
                Change::Rid(rid) => (numbers.set_rid(rid), plain.rid = rid).0,
                Change::Ver(ver) => (numbers.set_ver(ver), plain.ver = ver).0,
                Change::Epoch(epoch) => (numbers.set_epoch(epoch), plain.epoch = epoch).0,
            }
        }
        (numbers, plain)
    }

    proptest! {
        #[test]
        fn numbers_are_what_was_put_in(
            rid in any_stamp(), request in number(), ver in any_stamp(),
            changes in prop::collection::vec(change(), 0..6),
        ) {
            let (numbers, plain) = made(Rid(rid), request, ver, &changes);
            prop_assert_eq!(Plain::from(&numbers), plain);
            // However it came about, what says the same is the same.
            let direct = [Change::Epoch(plain.epoch)];
            prop_assert_eq!(&made(plain.rid, plain.request, plain.ver, &direct).0, &numbers);
            let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&numbers).expect("numbers can be encoded");
            let back = rkyv::from_bytes::<Numbers, rkyv::rancor::Error>(&bytes);
            prop_assert_eq!(back.expect("they were encoded above"), numbers);
        }
    }

    #[test]
    fn numbers_of_one_term_share_what_they_begin_with() {
        let term = Term { counter: 1_700_000_000_000, tag: Tag(7) };
        let ver = |seq| Stamp { term, seq };
        let mut numbers = Numbers::new(Rid(ver(1)), 1, ver(1), Epoch::default(), &mut Pool::default());
        numbers.set_epoch(Epoch::new(term, 1));
        let mut next = numbers.clone();
        next.set_rid(Rid(ver(2)));
        next.set_ver(ver(3));
        next.set_epoch(Epoch::new(term, 2));
        assert!(Arc::ptr_eq(&numbers.lead, &next.lead));
        assert_eq!(size_of::<Numbers>(), 24);
    }
}
