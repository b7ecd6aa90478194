//! Owns the operator's story of a node's directory: what happened to thousands of partitions and workers, told in a few
//! lines, once a second at most. Sans-IO. Never says anything of single items; those are traced where they happen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use tracing::Level;

use crate::directory::{Notice, Stranded};

/// How long things are gathered before they are told: what belongs together happens within it, and a screen holds what
/// is told in a minute.
const GATHER: Duration = Duration::from_secs(1);

/// What has happened and was not told yet.
#[derive(Debug, Default)]
pub(crate) struct Story {
    tell_at: Option<Instant>,
    taken_over: usize,
    forced: (usize, BTreeSet<NodeId>),
    disagreed: (usize, BTreeSet<NodeId>),
    under_replicated: usize,
    moved: BTreeMap<(NodeId, NodeId), usize>,
    failed_over: BTreeMap<NodeId, usize>,
    adopted: usize,
    conflicts: usize,
    ended: usize,
    stranded: BTreeMap<Stranded, usize>,
}

impl Story {
    /// Something happened.
    pub(crate) fn note(&mut self, now: Instant, notice: &Notice) {
        match notice {
            Notice::Owner { .. } => self.taken_over += 1,
            Notice::Forced { without, .. } => {
                self.forced.0 += 1;
                self.forced.1.extend(without);
            }
            Notice::Disagreed { with, .. } => {
                self.disagreed.0 += 1;
                self.disagreed.1.insert(*with);
            }
            Notice::UnderReplicated { .. } => self.under_replicated += 1,
            Notice::Moved { from, to, .. } => *self.moved.entry((*from, *to)).or_default() += 1,
            Notice::FailedOver { to, .. } => *self.failed_over.entry(*to).or_default() += 1,
            Notice::Adopted { .. } => self.adopted += 1,
            Notice::Conflict { .. } | Notice::KindConflict { .. } => self.conflicts += 1,
            Notice::Ended { .. } => self.ended += 1,
            Notice::Stranded { why, .. } => *self.stranded.entry(why.clone()).or_default() += 1,
            // A claim is told by what comes of it, and the others at once, each by itself.
            Notice::Claimed { .. } | Notice::StartFailed { .. } | Notice::LeaveTimedOut { .. } => return,
        }
        self.tell_at.get_or_insert(now + GATHER);
    }

    /// When [`Self::tell`] has something to say.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.tell_at
    }

    /// What has happened, if it is time to tell it.
    pub(crate) fn tell(&mut self, now: Instant) -> Vec<(Level, String)> {
        if self.tell_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let told = std::mem::take(self);
        let mut lines = Vec::new();
        let mut line = |level, count: usize, text: String| {
            if count > 0 {
                lines.push((level, text));
            }
        };
        line(Level::INFO, told.taken_over, format!("took over {}", some(told.taken_over, "partition")));
        for ((from, to), count) in told.moved {
            line(Level::INFO, count, format!("moved {} from {from} to {to}", some(count, "worker")));
        }
        for (to, count) in told.failed_over {
            let workers = some(count, "worker");
            line(Level::WARN, count, format!("started {workers} of lost nodes again on {to}"));
        }
        let (count, nodes) = told.forced;
        let text = format!("took {} without the word of {}", some(count, "partition"), list(&nodes));
        line(Level::WARN, count, text);
        let (count, nodes) = told.disagreed;
        let text = format!("{} see another owner of {}", list(&nodes), some(count, "partition"));
        line(Level::INFO, count, text);
        let count = told.under_replicated;
        line(Level::INFO, count, format!("{} with fewer copies than wanted", some(count, "partition")));
        let count = told.adopted;
        line(Level::WARN, count, format!("registered {} anew whose records were lost", some(count, "worker")));
        let count = told.conflicts;
        line(Level::WARN, count, format!("merged {} that ran twice", some(count, "worker")));
        for (why, count) in told.stranded {
            let text = format!(
                "{} cannot start: {why}; run a node with the version that registered them, or unregister them",
                some(count, "worker")
            );
            line(Level::ERROR, count, text);
        }
        line(Level::INFO, told.ended, format!("{} ended", some(told.ended, "worker")));
        lines
    }
}

fn some(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn list(nodes: &BTreeSet<NodeId>) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Term;
    use swarm_net::ring::PartitionId;

    fn node(n: u16) -> NodeId {
        NodeId::new(([127, 0, 0, 1], n).into(), u64::from(n))
    }

    #[test]
    fn thousands_of_things_are_a_few_lines_and_told_once() {
        let (mut story, start) = (Story::default(), Instant::START);
        for i in 0..1365 {
            story.note(start, &Notice::Owner { partition: PartitionId(i), term: Term::default() });
        }
        for i in 0..20 {
            story.note(start, &Notice::Moved { name: i.into(), from: node(1), to: node(2) });
        }
        story.note(start, &Notice::FailedOver { name: "acct/1".into(), to: node(3) });
        for i in 0..2 {
            let why = Stranded { worker: "doc".into(), version: 42, known: [7, 0xffff_fff8].into() };
            story.note(start, &Notice::Stranded { name: i.into(), why });
        }
        assert_eq!(story.tell(start), [], "more may follow");
        let at = story.next_due().expect("there is something to tell");
        let lines: Vec<String> = story.tell(at).into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "took over 1365 partitions".to_owned(),
                format!("moved 20 workers from {} to {}", node(1), node(2)),
                format!("started 1 worker of lost nodes again on {}", node(3)),
                "2 workers cannot start: `doc` was registered with init arguments of version 0000002a, and the nodes have \
                 00000007, fffffff8; run a node with the version that registered them, or unregister them"
                    .to_owned(),
            ]
        );
        assert_eq!(story.next_due(), None);
    }
}
