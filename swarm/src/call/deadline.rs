//! Owns until when a message may start to run. Never reads a clock.

use std::time::Duration;

use swarm_net::time::Instant;

/// Until when a message may start to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// From this instant on it must not start.
    pub due: Instant,
    /// The whole time limit of the call, for the text of its error.
    pub limit: Duration,
}

impl Deadline {
    /// For messages that may wait as long as they like.
    pub const NEVER: Self = Self { due: Instant::from_nanos(u64::MAX), limit: Duration::MAX };

    /// `limit` from `now` on.
    pub fn after(now: Instant, limit: Duration) -> Self {
        Self { due: now + limit, limit }
    }
}
