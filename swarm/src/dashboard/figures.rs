//! Owns the figures of nodes as browsers are shown them, and how counters become rates. Never reads a clock.

use std::time::Duration;

use serde::Serialize;
use swarm_net::time::Instant;

use super::scene::Seen;
use crate::admin::NodeRow;

/// A node, as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) node: String,
    /// It is the one that shows this.
    here: bool,
    /// `up`, `leaving`, `drained`, `idle` (it owns nothing yet) or `silent`.
    state: &'static str,
    /// How many partitions it owns.
    pub(super) owns: u64,
    #[serde(skip)]
    weight: u16,
    leaving: bool,
    #[serde(skip)]
    drained: bool,
    /// It has said how it is, at the last opportunity or one before.
    known: bool,
    #[serde(skip)]
    silent: bool,
    swarm: String,
    /// When it began, in milliseconds since 1970.
    began_unix_ms: u64,
    workers: u64,
    /// In a second: calls, casts, and messages from other nodes.
    calls: u64,
    casts: u64,
    received: u64,
    /// Of a hundred parts of one processor.
    cpu: u64,
    memory_bytes: u64,
    /// Of a hundred of its handlers' runs lately, ninety-nine took no longer.
    p99_ns: u64,
}

impl Figures {
    /// The same, as membership and the ring have it now.
    pub(super) fn seen(&self, member: &Seen, owns: u64, here: bool) -> Self {
        let mut now = self.clone();
        now.node.clone_from(&member.node);
        (now.here, now.owns, now.weight, now.leaving) = (here, owns, member.weight, member.leaving);
        now.with_state()
    }

    /// The same with what it says of itself.
    pub(super) fn measured(&self, row: &NodeRow, rates: &Rates, unix_ms: u64) -> Self {
        let mut now = self.clone();
        now.silent = !row.answered;
        if row.answered {
            now.known = true;
            now.drained = row.drained;
            now.swarm.clone_from(&row.swarm);
            let began = unix_ms.saturating_sub(row.up_ms);
            // The way of the answer takes a little more or less time, which is no news.
            if began.abs_diff(now.began_unix_ms) > 5_000 {
                now.began_unix_ms = began;
            }
            (now.workers, now.memory_bytes) = (row.workers, coarse(row.memory_bytes));
            (now.calls, now.casts, now.received, now.cpu) = (rates.calls, rates.casts, rates.received, rates.cpu);
            now.p99_ns = row.lately.as_ref().map(|lately| lately.p99_ns).unwrap_or_default();
        }
        now.with_state()
    }

    fn with_state(mut self) -> Self {
        self.state = match () {
            () if self.silent => "silent",
            () if self.leaving => "leaving",
            () if self.drained => "drained",
            () if self.weight == 0 => "idle",
            () => "up",
        };
        self
    }
}

/// In steps that are worth telling.
fn coarse(bytes: u64) -> u64 {
    bytes >> 20 << 20
}

/// The figures of all nodes together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Totals {
    workers: u64,
    calls: u64,
    casts: u64,
    /// Workers that move just now, and those that have gone to another node, in a second.
    moving: u64,
    moved: u64,
    under_replicated: u64,
    failovers: u64,
    restarts: u64,
}

impl Totals {
    pub(super) fn add(&mut self, row: &NodeRow, rates: &Rates) {
        self.workers += row.workers;
        self.calls += rates.calls;
        self.casts += rates.casts;
        self.moving += row.stats.handoffs_open;
        self.moved += rates.moved;
        self.under_replicated += row.stats.under_replicated;
        self.failovers += row.stats.failovers;
        self.restarts += row.stats.restarts;
    }
}

/// What a node had counted when it was asked last.
#[derive(Debug, Default)]
pub(super) struct Meter(Option<(Instant, Counts)>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u64,
    casts: u64,
    received: u64,
    moved: u64,
    cpu_ms: u64,
}

/// What it does in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rates {
    calls: u64,
    casts: u64,
    received: u64,
    moved: u64,
    /// Of a hundred parts of one processor.
    cpu: u64,
}

impl Meter {
    /// What has come since it was read last. Nothing the first time, nor of who did not answer.
    pub(super) fn read(&mut self, row: &NodeRow, now: Instant) -> Rates {
        if !row.answered {
            return Rates::default();
        }
        let stats = &row.stats;
        let counts = Counts {
            calls: stats.calls,
            casts: stats.casts,
            received: stats.received,
            moved: stats.handoffs_out,
            cpu_ms: row.cpu_ms,
        };
        let before = self.0.replace((now, counts));
        let Some((since, before)) = before else { return Rates::default() };
        let span = now.since(since).max(Duration::from_millis(1)).as_secs_f64();
        let rate = |now: u64, before: u64| (now.saturating_sub(before) as f64 / span).round() as u64;
        Rates {
            calls: rate(counts.calls, before.calls),
            casts: rate(counts.casts, before.casts),
            received: rate(counts.received, before.received),
            moved: rate(counts.moved, before.moved),
            cpu: rate(counts.cpu_ms, before.cpu_ms) / 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(calls: u64, answered: bool) -> NodeRow {
        let mut row = NodeRow { node: "a".to_owned(), answered, cpu_ms: calls, ..NodeRow::default() };
        row.stats.calls = calls;
        row
    }

    #[test]
    fn counters_become_rates_once_there_are_two() {
        let (mut meter, begin) = (Meter::default(), Instant::from_nanos(0));
        assert_eq!(meter.read(&row(1_000, true), begin), Rates::default());
        let later = begin + Duration::from_secs(2);
        assert_eq!(meter.read(&row(1_000, false), later), Rates::default());
        let rates = meter.read(&row(3_000, true), later);
        assert_eq!((rates.calls, rates.cpu), (1_000, 100));
        assert_eq!(meter.read(&row(5, true), later + Duration::from_secs(1)).calls, 0, "it was started anew");
    }

    #[test]
    fn a_state_is_the_worst_that_is_true() {
        let member = Seen { node: "a".to_owned(), leaving: false, weight: 100 };
        let up = Figures::default().seen(&member, 3, true);
        assert_eq!((up.state, up.owns, up.here), ("up", 3, true));
        let answered = up.measured(&row(0, true), &Rates::default(), 10_000);
        assert_eq!((answered.state, answered.known), ("up", true));
        let drained = up.measured(&NodeRow { drained: true, ..row(0, true) }, &Rates::default(), 10_000);
        assert_eq!(drained.state, "drained");
        assert_eq!(drained.seen(&Seen { leaving: true, ..member.clone() }, 0, true).state, "leaving");
        assert_eq!(drained.measured(&row(0, false), &Rates::default(), 10_000).state, "silent");
        assert_eq!(up.seen(&Seen { weight: 0, ..member }, 0, true).state, "idle");
    }
}
