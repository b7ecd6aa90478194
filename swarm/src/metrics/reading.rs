//! Owns what a node's metrics are, and how they are read from what it counts anyway. Never changes anything of the node.

use std::borrow::Cow;
use std::collections::BTreeMap;

use swarm_net::transport::Traffic;

use super::family::{Family, Labels};
use crate::registration::Entry;
use crate::runtime::Node;
use crate::stats::Stats;
use crate::worker::{Incident, KindId};

/// The label of a worker type, and what it says of those that the node does not know.
const WORKER: &str = "worker";
const UNKNOWN: &str = "unknown";

/// What goes out and what comes in.
const DIRECTION: &str = "direction";

/// All metrics of a node, at this moment. What of it the threads of the node tell now and then is up to half a second old.
pub(super) fn read(node: &Node) -> Vec<Family> {
    let (stats, traffic) = (node.stats(), node.transport().traffic());
    let mut families = of_node(node);
    families.extend(of_cluster(node, &stats, &traffic));
    families.extend(of_directory(node, &stats));
    families.extend(of_workers(node, &stats));
    families.extend(of_messages(node, &stats));
    families.extend(of_handlers(node, &stats));
    families.extend(of_network(&stats, &traffic));
    families
}

fn of_node(node: &Node) -> Vec<Family> {
    let version = [(env!("CARGO_PKG_VERSION"), 1)];
    vec![
        Family::gauge("swarm_build_info", "The version of Swarm that the node was built with; always 1.")
            .by("version", version),
        Family::gauge("swarm_uptime_seconds", "For how long the node has been there.").of(node.up().as_secs()),
    ]
}

fn of_cluster(node: &Node, stats: &Stats, traffic: &Traffic) -> Vec<Family> {
    let leaving = node.routing().view().values().filter(|member| member.profile.leaving).count();
    vec![
        Family::gauge("swarm_members", "Members of the cluster as the node sees them, itself included.")
            .of(stats.nodes),
        Family::gauge("swarm_members_leaving", "Members that have begun to leave.").of(leaving as u64),
        Family::gauge("swarm_members_suspected", "Members that are suspected to be gone.").of(traffic.suspected),
        Family::gauge("swarm_own_lateness", "How late the node's own timers have been lately, from 0 (well) to 8.")
            .of(traffic.lateness),
        Family::gauge("swarm_quorum", "Whether the node may run workers: 0 while it has no quorum, else 1.")
            .of(u64::from(node.tenancy.holds())),
        Family::counter("swarm_quorum_losses_total", "How often the node has lost its quorum.").of(stats.quorums_lost),
        Family::gauge("swarm_drained", "Whether an operator has drained the node, so that it takes no workers.")
            .of(u64::from(node.is_drained())),
    ]
}

fn of_directory(node: &Node, stats: &Stats) -> Vec<Family> {
    vec![
        Family::gauge("swarm_partitions", "Partitions that the node owns.").of(stats.partitions),
        Family::gauge("swarm_partitions_under_replicated", "Of those, the ones with fewer live copies than wanted.")
            .of(stats.under_replicated),
        Family::gauge("swarm_names", "Names in the directory of the node's partitions.").of(stats.names),
        Family::gauge("swarm_requests_open", "Requests to the directory that wait for an answer.")
            .of(stats.requests_open),
        Family::counter("swarm_control_turns_total", "Turns that the node's control, with its directory, has taken.")
            .of(node.turns()),
        Family::counter(
            "swarm_surveys_total",
            "Questions of other nodes about groups or lists that the node was asked.",
        )
        .of(stats.surveyed),
        Family::counter("swarm_failovers_total", "Workers of lost nodes that the node had started again elsewhere.")
            .of(stats.failovers),
        Family::counter("swarm_conflicts_total", "Names of which the node found two instances after a healed split.")
            .of(stats.conflicts),
    ]
}

fn of_workers(node: &Node, stats: &Stats) -> Vec<Family> {
    let mut hosted: BTreeMap<KindId, u64> = node.kinds.iter().map(|entry| (entry.kind, 0)).collect();
    for cell in node.places.cells() {
        *hosted.entry(cell.kind()).or_default() += 1;
    }
    let handoffs = [("in", stats.handoffs_in), ("out", stats.handoffs_out)];
    vec![
        Family::gauge("swarm_workers", "Workers on the node, by type.")
            .by(WORKER, hosted.into_iter().map(|(kind, count)| (named(node, Some(kind)), count))),
        Family::counter("swarm_workers_started_total", "Workers started on the node.").of(stats.started),
        befallen(node, Incident::Restarted, "swarm_worker_restarts_total", "Restarts in place, after panics."),
        befallen(
            node,
            Incident::GivenUp,
            "swarm_workers_given_up_total",
            "Workers that ended since they failed, and their restart rule says no (more).",
        ),
        Family::counter("swarm_handoffs_total", "Workers that came from another node (in) or went to one (out).")
            .by(DIRECTION, handoffs),
        Family::counter("swarm_handoffs_failed_total", "Moves that came to nothing for now, and are tried again.")
            .of(stats.handoffs_failed),
        Family::gauge("swarm_handoffs_open", "Workers that are being moved by the order of the node.")
            .of(stats.handoffs_open),
    ]
}

