//! Owns what a node answers an operator: plain data, as it is written to the wire and by `swarmctl --json`. Never loses a field
//! or a word: they are only ever added. Who reads what a later node says finds unknown words as `Unknown`.

use serde::{Deserialize, Serialize};

use crate::stats::Stats;

/// The first words of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Welcome {
    /// The version of the service that it speaks: what later ones have added it does not know.
    pub version: u32,
    /// The oldest client that it still understands.
    pub oldest: u32,
    /// Its version of Swarm.
    pub swarm: String,
    /// Who it is.
    pub node: String,
    /// Its cluster.
    pub cluster: String,
}

/// One node, and the cluster as it sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Status {
    /// Who answers.
    pub node: String,
    /// Its cluster.
    pub cluster: String,
    /// Its version of Swarm.
    pub swarm: String,
    /// The number of its process.
    pub pid: u32,
    /// For how long it has been there, in milliseconds.
    pub up_ms: u64,
    /// On which side of a split workers run: `ring` or `quorum:3`.
    pub placement: String,
    /// It sees too few members for its quorum, and runs nothing.
    pub below_quorum: bool,
    /// It leaves.
    pub leaving: bool,
    /// It has given its share of the ring away.
    pub drained: bool,
    /// The nodes that it sees.
    pub nodes: u64,
    /// Of those, the ones that did not answer just now. The sums below are without them.
    pub silent: Vec<String>,
    /// Workers of all nodes.
    pub workers: u64,
    /// Partitions of all nodes that have fewer copies than wanted.
    pub under_replicated: u64,
    /// This node's figures.
    pub stats: Stats,
}

/// The nodes of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Nodes {
    /// In the order of their ids.
    pub nodes: Vec<NodeRow>,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NodeRow {
    /// Who it is.
    pub node: String,
    /// It is the one that answers.
    pub here: bool,
    /// It has begun to leave.
    pub leaving: bool,
    /// Its share of the ring, relative to the others: 0 if it is drained, or has no lease yet.
    pub weight: u16,
    /// How many partitions it owns by the ring.
    pub owns: u64,
    /// It has answered just now. What follows is empty if it has not.
    pub answered: bool,
    /// It has given its share of the ring away.
    pub drained: bool,
    /// Its version of Swarm.
    pub swarm: String,
    /// The number of its process.
    pub pid: u32,
    /// For how long it has been there, in milliseconds.
    pub up_ms: u64,
    /// Workers on it.
    pub workers: u64,
    /// Of those, the ones that stay whatever the ring says: they want to, or are instances.
    pub bound: u64,
    /// The worker types that it knows.
    pub kinds: Vec<KindRow>,
    /// Its figures.
    pub stats: Stats,
    /// The memory that its process occupies, in bytes; 0 where its system does not say (only Linux does). Since version 3, as what follows.
    pub memory_bytes: u64,
    /// The processor time that its process has used, in milliseconds; 0 where its system does not say.
    pub cpu_ms: u64,
    /// How long the runs of its handlers took lately: those that were timed, over about the time since somebody asked last, a second at
    /// least. Nothing if the node keeps no times, as [`Method::times`].
    pub lately: Option<Times>,
}

/// The workers that have most to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Busiest {
    /// Those in whose queues most messages wait come first, then those with a message in hand, then those that have panicked.
    pub workers: Vec<BusyRow>,
    /// The nodes that did not answer.
    pub silent: Vec<String>,
}

/// A worker that has something to do, or has panicked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BusyRow {
    /// Its name.
    pub name: String,
    /// The wire name of its type.
    pub kind: String,
    /// The node that hosts it.
    pub node: String,
    /// How many messages wait.
    pub queue: u64,
    /// How many may: one more is refused.
    pub mailbox: u64,
    /// A message was in hand when it was looked at.
    pub busy: bool,
    /// How often it has panicked since it came to its node.
    pub panics: u32,
}

/// A worker type on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KindRow {
    /// Its wire name.
    pub kind: String,
    /// The version of its init arguments there.
    pub version: String,
    /// How many workers of it are there.
    pub workers: u64,
}

