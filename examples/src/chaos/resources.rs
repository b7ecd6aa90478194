//! Owns what processes take of the machine, as its kernel says, and whether that has grown. Never looks inside them.

use std::fs;
use std::io;

use super::verdict::{Check, Weight};

/// The size of a page on every machine that this is measured on.
const PAGE_BYTES: u64 = 4_096;
/// A run without a leak ends within this many hundredths of where it began.
const GROWTH_MAX: u64 = 5;

/// What some processes take together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Resident memory.
    pub bytes: u64,
    /// File descriptors.
    pub files: u64,
    /// Threads.
    pub threads: u64,
    /// Tasks of their runtimes.
    pub tasks: u64,
}

impl Resources {
    /// What these processes take now; their tasks are told by themselves.
    pub fn of(pids: impl IntoIterator<Item = u32>, tasks: u64) -> io::Result<Self> {
        let mut all = Self { tasks, ..Self::default() };
        for pid in pids {
            let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
            let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
            all.bytes += PAGE_BYTES * pages.ok_or_else(|| io::Error::other("/proc/*/statm is not understood"))?;
            all.files += fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64;
            all.threads += fs::read_dir(format!("/proc/{pid}/task"))?.count() as u64;
        }
        Ok(all)
    }

    /// Whether `end` is where this began. In a run that is too short to tell it is no more than told.
    pub fn checks(&self, end: &Self, weight: Weight) -> Vec<Check> {
        let check = |what: &str, began: u64, ended: u64, unit: &str| Check {
            what: format!("{what} end within {GROWTH_MAX} % of where they began"),
            got: format!("{began} -> {ended}{unit}"),
            held: ended.saturating_mul(100) <= began.saturating_mul(100 + GROWTH_MAX),
            weight,
        };
        vec![
            check("resident memory: bytes", self.bytes >> 20, end.bytes >> 20, " MiB"),
            check("file descriptors", self.files, end.files, ""),
            check("threads", self.threads, end.threads, ""),
            check("tasks", self.tasks, end.tasks, ""),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_beyond_a_twentieth_is_noticed() {
        let began = Resources { bytes: 100 << 20, files: 100, threads: 100, tasks: 100 };
        let held = |end: Resources| began.checks(&end, Weight::Must).iter().all(|check| check.held);
        assert!(held(Resources { bytes: 105 << 20, files: 105, ..began }));
        assert!(!held(Resources { bytes: 106 << 20, ..began }));
        assert!(!held(Resources { tasks: 106, ..began }));
    }

    #[test]
    fn this_process_takes_something() {
        let own = Resources::of([std::process::id()], 0).expect("this process is there");
        assert!(own.bytes > 0 && own.files > 2 && own.threads > 0, "{own:?}");
    }
}
