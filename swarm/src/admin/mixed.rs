//! Owns of which messages and states the nodes of a cluster have different versions. Never judges: a deployment that is under way has them as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::runtime::checkup::SchemaFacts;

/// How many of them are told: with more the same has happened to all.
const MIXED_MAX: usize = 64;

/// Something that travels and of which nodes have different versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MixedRow {
    /// The wire name of the worker type that it belongs to.
    pub kind: String,
    /// The wire name of the message, if it is one: with its reply. The handoff state has none.
    pub message: String,
    /// The versions, each with its nodes.
    pub versions: Vec<VersionRow>,
}

/// A version, and who has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct VersionRow {
    /// The beginning of its fingerprint; empty where there is no such message.
    pub version: String,
    /// The nodes.
    pub nodes: Vec<String>,
}

/// What nodes have said of their versions.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    /// Who knows a worker type at all.
    knowing: BTreeMap<String, BTreeSet<NodeId>>,
    /// Of its messages, and of its state.
    versions: BTreeMap<(String, String), BTreeMap<NodeId, u32>>,
}

impl Schemas {
    /// What one node has said.
    pub(super) fn add(&mut self, node: NodeId, schemas: Vec<SchemaFacts>) {
        for SchemaFacts { kind, message, version } in schemas {
            self.knowing.entry(kind.clone()).or_default().insert(node);
            self.versions.entry((kind, message)).or_default().insert(node, version);
        }
    }

    /// Those of which there are several. That a node does not know the type is no other version.
    pub(super) fn mixed(self) -> Vec<MixedRow> {
        let Self { knowing, versions } = self;
        let row = |((kind, message), by_node): ((String, String), BTreeMap<NodeId, u32>)| {
            let mut nodes = BTreeMap::<Option<u32>, Vec<String>>::new();
            for node in knowing.get(&kind).into_iter().flatten() {
                nodes.entry(by_node.get(node).copied()).or_default().push(node.to_string());
            }
            let version = |(version, nodes): (Option<u32>, Vec<String>)| VersionRow {
                version: version.map(|version| format!("{version:08x}")).unwrap_or_default(),
                nodes,
            };
            (nodes.len() > 1).then(|| MixedRow { kind, message, versions: nodes.into_iter().map(version).collect() })
        };
        versions.into_iter().filter_map(row).take(MIXED_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_among_those_who_know_the_type() {
        let node = |n: u16| NodeId::new(([127, 0, 0, 1], n).into(), u64::from(n));
        let fact = |kind: &str, message: &str, version| SchemaFacts {
            kind: kind.to_owned(),
            message: message.to_owned(),
            version,
        };
        let mut schemas = Schemas::default();
        schemas.add(node(1), vec![fact("A", "", 1), fact("A", "get", 2), fact("A", "put", 3)]);
        schemas.add(node(2), vec![fact("A", "", 1), fact("A", "get", 7), fact("B", "", 5)]);
        schemas.add(node(3), vec![fact("A", "", 1), fact("A", "get", 2), fact("A", "put", 3)]);
        schemas.add(node(4), vec![]);
        let told = |row: &MixedRow| {
            let version = |row: &VersionRow| format!("{}:{}", row.version, row.nodes.len());
            (row.message.clone(), row.versions.iter().map(version).collect::<Vec<_>>().join(" "))
        };
        let mixed: Vec<_> = schemas.mixed().iter().map(told).collect();
        assert_eq!(
            mixed,
            [("get".to_owned(), "00000002:2 00000007:1".to_owned()), ("put".to_owned(), ":1 00000003:2".to_owned())]
        );
    }
}
