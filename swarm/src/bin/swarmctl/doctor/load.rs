//! Owns what is found about workers, mailboxes, the ring and moves. Never calls busy what is only not idle.

use std::collections::BTreeMap;

use swarm::admin::{BusyRow, NodeRow, Whereabouts};

use super::{Finding, Sight};

/// A queue that is longer than this, and than a quarter of its mailbox, is one that grows.
const QUEUE_MIN: u64 = 16;

/// How far a node's part of the ring may be from what its weight says: chance makes less, with as many partitions as there should be.
const UNEVEN: f64 = 0.35;

/// With so few partitions a node the ring cannot be even.
const PARTITIONS_EACH: u64 = 100;

pub(super) fn findings(sight: &Sight) -> impl Iterator<Item = Finding> {
    let workers = sight.busiest.workers.iter().filter_map(worker);
    let strained = sight.check.nodes.iter().flat_map(|check| check.strained.iter().map(strained));
    workers.chain(mailboxes(sight)).chain(uneven(sight)).chain(strained)
}

/// A worker that does not keep up.
fn worker(row: &BusyRow) -> Option<Finding> {
    if row.queue < QUEUE_MIN || row.queue * 4 < row.mailbox {
        return None;
    }
    let full = row.queue * 5 >= row.mailbox * 4;
    let seen = format!("{} messages wait for it on {}, of {} that may", row.queue, row.node, row.mailbox);
    let means = match full {
        true => "its mailbox is nearly full: who sends more is refused (`Overloaded`)",
        false => "it is sent more than it works off, so everybody who calls it waits",
    };
    let advice = format!(
        "`swarmctl describe {}` says how long its handlers take. Make them shorter, move what waits out of them, or spread its work over several \
         names",
        row.name
    );
    Some(Finding::new(if full { "mailbox-full" } else { "hot-worker" }, &row.name, [seen, means.to_owned(), advice]))
}

/// Nodes where messages were refused just now.
fn mailboxes(sight: &Sight) -> Vec<Finding> {
    let before: BTreeMap<&str, &NodeRow> = sight.before.nodes.iter().map(|row| (row.node.as_str(), row)).collect();
    let grown = |row: &NodeRow| {
        let before = before.get(row.node.as_str()).filter(|before| before.answered && row.answered)?;
        let full = row.stats.mailboxes_full.checked_sub(before.stats.mailboxes_full)?;
        (full > 0).then_some(full)
    };
    let finding = |row: &NodeRow| {
        let seen = format!("{} messages came to workers with full mailboxes while it was looked at", grown(row)?);
        let means = "callers are refused (`Overloaded`) and casts are lost".to_owned();
        let advice = "`swarmctl top` shows which workers have most to do; let their callers wait for answers, or give them larger mailboxes \
                      (`#[swarm::worker(mailbox = ..)]`) if that is only now and then"
            .to_owned();
        Some(Finding::new("mailboxes-fill", &row.node, [seen, means, advice]))
    };
    sight.nodes.nodes.iter().filter_map(finding).collect()
}

/// Nodes with far more or less of the ring than their weights say.
fn uneven(sight: &Sight) -> Vec<Finding> {
    let takes = || sight.nodes.nodes.iter().filter(|row| !row.leaving && row.weight > 0);
    let (weights, partitions) = (takes().map(|row| u64::from(row.weight)).sum::<u64>(), sight.ring.partitions);
    let few = partitions < PARTITIONS_EACH * takes().count() as u64;
    let finding = |row: &NodeRow| {
        let fair = partitions as f64 * f64::from(row.weight) / weights as f64;
        let off = row.owns as f64 / fair - 1.0;
        if off.abs() <= UNEVEN {
            return None;
        }
        let seen = format!(
            "it owns {} of {partitions} partitions, and by its weight {} it would be {fair:.0}",
            row.owns, row.weight
        );
        let means = match few {
            true => "there are too few partitions for so many nodes, so chance decides who has how much to do",
            false => "the nodes do not agree about the ring yet: some have just come, or gone",
        };
        let advice = match few {
            true => {
                "start the cluster anew with more partitions (SWARM_NET_PARTITIONS; a hundred a node and more): all nodes have the same number"
            }
            false => "look again in some seconds; if it stays so, compare `swarmctl ring` of several nodes",
        };
        Some(Finding::new("unbalanced-ring", &row.node, [seen, means.to_owned(), advice.to_owned()]))
    };
    takes().filter_map(finding).collect()
}

/// A name whose move or start does not end well.
fn strained(at: &Whereabouts) -> Finding {
    let means = "as long as it is so it runs where it was, or not at all; a node that leaves waits for it, at most for its `leave_timeout`";
    let advice = format!(
        "look at the log of {}, and at the worker's `begin_handoff` and `init`: they may wait for something. `swarmctl restart` starts it anew",
        at.node
    );
    Finding::new("stuck-handoff", &at.name, [at.why.clone(), means.to_owned(), advice])
}
