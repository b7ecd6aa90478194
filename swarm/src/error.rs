#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns the errors that users meet. Each says what happened, to which name, on which node, and what to do about it.

use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::epoch::Epoch;
use crate::name::Name;

/// Where a worker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
pub struct Location {
    /// The node that hosts it.
    pub node: NodeId,
    /// The wire name of its type.
    pub worker: String,
    /// The epoch of its present activation.
    pub epoch: Epoch,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "worker `{}` on {} at epoch {}", self.worker, self.node, self.epoch)
    }
}

/// Whether the handler of a failed call ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
pub enum Executed {
    /// Certainly not: the call may be made again without fear.
    No,
    /// It may have: nobody can know, since the connection or the node was lost, or time ran out.
    Maybe,
    /// It began.
    Yes,
}

/// Why a call has no answer. See [`CallError::executed`] before calling again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Archive, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CallError {
    /// No worker has the name.
    #[error("no worker is registered as `{name}` (said {node}): register it first, or use whereis_or_register")]
    NotRegistered {
        /// The name called.
        name: Name,
        /// The node that owns the name.
        node: NodeId,
    },
    /// The name belongs to another worker type.
    #[error(
        "`{name}` on {node} has the worker type `{found}`, not `{expected}`{}: call it with the client of its own type",
        instance(found, expected)
    )]
    WrongWorker {
        /// The name called.
        name: Name,
        /// The node that hosts it.
        node: NodeId,
        /// The caller's type.
        expected: String,
        /// The worker's type.
        found: String,
    },
    /// The worker has no method for the message.
    #[error(
        "`{name}` on {node}, of the worker type `{worker}`, has no method for message {message:#018x}: mark one of its methods with `#[call(..)]` or `#[cast(..)]`"
    )]
    Unhandled {
        /// The name called.
        name: Name,
        /// The node that hosts it.
        node: NodeId,
        /// The worker's type.
        worker: String,
        /// The id of the message.
        message: u64,
    },
    /// The deadline passed.
    #[error(
        "no answer from `{name}` within {after:?}, last known at {node} (executed: {executed:?}): raise the deadline with .timeout(..), or look for a slow handler"
    )]
    Timeout {
        /// The name called.
        name: Name,
        /// Where the message was then, as far as the caller's node knows.
        node: NodeId,
        /// The call's time limit.
        after: Duration,
        /// Whether the handler ran.
        executed: Executed,
    },
    /// A node that the call was given to, or its connection, was lost.
    #[error(
        "the connection to {node} was lost while `{name}` was called (executed: {executed:?}): after `No` call again; else find out first whether it ran"
    )]
    NodeDown {
        /// The name called.
        name: Name,
        /// The node that was lost.
        node: NodeId,
        /// Whether the handler ran.
        executed: Executed,
    },
    /// A queue on the way is full.
    #[error("{what} for `{name}` on {node} is full: call again later, send less, or raise its limit")]
    Overloaded {
        /// The name called.
        name: Name,
        /// The node with the full queue.
        node: NodeId,
        /// Which queue.
        what: String,
    },
    /// The handler panicked; the worker restarts by its rule.
    #[error(
        "the handler of `{name}` on {node} panicked: {text}; the worker starts again by its rule, mend the handler"
    )]
    Panicked {
        /// The name called.
        name: Name,
        /// The node that hosts it.
        node: NodeId,
        /// The panic's text.
        text: String,
    },
    /// The two nodes do not have the same version of the message or reply.
    #[error(
        "`{name}` on {node} has another version of the message: {what}; deploy the same message types on both nodes"
    )]
    SchemaMismatch {
        /// The name called.
        name: Name,
        /// The node that could not read it.
        node: NodeId,
        /// What differs.
        what: String,
        /// `No` if the message could not be read, `Yes` if only the reply could not.
        executed: Executed,
    },
    /// This node is on the smaller side of a split.
    #[error(
        "`{name}` cannot be used now: {node} is not part of a quorum; call through a node that is, or when the network has healed"
    )]
    NoQuorum {
        /// The name called.
        name: Name,
        /// The node that lacks a quorum.
        node: NodeId,
    },
    /// The message or reply exceeds the frame limit.
    #[error(
        "the {} of {bytes} bytes {} `{name}` exceeds the limit of {limit}: send less, or raise `Config::message_bytes_max` on every node",
        if *executed == Executed::No { "message" } else { "reply" },
        if *executed == Executed::No { "for" } else { "from" }
    )]
    TooLarge {
        /// The name called.
        name: Name,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
        /// `No` if the message is too large, `Yes` if the reply is.
        executed: Executed,
    },
    /// There is no node in this process.
    #[error(
        "no swarm node runs in this process: start one with Swarm::builder().start().await, or name one with .on(&swarm)"
    )]
    NoSwarm,
    /// The node stops.
    #[error("{node} is stopping, `{name}` was not called: call it through another node")]
    Stopping {
        /// The name called.
        name: Name,
        /// The node that stops.
        node: NodeId,
    },
    /// The worker ended while the call waited in its queue.
    #[error("`{name}` on {node} ended before the call could run: {text}; call again when it is registered")]
    Ended {
        /// The name called.
        name: Name,
        /// The node that hosted it.
        node: NodeId,
        /// Why it ended.
        text: String,
    },
    /// A worker called itself and would wait for itself for ever.
    #[error(
        "`{name}` on {node} called itself from its own handler, which would wait for ever: call the method directly, or use ctx.cast_self(..)"
    )]
    SelfCall {
        /// The name called.
        name: Name,
        /// The node that hosts it.
        node: NodeId,
    },
    /// No node could be found that owns the name, because the members' views differ. The framework tries again by itself.
    #[error("{node} does not own `{name}` and knows nobody better: the cluster is changing, call again")]
    NotOwner {
        /// The name called.
        name: Name,
        /// The node that gave up forwarding.
        node: NodeId,
    },
}

