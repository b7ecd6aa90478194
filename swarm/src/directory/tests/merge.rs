//! Properties of merging copies: the order and number of merges never matter, and what ended stays ended.

use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use swarm_net::node::{NodeId, Tag};

use crate::directory::pool::Pool;
use crate::directory::tests::cluster::spec;
use crate::directory::{Copy, GroupKey, Op, Record, Registration, RequestId, Rid, Stamp};
use crate::epoch::{Epoch, Term};
use crate::name::Name;

const NAMES: [&str; 3] = ["a", "b", "c"];
const OWNERS: usize = 3;

/// What an owner does to its copy, or a copy to another.
#[derive(Clone, Debug)]
enum Step {
    Register(usize, usize),
    Adopt(usize, usize, u64),
    Write(usize, usize),
    Group(usize, usize, bool),
    Remove(usize, usize),
    Merge(usize, usize),
    NewTerm(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (owner, name) = (0..OWNERS, 0..NAMES.len());
    prop_oneof![
        (owner.clone(), name.clone()).prop_map(|(o, n)| Step::Register(o, n)),
        (owner.clone(), name.clone(), 1..4u64).prop_map(|(o, n, s)| Step::Adopt(o, n, s)),
        (owner.clone(), name.clone()).prop_map(|(o, n)| Step::Write(o, n)),
        (owner.clone(), name.clone(), any::<bool>()).prop_map(|(o, n, j)| Step::Group(o, n, j)),
        (owner.clone(), name).prop_map(|(o, n)| Step::Remove(o, n)),
        (owner.clone(), owner.clone()).prop_map(|(a, b)| Step::Merge(a, b)),
        owner.prop_map(Step::NewTerm),
    ]
}

fn node() -> NodeId {
    NodeId::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), 1)
}

/// A registration that was made by this change.
pub(in crate::directory) fn registration(rid: Rid, ver: Stamp) -> Registration {
    let registrar = RequestId { node: node(), seq: ver.seq };
    let place = (node(), Epoch::new(ver.term, ver.seq as u32));
    Registration::new(rid, spec(false), registrar, place, ver, &mut Pool::default())
}

/// Copies as a run of the protocol makes them: each term is written by one owner only.
fn copies(steps: &[Step]) -> Vec<Copy> {
    let mut copies = vec![Copy::default(); OWNERS];
    let (mut terms, mut seq) = ([1, 1, 1], 0);
    for step in steps {
        seq += 1;
        let stamp = |terms: &[u64; 3], o: usize| Stamp { term: Term { counter: terms[o], tag: Tag(o as u32) }, seq };
        match step {
            Step::Register(o, n) | Step::Adopt(o, n, _) => {
                let ver = stamp(&terms, *o);
                // An adopted registration was made in a term of which no copy is left.
                let lost = |seq: u64| Stamp { term: Term { counter: 99, tag: Tag(*n as u32) }, seq };
                let rid = if let Step::Adopt(.., seq) = step { lost(*seq) } else { ver };
                let name = Name::from(NAMES[*n]);
                if copies[*o].record(&name).is_none() && !copies[*o].covers(Rid(rid)) {
                    copies[*o].apply(&Op::Put { record: Record::new(name, registration(Rid(rid), ver)) }, ver.term);
                    copies[*o].reach(ver);
                }
            }
            Step::Write(o, n) | Step::Group(o, n, _) => {
                let (ver, name) = (stamp(&terms, *o), Name::from(NAMES[*n]));
                if let Some(mut record) = copies[*o].record(&name).cloned() {
                    record.write(ver, |registration| {
                        if let Step::Group(.., joined) = step {
                            registration.groups.insert(GroupKey { tag: 1, key: Name::from("g") }, (*joined, ver));
                        } else {
                            registration.place(registration.host(), Epoch::new(ver.term, ver.seq as u32));
                        }
                    });
                    copies[*o].apply(&Op::Put { record }, ver.term);
                    copies[*o].reach(ver);
                }
            }
            Step::Remove(o, n) => {
                let (at, name) = (stamp(&terms, *o), Name::from(NAMES[*n]));
                let ids: Vec<Rid> = copies[*o].record(&name).into_iter().flat_map(Record::ids).collect();
                let uncovered = ids.into_iter().filter(|rid| !copies[*o].covers(*rid)).collect();
                copies[*o].apply(&Op::Remove { name, uncovered, at_unix_ms: at.seq }, at.term);
                copies[*o].reach(at);
            }
            Step::Merge(a, b) => {
                let other = copies[*b].clone();
                copies[*a].merge(&other);
            }
            Step::NewTerm(o) => terms[*o] += 1,
        }
    }
    copies
}

fn merged(a: &Copy, b: &Copy) -> Copy {
    let mut both = a.clone();
    both.merge(b);
    both
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn merge_is_commutative_associative_idempotent(steps in prop::collection::vec(step(), 0..40)) {
        let copies = copies(&steps);
        let (a, b, c) = (&copies[0], &copies[1], &copies[2]);
        prop_assert_eq!(merged(a, b), merged(b, a));
        prop_assert_eq!(merged(&merged(a, b), c), merged(a, &merged(b, c)));
        prop_assert_eq!(&merged(a, a), a);
        prop_assert_eq!(merged(&merged(a, b), b), merged(a, b));
    }

    #[test]
    fn what_ended_stays_ended(steps in prop::collection::vec(step(), 0..40), name in 0..NAMES.len()) {
        let copies = copies(&steps);
        let name = Name::from(NAMES[name]);
        let ids: Vec<Rid> = copies[0].record(&name).into_iter().flat_map(Record::ids).collect();
        let uncovered = ids.iter().filter(|rid| !copies[0].covers(**rid)).copied().collect();
        let mut ended = copies[0].clone();
        ended.apply(&Op::Remove { name: name.clone(), uncovered, at_unix_ms: 1 }, Term::default());
        let all = merged(&merged(&ended, &copies[0]), &merged(&copies[1], &copies[2]));
        prop_assert!(all.record(&name).is_none_or(|record| ids.iter().all(|rid| !record.has(*rid))));
    }
}
