//! Owns what a node answers when it has done what an operator wanted. Never loses a field, as `answer`.

use serde::{Deserialize, Serialize};

/// A worker is started again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Restarted {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub node: String,
}

/// Nodes were told to have every name where the ring wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Rebalanced {
    /// Those that have begun to.
    pub nodes: Vec<String>,
    /// Those that did not answer. What they decide about stays as it is.
    pub silent: Vec<String>,
}

/// The keys of all nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Keyrings {
    /// In the order of the nodes' ids.
    pub nodes: Vec<NodeKeys>,
}

/// The keys of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NodeKeys {
    /// Which node.
    pub node: String,
    /// It is the one that answers, whose keys can be changed.
    pub here: bool,
    /// It has answered just now. It is not known what it has if it has not.
    pub answered: bool,
    /// The ids of its keys, which say nothing of the secrets; the first encrypts. None without a secret.
    pub keys: Vec<String>,
}

/// The keys of the node that answers, after a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KeyChange {
    /// The key that was meant.
    pub id: String,
    /// Its keys now.
    pub now: NodeKeys,
}
