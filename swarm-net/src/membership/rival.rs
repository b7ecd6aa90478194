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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::NodeId;

    fn claim(boot: u64, generation: u64) -> Identity {
        Identity { generation, ..Identity::first(NodeId::new(([10, 0, 0, 1], 7000).into(), boot), 1) }
    }

    #[test]
    fn old_news_of_the_dead_are_no_double() {
        let mut rival = Rival::default();
        let seen = [(1, 50), (1, 50), (1, 40), (2, 60), (2, 60), (1, 50), (2, 60)];
        assert!(seen.into_iter().all(|(boot, generation)| !rival.seen(&claim(boot, generation), Instant::START)));
    }

    #[test]
    fn a_process_that_keeps_rising_is_alive() {
        let mut rival = Rival::default();
        let proven = (1..10).position(|generation| rival.seen(&claim(1, generation), Instant::START));
        assert_eq!(proven, Some(RISES_MAX as usize));
        let mut slow = Rival::default();
        let rare = (1..10).map(|i| (claim(1, i), Instant::START + RISES_WITHIN * 2 * i as u32));
        assert!(rare.into_iter().all(|(claim, at)| !slow.seen(&claim, at)));
    }
}