/// The ring, for each worker type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Ring {
    /// Of how many partitions it is made.
    pub partitions: u64,
    /// How many nodes hold each record, if there are so many.
    pub replicas: u64,
    /// Who decides: the owners of the partitions, whatever the worker type.
    pub owners: Vec<Share>,
    /// Who hosts: for each worker type the nodes that it may run on.
    pub kinds: Vec<KindRing>,
}

/// Where workers of one type go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KindRing {
    /// Its wire name.
    pub kind: String,
    /// Versions of its init arguments that nodes have. With more than one a worker goes only where its own is.
    pub versions: Vec<String>,
    /// The nodes that know the type.
    pub nodes: Vec<Share>,
}

/// One node's part of the ring.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Share {
    /// Which node.
    pub node: String,
    /// How many partitions are its.
    pub partitions: u64,
    /// The same as a part of all.
    pub share: f64,
    /// Of how many partitions of others it holds copies; in the ring of a type, 0.
    pub replicas: u64,
    /// How many workers are there.
    pub workers: u64,
}

/// Where a name is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Whereabouts {
    /// The name.
    pub name: String,
    /// Its partition.
    pub partition: u64,
    /// The node that hosts it, or is about to.
    pub node: String,
    /// The wire name of its type.
    pub kind: String,
    /// The epoch of its activation.
    pub epoch: String,
    /// The node that decides about it.
    pub owner: String,
    /// The nodes that hold copies of its record.
    pub replicas: Vec<String>,
    /// The node whose request it was.
    pub registered_by: String,
    /// Why it is there.
    pub reason: Reason,
    /// The same in words.
    pub why: String,
    /// How many nodes have a cell of it at this moment: two while it moves, or after a split.
    pub cells: u32,
    /// The groups that it is in.
    pub groups: Vec<Membership>,
}

/// Why a worker is where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The ring's owner of its partition is there.
    RingOwner,
    /// The ring's owner cannot run it: it is at the next node that can.
    NextAble,
    /// It has said that it wants to stay (`Handoff::Ignore`).
    Pinned {
        /// Where it would be otherwise.
        wanted: String,
    },
    /// It was registered as an instance, on its registrar's node.
    Local,
    /// An operator has moved it there. It goes back when its partition gets another owner, or its node leaves, is drained or lost.
    Posted {
        /// Where the ring would have it.
        ring: String,
    },
    /// A start is under way: its first, or one after its node was lost.
    Starting,
    /// It moves.
    Moving {
        /// From where, while that is known.
        from: String,
        /// To where.
        to: String,
        /// For how long, in milliseconds.
        since_ms: u64,
    },
    /// It is to move as soon as others have.
    Queued {
        /// To where.
        to: String,
    },
    /// It is not where it should be, since moves or starts of it fail.
    Failing {
        /// How often in a row.
        failures: u32,
        /// What was said of the last start.
        said: String,
    },
    /// No node can start it.
    Stranded,
    /// It is not where it should be, and its owner is about to see to it.
    Unsettled {
        /// Where it should be.
        wanted: String,
    },
    /// Something that this program is too old to know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A group that a worker is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Membership {
    /// The fingerprint of the group's name: nodes tell each other no more of it.
    pub group: String,
    /// Its key, if it has one.
    pub key: String,
}

/// A worker, as its node and its owner see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Worker {
    /// Where it is.
    pub at: Whereabouts,
    /// Its node has answered. What follows is empty if it has not, or has it no more.
    pub answered: bool,
    /// How far it is in its life: `starting`, `running`, `halted`, `sealing`, `sealed` or `ended`.
    pub state: String,
    /// A message is in hand.
    pub busy: bool,
    /// It wants to stay.
    pub pinned: bool,
    /// How many messages wait.
    pub queue: u64,
    /// How often it has panicked since it came to its node: so often it was restarted, or the last time ended.
    pub panics: u32,
    /// Its timers, 64 of them at most.
    pub timers: Vec<Timer>,
    /// The methods of its type.
    pub methods: Vec<Method>,
}

/// A timer of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Timer {
    /// Its number.
    pub id: u64,
    /// How long it has to go, in milliseconds.
    pub due_in_ms: u64,
    /// Its period, if it has one.
    pub every_ms: Option<u64>,
    /// The wire name of the message that it sends.
    pub message: String,
}

