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
    let members: Vec<_> = nodes.into_iter().map(|i| (node(i), 100)).collect();
    Ring::new(Ring::PARTITIONS, &members)
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

/// The partitions whose owner differs, relative to the fair part of one member of the larger ring.
fn moved(before: &Ring, after: &Ring) -> f64 {
    let moved = partitions(before).filter(|&p| before.owner(p) != after.owner(p)).count();
    let members = before.seats.len().max(after.seats.len());
    moved as f64 * members as f64 / f64::from(before.partitions())
}

/// The mean of [`moved`] over 12 joins to `count` members, which are leaves as well when read backwards.
fn moved_mean(count: u32) -> f64 {
    let joins =
        (0..12).map(|seed| moved(&ring(seed * 1000..seed * 1000 + count), &ring(seed * 1000..=seed * 1000 + count)));
    joins.sum::<f64>() / 12.0
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
fn no_load_is_above_the_bound() {
    for count in [1, 2, 3, 10, 30, 100] {
        let bound = (4096 * 105u64).div_ceil(u64::from(count) * 100);
        let loads = loads(&ring(0..count));
        assert_eq!(loads.len(), count as usize);
        assert!(loads.values().all(|&load| load <= bound), "{count}: {loads:?}");
    }
}

#[test]
fn a_join_or_leave_moves_hardly_more_than_it_must() {
    for (count, limit) in [(1, 1.1), (3, 1.1), (10, 1.1), (30, 1.2), (100, 2.0)] {
        let mean = moved_mean(count);
        assert!(mean <= limit, "{mean} times the minimum at {count} members");
    }
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
    assert_eq!(digest(&mut partitions(&ring).filter_map(|p| ring.owner(p))), 2_119_121_180_755_379_817);
    assert_eq!(digest(&mut partitions(&ring).flat_map(|p| ring.preference(p))), 2_202_941_902_194_988_764);
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
            let bound = if total == 0 {
                (u64::from(partitions) * 105).div_ceil(members.len() as u64 * 100)
            } else {
                (u64::from(partitions) * u64::from(*weight) * 105).div_ceil(total * 100)
            };
            prop_assert!(loads.get(id).copied().unwrap_or(0) <= bound);
        }
        let at = turn % members.len();
        members.rotate_left(at);
        let again = Ring::new(partitions, &members);
        prop_assert_eq!(&ring.owners, &again.owners);
        prop_assert_eq!(&ring.heads, &again.heads);
    }
}
