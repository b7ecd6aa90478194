//! Owns the time of a simulated world, and how each node's clock goes against it.

use swarm_net::time::{Instant, Now};

/// Nanoseconds since the world began.
pub(super) type Time = u64;

/// A microsecond.
pub(super) const US: Time = 1_000;
/// A millisecond.
pub(super) const MS: Time = 1_000_000;
/// A second.
pub(super) const S: Time = 1_000_000_000;

/// What the wall clocks show when a world begins.
const BEGINNING_UNIX_MS: u64 = 1_800_000_000_000;

/// The clock of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalClock {
    born: Time,
    /// It gains so many nanoseconds in each million.
    gains: i64,
    /// The wall clock is wrong by so much.
    off_ms: i64,
}

impl LocalClock {
    pub(super) fn new(born: Time, gains: i64, off_ms: i64) -> Self {
        Self { born, gains, off_ms }
    }

    /// What it shows.
    pub(super) fn now(&self, at: Time) -> Now {
        let unix_ms = (BEGINNING_UNIX_MS + at / MS).saturating_add_signed(self.off_ms);
        Now { instant: self.instant(at), unix_ms }
    }

    fn instant(&self, at: Time) -> Instant {
        let passed = at - self.born;
        // A second, since some subtract from it.
        Instant::from_nanos(S + passed.saturating_add_signed(self.scaled(passed, self.gains)))
    }

    /// When it will show this, or a little later.
    pub(super) fn when(&self, instant: Instant) -> Time {
        let shown = instant.as_nanos().saturating_sub(S);
        let mut at = self.born + shown.saturating_add_signed(-self.scaled(shown, self.gains));
        while self.instant(at) < instant {
            at += 1 + self.instant(at).as_nanos().abs_diff(instant.as_nanos());
        }
        at
    }

    fn scaled(&self, span: Time, per_million: i64) -> i64 {
        i64::try_from(i128::from(span) * i128::from(per_million) / 1_000_000).unwrap_or(0)
    }
}
