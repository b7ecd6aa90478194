//! Owns the rows of the workers that have most to do, and how often each was found at work lately. Never more of them than were told.

use std::collections::HashMap;

use swarm::admin::{Busiest, BusyRow};

/// In how many of the last looks a worker was at work is kept as bits.
const LOOKS: u32 = 16;

/// A worker of the last look.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) row: BusyRow,
    /// A bit for each of the last looks, the last one lowest: whether a message was in hand.
    looks: u16,
    /// In how many it was seen at all.
    seen: u32,
}

impl Line {
    /// The part of the last looks that found a message in hand.
    pub(super) fn share(&self) -> f64 {
        f64::from(self.looks.count_ones()) / f64::from(self.seen.clamp(1, LOOKS))
    }
}

/// All of them, the one with most to do first.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    lines: Vec<Line>,
}

impl Lines {
    pub(super) fn see(&mut self, busiest: Busiest) {
        let mut before: HashMap<String, (u16, u32)> =
            self.lines.drain(..).map(|line| (line.row.name, (line.looks, line.seen))).collect();
        let line = |row: BusyRow| {
            // One that was not told was not at work.
            let (looks, seen) = before.remove(&row.name).unwrap_or_default();
            Line { looks: looks << 1 | u16::from(row.busy), seen: (seen + 1).min(LOOKS), row }
        };
        self.lines = busiest.workers.into_iter().map(line).collect();
    }

    /// Those whose names, or the ids of whose nodes, contain this.
    pub(super) fn shown(&self, filter: &str) -> Vec<&Line> {
        let meant = |line: &&Line| line.row.name.contains(filter) || line.row.node.contains(filter);
        self.lines.iter().filter(meant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_it_was_at_work_is_told_of_the_last_looks() {
        let look = |busy| {
            let (mut row, mut busiest) = (BusyRow::default(), Busiest::default());
            (row.name, row.node, row.busy) = ("w".to_owned(), "n".to_owned(), busy);
            busiest.workers.push(row);
            busiest
        };
        let mut lines = Lines::default();
        for busy in [true, false, true, true] {
            lines.see(look(busy));
        }
        assert_eq!(lines.shown("w").first().map(|line| line.share()), Some(0.75));
        (0..40).for_each(|_| lines.see(look(true)));
        assert_eq!(lines.shown("n").first().map(|line| line.share()), Some(1.0));
        assert!(lines.shown("x").is_empty());
    }
}
