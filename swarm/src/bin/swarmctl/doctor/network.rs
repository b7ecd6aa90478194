//! Owns what is found about nodes that do not reach each other, or are kept out. Never blames one end for what only both can know.

use std::collections::{BTreeMap, BTreeSet};

use swarm::admin::{NodeCheck, RefusedRow, WayRow};

use super::{Finding, Sight};

/// So long after a beacon the next one should have come three times: a node that is connected sends one every five seconds.
const BEACON_MS_MAX: u64 = 15_000;

/// One connection may fail by chance.
const FAILURES_MIN: u32 = 2;

pub(super) fn findings(sight: &Sight) -> impl Iterator<Item = Finding> {
    let silent = sight.check.silent.iter().map(|node| {
        Finding::new(
            "silent-node",
            node,
            [
                "it is a member, and did not say how it is within two seconds".to_owned(),
                "it is overloaded, stands still, or nearly all of its packets are lost".to_owned(),
                "look at its log and at its machine's load; if it is gone the others will notice by themselves"
                    .to_owned(),
            ],
        )
    });
    let ways: Vec<Way<'_>> =
        sight.check.nodes.iter().flat_map(|node| node.ways.iter().map(move |way| (node, way))).collect();
    let known = Known::of(sight, &ways);
    let ways: Vec<Finding> = ways.iter().filter_map(|(node, way)| known.judge(node, way)).collect();
    let refused = sight.check.nodes.iter().flat_map(|node| node.refused.iter().filter_map(|row| refused(node, row)));
    let (refused, beacons): (Vec<_>, Vec<_>) = (refused.collect(), known.deaf());
    silent.chain(ways).chain(refused).chain(beacons)
}

type Way<'a> = (&'a NodeCheck, &'a WayRow);

/// What all nodes together know of the ways between them.
struct Known<'a> {
    checks: BTreeMap<&'a str, &'a NodeCheck>,
    /// How long each has been there.
    up_ms: BTreeMap<&'a str, u64>,
    ways: BTreeMap<(&'a str, &'a str), &'a WayRow>,
    /// Nodes whose packets do not come from where they say they are, and from where they come.
    elsewhere: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Known<'a> {
    fn of(sight: &'a Sight, ways: &[Way<'a>]) -> Self {
        let mut elsewhere = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (_, way) in ways {
            if let (Some(node), Some(from)) = (&way.node, &way.elsewhere) {
                elsewhere.entry(node).or_default().insert(from);
            }
        }
        let way = |(node, way): &Way<'a>| Some(((node.node.as_str(), way.node.as_deref()?), *way));
        Self {
            checks: sight.check.nodes.iter().map(|check| (check.node.as_str(), check)).collect(),
            up_ms: sight.nodes.nodes.iter().map(|row| (row.node.as_str(), row.up_ms)).collect(),
            ways: ways.iter().filter_map(way).collect(),
            elsewhere,
        }
    }

    /// What is wrong with a way, if anything is.
    fn judge(&self, check: &NodeCheck, way: &WayRow) -> Option<Finding> {
        let Some(other) = &way.node else { return stranger(check, way) };
        if let Some(from) = self.elsewhere.get(other.as_str()) {
            return Some(advertised(other, from));
        }
        // Who does not answer at all is told as that.
        if !self.checks.contains_key(other.as_str()) {
            return None;
        }
        // What such a node is sent does not arrive, and so it is not answered either.
        if self.elsewhere.contains_key(check.node.as_str()) {
            return None;
        }
        // Both ends see the same, and one of them tells it.
        let (a, b) = if check.node < *other { (&check.node, other) } else { (other, &check.node) };
        let pair = format!("{a} and {b}");
        match (way.connected, way.small_ms, way.large_ms) {
            (true, None, None) => Some(Finding::new(
                "udp-blocked",
                pair,
                [
                    format!("{} has a connection to {other} (TCP), and no packet (UDP) was answered within a second", check.node),
                    "UDP is blocked between them, in one direction at least. They stay members while they have a connection, but who fails is \
                     noticed late, and splits heal late"
                        .to_owned(),
                    "let UDP through in both directions, to the ports that the nodes listen at (the same as for TCP)".to_owned(),
                ],
            )),
            (false, Some(_), _) if way.failures >= FAILURES_MIN => Some(tcp_blocked(pair, check, other, way.failures)),
            (_, Some(_), None) => Some(Finding::new(
                "mtu",
                pair,
                [
                    format!("{} was answered by {other} to a small packet, and not to a full one (UDP) within a second", check.node),
                    "what is larger is lost on its way: a tunnel or a VPN has a smaller MTU than the interfaces say, and fragments are dropped"
                        .to_owned(),
                    "set the MTU of the nodes' interfaces to what the path carries (`ping -M do -s 1240` finds it), or lower \
                     SWARM_NET_MEMBERSHIP_PACKET_BYTES_MAX"
                        .to_owned(),
                ],
            )),
            (true, Some(_), Some(_)) | (false, ..) | (true, None, Some(_)) => None,
        }
    }

    /// Pairs of nodes that both send beacons and do not hear each other's.
    fn deaf(&self) -> Vec<Finding> {
        let sends = |node: &str| self.checks.get(node).is_some_and(|check| check.beacons);
        let old = |node: &str| self.up_ms.get(node).is_some_and(|up| *up > BEACON_MS_MAX);
        let deaf = self.ways.iter().filter(|((a, b), way)| {
            let hears = way.beacon_ms.is_some_and(|ago| ago <= BEACON_MS_MAX);
            sends(a) && sends(b) && old(a) && old(b) && !hears
        });
        let finding = |((a, b), _): (&(&str, &str), &&WayRow)| {
            Finding::new(
                "multicast",
                format!("{a} and {b}"),
                [
                    format!("{a} has heard no beacon of {b} for a quarter of a minute, and both send them by multicast"),
                    "multicast does not cross between them. They know each other by other ways; a node that has no other will not find the \
                     rest, and a split may not heal"
                        .to_owned(),
                    "name seeds on every node (`Seeds`), or let multicast through: IGMP snooping without a querier, a router, a cloud's network \
                     and most VPNs stop it"
                        .to_owned(),
                ],
            )
        };
        deaf.map(finding).collect()
    }
}

