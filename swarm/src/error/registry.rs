//! Owns why the registry did not do what it was asked for.

use std::time::Duration;

use swarm_net::node::NodeId;

use super::location::Location;
use super::words::{about, instance};
use crate::name::Name;

/// Why a worker was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is taken.
    #[error("`{name}` is already registered: {location}; use whereis_or_register to take what is there")]
    AlreadyRegistered {
        /// The name.
        name: Name,
        /// Who has it.
        location: Location,
    },
    /// The worker's `init` failed or panicked; the name is free.
    #[error(
        "`{name}` did not start on {node}, its init said: {text}; the name is free, register it again when that is mended"
    )]
    Init {
        /// The name.
        name: Name,
        /// The node on which it was started.
        node: NodeId,
        /// The error's or the panic's text.
        text: String,
    },
    /// No node of the cluster knows the worker's type, with the init arguments of this version of it.
    #[error(
        "no node of the cluster of {node} can host `{name}`: none knows the worker type `{worker}` with such init arguments; link this version of its crate into a node (`use its_crate as _;`) or register it with Swarm::builder().worker::<W>()"
    )]
    NoCapableNode {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
        /// The worker's type.
        worker: String,
    },
    /// This side of a split has too few members ([`Placement::Quorum`](crate::Placement::Quorum)). Nothing was registered.
    #[error(
        "`{name}` was not registered: {node} does not see enough members for a quorum; register through a node that does, or when the network has healed"
    )]
    NoQuorum {
        /// The name.
        name: Name,
        /// The node that lacks a quorum.
        node: NodeId,
    },
    /// No answer by the deadline. The registration may still happen.
    #[error(
        "{node} has had no answer about `{name}` within {after:?}: it may or may not be registered by now; ask with whereis, or register again with a longer .timeout(..)"
    )]
    Timeout {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
        /// The time limit.
        after: Duration,
    },
    /// Too many requests wait for the owner of the name. Nothing was registered.
    #[error(
        "too many requests wait at the owner of `{name}` (asked through {node}): nothing was registered, try again later"
    )]
    Overloaded {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
    },
    /// The records of the partition that the name falls into take all the room that there is for them, or these init arguments alone would.
    /// Nothing was registered.
    #[error(
        "there is no room for `{name}` among the records of its partition (asked through {node}): nothing was registered; pass smaller init arguments, unregister what is not needed, or start the cluster with more `Config::net.partitions`"
    )]
    NoRoom {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
    },
    /// The name is longer than [`Name::BYTES_MAX`].
    #[error("a name of {bytes} bytes is too long, {limit} are allowed: use a shorter one, or its hash")]
    NameTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The init arguments exceed the message limit.
    #[error(
        "the init arguments of `{name}` take {bytes} bytes, the limit is {limit}: pass less, or raise `Config::message_bytes_max` on every node"
    )]
    TooLarge {
        /// The name.
        name: Name,
        /// Their size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// There is no node in this process.
    #[error(
        "no swarm node runs in this process: start one with Swarm::builder().start().await, or name one with .on(&swarm)"
    )]
    NoSwarm,
    /// The node stops.
    #[error("{node} is stopping and registers nothing: use another node")]
    Stopping {
        /// The node that stops.
        node: NodeId,
    },
    /// The program is no member, and only members may start workers of this type.
    #[error(
        "`{name}` cannot be registered through the gateway of {node}: the worker type `{worker}` is not public, as far as that node knows; mark it #[swarm::worker(public)] there, or register it from a member"
    )]
    NotPublic {
        /// The name.
        name: Name,
        /// The node whose gateway refused it.
        node: NodeId,
        /// The worker's type.
        worker: String,
    },
    /// The program is no member, and so cannot host the instance that it has.
    #[error(
        "`{name}` was not registered: a program that is no member hosts no workers; use register, which starts one on a node"
    )]
    NoMember {
        /// The name.
        name: Name,
    },
    /// The program is no member, and could reach no gateway in time. Nothing was registered.
    #[error("`{name}` was not registered: {text}")]
    Unreachable {
        /// The name.
        name: Name,
        /// Which gateways were tried, what came of it, and what to do.
        text: String,
    },
    /// The program is no member, and the connection to the gateway was lost, or what it said cannot be understood. The registration may
    /// have happened.
    #[error("the gateway of {node} did not say whether `{name}` is registered: {text}; ask with whereis")]
    Lost {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
        /// What has happened.
        text: String,
    },
}

