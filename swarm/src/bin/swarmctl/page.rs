//! Owns how each answer is shown to people. Never asks anything.

use swarm::admin::{
    KeyChange, Keyrings, KindRing, Method, NodeRow, Nodes, Rebalanced, Ring, Row, Share, Status, Whereabouts, Worker,
};

use crate::table::Side::{Left, Right};
use crate::table::Table;
use crate::words::{percent, plain, run, span};

/// Lines of a name and a value.
fn lines<const N: usize>(lines: [(&str, String); N]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, value): &(&str, String)| format!("{name:<width$}  {}\n", plain(value));
    lines.iter().filter(|(_, value)| !value.is_empty()).map(line).collect()
}

fn some(is: bool, text: &str) -> String {
    if is { text.to_owned() } else { String::new() }
}

pub(crate) fn status(status: &Status) -> String {
    let state = [
        (status.leaving, "leaving"),
        (status.drained, "drained"),
        (status.below_quorum, "below its quorum: it runs nothing"),
    ];
    let state: Vec<_> = state.iter().filter(|(is, _)| *is).map(|(_, text)| *text).collect();
    let silent = some(!status.silent.is_empty(), &format!("{} (not in the sums)", status.silent.join(", ")));
    let short = status.under_replicated > 0;
    lines([
        ("cluster", status.cluster.clone()),
        ("asked", format!("{} (pid {}, swarm {}, up {})", status.node, status.pid, status.swarm, span(status.up_ms))),
        ("state", state.join(", ")),
        ("placement", status.placement.clone()),
        ("nodes", status.nodes.to_string()),
        ("silent", silent),
        ("workers", status.workers.to_string()),
        ("short of copies", some(short, &format!("{} partitions", status.under_replicated))),
        ("calls from here", format!("{} ({} failed)", status.stats.calls, status.stats.calls_failed)),
        ("came and went", format!("{} in, {} out", status.stats.handoffs_in, status.stats.handoffs_out)),
    ])
}

pub(crate) fn nodes(nodes: &Nodes) -> String {
    let head =
        [("NODE", Left), ("STATE", Left), ("WEIGHT", Right), ("OWNS", Right), ("WORKERS", Right), ("CALLS", Right)];
    let rest = [("UP", Right), ("PID", Right), ("SWARM", Left)];
    let mut table = Table::new(&[head.as_slice(), rest.as_slice()].concat());
    for node in &nodes.nodes {
        let number = |number: u64| if node.answered { number.to_string() } else { "?".to_owned() };
        table.row([
            format!("{}{}", node.node, if node.here { " *" } else { "" }),
            state(node).to_owned(),
            node.weight.to_string(),
            node.owns.to_string(),
            number(node.workers),
            number(node.stats.calls),
            if node.answered { span(node.up_ms) } else { "?".to_owned() },
            number(u64::from(node.pid)),
            node.swarm.clone(),
        ]);
    }
    format!("{table}* has answered\n")
}

fn state(node: &NodeRow) -> &'static str {
    match (node.answered, node.leaving, node.drained) {
        (false, ..) => "silent",
        (true, true, _) => "leaving",
        (true, false, true) => "drained",
        (true, false, false) => "up",
    }
}

pub(crate) fn drained(node: &NodeRow) -> String {
    let stays = match node.bound {
        0 => String::new(),
        bound => format!(", {bound} of which stay"),
    };
    let state = if node.drained { "takes no workers" } else { "takes workers" };
    format!("{} {state}; {} are there{stays}\n", plain(&node.node), node.workers)
}

pub(crate) fn ring(ring: &Ring) -> String {
    let columns = [("KIND", Left), ("NODE", Left), ("PARTITIONS", Right), ("SHARE", Right)];
    let mut table = Table::new(&[columns.as_slice(), &[("COPIES", Right), ("WORKERS", Right)]].concat());
    let mut rows = |kind: String, shares: &[Share], copies: bool| {
        for share in shares {
            table.row([
                kind.clone(),
                share.node.clone(),
                share.partitions.to_string(),
                percent(share.share),
                if copies { share.replicas.to_string() } else { String::new() },
                share.workers.to_string(),
            ]);
        }
    };
    rows("(owners)".to_owned(), &ring.owners, true);
    ring.kinds.iter().for_each(|kind| rows(kind_of(kind), &kind.nodes, false));
    format!("{table}{} partitions, each record on {} nodes if there are so many\n", ring.partitions, ring.replicas)
}

/// Where nodes have different versions of a type, that is worth seeing.
fn kind_of(kind: &KindRing) -> String {
    match kind.versions.len() {
        0 | 1 => kind.kind.clone(),
        _ => format!("{} ({})", kind.kind, kind.versions.join(", ")),
    }
}

