//! Owns how often it is told in the log that something which came could not be read, or was more than there is room for. Never tells it
//! more than once a second: who sends such things can send many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use swarm_net::transport::Lane;

use crate::runtime::Node;

/// So long nothing more is told.
const PAUSE: Duration = Duration::from_secs(1);

/// What there was to complain about.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    /// When the next may be told, in nanoseconds of the clock.
    next: AtomicU64,
    untold: AtomicU64,
}

impl Complaints {
    /// There is one more. If it is to be told, how many were not since the last that was.
    pub(crate) fn tell(&self, now: Instant) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        let until = (now + PAUSE).as_nanos();
        let turn = now.as_nanos() >= next
            && self.next.compare_exchange(next, until, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if turn {
            return Some(self.untold.swap(0, Ordering::Relaxed));
        }
        self.untold.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Node {
    /// What `from` has sent could not be read, and was dropped.
    pub(crate) fn could_not_read(&self, from: NodeId, what: &str) {
        self.counters.malformed.add(1);
        self.hold_against(from, Lane::Calls);
        if let Some(untold) = self.complaints.tell(self.now()) {
            tracing::warn!(node = %self.id(), peer = %from, untold, "{what} could not be read and was dropped");
        }
    }

    /// A frame of `from` was worth nothing.
    pub(crate) fn hold_against(&self, from: NodeId, lane: Lane) {
        if let Some(peer) = self.peer(from) {
            peer.refuse(lane);
        }
    }

    /// `from` asks for more than it may, and this was dropped.
    pub(crate) fn asks_too_much(&self, from: NodeId, what: &str) {
        self.counters.excessive.add(1);
        if let Some(untold) = self.excesses.tell(self.now()) {
            tracing::warn!(node = %self.id(), peer = %from, untold, "{what} was dropped: a member may not ask for so much");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_is_told_and_the_others_are_counted() {
        let complaints = Complaints::default();
        let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
        assert_eq!([0, 1, 999, 1_000, 1_001].map(|ms| complaints.tell(at(ms))), [Some(0), None, None, Some(2), None]);
        assert_eq!(complaints.tell(at(9_000)), Some(1));
    }
}
