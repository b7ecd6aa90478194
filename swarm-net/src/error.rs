//! Owns the reasons for which a node cannot start or go on. Never an error of one peer: those are met by dialling again.

use std::net::SocketAddr;

use crate::node::NodeId;

/// Why a node cannot start, or cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The sockets could not be bound.
    #[error("cannot bind TCP and UDP to {addr}: {problem}; choose another address, or port 0 for any free one")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        problem: String,
    },
    /// The address that the others shall use is unknown or unusable.
    #[error(
        "{addr} cannot be advertised to other nodes ({problem}): set the advertised address to one that they reach"
    )]
    Advertise {
        /// The address in question.
        addr: SocketAddr,
        /// Why not.
        problem: String,
    },
    /// A setting is unusable.
    #[error("the setting `{field}` {problem}")]
    Config {
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A pattern of the node filter is not a regular expression.
    #[error("`{pattern}` in the node filter is not a regular expression: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A discovery could not start.
    #[error("discovery by {name} cannot start ({problem}): mend that, or use another discovery, such as Seeds")]
    Discovery {
        /// Which one.
        name: String,
        /// What went wrong.
        problem: String,
    },
    /// Another live process uses our advertised address.
    #[error("{me} cannot go on: another live process, {other}, advertises the same address; give each node its own")]
    DuplicateAddress {
        /// This node.
        me: NodeId,
        /// The other one.
        other: NodeId,
    },
    /// Another member drew a boot id with the same short form, which must be unique.
    #[error("{me} cannot go on: {other} has the same tag by chance; start the node again")]
    SameTag {
        /// This node.
        me: NodeId,
        /// The other one.
        other: NodeId,
    },
    /// The nodes of the cluster do not agree about what all must have alike.
    #[error(
        "{me} cannot join: {other} has other rules than this node's `{ours}`; start all nodes of a cluster with the same"
    )]
    Rules {
        /// This node.
        me: NodeId,
        /// The node that refused it.
        other: NodeId,
        /// What this node has.
        ours: String,
    },
    /// Membership gave up.
    #[error("{me} cannot go on: {problem}")]
    Membership {
        /// This node.
        me: NodeId,
        /// Why.
        problem: String,
    },
    /// The operating system failed the I/O thread.
    #[error("the I/O thread cannot go on: {problem}")]
    System {
        /// What failed and how.
        problem: String,
    },
    /// The I/O thread panicked: a bug in Swarm, or in an `Inbox`.
    #[error("the I/O thread panicked: {text}")]
    Panicked {
        /// The panic's text.
        text: String,
    },
}