impl CallError {
    /// Whether the handler ran. Never wrong: after [`Executed::No`] the same call may be made again without fear.
    pub fn executed(&self) -> Executed {
        match self {
            Self::Timeout { executed, .. }
            | Self::NodeDown { executed, .. }
            | Self::SchemaMismatch { executed, .. }
            | Self::TooLarge { executed, .. } => *executed,
            Self::Panicked { .. } => Executed::Yes,
            Self::NotRegistered { .. }
            | Self::WrongWorker { .. }
            | Self::Unhandled { .. }
            | Self::Overloaded { .. }
            | Self::NoQuorum { .. }
            | Self::NoSwarm
            | Self::Stopping { .. }
            | Self::Ended { .. }
            | Self::SelfCall { .. }
            | Self::NotOwner { .. } => Executed::No,
        }
    }
}

/// Why a cast was not taken. It did not and will not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CastError {
    /// A queue on the way is full.
    #[error("{what} for `{name}` on {node} is full: cast again later, send less, or raise its limit")]
    Overloaded {
        /// The name cast to.
        name: Name,
        /// The node with the full queue.
        node: NodeId,
        /// Which queue.
        what: String,
    },
    /// The name belongs to another worker type.
    #[error(
        "`{name}` on {node} has the worker type `{found}`, not `{expected}`{}: cast with the client of its own type",
        instance(found, expected)
    )]
    WrongWorker {
        /// The name cast to.
        name: Name,
        /// The node that hosts it.
        node: NodeId,
        /// The caster's type.
        expected: String,
        /// The worker's type.
        found: String,
    },
    /// The message exceeds the frame limit.
    #[error(
        "a message of {bytes} bytes for `{name}` exceeds the limit of {limit}: send less, or raise `Config::message_bytes_max` on every node"
    )]
    TooLarge {
        /// The name cast to.
        name: Name,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// There is no node in this process.
    #[error(
        "no swarm node runs in this process: start one with Swarm::builder().start().await, or name one with at(..).on(&swarm)"
    )]
    NoSwarm,
    /// The worker cast to itself, and has moved or ended.
    #[error("`{name}` is not on {node} any more, so that it cannot cast to itself there: {text}")]
    Ended {
        /// The worker's name.
        name: Name,
        /// The node that hosted it.
        node: NodeId,
        /// Why it is not there.
        text: String,
    },
    /// The node stops.
    #[error("{node} is stopping, `{name}` was not cast to: use another node")]
    Stopping {
        /// The name cast to.
        name: Name,
        /// The node that stops.
        node: NodeId,
    },
}

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
    /// No node of the cluster knows the worker's type.
    #[error(
        "no node of the cluster of {node} can host `{name}`: none knows the worker type `{worker}`; link its crate into a node (`use its_crate as _;`) or register it with Swarm::builder().worker::<W>()"
    )]
    NoCapableNode {
        /// The name.
        name: Name,
        /// The node that was asked.
        node: NodeId,
        /// The worker's type.
        worker: String,
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
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be used.
    #[error("{what} `{text}` is not an address: write host:port, for example 0.0.0.0:45892")]
    Address {
        /// Which setting.
        what: &'static str,
        /// What it said.
        text: String,
    },
    /// A node without a secret would be reachable from other machines.
    #[error(
        "{addr} can be reached by other machines and the cluster has no secret: bind to a loopback address, or accept it with .insecure()"
    )]
    NoSecret {
        /// The bind address.
        addr: std::net::SocketAddr,
    },
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// Two worker types have one name.
    #[error(
        "two worker types are called `{name}` on the wire, {first} and {second}: rename one with #[swarm::worker(name = \"..\")]"
    )]
    SameWorkerName {
        /// The name.
        name: String,
        /// The path of the one.
        first: &'static str,
        /// The path of the other.
        second: &'static str,
    },
    /// Two message types have one name.
    #[error(
        "two message types are called `{name}` on the wire, one handled by {first}, another by {second}: rename one with #[swarm::message(name = \"..\")]"
    )]
    SameMessageName {
        /// The name.
        name: String,
        /// The path of a worker type that handles the one.
        first: &'static str,
        /// The path of a worker type that handles the other.
        second: &'static str,
    },
    /// The call was made outside a tokio runtime, which workers run on.
    #[error(
        "a node starts inside a tokio runtime, on which its workers run: call it from #[tokio::main] or Runtime::block_on"
    )]
    NoRuntime,
    /// The network could not be used: the sockets, a discovery, or a setting of [`NetConfig`](crate::config::NetConfig).
    #[error(transparent)]
    Net(#[from] swarm_net::error::NetError),
    /// A thread could not be started.
    #[error(
        "a thread could not be started: {0}; a node needs three and one for each discovery, raise the limit (ulimit -u)"
    )]
    Thread(#[from] std::io::Error),
}

/// Why a node left less than cleanly. It has stopped all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// Not everything could be moved in time.
    #[error(
        "the node left after {after:?} with {workers} workers not handed over: they start again elsewhere from their init arguments"
    )]
    Incomplete {
        /// The time limit.
        after: Duration,
        /// Workers that were still here.
        workers: usize,
    },
    /// The node had stopped before.
    #[error("the node had already stopped")]
    Stopped,
}

/// What two instantiations of one generic worker type differ in: their names are the same.
fn instance(found: &str, expected: &str) -> &'static str {
    if found == expected { " with these type arguments" } else { "" }
}

fn about(name: Option<&Name>) -> String {
    name.map_or_else(|| "from all nodes".to_owned(), |name| format!("about `{name}`"))
}
