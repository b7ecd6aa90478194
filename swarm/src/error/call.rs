#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns why a call came to nothing, and whether its handler ran. Never guesses the latter.

use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use super::words::instance;
use crate::name::Name;

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
        "`{name}` cannot be used now: {node} does not see enough members for a quorum (executed: {executed:?}); call through a node that does, or when the network has healed"
    )]
    NoQuorum {
        /// The name called.
        name: Name,
        /// The node that lacks a quorum.
        node: NodeId,
        /// Whether the handler ran: `Yes` if the quorum was lost before its answer had left.
        executed: Executed,
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
    /// The worker runs nowhere, and no node has the version of its type that it was registered with.
    #[error(
        "`{name}` cannot start (said {node}): {text}; run a node with the version that registered it, or unregister it and register it anew"
    )]
    NoCapableNode {
        /// The name called.
        name: Name,
        /// The node that owns the name.
        node: NodeId,
        /// The worker type, and its versions there and here.
        text: String,
    },
    /// The program is no member, and only members may reach this worker.
    #[error(
        "`{name}` cannot be called through the gateway of {node}: the worker type `{worker}` is not public, as far as that node knows; mark it #[swarm::worker(public)] there, or call from a member"
    )]
    NotPublic {
        /// The name called.
        name: Name,
        /// The node whose gateway refused it.
        node: NodeId,
        /// The caller's type.
        worker: String,
    },
    /// The program is no member, and could reach no gateway in time.
    #[error("`{name}` was not called: {text}")]
    Unreachable {
        /// The name called.
        name: Name,
        /// Which gateways were tried, what came of it, and what to do.
        text: String,
    },
}

impl CallError {
    /// Whether the handler ran. Never wrong: after [`Executed::No`] the same call may be made again without fear.
    pub fn executed(&self) -> Executed {
        match self {
            Self::Timeout { executed, .. }
            | Self::NodeDown { executed, .. }
            | Self::SchemaMismatch { executed, .. }
            | Self::NoQuorum { executed, .. }
            | Self::TooLarge { executed, .. } => *executed,
            Self::Panicked { .. } => Executed::Yes,
            Self::NotRegistered { .. }
            | Self::WrongWorker { .. }
            | Self::Unhandled { .. }
            | Self::Overloaded { .. }
            | Self::NoSwarm
            | Self::Stopping { .. }
            | Self::Ended { .. }
            | Self::SelfCall { .. }
            | Self::NotOwner { .. }
            | Self::NoCapableNode { .. }
            | Self::NotPublic { .. }
            | Self::Unreachable { .. } => Executed::No,
        }
    }
}
