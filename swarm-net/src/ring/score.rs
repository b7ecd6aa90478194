//! Owns how well a member suits a partition: weighted rendezvous hashing in integers.
//! Fixed for ever: a change moves the names of every running cluster.
//!
//! A plain rendezvous hash (Thaler and Ravishankar, 1998; weighted by Schindelhauer and Schomaker, 2005) draws a member's
//! scores independently, so that its load varies like a coin's. Here each member puts the partitions in an order of its
//! own, `a·p + b` modulo a prime: it likes exactly one of them best, one second best, and so on, which nearly halves the
//! variance of the loads. The orders of two members make a lattice, so that a newcomer takes about as much from
//! each of the others. A small hash breaks the ties between members that like a partition equally.

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_64;

use crate::node::NodeId;

/// A member as the ring sees it.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) id: NodeId,
    pub(super) weight: u16,
    key: u64,
    /// The factor and the summand of its order.
    order: (u64, u64),
}

/// How badly a seat suits a partition: lower is better. The seat's key and number make it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost(u64, u64, u32);

impl Seat {
    /// `places` is of [`places`].
    pub(super) fn new(id: NodeId, weight: u16, places: u64) -> Self {
        let key = key(id);
        let order = (mix(key) % (places - 1) + 1, mix(!key) % places);
        Self { id, weight, key, order }
    }

    /// The cost of partition `p` to this seat, the `seat`th of the ring.
    pub(super) fn cost(&self, seat: u32, p: u32, places: u64) -> Cost {
        let fraction = mix(self.key ^ u64::from(p)) >> 48;
        // Uniform in 1..=2^32: the stratum is the place in the order, the position in it is drawn.
        let drawn = ((self.place(p, places) << 16 | fraction) << 16) / places + 1;
        let cost = match u64::from(self.weight) {
            0 => u64::MAX,
            // The member with the lowest -log(uniform)/weight wins as often as its weight demands.
            weight => (neg_log2(drawn) << 16) / weight,
        };
        Cost(cost, self.key, seat)
    }

    /// Where `p` stands in the seat's order. No two partitions share a place; a few places have none.
    fn place(&self, p: u32, places: u64) -> u64 {
        let (factor, summand) = self.order;
        (factor * u64::from(p) + summand) % places
    }
}

/// How many places an order of so many partitions has: the least prime that is not below them.
pub(super) fn places(partitions: u32) -> u64 {
    let is_prime = |n: &u64| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    (u64::from(partitions).max(2)..).find(is_prime).expect("there is a prime between any number and its double")
}

/// The `count` seats that suit `p` best, best first.
pub(super) fn best(seats: &[Seat], p: u32, places: u64, count: usize) -> Vec<u32> {
    least((0u32..).zip(seats).map(|(number, seat)| seat.cost(number, p, places)).collect(), count)
}

/// The seats of the `count` least costs, least first.
pub(super) fn least(mut costs: Vec<Cost>, count: usize) -> Vec<u32> {
    if count < costs.len() {
        costs.select_nth_unstable(count);
        costs.truncate(count);
    }
    costs.sort_unstable();
    costs.into_iter().map(|Cost(_, _, seat)| seat).collect()
}

/// The address alone: a process that restarts at its address gets its partitions back.
pub(super) fn key(id: NodeId) -> u64 {
    let ip = match id.addr().ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&id.addr().port().to_be_bytes());
    xxh3_64(&bytes)
}

/// Stirs 64 bits (the finaliser of SplitMix64).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// `32 - log2(x)` for `x` in `1..=2^32`, with 30 bits after the point. Falls as `x` grows, interpolated between 257 points.
fn neg_log2(x: u64) -> u64 {
    let exponent = x.ilog2();
    let mantissa = (x << (63 - exponent)) << 1;
    let (step, rest) = ((mantissa >> 56) as usize, mantissa << 8 >> 40);
    let (low, high) = (LOG2[step], LOG2[step + 1]);
    let log = (u64::from(exponent) << 30) + low + (((high - low) * rest) >> 24);
    (32 << 30) - log
}

/// `log2(1 + i/256)` with 30 bits after the point.
static LOG2: [u64; 257] = {
    let mut table = [0; 257];
    let mut i = 0;
    while i < 256 {
        // Squaring doubles the logarithm; each time it passes 2, its next binary digit is a one.
        let mut x = (256 + i as u64) << 24;
        let (mut log, mut digit) = (0, 1 << 29);
        while digit > 0 {
            x = ((x as u128 * x as u128) >> 32) as u64;
            if x >= 2 << 32 {
                x >>= 1;
                log |= digit;
            }
            digit >>= 1;
        }
        table[i] = log;
        i += 1;
    }
    table[256] = 1 << 30;
    table
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_partitions_share_a_place() {
        let id = NodeId::new("10.0.0.1:7000".parse().expect("an address"), 1);
        for (partitions, expected) in [(1, 2), (2, 2), (3, 3), (100, 101), (4096, 4099), (5000, 5003), (65_536, 65_537)]
        {
            let places = places(partitions);
            assert_eq!(places, expected);
            let seat = Seat::new(id, 100, places);
            let taken: BTreeSet<u64> = (0..partitions).map(|p| seat.place(p, places)).collect();
            assert_eq!(taken.len(), partitions as usize, "{partitions}");
            assert!(taken.into_iter().all(|place| place < places), "{partitions}");
        }
    }

    #[test]
    fn logarithms_are_right_and_fall() {
        for x in [1, 2, 3, 5, 1000, 65_535, 65_536, 1 << 31, (1 << 32) - 1, 1 << 32] {
            let exact = (32.0 - (x as f64).log2()) * f64::from(1 << 30);
            assert!((neg_log2(x) as f64 - exact).abs() < 4096.0 * 2.0, "{x}");
        }
        let falling = (1..100_000u64).map(|x| x * 42_949).map(neg_log2).collect::<Vec<_>>();
        assert!(falling.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn node_keys_are_fixed_for_ever() {
        let id = |text: &str, boot| NodeId::new(text.parse().expect("an address"), boot);
        assert_eq!(key(id("10.0.0.1:7000", 1)), 16_317_485_281_754_544_990);
        assert_eq!(key(id("10.0.0.1:7000", 1)), key(id("10.0.0.1:7000", 2)), "a restart keeps its place");
        assert_eq!(key(id("[2001:db8::1]:7000", 1)), 15_955_857_657_361_326_358);
    }
}
