//! Owns the rows of nodes: what each did between two looks, what it did before, and in which order they stand. A node that is gone stays
//! for a while, so that its going is seen.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use swarm::admin::{NodeRow, Nodes};

/// How many looks back a row remembers its calls: as much as the widest line of one shows.
pub(super) const HISTORY_MAX: usize = 120;

/// For how long a node that is gone is shown.
const GONE_SHOWN: Duration = Duration::from_secs(30);

/// By what nodes are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Their ids.
    #[default]
    Node,
    /// Their processors' load.
    Load,
    /// The memory that they occupy.
    Memory,
    /// How many workers are there.
    Workers,
    /// Calls a second.
    Calls,
    /// The 99th percentile of their handlers' runs.
    P99,
    /// Handoffs in flight.
    Moves,
}

impl Order {
    /// The next one.
    pub(super) fn next(self) -> Self {
        let all = Self::value_variants();
        let at = all.iter().position(|order| *order == self).unwrap_or_default();
        all[(at + 1) % all.len()]
    }
}

/// A node, and what it did between the last two looks.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) row: NodeRow,
    seen: Instant,
    /// Since when it is no member any more.
    pub(super) gone: Option<Instant>,
    /// How many processors it has kept busy.
    pub(super) load: Option<f64>,
    /// Calls that were made from it, a second.
    pub(super) calls: Option<f64>,
    /// Calls and casts that came to it from other nodes, a second.
    pub(super) received: Option<f64>,
    /// The calls of the looks before, the last one at the end.
    pub(super) history: VecDeque<f64>,
}

impl Line {
    fn new(row: NodeRow, now: Instant) -> Self {
        let history = VecDeque::new();
        Self { row, seen: now, gone: None, load: None, calls: None, received: None, history }
    }

    fn see(&mut self, row: NodeRow, now: Instant) {
        let (before, span) = (std::mem::replace(&mut self.row, row), now.duration_since(self.seen).as_secs_f64());
        (self.seen, self.gone) = (now, None);
        // One that was silent has no figures to begin from.
        let both = before.answered && self.row.answered && span > 0.0;
        let rate = |then: u64, now: u64| both.then(|| now.saturating_sub(then) as f64 / span);
        self.load = rate(before.cpu_ms, self.row.cpu_ms).map(|ms| ms / 1000.0).filter(|_| self.row.cpu_ms > 0);
        self.calls = rate(before.stats.calls, self.row.stats.calls);
        self.received = rate(before.stats.received, self.row.stats.received);
        if let Some(calls) = self.calls {
            if self.history.len() == HISTORY_MAX {
                self.history.pop_front();
            }
            self.history.push_back(calls);
        }
    }

    /// In a word, how it is.
    pub(super) fn state(&self) -> &'static str {
        match (self.gone, self.row.answered, self.row.leaving, self.row.drained) {
            (Some(_), ..) => "gone",
            (None, false, ..) => "silent",
            (None, true, true, _) => "leaving",
            (None, true, false, true) => "drained",
            (None, true, false, false) => "up",
        }
    }

    pub(super) fn p99_ns(&self) -> Option<u64> {
        self.row.lately.as_ref().filter(|lately| lately.count > 0).map(|lately| lately.p99_ns)
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    lines: Vec<Line>,
    pub(super) order: Order,
    /// What is most comes last.
    pub(super) reversed: bool,
}

impl Lines {
    pub(super) fn new(order: Order) -> Self {
        Self { order, ..Self::default() }
    }

    /// Takes in what was seen. Says which nodes came, and which went; none at the first look.
    pub(super) fn see(&mut self, nodes: Nodes, now: Instant) -> (Vec<String>, Vec<String>) {
        let first = self.lines.is_empty();
        let mut came = Vec::new();
        let members: Vec<String> = nodes.nodes.iter().map(|row| row.node.clone()).collect();
        for row in nodes.nodes {
            match self.lines.iter_mut().find(|line| line.row.node == row.node) {
                Some(line) => {
                    if line.gone.is_some() {
                        came.push(row.node.clone());
                    }
                    line.see(row, now);
                }
                None => {
                    came.push(row.node.clone());
                    self.lines.push(Line::new(row, now));
                }
            }
        }
        let mut went = Vec::new();
        for line in self.lines.iter_mut().filter(|line| !members.contains(&line.row.node)) {
            if line.gone.is_none() {
                line.gone = Some(now);
                (line.load, line.calls, line.received) = (None, None, None);
                went.push(line.row.node.clone());
            }
        }
        self.lines.retain(|line| line.gone.is_none_or(|gone| now.duration_since(gone) < GONE_SHOWN));
        if first {
            came.clear();
        }
        (came, went)
    }

