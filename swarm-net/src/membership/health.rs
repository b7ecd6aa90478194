//! Owns the judgement of this node's own slowness. Never blames others: a node that is late itself gives them more time.

use std::time::Duration;

use crate::time::Instant;

/// Beyond this, more patience would no longer tell slowness from death.
const SCORE_MAX: u32 = 8;

/// How late our own timers run, as a factor of patience (the idea is Lifeguard's, arXiv 1707.00788).
#[derive(Debug)]
pub(super) struct Health {
    score: u32,
    /// A timer that fires later than this shows that we were not run.
    lag_max: Duration,
    /// The score falls by one in each of these.
    calm: Duration,
    judged: Instant,
}

impl Health {
    pub(super) fn new(lag_max: Duration, calm: Duration, now: Instant) -> Self {
        Self { score: 0, lag_max, calm, judged: now }
    }

    /// A timer that was due at `due` fires now. Says whether that was late.
    pub(super) fn fired(&mut self, due: Instant, now: Instant) -> bool {
        let late = now.since(due) > self.lag_max;
        if late {
            self.score = (self.score + 1).min(SCORE_MAX);
            self.judged = now;
        } else if self.score > 0 && now.since(self.judged) > self.calm {
            self.score -= 1;
            self.judged = now;
        }
        late
    }

    /// So many times longer than usual a suspect may take to refute; 0 when we are well.
    pub(super) fn extra(&self) -> u32 {
        self.score
    }
}
