//! Owns what is found about nodes that differ though they should not: their clocks, their versions of Swarm, and what they know of worker types. Never
//! says which one is right, where only a majority could tell.

use std::collections::BTreeMap;

use swarm::admin::{ClockRow, KindRow, MixedRow};

use super::{Finding, Sight};
use crate::words::span;

/// How far clocks may be apart. Those that are set by NTP are within some hundredths of a second.
const APART_MS_MAX: u64 = 1_000;

pub(super) fn findings(sight: &Sight) -> impl Iterator<Item = Finding> {
    let mixed = sight.check.mixed.iter().map(mixed);
    clocks(sight).into_iter().chain(versions(sight)).chain(kinds(sight)).chain(mixed)
}

/// Nodes whose clocks are far from that of the one in the middle.
fn clocks(sight: &Sight) -> Vec<Finding> {
    let clock = |check: &swarm::admin::NodeCheck| Some((check.clock.clone()?, check.node.clone()));
    let mut clocks: Vec<(ClockRow, String)> = sight.check.nodes.iter().filter_map(clock).collect();
    clocks.sort_by_key(|(clock, _)| clock.ahead_ms);
    let Some((middle, by)) = clocks.get(clocks.len() / 2).cloned() else { return Vec::new() };
    let finding = |(clock, node): &(ClockRow, String)| {
        let (ahead, error_ms) = (clock.ahead_ms.saturating_sub(middle.ahead_ms), clock.error_ms + middle.error_ms);
        if ahead.unsigned_abs() <= APART_MS_MAX + error_ms {
            return None;
        }
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let seen = format!(
            "the clock of {node} is {} {way} that of {by}, give or take {}",
            span(ahead.unsigned_abs()),
            span(error_ms)
        );
        // Of two nobody knows which is wrong.
        let subject = if clocks.len() > 2 { node.clone() } else { format!("{node} and {by}") };
        let means = "logs and events of the nodes are told in a wrong order. With a secret, nodes whose clocks are more than a minute apart do not \
                     find each other by multicast"
            .to_owned();
        let advice = "have all machines set their clocks by the same NTP servers (`timedatectl`, `chronyc tracking`); no node needs to be started \
                      anew"
            .to_owned();
        Some(Finding::new("clocks", subject, [seen, means, advice]))
    };
    clocks.iter().filter_map(finding).collect()
}

/// Several versions of Swarm.
fn versions(sight: &Sight) -> Option<Finding> {
    let mut nodes = BTreeMap::<&str, Vec<&str>>::new();
    for row in sight.nodes.nodes.iter().filter(|row| row.answered) {
        nodes.entry(&row.swarm).or_default().push(&row.node);
    }
    let seen = nodes.iter().map(|(version, nodes)| format!("{version} on {}", nodes.join(", ")));
    let seen = format!("the nodes run several versions of Swarm: {}", seen.collect::<Vec<_>>().join("; "));
    let means = "they work together, or they would refuse each other; what only the later version has is not to be had of the earlier nodes";
    let advice = "go on until all nodes have the same version, as after each update; then this is gone";
    let subject = || nodes.keys().copied().collect::<Vec<_>>().join(", ");
    (nodes.len() > 1).then(|| Finding::new("versions", subject(), [seen, means.to_owned(), advice.to_owned()]))
}

/// Worker types of which nodes have different init arguments.
fn kinds(sight: &Sight) -> Vec<Finding> {
    let mixed = sight.ring.kinds.iter().filter(|kind| kind.versions.len() > 1);
    let finding = |kind: &swarm::admin::KindRing| {
        let who = |version: &String| {
            let has = |row: &&KindRow| row.kind == kind.kind && row.version == *version;
            let nodes = sight.nodes.nodes.iter().filter(|row| row.kinds.iter().any(|row| has(&row)));
            format!("{version} on {}", nodes.map(|row| row.node.as_str()).collect::<Vec<_>>().join(", "))
        };
        let versions: Vec<_> = kind.versions.iter().map(who).collect();
        let seen = format!("nodes have its init arguments in the versions {}", versions.join("; "));
        let means =
            "a worker of it runs only where its own version is, so if those nodes go no other takes it over".to_owned();
        Finding::new("kinds", &kind.kind, [seen, means, DEPLOY.to_owned()])
    };
    mixed.map(finding).collect()
}

const DEPLOY: &str = "deploy the same program on all nodes";

/// A message or a state of which nodes have different versions.
fn mixed(row: &MixedRow) -> Finding {
    let what =
        if row.message.is_empty() { "its handoff state".to_owned() } else { format!("its message `{}`", row.message) };
    let versions = row.versions.iter().map(|row| {
        let version = if row.version.is_empty() { "none" } else { row.version.as_str() };
        format!("{version} on {}", row.nodes.join(", "))
    });
    let seen = format!("nodes have {what} in the versions {}", versions.collect::<Vec<_>>().join("; "));
    let means = match row.message.is_empty() {
        true => {
            "a worker does not move between them: it stays where it is, and a node that leaves waits for it in vain"
        }
        false => {
            "who sends it from a node with one version to a worker on a node with another is refused (`SchemaMismatch`, or `Unhandled`): it does not run"
        }
    };
    Finding::new("messages", &row.kind, [seen, means.to_owned(), DEPLOY.to_owned()])
}

#[cfg(test)]
mod tests {
    use swarm::admin::{NodeCheck, NodeRow};

    use super::*;

    fn sight(clocks: &[(i64, u64)]) -> Sight {
        let mut sight = Sight::default();
        for (name, (ahead_ms, error_ms)) in ["a", "b", "c", "d"].into_iter().zip(clocks) {
            let (mut check, mut clock) = (NodeCheck::default(), ClockRow::default());
            (clock.ahead_ms, clock.error_ms) = (*ahead_ms, *error_ms);
            (check.node, check.clock) = (name.to_owned(), Some(clock));
            sight.check.nodes.push(check);
        }
        sight
    }

    #[test]
    fn clocks_are_compared_with_the_one_in_the_middle() {
        let found = |clocks: &[_]| {
            let told = |finding: Finding| (finding.subject, finding.seen);
            super::clocks(&sight(clocks)).into_iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(found(&[]), []);
        assert_eq!(found(&[(0, 2), (900, 3), (-90, 5)]), []);
        // No node is blamed for what may be the answer's way.
        assert_eq!(found(&[(0, 2), (4_000, 4_000), (0, 2)]), []);
        // The node that was asked is as likely to be wrong as any.
        let [(subject, seen)] = &found(&[(0, 2), (3_600_000, 4), (3_600_020, 6)])[..] else { panic!("one is wrong") };
        assert_eq!((subject.as_str(), seen.as_str()), ("a", "the clock of a is 1h behind that of b, give or take 6ms"));
        let [(subject, _)] = &found(&[(0, 2), (-5_000, 4)])[..] else { panic!("they are apart") };
        assert_eq!(subject, "b and a");
    }

    #[test]
    fn several_versions_are_told_with_their_nodes() {
        let mut sight = Sight::default();
        for (name, version) in [("a", "0.1.0"), ("b", "0.1.2"), ("c", "0.1.0"), ("d", "")] {
            let mut row = NodeRow::default();
            (row.node, row.swarm, row.answered) = (name.to_owned(), version.to_owned(), !version.is_empty());
            sight.nodes.nodes.push(row);
        }
        let found = versions(&sight).expect("there are two");
        assert_eq!(found.seen, "the nodes run several versions of Swarm: 0.1.0 on a, c; 0.1.2 on b");
        sight.nodes.nodes.retain(|row| row.node != "b");
        assert_eq!(versions(&sight), None);
    }
}
