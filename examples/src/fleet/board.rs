//! Owns the figures that the screen shows: one row a process, and how much is done. Never draws.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How a node is told from every other, a restarted one included.
pub type Host = String;

/// The figures, shared by everybody who changes or shows them.
#[derive(Debug, Default)]
pub struct Board {
    done: AtomicUsize,
    nodes: Mutex<BTreeMap<usize, NodeRow>>,
}

/// One node of the live table.
#[derive(Clone, Debug)]
pub struct NodeRow {
    /// Its process.
    pub pid: u32,
    /// Who it is, once it has said so.
    pub host: Option<Host>,
    /// Where it is in its life.
    pub phase: Phase,
    /// What it said last.
    pub reading: Reading,
    /// Calls a second between its last two readings.
    pub rate: f64,
    /// Calls in flight to it that failed; of one that calls, its own.
    pub failed: usize,
    /// What it said last beside its readings.
    pub said: Option<String>,
    read_at: Option<Instant>,
}

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its process runs, it has not found the others yet.
    Starting,
    /// It serves.
    Up,
    /// It calls the others.
    Calling,
    /// It stands still.
    Frozen,
    /// Its network is cut.
    Cut,
    /// It hands its workers over.
    Leaving,
    /// It has left.
    Left,
    /// It was killed.
    Killed,
}

impl Phase {
    /// One word for the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Calling => "calling",
            Self::Frozen => "frozen",
            Self::Cut => "cut",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Killed => "killed",
        }
    }
}

/// What a node says of itself: the present number of workers, and counts since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Workers that live on it.
    pub workers: u64,
    /// Calls that it ran.
    pub calls: u64,
    /// Workers that came with a handoff.
    pub arrived: u64,
    /// Workers that went with a handoff.
    pub departed: u64,
    /// Members of the cluster that it sees, itself included.
    pub members: u64,
    /// Tasks of its runtime.
    pub tasks: u64,
}

impl Reading {
    /// The reading as a node's process prints it.
    pub fn line(&self) -> String {
        let Self { workers, calls, arrived, departed, members, tasks } = self;
        format!("at {workers} {calls} {arrived} {departed} {members} {tasks}")
    }

    /// The reading in a line that a node's process printed.
    pub fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.strip_prefix("at ")?.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self {
            workers: next()?,
            calls: next()?,
            arrived: next()?,
            departed: next()?,
            members: next()?,
            tasks: next()?,
        })
    }
}

impl Board {
    /// Counts so much as done.
    pub fn count_done(&self, more: usize) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    /// How much is done.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Begins the row of a node.
    pub fn add(&self, number: usize, pid: u32) {
        let row = NodeRow {
            pid,
            host: None,
            phase: Phase::Starting,
            reading: Reading::default(),
            rate: 0.0,
            failed: 0,
            said: None,
            read_at: None,
        };
        self.rows_mut().insert(number, row);
    }

    /// Ends the row of a process.
    pub fn remove(&self, number: usize) {
        self.rows_mut().remove(&number);
    }

    /// Notes who a node is: it is up.
    pub fn name(&self, number: usize, host: Host) {
        self.change(number, |row| {
            row.host = Some(host);
            row.phase = Phase::Up;
        });
    }

    /// Notes where a node is in its life.
    pub fn set_phase(&self, number: usize, phase: Phase) {
        self.change(number, |row| {
            row.phase = phase;
            if matches!(phase, Phase::Left | Phase::Killed) {
                row.rate = 0.0;
                row.reading.workers = 0;
            }
        });
    }

    /// Notes what a node said of itself, at `now`.
    pub fn read(&self, number: usize, reading: Reading, now: Instant) {
        self.change(number, |row| {
            if let Some(before) = row.read_at {
                let seconds = now.duration_since(before).as_secs_f64();
                if seconds > 0.0 {
                    row.rate = reading.calls.saturating_sub(row.reading.calls) as f64 / seconds;
                }
            }
            row.read_at = Some(now);
            row.reading = reading;
        });
    }

    /// Notes how many calls of a process failed so far.
    pub fn set_failed(&self, number: usize, failed: usize) {
        self.change(number, |row| row.failed = failed);
    }

    /// Notes what a process said beside its readings.
    pub fn hear(&self, number: usize, line: String) {
        self.change(number, |row| row.said = Some(line));
    }

    /// Counts a call that failed in flight to `host`.
    pub fn count_failure(&self, host: &Host) {
        if let Some(row) = self.rows_mut().values_mut().find(|row| row.host.as_ref() == Some(host)) {
            row.failed += 1;
        }
    }

    /// Every node's row, by its number.
    pub fn rows(&self) -> BTreeMap<usize, NodeRow> {
        self.rows_mut().clone()
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut NodeRow)) {
        if let Some(row) = self.rows_mut().get_mut(&number) {
            change(row);
        }
    }

    fn rows_mut(&self) -> MutexGuard<'_, BTreeMap<usize, NodeRow>> {
        // Rows are whole after every statement, so a panic elsewhere leaves nothing half changed.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_reading_survives_its_line() {
        let reading = Reading { workers: 1, calls: 22, arrived: 3, departed: 4, members: 5, tasks: 6 };
        assert_eq!(Reading::parse(&reading.line()), Some(reading));
        assert_eq!(Reading::parse("at 1 2 x 4 5 6"), None);
        assert_eq!(Reading::parse("up 127.0.0.1:1#a"), None);
    }

    #[test]
    fn the_rate_is_that_between_two_readings() {
        let board = Board::default();
        let start = Instant::now();
        board.add(1, 99);
        board.read(1, Reading { calls: 100, ..Reading::default() }, start);
        board.read(1, Reading { calls: 600, ..Reading::default() }, start + Duration::from_millis(500));
        assert_eq!(board.rows()[&1].rate, 1_000.0);
    }

    #[test]
    fn failures_count_at_the_node_that_was_lost() {
        let board = Board::default();
        board.add(1, 98);
        board.add(2, 99);
        board.name(2, "b".into());
        board.count_failure(&"b".into());
        board.count_failure(&"nobody".into());
        assert_eq!((board.rows()[&1].failed, board.rows()[&2].failed), (0, 1));
        assert_eq!((board.rows()[&1].phase, board.rows()[&2].phase), (Phase::Starting, Phase::Up));
    }
}
