//! Owns what is known of other processes that claim our address. Never mistakes a dead predecessor for a live double.

use std::time::Duration;

use super::identity::Identity;
use crate::time::Instant;

/// A dead process's claim may turn up once more as old news; only a live one keeps raising it.
const RISES_MAX: u32 = 4;

/// Rises further apart than this are not counted together.
const RISES_WITHIN: Duration = Duration::from_secs(60);

/// The process that last claimed our address besides us.
#[derive(Clone, Debug, Default)]
pub(super) struct Rival {
    last: Option<Identity>,
    rises: u32,
    since: Instant,
}

impl Rival {
    /// Somebody else's claim to our address was seen. Says whether that proves a live double.
    pub(super) fn seen(&mut self, claim: &Identity, now: Instant) -> bool {
        match self.last {
            Some(last) if last.node == claim.node => {
                if claim.generation > last.generation {
                    if now.since(self.since) > RISES_WITHIN {
                        (self.rises, self.since) = (0, now);
                    }
                    self.rises += 1;
                    self.last = Some(*claim);
                }
            }
            Some(_) | None => (self.last, self.rises, self.since) = (Some(*claim), 0, now),
        }
        self.rises >= RISES_MAX
    }
}
