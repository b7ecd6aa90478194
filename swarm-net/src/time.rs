//! Owns the notion of time that the state machines use. [`Clock`] is the only place that reads a real one.

#[cfg(feature = "manual")]
use std::cell::Cell;
use std::ops::{Add, Sub};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds on a clock that never goes back. Meaningful only within one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The beginning of the clock.
    pub const START: Self = Self(0);

    /// The instant `ns` nanoseconds after the clock's beginning.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the clock's beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero if `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// What a state machine is told about time with each event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For intervals and timeouts.
    pub instant: Instant,
    /// Milliseconds of the wall clock since 1970. It may jump; it only serves as a floor for counters.
    pub unix_ms: u64,
}

/// The process's real clock. The state machines never see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

#[cfg(feature = "manual")]
thread_local! {
    /// What the clock shows on this thread, if it was set.
    static SET: Cell<Option<Now>> = const { Cell::new(None) };
}

#[cfg(feature = "manual")]
impl Clock {
    /// Has the clock show this on the present thread until it is set again, or the real time for `None`: for simulations,
    /// which turn nodes by hand.
    pub fn set(now: Option<Now>) {
        SET.set(now);
    }
}

impl Clock {
    /// The present instant. All clocks of a process share one beginning.
    pub fn instant() -> Instant {
        #[cfg(feature = "manual")]
        if let Some(now) = SET.get() {
            return now.instant;
        }
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        let start = START.get_or_init(std::time::Instant::now);
        Instant(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The present instant and wall-clock time.
    pub fn now() -> Now {
        #[cfg(feature = "manual")]
        if let Some(now) = SET.get() {
            return now;
        }
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { instant: Self::instant(), unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX) }
    }
}