fn advertised(node: &str, from: &BTreeSet<&str>) -> Finding {
    let from = from.iter().copied().collect::<Vec<_>>().join(", ");
    Finding::new(
        "advertised-wrongly",
        node,
        [
            format!("its packets come from {from}, and it tells the others to reach it at {}", address(node)),
            "it advertises an address that is not its own, or stands behind address translation: others cannot connect to it, nor answer its \
             packets"
                .to_owned(),
            "set `.advertise(..)` to an address at which the others reach it, or leave it out so that the bound address is used".to_owned(),
        ],
    )
}

fn tcp_blocked(subject: String, check: &NodeCheck, other: &str, failures: u32) -> Finding {
    Finding::new(
        "tcp-blocked",
        subject,
        [
            format!(
                "{other} answers packets of {} (UDP), and {failures} connections to it (TCP) came to nothing",
                check.node
            ),
            "TCP is blocked between them: nothing but membership goes by UDP, so they cannot be part of one cluster"
                .to_owned(),
            "let TCP through in both directions, to the ports that the nodes listen at (the same as for UDP)"
                .to_owned(),
        ],
    )
}

/// Of an address where discovery expects a node, and nobody can be reached.
fn stranger(check: &NodeCheck, way: &WayRow) -> Option<Finding> {
    let blocked = !way.connected && way.small_ms.is_some() && way.failures >= FAILURES_MIN;
    blocked.then(|| tcp_blocked(format!("{} and {}", check.node, way.addr), check, &way.addr, way.failures))
}

/// Of somebody who is kept out.
fn refused(check: &NodeCheck, row: &RefusedRow) -> Option<Finding> {
    let seen = format!("{} ({}, last {} s ago; {} times in all)", row.text, row.whom, row.ago_ms / 1000, row.count);
    let [means, advice] = match row.about.as_str() {
        "secret" => [
            "somebody who tries to take part does not share this node's secret: it was started without one, with another one, or in a cluster of \
             another name",
            "give all nodes the same `.secret_file(..)`; `swarmctl keys list` shows which keys the members have, and by their ids whether they \
             agree",
        ],
        "misfit" => [
            "a node of this cluster's name has another number of partitions, other rules (placement, replicas) or another version of Swarm, and \
             cannot be part of it",
            "start it with the same `Config` (SWARM_NET_PARTITIONS, SWARM_PLACEMENT, ..) and a version of the same minor number as the others",
        ],
        _ => return None,
    };
    Some(Finding::new(
        if row.about == "secret" { "secret" } else { "misfit" },
        &check.node,
        [seen, means.to_owned(), advice.to_owned()],
    ))
}

/// A node's address.
fn address(node: &str) -> &str {
    node.split_once('#').map_or(node, |(address, _)| address)
}
