use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::*;

/// The `i`th of many nodes on many hosts.
fn node(i: u32) -> NodeId {
    let [_, a, b, c] = i.to_be_bytes();
    NodeId::new(SocketAddr::from(([10, a, b, c], 7000)), u64::from(i) * 77)
}

fn ring(nodes: impl IntoIterator<Item = u32>) -> Ring {
    ring_of(Ring::PARTITIONS, nodes)
}

fn ring_of(partitions: u32, nodes: impl IntoIterator<Item = u32>) -> Ring {
    let members: Vec<_> = nodes.into_iter().map(|i| (node(i), 100)).collect();
    Ring::new(partitions, &members)
}

fn partitions(ring: &Ring) -> impl Iterator<Item = PartitionId> + use<> {
    (0..ring.partitions()).map(|p| PartitionId(p as u16))
}

fn loads(ring: &Ring) -> BTreeMap<NodeId, u64> {
    let mut loads = BTreeMap::new();
    for p in partitions(ring) {
        *loads.entry(ring.owner(p).expect("the ring has members")).or_default() += 1;
    }
    loads
}

/// What one join moved, or the leave that undoes it, as multiples of the least: a fair part of the larger ring.
struct Moved {
    owners: f64,
    /// Owner and two replicas together, in whatever order.
    copies: f64,
}

fn moved(before: &Ring, after: &Ring) -> Moved {
    let (mut owners, mut copies) = (0.0, 0.0);
    for p in partitions(before) {
        let held: Vec<NodeId> = before.preference(p).take(3).collect();
        owners += f64::from(u8::from(before.owner(p) != after.owner(p)));
        copies += after.preference(p).take(3).filter(|id| !held.contains(id)).count() as f64;
    }
    let least = f64::from(before.partitions()) / before.seats.len().max(after.seats.len()) as f64;
    Moved { owners: owners / least, copies: copies / (least * 3.0) }
}

/// The mean of [`moved`] over joins to `count` members, each of other members.
fn moved_mean(partitions: u32, count: u32, joins: u32) -> Moved {
    let mut mean = Moved { owners: 0.0, copies: 0.0 };
    for seed in 0..joins {
        let first = seed * 1000;
        let (fewer, more) = (ring_of(partitions, first..first + count), ring_of(partitions, first..=first + count));
        let moved = moved(&fewer, &more);
        mean.owners += moved.owners / f64::from(joins);
        mean.copies += moved.copies / f64::from(joins);
    }
    mean
}

#[test]
fn an_empty_ring_has_no_owners() {
    let ring = Ring::new(8, &[]);
    assert_eq!(ring.owner(PartitionId(3)), None);
    assert_eq!(ring.preference(PartitionId(3)).count(), 0);
}

#[test]
fn partitions_are_remainders() {
    let ring = ring(0..1);
    assert_eq!(ring.partition_of(4096 * 7 + 5), PartitionId(5));
    assert_eq!(Ring::new(65_536, &[]).partition_of(u64::MAX), PartitionId(65_535));
    assert_eq!(ring.owner(PartitionId(4096)), None, "there is no such partition");
}

#[test]
fn no_load_is_above_the_mean_by_more_than_a_twentieth() {
    for count in [1, 2, 3, 10, 30, 100] {
        for seed in 0..6 {
            let loads = loads(&ring(seed * 1000..seed * 1000 + count));
            assert_eq!(loads.len(), count as usize, "each member owns something");
            let most = loads.into_values().max().unwrap_or(0);
            // In integers: most <= 1.05 * 4096 / count.
            assert!(most * u64::from(count) * 100 <= 4096 * 105, "{most} at {count} members, set {seed}");
        }
    }
}

#[test]
fn where_a_twentieth_is_less_than_a_partition_one_is_allowed() {
    let loads = loads(&ring(0..1000));
    assert!(loads.values().all(|&load| load <= 6), "4.1 rounded up, and one: {loads:?}");
}

#[test]
fn a_join_or_leave_moves_hardly_more_than_it_must() {
    for (partitions, count, joins) in [
        (Ring::PARTITIONS, 1, 12),
        (Ring::PARTITIONS, 3, 12),
        (Ring::PARTITIONS, 10, 12),
        (Ring::PARTITIONS, 30, 12),
        (Ring::PARTITIONS_LARGE, 3, 2),
        (Ring::PARTITIONS_LARGE, 100, 3),
    ] {
        let Moved { owners, copies } = moved_mean(partitions, count, joins);
        assert!(owners <= 1.1, "{owners} times the minimum at {count} members and {partitions} partitions");
        assert!(copies <= 1.1, "{copies} times the minimum of copies at {count} members and {partitions} partitions");
    }
}