/// Why the registry or a group did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name to join or leave with is not registered.
    #[error(
        "no worker is registered as `{name}` (asked through {node}): register it before it joins or leaves a group"
    )]
    NotRegistered {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
    },
    /// The group takes workers of one type, and this is another.
    #[error(
        "`{name}` has the worker type `{found}`, but the group `{group}` takes only `{expected}`{} (asked through {node}): use a group without a worker for several types",
        instance(found, expected)
    )]
    WrongWorker {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
        /// The group.
        group: &'static str,
        /// The type the group takes.
        expected: &'static str,
        /// The worker's type.
        found: String,
    },
    /// This side of a split has too few members ([`Placement::Quorum`](crate::Placement::Quorum)). Nothing was changed.
    #[error("{node} does not see enough members for a quorum: ask a node that does, or when the network has healed")]
    NoQuorum {
        /// The node that lacks a quorum.
        node: NodeId,
    },
    /// No answer by the deadline.
    #[error("{node} has had no answer {} within {after:?}: ask again, or raise the deadline with .timeout(..)", about(name.as_ref()))]
    Timeout {
        /// The name that it was about, if it was about one.
        name: Option<Name>,
        /// The node that was asked.
        node: NodeId,
        /// The time limit.
        after: Duration,
    },
    /// What was to be published to a group, or asked of it, exceeds the message limit. Nobody was told.
    #[error(
        "a message of {bytes} bytes to a group exceeds the limit of {limit} (asked through {node}): send less, or raise `Config::message_bytes_max` on every node"
    )]
    TooLarge {
        /// The node that was asked.
        node: NodeId,
        /// The message's size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Too many requests wait for the owner of the name. Nothing was changed.
    #[error(
        "too many requests wait at the owner of `{name}` (asked through {node}): nothing was changed, ask again later"
    )]
    Overloaded {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
    },
    /// The records of the partition that the name falls into take all the room that there is for them. No group was joined.
    #[error(
        "there is no room for one more group of `{name}` among the records of its partition (asked through {node}): none was joined; unregister what is not needed, or start the cluster with more `Config::net.partitions`"
    )]
    NoRoom {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
    },
    /// There is no node in this process.
    #[error(
        "no swarm node runs in this process: start one with Swarm::builder().start().await, or name one with .on(&swarm)"
    )]
    NoSwarm,
    /// The node stops.
    #[error("{node} is stopping: ask another node")]
    Stopping {
        /// The node that stops.
        node: NodeId,
    },
    /// The program is no member, and only members may reach workers of this type.
    #[error(
        "the gateway of {node} does not serve the worker type `{worker}`: it is not public, as far as that node knows; mark it #[swarm::worker(public)] there, or ask from a member"
    )]
    NotPublic {
        /// The node whose gateway refused it.
        node: NodeId,
        /// The worker's type.
        worker: String,
    },
    /// The program is no member, and could reach no gateway in time. Nothing was done.
    #[error("nothing was asked: {text}")]
    Unreachable {
        /// Which gateways were tried, what came of it, and what to do.
        text: String,
    },
    /// The program is no member, and the connection to the gateway was lost, or what it said cannot be understood. What was asked for may
    /// have been done.
    #[error("the gateway of {node} did not say what came of it: {text}; find out before it is asked again")]
    Lost {
        /// The node that was asked.
        node: NodeId,
        /// What has happened.
        text: String,
    },
}