pub(crate) fn workers(rows: &[Row]) -> String {
    let mut table = Table::new(&[("NAME", Left), ("KIND", Left), ("NODE", Left), ("EPOCH", Left)]);
    rows.iter().for_each(|row| {
        table.row([row.name.clone(), row.kind.clone(), row.node.clone(), row.epoch.clone()]);
    });
    table.to_string()
}

pub(crate) fn whereabouts(at: &Whereabouts) -> String {
    let groups = at.groups.iter().map(|group| match group.key.is_empty() {
        true => group.group.clone(),
        false => format!("{}:{}", group.group, group.key),
    });
    lines([
        ("name", at.name.clone()),
        ("kind", at.kind.clone()),
        ("node", at.node.clone()),
        ("why", at.why.clone()),
        ("epoch", at.epoch.clone()),
        ("partition", format!("{}, decided by {}", at.partition, at.owner)),
        ("copies", at.replicas.join(", ")),
        ("registered by", at.registered_by.clone()),
        ("groups", groups.collect::<Vec<_>>().join(", ")),
        ("cells", some(at.cells != 1, &at.cells.to_string())),
    ])
}

pub(crate) fn worker(worker: &Worker) -> String {
    let mut text = whereabouts(&worker.at);
    if !worker.answered {
        text.push_str(
            "\nIts node does not know it, or did not answer: it may be moving, or look at that node's log.\n",
        );
        return text;
    }
    let state = [(worker.busy, ", a message in hand"), (worker.pinned, ", wants to stay")];
    let state: String = state.iter().filter(|(is, _)| *is).map(|(_, text)| *text).collect();
    text.push_str(&lines([
        ("state", format!("{}{state}", worker.state)),
        ("queue", worker.queue.to_string()),
        ("panics", worker.panics.to_string()),
    ]));
    if !worker.timers.is_empty() {
        let mut table = Table::new(&[("TIMER", Right), ("MESSAGE", Left), ("DUE IN", Right), ("EVERY", Right)]);
        for timer in &worker.timers {
            let every = timer.every_ms.map(span).unwrap_or_default();
            table.row([timer.id.to_string(), timer.message.clone(), span(timer.due_in_ms), every]);
        }
        text.push_str(&format!("\n{table}"));
    }
    text.push_str(&methods(&worker.methods));
    text
}

fn methods(methods: &[Method]) -> String {
    let head = [("MESSAGE", Left), ("IS", Left), ("RUNS", Left), ("TIMED", Right), ("P50", Right), ("P99", Right)];
    let mut table = Table::new(&[head.as_slice(), &[("MAX", Right)]].concat());
    for method in methods {
        let time = |ns: fn(&swarm::admin::Times) -> u64| method.times.as_ref().map(|times| run(ns(times)));
        table.row([
            method.message.clone(),
            if method.cast { "cast" } else { "call" }.to_owned(),
            if method.quick { "where it arrives" } else { "on tokio" }.to_owned(),
            method.times.as_ref().map(|times| times.count.to_string()).unwrap_or_default(),
            time(|times| times.p50_ns).unwrap_or_default(),
            time(|times| times.p99_ns).unwrap_or_default(),
            time(|times| times.max_ns).unwrap_or_default(),
        ]);
    }
    if methods.is_empty() { String::new() } else { format!("\nAll workers of its type on its node:\n{table}") }
}

pub(crate) fn rebalanced(done: &Rebalanced) -> String {
    let silent = match done.silent.is_empty() {
        true => String::new(),
        false => format!("\nsilent, and left as they are: {}", plain(&done.silent.join(", "))),
    };
    format!("{} nodes have every worker go where the ring wants it{silent}\n", done.nodes.len())
}

pub(crate) fn keyrings(keyrings: &Keyrings) -> String {
    let mut table = Table::new(&[("NODE", Left), ("ENCRYPTS WITH", Left), ("UNDERSTANDS", Left)]);
    for row in &keyrings.nodes {
        let first =
            row.keys.first().cloned().unwrap_or_else(|| if row.answered { "(no secret)" } else { "?" }.to_owned());
        let mark = if row.here { " *" } else { "" };
        table.row([format!("{}{mark}", row.node), first, row.keys.join(" ")]);
    }
    format!("{table}* has answered, and is the one whose keys are changed\n")
}

pub(crate) fn key_change(change: &KeyChange) -> String {
    format!(
        "key {}: {} has {} now; the first encrypts\n",
        change.id,
        plain(&change.now.node),
        change.now.keys.join(" ")
    )
}
