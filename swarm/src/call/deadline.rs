//! Owns until when a message may start to run. Never reads a clock.

use std::time::Duration;

use swarm_net::time::Instant;

/// Until when a message may start to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// From this instant on it must not start.
    pub due: Instant,
    /// The whole time limit of the call, in nanoseconds. It goes through many hands with its message: half as long as a `Duration`.
    limit: u64,
}

impl Deadline {
    /// For messages that may wait as long as they like.
    pub const NEVER: Self = Self { due: Instant::from_nanos(u64::MAX), limit: u64::MAX };

    /// `limit` from `now` on.
    pub fn after(now: Instant, limit: Duration) -> Self {
        Self::new(now + limit, limit)
    }

    /// At an instant, to which a time limit has led.
    pub fn new(due: Instant, limit: Duration) -> Self {
        Self { due, limit: u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// The whole time limit of the call, for the text of its error.
    pub fn limit(self) -> Duration {
        Duration::from_nanos(self.limit)
    }
}
