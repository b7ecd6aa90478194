//! Owns what all callers of one process count together. Never judges it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use swarm::prelude::*;

use super::figures::Figures;

/// How many faults are told in full; the others are counted.
const TOLD_MAX: u64 = 20;

/// The longest time that is told apart from longer ones: twice the longest call.
const LONGEST: Duration = Duration::from_secs(60);

/// Counts of calls, and how long they took.
#[derive(Debug)]
pub struct Tally(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    answered: u64,
    failed: BTreeMap<String, u64>,
    failed_all: u64,
    stale: u64,
    forgot: u64,
    told: u64,
    stall: Duration,
    quick: Histogram<u64>,
    odd: Histogram<u64>,
    back: Histogram<u64>,
    unreached: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self(Mutex::new(Counts {
            answered: 0,
            failed: BTreeMap::new(),
            failed_all: 0,
            stale: 0,
            forgot: 0,
            told: 0,
            stall: Duration::ZERO,
            quick: times(),
            odd: times(),
            back: times(),
            unreached: 0,
        }))
    }
}

impl Tally {
    /// Counts a call that was answered: by a book that behaves, or by an odd one.
    pub fn answered(&self, took: Duration, stall: Duration, odd: bool) {
        let mut counts = self.lock();
        counts.answered += 1;
        let times = if odd { &mut counts.odd } else { &mut counts.quick };
        times.saturating_record(micros(took));
        if !odd {
            counts.stall = counts.stall.max(stall);
        }
    }

    /// Counts a call that failed. `waited_for` is the number of the node that it waited for without leaving its caller.
    pub fn failed(&self, error: &CallError, odd: bool, waited_for: Option<u32>) {
        let mut counts = self.lock();
        counts.failed_all += 1;
        *counts.failed.entry(kind(error, odd, waited_for)).or_default() += 1;
    }

    /// Counts an answer of an activation that others have followed.
    pub fn stale(&self) {
        self.lock().stale += 1;
    }

    /// Counts an answer of a book that lacks what it had acknowledged.
    pub fn forgot(&self, text: &str) {
        self.lock().forgot += 1;
        self.wrong(text);
    }

    /// Counts a name that answered again so long after its node was lost.
    pub fn back(&self, after: Duration) {
        self.lock().back.saturating_record(micros(after));
    }

    /// Counts a name that did not answer again in time.
    pub fn unreached(&self, text: &str) {
        self.lock().unreached += 1;
        self.wrong(text);
    }

    /// Tells what is wrong, if not too much has been told.
    pub fn wrong(&self, text: &str) {
        let mut counts = self.lock();
        counts.told += 1;
        if counts.told <= TOLD_MAX {
            println!("wrong {text}");
        }
    }

    /// The calls that were answered or failed, and those that failed.
    pub fn calls(&self) -> (u64, u64) {
        let counts = self.lock();
        (counts.answered + counts.failed_all, counts.failed_all)
    }

    /// All counts so far.
    pub fn figures(&self) -> Figures {
        let counts = self.lock();
        let mut figures = Figures::default();
        figures.set("answered", counts.answered);
        figures.set("failed", counts.failed_all);
        for (kind, count) in &counts.failed {
            figures.set(format!("failed.{kind}"), *count);
        }
        figures.set("stale", counts.stale);
        figures.set("forgot", counts.forgot);
        figures.set("unreached", counts.unreached);
        figures.set("stall_us", micros(counts.stall));
        for (name, times) in [("call", &counts.quick), ("odd", &counts.odd), ("back", &counts.back)] {
            figures.set(format!("{name}.count"), times.len());
            for (part, quantile) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
                figures.set(format!("{name}.{part}_us"), times.value_at_quantile(quantile));
            }
        }
        figures
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counts are whole after every statement, so a panic elsewhere leaves nothing half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a node is called of which only its number is known.
pub fn numbered(node: impl std::fmt::Display) -> String {
    format!("node-{node}")
}

/// The error's kind, whether the call ran, and the node that did not answer if that is why.
fn kind(error: &CallError, odd: bool, waited_for: Option<u32>) -> String {
    let text = format!("{error:?}");
    let variant: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
    let node = if let Some(node) = waited_for {
        format!("@{}", numbered(node))
    } else if let CallError::NodeDown { node, .. } | CallError::Timeout { node, .. } = error {
        format!("@{node}")
    } else {
        String::new()
    };
    let odd = if odd { "odd:" } else { "" };
    format!("{odd}{variant}.{:?}{node}", error.executed())
}

fn times() -> Histogram<u64> {
    // Three digits up to the longest time: some 200 KB.
    Histogram::new_with_max(micros(LONGEST), 3).expect("the bounds are constants that fit")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_kind_and_by_what_they_say() {
        let tally = Tally::default();
        tally.failed(&CallError::NoSwarm, false, None);
        tally.failed(&CallError::NoSwarm, true, None);
        tally.failed(&CallError::NoSwarm, false, None);
        tally.failed(&CallError::NoSwarm, false, Some(3));
        tally.answered(Duration::from_millis(7), Duration::from_millis(9), false);
        let figures = tally.figures();
        let failed = [("NoSwarm.No", 2), ("NoSwarm.No@node-3", 1), ("odd:NoSwarm.No", 1)];
        assert_eq!(figures.under("failed.").collect::<Vec<_>>(), failed);
        assert_eq!((figures.get("failed"), figures.get("answered"), figures.get("stall_us")), (4, 1, 9_000));
        assert_eq!(tally.calls(), (5, 4));
        assert!((7_000..7_010).contains(&figures.get("call.max_us")));
    }
}