    /// Those whose ids contain this, in order.
    pub(super) fn shown(&self, filter: &str) -> Vec<&Line> {
        let mut shown: Vec<&Line> = self.lines.iter().filter(|line| line.row.node.contains(filter)).collect();
        shown.sort_by(|a, b| {
            let order = self.compare(a, b).then_with(|| a.row.node.cmp(&b.row.node));
            if self.reversed { order.reverse() } else { order }
        });
        shown
    }

    pub(super) fn get(&self, node: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.row.node == node)
    }

    /// What all members do together: how many there are, their workers, their calls a second.
    pub(super) fn sums(&self) -> (usize, u64, f64) {
        let members = || self.lines.iter().filter(|line| line.gone.is_none());
        let workers = members().map(|line| line.row.workers).sum();
        (members().count(), workers, members().filter_map(|line| line.calls).sum())
    }

    /// What is most comes first, but of ids.
    fn compare(&self, a: &Line, b: &Line) -> Ordering {
        let float = |of: fn(&Line) -> Option<f64>| of(b).unwrap_or(-1.0).total_cmp(&of(a).unwrap_or(-1.0));
        match self.order {
            Order::Node => a.row.node.cmp(&b.row.node),
            Order::Load => float(|line| line.load),
            Order::Memory => b.row.memory_bytes.cmp(&a.row.memory_bytes),
            Order::Workers => b.row.workers.cmp(&a.row.workers),
            Order::Calls => float(|line| line.calls),
            Order::P99 => b.p99_ns().cmp(&a.p99_ns()),
            Order::Moves => b.row.stats.handoffs_open.cmp(&a.row.stats.handoffs_open),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(node: &str, calls: u64, cpu_ms: u64, workers: u64) -> NodeRow {
        let mut row = NodeRow::default();
        (row.node, row.answered, row.cpu_ms, row.workers) = (node.to_owned(), true, cpu_ms, workers);
        row.stats.calls = calls;
        row
    }

    fn nodes(rows: Vec<NodeRow>) -> Nodes {
        let mut nodes = Nodes::default();
        nodes.nodes = rows;
        nodes
    }

    fn names(lines: &Lines, filter: &str) -> Vec<String> {
        lines.shown(filter).iter().map(|line| line.row.node.clone()).collect()
    }

    #[test]
    fn rates_are_what_came_between_two_looks() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        lines.see(nodes(vec![row("a", 100, 1_000, 1)]), now);
        assert_eq!(lines.get("a").expect("it is there").calls, None, "one look says nothing");
        lines.see(nodes(vec![row("a", 300, 2_000, 1)]), now + Duration::from_secs(2));
        let line = lines.get("a").expect("it is there");
        assert_eq!((line.calls, line.load), (Some(100.0), Some(0.5)));
        for look in 0..2 * HISTORY_MAX as u64 {
            lines.see(nodes(vec![row("a", 300, 2_000, 1)]), now + Duration::from_secs(3 + look));
        }
        assert_eq!(lines.get("a").expect("it is there").history.len(), HISTORY_MAX);
    }

    #[test]
    fn who_goes_is_told_and_shown_for_a_while() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        assert_eq!(lines.see(nodes(vec![row("a", 0, 0, 1), row("b", 0, 0, 2)]), now), (vec![], vec![]));
        let (came, went) = lines.see(nodes(vec![row("a", 0, 0, 1)]), now + Duration::from_secs(1));
        assert_eq!((came.len(), went), (0, vec!["b".to_owned()]));
        assert_eq!(lines.get("b").expect("it is shown").state(), "gone");
        assert_eq!(lines.sums().0, 1);
        let (came, _) = lines.see(nodes(vec![row("a", 0, 0, 1), row("b", 0, 0, 2)]), now + Duration::from_secs(2));
        assert_eq!(came, ["b"]);
        lines.see(nodes(vec![row("a", 0, 0, 1)]), now + Duration::from_secs(3));
        lines.see(nodes(vec![row("a", 0, 0, 1)]), now + Duration::from_secs(60));
        assert_eq!(names(&lines, ""), ["a"]);
    }

    #[test]
    fn they_stand_in_the_order_that_is_wanted() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        lines.see(nodes(vec![row("a", 0, 0, 1), row("b", 0, 0, 3), row("ab", 0, 0, 2)]), now);
        assert_eq!(names(&lines, ""), ["a", "ab", "b"]);
        assert_eq!(names(&lines, "b"), ["ab", "b"]);
        lines.order = Order::Workers;
        assert_eq!(names(&lines, ""), ["b", "ab", "a"]);
        lines.reversed = true;
        assert_eq!(names(&lines, ""), ["a", "ab", "b"]);
        let all: Vec<_> = std::iter::successors(Some(Order::Node), |order| Some(order.next())).take(8).collect();
        assert_eq!((all[1], all[7]), (Order::Load, Order::Node), "they come in turn");
    }
}
