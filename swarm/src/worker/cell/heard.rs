//! Owns which publishes and multicalls a worker was given lately, so that it gets none twice: one that moves may be told where it was
//! and where it goes. It takes one line of cache until there are many, since a group may have a million members.

use std::collections::VecDeque;

/// A publish is recognised among so many before it: a member that moves gets one twice only within moments.
const KEPT: usize = 64;

/// How many of them, the latest, stand in place.
const LATEST: usize = 6;

/// The ids of what was heard. 0 is none.
#[derive(Default)]
pub(super) struct Heard {
    latest: [u64; LATEST],
    /// Where the next one goes: there the oldest of them stands.
    next: usize,
    #[expect(clippy::box_collection, reason = "hardly any worker has one")]
    older: Option<Box<VecDeque<u64>>>,
}

impl Heard {
    /// Notes one. `true` if it was known.
    pub(super) fn note(&mut self, id: u64) -> bool {
        if self.ids().any(|known| known == id) {
            return true;
        }
        let oldest = std::mem::replace(&mut self.latest[self.next], id);
        self.next = (self.next + 1) % LATEST;
        if oldest != 0 {
            let older = self.older.get_or_insert_default();
            if older.len() == KEPT - LATEST {
                older.pop_front();
            }
            older.push_back(oldest);
        }
        false
    }

    /// All that are known, oldest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        let (newer, old) = self.latest.split_at(self.next);
        let older = self.older.iter().flat_map(|older| older.iter());
        older.chain(old).chain(newer).copied().filter(|id| *id != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_known_however_many_came_before() {
        let mut heard = Heard::default();
        for id in 1..=1_000 {
            assert!(!heard.note(id));
            let first = id.saturating_sub(KEPT as u64 - 1).max(1);
            assert!((first..=id).all(|known| heard.note(known)), "of {id}");
            assert!(heard.ids().eq(first..=id), "oldest first");
        }
        assert!(!heard.note(1), "it was forgotten long ago");
    }
}