/// How a method does on one node, over all workers of the type there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Method {
    /// The wire name of its message.
    pub message: String,
    /// It has no answer.
    pub cast: bool,
    /// It has been quick lately, so it runs where its message arrives.
    pub quick: bool,
    /// How long its runs take; nothing if the node keeps no times, which is if it serves no operators itself.
    pub times: Option<Times>,
}

/// How long the runs of a method take, up to where they first wait. Of the runs of quick methods by callers of the same node, one
/// in 32 is timed; so no clock is read for this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Times {
    /// How many were timed.
    pub count: u64,
    /// Half took no longer, in nanoseconds; at most an eighth too much.
    pub p50_ns: u64,
    /// Of a hundred, ninety-nine took no longer.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// A page of a list of workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Page {
    /// In the order of their names.
    pub workers: Vec<Row>,
    /// If there may be more: what to ask after.
    pub next: Option<String>,
}

/// One worker of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The wire name of its type.
    pub kind: String,
    /// The node that hosts it.
    pub node: String,
    /// The epoch of its activation.
    pub epoch: String,
}

/// What was unregistered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Unregistered {
    /// The name.
    pub name: String,
    /// Where it was.
    pub node: String,
}

/// What a worker has replied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Replied {
    /// The reply, as JSON.
    pub json: String,
}

/// A message was taken, to be given to its worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Taken {}

/// Some events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct EventPage {
    /// In the order in which they happened, as the node that answers saw them.
    pub events: Vec<EventRow>,
    /// What to ask for next.
    pub next: u64,
    /// How many there were between those asked for and these that the node has kept no more.
    pub missed: u64,
    /// There are more already. Since version 4.
    pub more: bool,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct EventRow {
    /// Counts the node's events.
    pub number: u64,
    /// When it happened, in milliseconds since 1970 by the node's clock.
    pub at_unix_ms: u64,
    /// What.
    #[serde(flatten)]
    pub happened: Happened,
}

/// What happened: a [`swarm::Event`](crate::Event).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// A node became a member.
    NodeUp {
        /// Which.
        node: String,
    },
    /// A member has begun to leave.
    NodeLeaving {
        /// Which.
        node: String,
    },
    /// A node is no longer a member.
    NodeDown {
        /// Which.
        node: String,
        /// Why: `left`, `silent`, `refused` or `replaced`.
        why: String,
    },
    /// The node sees enough members, and runs workers.
    QuorumGained,
    /// The node sees too few members: its workers have ended.
    QuorumLost,
    /// A worker runs on the node.
    Started {
        /// Its name.
        name: String,
        /// Its type.
        kind: String,
        /// The epoch of its activation.
        epoch: String,
    },
    /// A worker has gone to another node.
    Moved {
        /// Its name.
        name: String,
        /// To which.
        to: String,
    },
    /// A worker was started again in place.
    Restarted {
        /// Its name.
        name: String,
        /// Why: the text of its panic, or what an operator has said.
        why: String,
    },
    /// A worker was started again after its node was lost.
    FailedOver {
        /// Its name.
        name: String,
    },
    /// Two instances of a name were found after a split.
    Conflict {
        /// The name.
        name: String,
    },
    /// A worker ended.
    Ended {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// The node itself has missed so many events.
    Missed {
        /// How many.
        count: u64,
    },
    /// Something that this program, or the node, is too old to know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Why something was not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(default)]
#[non_exhaustive]
#[error("{text}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For humans: what is wrong, and what to do.
    pub text: String,
    /// Of a message to a worker: whether its handler ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executed: Option<Ran>,
}

/// Whether the handler of a message ran that came to nothing. Never wrong: after `No` it may be sent again without fear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ran {
    /// Certainly not.
    No,
    /// It began.
    Yes,
    /// Nobody can know, or this program is too old to.
    #[default]
    #[serde(other)]
    Maybe,
}

/// Kinds of [`Refusal`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// There is no such name, node or worker type.
    NotFound,
    /// It would do harm, or makes no sense.
    Refused,
    /// Who had to answer has not in time.
    Timeout,
    /// The node stops.
    Stopping,
    /// The node, or the worker type, is not set up for it.
    Unsupported,
    /// A JSON text does not tell the message that it should.
    Malformed,
    /// A handler failed, or its node was lost.
    Failed,
    /// Something that this program is too old to know.
    #[default]
    #[serde(other)]
    Unknown,
}