fn of_messages(node: &Node, stats: &Stats) -> Vec<Family> {
    let mut calls =
        Family::counter("swarm_calls_total", "Calls made from the node that have ended, by what came of them.");
    for (kind, tally) in node.tallies.iter().flat_map(|tallies| tallies.iter()) {
        let failed = tally.failed().filter(|(_, count)| *count > 0);
        let answered = (kind.is_some() || tally.answered() > 0).then(|| ("ok", tally.answered()));
        for (outcome, count) in answered.into_iter().chain(failed) {
            calls.add(vec![(WORKER, named(node, kind)), ("outcome", outcome.into())], count);
        }
    }
    vec![
        calls,
        Family::gauge("swarm_calls_open", "Calls that wait for an answer from another node.").of(stats.calls_open),
        Family::counter("swarm_casts_total", "Casts made from the node.").of(stats.casts),
        Family::counter("swarm_messages_received_total", "Messages of other nodes for workers of this one.")
            .of(stats.received),
        Family::counter("swarm_messages_forwarded_total", "Messages passed on to another node.").of(stats.forwarded),
        Family::gauge("swarm_messages_held", "Messages that wait for their worker to be found, started or moved.")
            .of(stats.messages_held),
        befallen(
            node,
            Incident::Full,
            "swarm_mailboxes_full_total",
            "Messages that came to a worker whose queue was full, and were not taken.",
        ),
        Family::counter("swarm_ways_full_total", "Messages that were refused since a queue on their way was full.")
            .of(stats.ways_full),
    ]
}

fn of_handlers(node: &Node, stats: &Stats) -> Vec<Family> {
    let mut inits = Family::histogram(
        "swarm_init_seconds",
        "How long `init` ran, up to where it first waited; of the runs that are timed.",
    );
    let mut handlers = Family::histogram(
        "swarm_handler_seconds",
        "How long handlers ran, up to where they first waited; of the runs that are timed.",
    );
    let paces = node.tenancy.paces();
    for Entry { kind, name, methods, .. } in node.kinds.iter() {
        let labels = |method: &[(&'static str, &'static str)]| -> Labels {
            [(WORKER, *name)].iter().chain(method).map(|(label, value)| (*label, Cow::from(*value))).collect()
        };
        if let Some(spread) = paces.init(*kind).and_then(|pace| pace.spread()) {
            inits.add_times(labels(&[]), spread);
        }
        for (row, method) in methods().into_iter().enumerate() {
            if let Some(spread) = paces.method(*kind, row).and_then(|pace| pace.spread()) {
                handlers.add_times(labels(&[("method", method.name)]), spread);
            }
        }
    }
    let switches = [("spot", stats.promotions), ("pool", stats.demotions)];
    let switches = Family::counter(
        "swarm_method_switches_total",
        "How often a method has become quick, and runs where its messages arrive (spot), or slow, and runs on tokio (pool).",
    )
    .by("to", switches);
    vec![handlers, inits, switches]
}

fn of_network(stats: &Stats, traffic: &Traffic) -> Vec<Family> {
    let connections = [("calls", traffic.connections), ("bulk", traffic.bulk_connections)];
    let frames = [("sent", traffic.frames_sent), ("received", traffic.frames_received)];
    let packets = [("sent", traffic.packets_sent), ("received", traffic.packets_received)];
    let bytes = [
        ("tcp", "sent", traffic.stream_bytes_sent),
        ("tcp", "received", traffic.stream_bytes_received),
        ("udp", "sent", traffic.packet_bytes_sent),
        ("udp", "received", traffic.packet_bytes_received),
    ];
    let refused_connections = [
        ("secret", stats.refused_connections),
        ("crowd", stats.turned_away),
        ("broken", stats.broken_connections),
        ("misfit", stats.refused_nodes),
        ("cut", stats.cut_connections),
    ];
    let refused_packets = [
        ("secret", stats.refused_packets),
        ("replayed", stats.replayed_packets),
        ("misplaced", stats.misplaced_packets),
    ];
    let mut moved = Family::counter("swarm_network_bytes_total", "Bytes that went over the node's sockets.");
    for (protocol, direction, count) in bytes {
        moved.add(vec![("protocol", protocol.into()), (DIRECTION, direction.into())], count);
    }
    vec![
        Family::gauge("swarm_connections", "Open connections to other nodes.").by("lane", connections),
        Family::gauge("swarm_strangers", "Connections from others that have not proved to be members'.")
            .of(traffic.strangers),
        Family::counter("swarm_frames_total", "Frames that went over connections.").by(DIRECTION, frames),
        Family::counter("swarm_packets_total", "UDP packets that were sent and have come.").by(DIRECTION, packets),
        moved,
        Family::counter(
            "swarm_connections_refused_total",
            "Connections that were refused or ended: without the secret (secret), too many (crowd), not what nodes say (broken), \
             of nodes that cannot be part of the cluster (misfit), of members that do not read (cut).",
        )
        .by("reason", refused_connections),
        Family::counter(
            "swarm_packets_refused_total",
            "UDP packets that were ignored: sealed by no key of the node (secret), old (replayed), from elsewhere (misplaced).",
        )
        .by("reason", refused_packets),
        Family::counter(
            "swarm_frames_refused_total",
            "Frames of members that were dropped: unreadable (malformed), or more than a member may ask for (excessive).",
        )
        .by("reason", [("malformed", stats.malformed), ("excessive", stats.excessive)]),
        Family::counter("swarm_reads_held_total", "How often reading from a member was paused, since it sent too much.")
            .of(stats.held_back),
    ]
}

/// How often something has befallen workers, by type.
fn befallen(node: &Node, incident: Incident, name: &'static str, help: &'static str) -> Family {
    let counted = node.tallies.iter().flat_map(|tallies| tallies.iter());
    let known = counted.filter(|(kind, _)| kind.is_some());
    Family::counter(name, help).by(WORKER, known.map(|(kind, tally)| (named(node, kind), tally.befallen(incident))))
}

/// What a worker type is called.
fn named(node: &Node, kind: Option<KindId>) -> Cow<'static, str> {
    kind.and_then(|kind| node.kinds.get(kind)).map_or(UNKNOWN, |entry| entry.name).into()
}
