//! Owns whether a peer reads what it has asked for. From one that does not, nothing more is read: whatever it asked for would be made in
//! vain, and would wait here. Never has two nodes wait for each other.

use std::time::Duration;

use crate::connection::Moved;
use crate::time::Instant;

/// So much is read from a peer that takes nothing, though more waits for it than may. Both ends can have so much for each other: as long
/// as both read, both get rid of it. Of less the system at the other end would not tell.
const IN_VAIN_BYTES_MAX: u64 = 256 << 10;
/// After so long as much is read again, in case the other end waits for this one, too.
const HOLD: Duration = Duration::from_millis(500);

/// How a peer takes what waits for it.
#[derive(Debug, Default)]
pub(crate) struct Appetite {
    /// What had gone over its connection when it took something last, or had taken enough.
    before: Moved,
    /// Since when nothing is read from it.
    held: Option<Instant>,
}

impl Appetite {
    /// Whether nothing is to be read for now from a peer over whose connection so much has gone. `owed` if more waits for it than may.
    pub(crate) fn is_gone(&self, owed: bool, moved: Moved, now: Instant) -> bool {
        let takes = !owed || moved.bytes_sent != self.before.bytes_sent;
        let in_vain = moved.bytes_received - self.before.bytes_received;
        !takes && in_vain >= IN_VAIN_BYTES_MAX && self.held.is_none_or(|since| now.since(since) < HOLD)
    }

    /// The same, and notes it.
    pub(crate) fn goes(&mut self, owed: bool, moved: Moved, now: Instant) -> bool {
        let gone = self.is_gone(owed, moved, now);
        if gone {
            self.held.get_or_insert(now);
        } else if !owed || moved.bytes_sent != self.before.bytes_sent || self.held.is_some() {
            *self = Self { before: moved, held: None };
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: u64 = 16 << 10;

    /// What is read in such a time of a peer that always has more and is looked at each millisecond, and takes what `takes` says in each.
    fn read(ms: u64, owed: bool, takes: impl Fn(u64) -> u64) -> u64 {
        let (mut appetite, mut moved) = (Appetite::default(), Moved::default());
        for ms in 0..ms {
            moved.bytes_sent += takes(ms);
            if !appetite.goes(owed, moved, Instant::START + Duration::from_millis(ms)) {
                moved.bytes_received += READ;
            }
        }
        moved.bytes_received
    }

    #[test]
    fn who_takes_what_it_asks_for_is_always_read_from() {
        assert_eq!(read(5_000, true, |ms| u64::from(ms % 10 == 0)), 5_000 * READ);
        assert_eq!(read(5_000, false, |_| 0), 5_000 * READ, "hardly anything waits for it");
    }

    #[test]
    fn who_takes_nothing_is_read_from_now_and_then() {
        let read = read(5_000, true, |_| 0);
        assert!((9 * IN_VAIN_BYTES_MAX..=10 * IN_VAIN_BYTES_MAX + READ).contains(&read), "{read}");
    }

    #[test]
    fn who_takes_something_again_is_read_from_at_once() {
        let (mut appetite, now) = (Appetite::default(), Instant::START);
        let moved = Moved { bytes_received: IN_VAIN_BYTES_MAX, ..Moved::default() };
        assert!(appetite.goes(true, moved, now));
        assert!(!appetite.is_gone(true, Moved { bytes_sent: 1, ..moved }, now));
        assert!(!appetite.is_gone(false, moved, now));
        assert!(appetite.is_gone(true, moved, now));
    }
}
