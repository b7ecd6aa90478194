//! Owns what must hold of a cluster in which nothing is left to be done: who sees whom, who owns what, where names run.
//! Never waits for it.

use std::collections::{BTreeMap, BTreeSet};

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::sim::check::{Check, Violation};

/// Who sees whom.
pub(in crate::sim) struct Sight {
    /// The nodes that run, and whether each takes part.
    pub(in crate::sim) live: BTreeMap<NodeId, bool>,
    /// The members by each of them.
    pub(in crate::sim) views: Vec<(NodeId, BTreeSet<NodeId>)>,
}

/// A partition.
pub(in crate::sim) struct Ownership {
    pub(in crate::sim) partition: PartitionId,
    /// Who owns it by the ring.
    pub(in crate::sim) ring: Option<NodeId>,
    /// Who decides about it, and knows all.
    pub(in crate::sim) owners: Vec<NodeId>,
}

/// A worker.
pub(in crate::sim) struct Stay {
    pub(in crate::sim) name: String,
    pub(in crate::sim) node: NodeId,
    /// The ring owner of its name, or the only node that may run it; `None` if that owner cannot run it, or the worker has said that
    /// it stays where it is.
    pub(in crate::sim) home: Option<NodeId>,
}

/// Nobody is left out, and nobody is believed to live that does not.
struct AllSeeAll;

impl Check<Sight> for AllSeeAll {
    fn invariant(&self) -> &'static str {
        "membership converges to the truth, and no live node stays excluded"
    }

    fn broken(&self, sight: &Sight) -> Option<String> {
        if let Some((node, _)) = sight.live.iter().find(|(_, joined)| !**joined) {
            return Some(format!("{node} has not joined"));
        }
        sight.views.iter().find_map(|(me, view)| {
            let missing = sight.live.keys().find(|node| !view.contains(node));
            let missing = missing.map(|node| format!("{me} does not see {node}"));
            let dead = || view.iter().find(|node| !sight.live.contains_key(node));
            missing.or_else(|| Some(format!("{me} still sees {}", dead()?)))
        })
    }
}

/// The ring's owner decides, and nobody beside it.
struct OneOwner;

impl Check<Vec<Ownership>> for OneOwner {
    fn invariant(&self) -> &'static str {
        "each partition has one owner, the ring's"
    }

    fn broken(&self, all: &Vec<Ownership>) -> Option<String> {
        let other = all.iter().find(|of| of.owners.len() != 1 || of.ring != of.owners.first().copied())?;
        Some(format!("{:?} is {:?}'s by the ring, and its owners are {:?}", other.partition, other.ring, other.owners))
    }
}

/// A name runs where the ring says, or, if its type is not known there, on one node that knows it; or where it is pinned.
struct AtHomeOnce;

impl Check<Vec<Stay>> for AtHomeOnce {
    fn invariant(&self) -> &'static str {
        "every name ends at its ring owner, where it can run, or at its pin, once"
    }

    fn broken(&self, stays: &Vec<Stay>) -> Option<String> {
        let mut seen = BTreeSet::new();
        stays.iter().find_map(|stay| match stay.home {
            Some(home) if home != stay.node => {
                Some(format!("{} is on {}, and belongs to {home}", stay.name, stay.node))
            }
            Some(_) | None => (!seen.insert(&stay.name)).then(|| format!("{} runs twice", stay.name)),
        })
    }
}

/// What is not yet as it is to be in the end, if anything. What comes later is only looked at if all before it holds.
pub(in crate::sim) fn unsettled(
    sight: &Sight,
    owned: impl FnOnce() -> Vec<Ownership>,
    stays: impl FnOnce() -> Vec<Stay>,
) -> Option<Violation> {
    let violation = AllSeeAll.violation(sight);
    violation.or_else(|| OneOwner.violation(&owned())).or_else(|| AtHomeOnce.violation(&stays()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u64) -> NodeId {
        NodeId::new(([10, 0, 0, 1], 1).into(), n)
    }

    /// What is found of three nodes of which the first sees these.
    fn seen(first: &[u64], joined: bool) -> Option<String> {
        let all = |nodes: &[u64]| nodes.iter().map(|n| node(*n)).collect();
        let live = [1, 2, 3].map(|n| (node(n), joined || n != 2)).into();
        let views = vec![(node(1), all(first)), (node(2), all(&[1, 2, 3])), (node(3), all(&[1, 2, 3]))];
        AllSeeAll.broken(&Sight { live, views })
    }

    #[test]
    fn who_is_left_out_or_believed_to_live_is_found() {
        let (one, two, four) = (node(1), node(2), node(4));
        assert_eq!(seen(&[1, 2, 3], true), None);
        assert_eq!(seen(&[1, 2, 3], false), Some(format!("{two} has not joined")));
        assert_eq!(seen(&[1, 3], true), Some(format!("{one} does not see {two}")));
        assert_eq!(seen(&[1, 2, 3, 4], true), Some(format!("{one} still sees {four}")));
    }

    #[test]
    fn two_owners_none_and_another_than_the_rings_are_found() {
        let found = |ring, owners: &[u64]| {
            let owners = owners.iter().map(|n| node(*n)).collect();
            OneOwner.broken(&vec![Ownership { partition: PartitionId(0), ring, owners }]).is_some()
        };
        assert!(!found(Some(node(1)), &[1]));
        for owners in [&[][..], &[2], &[1, 2]] {
            assert!(found(Some(node(1)), owners), "{owners:?}");
        }
        assert!(found(None, &[]), "somebody is to own it");
    }

    #[test]
    fn names_elsewhere_and_names_that_run_twice_are_found() {
        let found = |stays: &[(u64, Option<u64>)]| {
            let stay =
                |(at, home): &(u64, Option<u64>)| Stay { name: "x".into(), node: node(*at), home: home.map(node) };
            AtHomeOnce.broken(&stays.iter().map(stay).collect())
        };
        assert_eq!(found(&[(1, Some(1))]), None);
        assert_eq!(found(&[(2, None)]), None, "its owner cannot run it, or it stays");
        assert_eq!(found(&[(2, Some(1))]), Some(format!("x is on {}, and belongs to {}", node(2), node(1))));
        assert_eq!(found(&[(2, None), (3, None)]), Some("x runs twice".to_owned()));
    }

    #[test]
    fn what_is_not_seen_by_all_is_looked_at_no_further() {
        let sight = |sees: &[u64]| Sight {
            live: [(node(1), true)].into(),
            views: vec![(node(1), sees.iter().map(|n| node(*n)).collect())],
        };
        let owned = |owners: Vec<NodeId>| vec![Ownership { partition: PartitionId(0), ring: Some(node(1)), owners }];
        let stays = || vec![Stay { name: "x".into(), node: node(2), home: Some(node(1)) }];
        let found = [
            unsettled(&sight(&[]), || unreachable!("they see each other first"), || unreachable!("as above")),
            unsettled(&sight(&[1]), || owned(Vec::new()), || unreachable!("owners come first")),
            unsettled(&sight(&[1]), || owned(vec![node(1)]), stays),
        ];
        let invariants = [AllSeeAll.invariant(), OneOwner.invariant(), AtHomeOnce.invariant()];
        assert_eq!(found.map(|violation| violation.map(|violation| violation.invariant)), invariants.map(Some));
        assert_eq!(unsettled(&sight(&[1]), || owned(vec![node(1)]), Vec::new), None);
    }
}
