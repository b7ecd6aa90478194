//! Owns how far the clocks of nodes are apart, as one of them can know it: by when it asked and when the answer came. Never sets one.

use serde::{Deserialize, Serialize};
use swarm_net::node::NodeId;
use swarm_net::time::{Clock, Now};
use tokio::task::JoinSet;

use super::cluster::Sight;
use crate::runtime::inquiry::{Facts, Inquiry};

/// How often each node is asked: the quickest answer says most.
const ROUNDS: usize = 4;

/// How far a node's clock is from that of the node that has asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClockRow {
    /// So many milliseconds ahead; behind, if it is less than 0.
    pub ahead_ms: i64,
    /// The true number is at most so much more or less: half of what the quickest answer took, and what is rounded.
    pub error_ms: u64,
}

impl Sight {
    /// How far their clocks are from this node's; they are asked from now on. Who does not answer is nothing.
    pub(super) fn clocks(&self) -> JoinSet<Option<(NodeId, ClockRow)>> {
        let mut asked = JoinSet::new();
        for node in self.view().keys() {
            asked.spawn(self.clone().clock(*node));
        }
        asked
    }

    async fn clock(self, node: NodeId) -> Option<(NodeId, ClockRow)> {
        let mut best: Option<ClockRow> = None;
        for _ in 0..ROUNDS {
            let asked = Clock::now();
            let told = self.inquire([node].into(), Inquiry::Clock).await.ok()?.remove(&node);
            // Who does not answer once is not asked again.
            let row = ClockRow::of(asked, told.and_then(Facts::clock)?, Clock::now());
            if best.as_ref().is_none_or(|best| row.error_ms < best.error_ms) {
                best = Some(row);
            }
        }
        best.map(|row| (node, row))
    }
}

impl ClockRow {
    /// The other clock showed `told` at some time between: most likely half-way, and certainly not further off than that.
    fn of(asked: Now, told: u64, answered: Now) -> Self {
        let took = answered.instant.since(asked.instant);
        let half = took / 2;
        let here = i128::from(asked.unix_ms) + i128::try_from(half.as_millis()).unwrap_or(i128::MAX);
        let ahead = i128::from(told) - here;
        Self {
            ahead_ms: i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX }),
            // Both clocks are read in whole milliseconds, and half of the way is one as well.
            error_ms: u64::try_from(half.as_millis()).unwrap_or(u64::MAX).saturating_add(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swarm_net::time::Instant;

    use super::*;

    #[test]
    fn the_answer_was_given_half_way_give_or_take_that_half() {
        let now = |unix_ms, ms: u64| Now { unix_ms, instant: Instant::from_nanos(ms * 1_000_000) };
        let check = |told, took: u64, ahead_ms, error_ms| {
            let row = ClockRow::of(now(1_000_000, 5), told, now(1_000_000 + took, 5 + took));
            assert_eq!(row, ClockRow { ahead_ms, error_ms });
        };
        check(1_000_000, 0, 0, 2);
        check(1_000_010, 20, 0, 12);
        check(1_003_610, 20, 3_600, 12);
        check(996_410, 20, -3_600, 12);
        check(u64::MAX, 0, i64::MAX, 2);
    }

    #[test]
    fn a_clock_that_is_set_meanwhile_does_not_make_the_error_less() {
        let (asked, answered) = (
            Now { unix_ms: 9_000, instant: Instant::START },
            Now { unix_ms: 1, instant: Instant::START + Duration::from_millis(100) },
        );
        assert_eq!(ClockRow::of(asked, 9_050, answered), ClockRow { ahead_ms: 0, error_ms: 52 });
    }
}
