#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "node"),
    allow(dead_code, unused_imports, reason = "the tunnel and the keys are those of nodes")
)]
//! Nodes, ring, membership, frames and sockets of Swarm. Knows bytes and nodes; never names or workers.
//!
//! Programs use the crate `swarm`, which re-exports what of this its users meet: discovery, the node filter, the settings.
//!
//! Without the feature `node`, which is on by default, there is only what programs need that are no members: [`connection::Passage`], the
//! secret, and names of nodes. Modules with a star are not there then.
//!
//! | module | noun |
//! |---|---|
//! | [`node`], [`member`] | a process of the cluster; what the others believe of it |
//! | [`membership`]\* | who is in the cluster, by gossip (SWIM): a machine that touches no socket and reads no clock |
//! | [`ring`]\* | which node owns which slice of the names: a pure function of the members |
//! | [`discovery`]\*, [`filter`]\* | how the first others are found; who may take part |
//! | [`secret`] | what the nodes of a cluster know and nobody else does; how packets are protected by it |
//! | [`tls`] | certificates, which can stand in for the secret on connections (feature `tls`) |
//! | [`wire`], [`connection`] | frames and packets; one TCP connection without its socket |
//! | [`transport`]\* | the I/O thread: all sockets, all peers |
//! | [`config`]\*, [`setting`]\*, [`error`]\*, [`time`] | limits and intervals, how they are reached by name, why a node cannot go on, the clock |

#[cfg(feature = "node")]
pub mod config;
pub mod connection;
#[cfg(feature = "node")]
pub mod discovery;
#[cfg(feature = "node")]
pub mod error;
#[cfg(feature = "node")]
pub mod filter;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
pub mod member;
#[cfg(feature = "node")]
pub mod membership;
pub mod node;
mod private;
#[cfg(feature = "node")]
pub mod ring;
pub mod secret;
#[cfg(feature = "node")]
pub mod setting;
#[cfg(feature = "node")]
mod sync;
pub mod time;
pub mod tls;
#[cfg(feature = "node")]
pub mod transport;
pub mod wire;