/// With 41 partitions a member, the bound leaves it two of slack, and the default number of partitions is too small for
/// the promise above: see [`Ring::PARTITIONS_LARGE`]. This holds the documented figure.
#[test]
fn a_hundred_members_with_the_default_partitions_move_twice_the_least() {
    let Moved { owners, copies } = moved_mean(Ring::PARTITIONS, 100, 4);
    assert!(owners <= 2.1, "{owners}");
    assert!(copies <= 1.2, "{copies}");
}

#[test]
fn weights_count() {
    let members = [(node(1), 100), (node(2), 50), (node(3), 0), (node(4), 250)];
    let loads = loads(&Ring::new(4096, &members));
    assert!(!loads.contains_key(&node(3)), "weight 0 owns nothing");
    for (id, weight) in [(node(1), 100), (node(2), 50), (node(4), 250)] {
        let fair = 4096.0 * f64::from(weight) / 400.0;
        assert!((loads[&id] as f64 / fair - 1.0).abs() < 0.1, "{id} has {} of {fair}", loads[&id]);
    }
    let none = [(node(1), 0), (node(2), 0)];
    assert_eq!(Ring::new(64, &none).preference(PartitionId(0)).count(), 2);
}

#[test]
fn a_restart_gets_its_partitions_back() {
    let before = Ring::new(4096, &[(node(1), 100), (node(2), 100)]);
    let again = NodeId::new(node(2).addr(), 999);
    let after = Ring::new(4096, &[(node(1), 100), (again, 100)]);
    let owned = |ring: &Ring, id| partitions(ring).filter(|&p| ring.owner(p) == Some(id)).collect::<Vec<_>>();
    assert_eq!(owned(&before, node(2)), owned(&after, again));
}

#[test]
fn the_table_is_fixed_for_ever() {
    let members = [(node(1), 100), (node(2), 100), (node(3), 100), (node(4), 30)];
    let ring = Ring::new(4096, &members);
    let digest = |order: &mut dyn Iterator<Item = NodeId>| {
        let ports: Vec<u8> = order.flat_map(|id| id.boot().to_be_bytes()).collect();
        xxh3_64(&ports)
    };
    assert_eq!(digest(&mut partitions(&ring).filter_map(|p| ring.owner(p))), 4_493_442_859_241_758_590);
    assert_eq!(digest(&mut partitions(&ring).flat_map(|p| ring.preference(p))), 9_010_426_610_124_041_757);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rings_hold_their_promises(
        mut members in proptest::collection::btree_map(0u32..100_000, 0u16..500, 1..40).prop_map(|map| {
            map.into_iter().map(|(i, weight)| (node(i), weight)).collect::<Vec<_>>()
        }),
        partitions in 1u32..600,
        turn in 0usize..40,
    ) {
        let ring = Ring::new(partitions, &members);
        let total: u64 = members.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut loads = BTreeMap::new();
        for p in (0..partitions).map(|p| PartitionId(p as u16)) {
            let order: Vec<_> = ring.preference(p).collect();
            prop_assert_eq!(order.first().copied(), ring.owner(p));
            prop_assert_eq!(order.len(), members.len());
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), members.len());
            *loads.entry(order[0]).or_insert(0u64) += 1;
        }
        for (id, weight) in &members {
            let (share, total) = if total == 0 {
                (u64::from(partitions), members.len() as u64)
            } else {
                (u64::from(partitions) * u64::from(*weight), total)
            };
            let bound = if share == 0 { 0 } else { (share * 105 / (total * 100)).max(share.div_ceil(total) + 1) };
            prop_assert!(loads.get(id).copied().unwrap_or(0) <= bound);
        }
        let at = turn % members.len();
        members.rotate_left(at);
        let again = Ring::new(partitions, &members);
        prop_assert_eq!(&ring.owners, &again.owners);
        prop_assert_eq!(&ring.heads, &again.heads);
    }

    /// By turns few and many come and go, also all, and some change their weight.
    #[test]
    fn a_ring_that_follows_changes_is_the_ring_of_its_members(
        turns in proptest::collection::vec(
            (proptest::collection::btree_map(0u32..60, 0u16..3, 0..40), proptest::collection::btree_set(0u32..60, 0..8)),
            1..6,
        ),
        partitions in 1u32..300,
    ) {
        let mut ring = Ring::new(partitions, &[]);
        for (mut members, leavers) in turns {
            for leavers in [BTreeSet::new(), leavers] {
                members.retain(|i, _| !leavers.contains(i));
                let members: Vec<_> = members.iter().map(|(i, weight)| (node(*i), *weight)).collect();
                ring = ring.with_members(&members);
                let anew = Ring::new(partitions, &members);
                prop_assert_eq!(&ring.heads, &anew.heads);
                prop_assert_eq!(&ring.owners, &anew.owners);
            }
        }
    }
}
