//! Owns what all callers of one process know together of one name: who answered last, and since when nobody does. Never
//! waits.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::book::Entered;

/// One name, watched.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The highest epoch that has answered.
    epoch: u128,
    /// When the states began that have answered.
    born: BTreeSet<u128>,
    /// The number of the node that answered last.
    host: Option<u32>,
    /// How often its state began anew.
    reborn: u32,
    /// How often it was on a node whose end took its state.
    doomed: u32,
    /// The beginning of the first call that failed since the last answer.
    failing_since: Option<Instant>,
}

/// What an answer tells of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How long the name had owed an answer.
    pub stall: Duration,
    /// An activation answered that was older than one whose answer was known before the call.
    pub stale: bool,
}

impl Watch {
    /// The epoch below which no call that begins now may be answered.
    pub fn floor(&self) -> u128 {
        self.epoch
    }

    /// The number of the node that answered last.
    pub fn host(&self) -> Option<u32> {
        self.host
    }

    /// Notes the answer to a call that began at `began`, when the floor was `floor`.
    pub fn answered(&mut self, entered: &Entered, began: Instant, floor: u128, now: Instant) -> Seen {
        self.host = Some(entered.host);
        let since = self.failing_since.take().map_or(began, |failing| failing.min(began));
        if entered.epoch >= self.epoch {
            // One that comes back was not lost.
            self.reborn += u32::from(self.born.insert(entered.born) && self.born.len() > 1);
            self.epoch = entered.epoch;
        }
        Seen { stall: now.saturating_duration_since(since), stale: entered.epoch < floor }
    }

    /// Notes that a call that began at `began` failed.
    pub fn failed(&mut self, began: Instant) {
        self.failing_since = Some(self.failing_since.map_or(began, |failing| failing.min(began)));
    }

    /// Notes that its node is lost with its state.
    pub fn doom(&mut self) {
        self.doomed += 1;
    }

    /// How often its state began anew, and how often that was for no reason that is known.
    pub fn losses(&self) -> (u32, u32) {
        (self.reborn, self.reborn.saturating_sub(self.doomed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(epoch: u128, born: u128) -> Entered {
        Entered { epoch, born, entries: 1, host: 1 }
    }

    #[test]
    fn a_stall_lasts_from_the_first_call_that_failed() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(watch.answered(&entered(1, 1), at(0), 0, at(3)).stall, Duration::from_millis(3));
        watch.failed(at(20));
        watch.failed(at(10));
        assert_eq!(watch.answered(&entered(1, 1), at(60), 1, at(70)).stall, Duration::from_millis(60));
        assert_eq!(watch.answered(&entered(1, 1), at(80), 1, at(81)).stall, Duration::from_millis(1));
    }

    #[test]
    fn an_older_epoch_is_stale_only_for_calls_that_began_after_the_newer() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let floor = watch.floor();
        assert!(!watch.answered(&entered(5, 1), now, floor, now).stale);
        assert!(!watch.answered(&entered(4, 1), now, floor, now).stale, "both calls were under way");
        let floor = watch.floor();
        assert!(watch.answered(&entered(4, 1), now, floor, now).stale);
    }

    #[test]
    fn a_state_that_begins_anew_needs_a_reason() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        for (epoch, born) in [(1, 1), (2, 1), (3, 3)] {
            watch.answered(&entered(epoch, born), now, 0, now);
        }
        assert_eq!(watch.losses(), (1, 1));
        watch.doom();
        assert_eq!(watch.losses(), (1, 0));
    }
}
