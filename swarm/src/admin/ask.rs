//! Owns what an operator asks of a node: one struct a question. Never loses a field: they are only ever added, each with a
//! default, so that older programs go on being understood.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The first words of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Hello {
    /// The version of the service that it was built with ([`VERSION`](super::VERSION)).
    pub version: u32,
    /// What it is, for the node's log.
    pub client: String,
}

/// A question without details.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct All {}

/// A question about one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Named {
    /// The name.
    pub name: String,
}

impl Named {
    /// About this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// A question about one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfNode {
    /// Its id as it is shown (`10.0.0.7:45892#1f2e3d4c`), its address, or as much of the id as no other node's begins with.
    pub node: String,
}

impl OfNode {
    /// About this node.
    pub fn new(node: impl Into<String>) -> Self {
        Self { node: node.into() }
    }
}

/// A question about one worker type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfKind {
    /// Its wire name.
    pub kind: String,
}

impl OfKind {
    /// About this worker type.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into() }
    }
}

/// A message to a worker whose type is marked `#[swarm::worker(json)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Sent {
    /// The worker's name.
    pub name: String,
    /// The message's wire name, or the name of the method that handles it.
    pub message: String,
    /// The message: an object with its fields, for most.
    pub json: String,
}

impl Sent {
    /// This message, to this worker.
    pub fn new(name: impl Into<String>, message: impl Into<String>, json: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), json: json.into() }
    }
}

/// Which workers are to be listed. Those that all of it is true for.
///
/// ```
/// let mut accounts = swarm::admin::Filter::default();
/// accounts.kind = Some("Account".to_owned());
/// accounts.prefix = "acct/".to_owned();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Filter {
    /// The wire name of their type.
    pub kind: Option<String>,
    /// The node that hosts them, as in [`OfNode`].
    pub node: Option<String>,
    /// The wire name of a group that they are in.
    pub group: Option<String>,
    /// Which of the groups of that name, if it has keys.
    pub group_key: String,
    /// How their names begin.
    pub prefix: String,
    /// Only those after this name: the `next` of the page before.
    pub after: Option<String>,
    /// How many at most: 512 if it is 0 or more than that.
    pub count: u32,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Since {
    /// The number of the first, which is the `next` of the answer before. Without it all that the node has kept; a number that is
    /// not reached yet stands for the next event of all.
    pub cursor: Option<u64>,
    /// How many at most: 512 if it is 0 or more than that.
    pub count: u32,
    /// How long to wait for one if there is none yet, in milliseconds, 30 seconds at most.
    pub wait_ms: u64,
}

/// Which events of all nodes are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SinceEach {
    /// Where to go on, node by node: the `cursors` of the answer before.
    pub cursors: Vec<Cursor>,
    /// Where to begin with a node that is not among them: at the event of this number. Without it, with all that the node has kept; a number
    /// that is not reached yet stands for the next event of all.
    pub from: Option<u64>,
    /// Only those of this node, as in [`OfNode`].
    pub node: Option<String>,
    /// How many at most, if it is not 0. An answer has no more than some thousands in any case.
    pub count: u32,
    /// How long to wait for one if there is none yet, in milliseconds, 25 seconds at most.
    pub wait_ms: u64,
}

/// How far the events of one node have been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Cursor {
    /// Which node: its id.
    pub node: String,
    /// The number of its first event that has not.
    pub next: u64,
}

/// Where a worker is to live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Post {
    /// The worker's name.
    pub name: String,
    /// On this node, as in [`OfNode`]; without it, where the ring wants it.
    pub node: Option<String>,
}

impl Post {
    /// This worker, on this node, or where the ring wants it.
    pub fn new(name: impl Into<String>, node: Option<&str>) -> Self {
        Self { name: name.into(), node: node.map(str::to_owned) }
    }
}

/// A worker that is to be started again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Restart {
    /// Its name.
    pub name: String,
    /// Why, for the log and the events; at most 1024 bytes of it are told.
    pub why: String,
}

impl Restart {
    /// This worker, for this reason.
    pub fn new(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
}

/// How many of something are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Most {
    /// At most so many: 64 if it is 0 or more than that.
    pub count: u32,
}

impl Most {
    /// At most so many.
    pub fn new(count: u32) -> Self {
        Self { count }
    }
}

/// A secret that is to be understood from now on.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NewKey {
    /// The secret.
    pub secret: String,
}

impl NewKey {
    /// This secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self { secret: secret.into() }
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKey(..)")
    }
}

/// A question about one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfKey {
    /// Its id, or as much of it as no other key's begins with.
    pub id: String,
}

impl OfKey {
    /// About this key.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }
}

/// What is to be logged from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Verbosity {
    /// As the program understands it, which is usually as in `RUST_LOG`: `info,swarm=debug`.
    pub directives: String,
}

impl Verbosity {
    /// This is to be logged.
    pub fn new(directives: impl Into<String>) -> Self {
        Self { directives: directives.into() }
    }
}
