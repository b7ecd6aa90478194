//! Owns how well a member suits a partition: weighted rendezvous hashing in integers.
//! Fixed for ever: a change moves the names of every running cluster.
//!
//! A plain rendezvous hash draws a member's scores independently, so that its load varies like a coin's. Here each
//! member draws a *permutation* of the partitions: it likes exactly one of them best, one second best, and so on, which
//! nearly halves the variance of the loads. A small hash breaks the ties between members that like a partition equally.

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_64;

use crate::node::NodeId;

/// A member as the ring sees it.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) id: NodeId,
    pub(super) weight: u16,
    key: u64,
}

/// How badly a seat suits a partition: lower is better. The seat's key and number make it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost(u64, u64, u32);

impl Seat {
    pub(super) fn new(id: NodeId, weight: u16) -> Self {
        Self { id, weight, key: key(id) }
    }

    /// The cost of partition `p` of `partitions` to this seat, the `seat`th of the ring.
    pub(super) fn cost(&self, seat: u32, p: u32, partitions: u32) -> Cost {
        let place = u64::from(permute(self.key, p, partitions));
        let fraction = mix(self.key ^ u64::from(p)) >> 48;
        // Uniform in 1..=2^32: the stratum is the place in the permutation, the position in it is drawn.
        let drawn = ((place << 16 | fraction) << 16) / u64::from(partitions) + 1;
        let cost = match u64::from(self.weight) {
            0 => u64::MAX,
            // The member with the lowest -log(uniform)/weight wins as often as its weight demands.
            weight => (neg_log2(drawn) << 16) / weight,
        };
        Cost(cost, self.key, seat)
    }
}

/// The `count` seats that suit `p` best, best first.
pub(super) fn best(seats: &[Seat], p: u32, partitions: u32, count: usize) -> Vec<u32> {
    let mut costs: Vec<Cost> = (0u32..).zip(seats).map(|(number, seat)| seat.cost(number, p, partitions)).collect();
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

/// Where `p` stands in the permutation of the partitions that `key` names.
fn permute(key: u64, p: u32, partitions: u32) -> u32 {
    let bits = u32::BITS - (partitions - 1).leading_zeros();
    let mut place = p;
    // Walks the cycle of a permutation of the next power of two until it is back among the partitions; it gets back,
    // at the latest to `p` itself.
    loop {
        place = permute_bits(key, place, bits);
        if place < partitions {
            return place;
        }
    }
}

/// A permutation of the numbers of `bits` bits: rounds of steps each of which can be undone.
fn permute_bits(key: u64, x: u32, bits: u32) -> u32 {
    if bits == 0 {
        return x;
    }
    let mask = ((1u64 << bits) - 1) as u32;
    let shift = bits.div_ceil(2);
    let mut x = x;
    for round in 0..4 {
        let drawn = mix(key.wrapping_add(round << 56));
        let (add, factor) = (drawn as u32, (drawn >> 32) as u32 | 1);
        x = x.wrapping_add(add).wrapping_mul(factor) & mask;
        x ^= x >> shift;
    }
    x
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
    use super::*;

    #[test]
    fn a_permutation_has_each_place_once() {
        for partitions in [1, 2, 3, 100, 4096, 5000, 65_536] {
            let mut places: Vec<u32> = (0..partitions).map(|p| permute(0x5eed, p, partitions)).collect();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..partitions), "{partitions}");
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
