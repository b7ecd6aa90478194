//! Owns why a cast was not taken. Never that of one that was: nobody waits for it.

use swarm_net::node::NodeId;

use super::words::instance;
use crate::name::Name;

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
    /// This node is on the smaller side of a split ([`Placement::Quorum`](crate::Placement::Quorum)).
    #[error(
        "`{name}` was not cast to: {node} does not see enough members for a quorum; cast through a node that does, or when the network has healed"
    )]
    NoQuorum {
        /// The name cast to.
        name: Name,
        /// The node that lacks a quorum.
        node: NodeId,
    },
    /// The node stops.
    #[error("{node} is stopping, `{name}` was not cast to: use another node")]
    Stopping {
        /// The name cast to.
        name: Name,
        /// The node that stops.
        node: NodeId,
    },
    /// The program is no member, and is connected to no gateway at this moment.
    #[error("`{name}` was not cast to: {text}")]
    Unreachable {
        /// The name cast to.
        name: Name,
        /// Which gateways were tried, what came of it, and what to do.
        text: String,
    },
}
