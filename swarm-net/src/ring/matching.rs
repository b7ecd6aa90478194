//! Owns the choice of the owners: the stable matching of partitions and seats under a bound on each seat's load.
//! Never compares anything but costs, so that no order of the input shows.
//!
//! Each partition asks the seats from its best one on; a full seat keeps those that cost it least and sends the worst one on
//! (deferred acceptance: Gale and Shapley, 1962). Both sides judge by the same cost, so there is exactly one outcome in
//! which no partition and seat would both rather have each other, whatever the order of asking.
//!
//! What moves at a join beyond the newcomer's part starts at seats that are full: one that the newcomer took from calls a
//! partition back, and one that it passed by sends one away when the bound falls. How many are full depends on the
//! slack, m/20 of a mean load m, against the spread of the loads without a bound, about √(m/2). At 30 members and 4,096
//! partitions a sixth of the seats would pass the bound; at 100, where the slack is two partitions, nearly a third.
//!
//! Scores alone do not end that. A ring that moves nothing but the newcomer's part is a family of permutations, and one that
//! is near even for every set of members is approximately min-wise independent (Broder, Charikar, Frieze and
//! Mitzenmacher, 2000). With fewer partitions than n², a newcomer to n members cannot even take one from each, and with no
//! history it cannot know which ones are full. That is no proof, but independent scores, shuffles and nets instead of the
//! orders here, and sending away by regret or only to seats with room, moved no less than 1.9 times the minimum there.

use std::collections::BinaryHeap;

use super::score::{self, Cost, Seat};

/// A seat owns at most this share of its fair part, in percent.
const LOAD_MAX_PERCENT: u64 = 105;

/// So many partitions above its fair part, rounded up, a seat may own whatever the percentage says.
const SLACK_MIN: u64 = 1;

/// The seat that owns each partition. `heads` holds the `head` best seats of each.
pub(super) fn owners(seats: &[Seat], partitions: u32, places: u64, heads: &[u32], head: usize) -> Vec<u32> {
    let bounds = bounds(seats, partitions);
    let mut kept: Vec<BinaryHeap<(Cost, u32)>> = bounds.iter().map(|_| BinaryHeap::new()).collect();
    let mut asking = vec![0; partitions as usize];
    let mut rankings: Vec<Option<Vec<u32>>> = vec![None; partitions as usize];
    let mut free: Vec<u32> = (0..partitions).collect();

    while let Some(p) = free.pop() {
        let at = p as usize;
        let turn = asking[at];
        asking[at] += 1;
        let seat = if turn < head {
            heads[at * head + turn]
        } else {
            let ranking = rankings[at].get_or_insert_with(|| score::best(seats, p, places, seats.len()));
            // The bounds add up to at least all partitions, so some seat takes it before the ranking ends.
            ranking[turn]
        };
        let number = seat as usize;
        kept[number].push((seats[number].cost(seat, p, places), p));
        if kept[number].len() as u64 > bounds[number] {
            free.extend(kept[number].pop().map(|(_, worst)| worst));
        }
    }

    let mut owners = vec![0; partitions as usize];
    for (seat, kept) in (0u32..).zip(kept) {
        for (_, p) in kept {
            owners[p as usize] = seat;
        }
    }
    owners
}

/// The most partitions that each seat may own: `⌊P · w/W · 1.05⌋`, but always one more than its fair part, rounded up.
///
/// Without that one, nearly all seats of a large ring would be full, and hardly a partition would stay at a join.
fn bounds(seats: &[Seat], partitions: u32) -> Vec<u64> {
    let total: u64 = seats.iter().map(|seat| u64::from(seat.weight)).sum();
    let bound = |seat: &Seat| match u64::from(partitions) * u64::from(seat.weight) {
        0 => 0,
        share => (share * LOAD_MAX_PERCENT / (total * 100)).max(share.div_ceil(total) + SLACK_MIN),
    };
    seats.iter().map(bound).collect()
}
