//! Owns whether a peer reads what it has asked for. From one that does not, nothing more is read: whatever it asked for would be made in
//! vain, and would wait here. Never has two nodes wait for each other.

use std::time::Duration;

use crate::connection::Moved;
use crate::time::Instant;

/// So much is read from a peer that takes nothing, though more waits for it than may. Both ends can have so much for each other: as long
/// as both read, both get rid of it. Of less the system might not tell the other end in time: it opens a window that was full only for a
/// part of the receive buffer. So it is as much as that holds, and so much at least and at most.
const IN_VAIN_BYTES: (u64, u64) = (1 << 20, 4 << 20);
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
    /// The receive buffer of the connection is asked for only if it counts.
    pub(crate) fn is_gone(&self, owed: bool, moved: Moved, buffer: impl FnOnce() -> u64, now: Instant) -> bool {
        let takes = !owed || moved.bytes_sent != self.before.bytes_sent;
        let in_vain = moved.bytes_received - self.before.bytes_received;
        let (least, most) = IN_VAIN_BYTES;
        !takes
            && in_vain >= least
            && (in_vain >= most || in_vain >= buffer())
            && self.held.is_none_or(|since| now.since(since) < HOLD)
    }

    /// The same, and notes it.
    pub(crate) fn goes(&mut self, owed: bool, moved: Moved, buffer: impl FnOnce() -> u64, now: Instant) -> bool {
        let gone = self.is_gone(owed, moved, buffer, now);
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

    const READ: u64 = 256 << 10;

    /// What is read in such a time of a peer that always has more and is looked at each millisecond, and takes what `takes` says in each.
    fn read(ms: u64, owed: bool, buffer: u64, takes: impl Fn(u64) -> u64) -> u64 {
        let (mut appetite, mut moved) = (Appetite::default(), Moved::default());
        for ms in 0..ms {
            moved.bytes_sent += takes(ms);
            if !appetite.goes(owed, moved, || buffer, Instant::START + Duration::from_millis(ms)) {
                moved.bytes_received += READ;
            }
        }
        moved.bytes_received
    }

    #[test]
    fn who_takes_what_it_asks_for_is_always_read_from() {
        assert_eq!(read(5_000, true, 0, |ms| u64::from(ms % 3 == 0)), 5_000 * READ);
        assert_eq!(read(5_000, false, 0, |_| 0), 5_000 * READ, "hardly anything waits for it");
    }

    #[test]
    fn who_takes_nothing_is_read_from_now_and_then_as_much_as_the_system_holds() {
        let (least, most) = IN_VAIN_BYTES;
        for (buffer, times) in [(0, least), (2 * least, 2 * least), (100 * most, most)] {
            let read = read(5_000, true, buffer, |_| 0);
            assert!((9 * times..=10 * times + READ).contains(&read), "{read} with {buffer}");
        }
    }

    #[test]
    fn who_takes_something_again_is_read_from_at_once() {
        let (mut appetite, now) = (Appetite::default(), Instant::START);
        let moved = Moved { bytes_received: IN_VAIN_BYTES.0, ..Moved::default() };
        assert!(appetite.goes(true, moved, || 0, now));
        assert!(!appetite.is_gone(true, Moved { bytes_sent: 1, ..moved }, || 0, now));
        assert!(!appetite.is_gone(false, moved, || 0, now));
        assert!(appetite.is_gone(true, moved, || 0, now));
    }
}
