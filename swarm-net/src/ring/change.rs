//! Owns what two sets of seats have in common, so that the scores of those who stay need not be compared again.
//! Never gives anything but what a comparison of all would.

use super::Ring;
use super::score::{self, Cost, Seat};

/// The way from one set of seats to another, both in the order of their ids.
pub(super) struct Change {
    /// For each seat of the first, which one it is in the second.
    stays: Vec<Option<u32>>,
    /// Those of the second that are not in the first.
    comes: Vec<u32>,
}

impl Change {
    pub(super) fn between(before: &[Seat], after: &[Seat]) -> Self {
        let same = |seat: &Seat| {
            let place = after.binary_search_by_key(&seat.id, |other| other.id).ok()?;
            (after[place].weight == seat.weight).then_some(place as u32)
        };
        let stays: Vec<Option<u32>> = before.iter().map(same).collect();
        let mut new = vec![true; after.len()];
        stays.iter().flatten().for_each(|seat| new[*seat as usize] = false);
        let comes = (0u32..).zip(new).filter_map(|(seat, new)| new.then_some(seat)).collect();
        Self { stays, comes }
    }

    /// The seats of `after` that suit `p` best, as many as its head has, from those of `before`, the head that it had.
    pub(super) fn best(&self, after: &Ring, p: u32, before: &[u32]) -> Vec<u32> {
        let Ring { seats, head, places, .. } = after;
        let mut left: Vec<u32> = before.iter().filter_map(|seat| self.stays[*seat as usize]).collect();
        // Who is gone was before somebody whom the head does not name, unless it named everybody.
        let all_named = before.len() == self.stays.len();
        if !all_named && left.len() < before.len() {
            return score::best(seats, p, *places, *head);
        }
        if !self.comes.is_empty() {
            left.extend(&self.comes);
            let costs: Vec<Cost> = left.iter().map(|seat| seats[*seat as usize].cost(*seat, p, *places)).collect();
            return score::least(costs, *head);
        }
        left.truncate(*head);
        left
    }
}
