#![forbid(unsafe_code)]
//! Nodes, ring, membership, frames and sockets of Swarm. Knows bytes and nodes; never names or workers.
//!
//! Programs use the crate `swarm`, which re-exports what of this its users meet: discovery, the node filter, the settings.
//!
//! | module | noun |
//! |---|---|
//! | [`node`], [`member`] | a process of the cluster; what the others believe of it |
//! | [`membership`] | who is in the cluster, by gossip (SWIM): a machine that touches no socket and reads no clock |
//! | [`ring`] | which node owns which slice of the names: a pure function of the members |
//! | [`discovery`], [`filter`] | how the first others are found; who may take part |
//! | [`secret`] | what the nodes of a cluster know and nobody else does; how packets are protected by it |
//! | [`tls`] | certificates, which can stand in for the secret on connections (feature `tls`) |
//! | [`wire`], [`connection`] | frames and packets; one TCP connection without its socket |
//! | [`transport`] | the I/O thread: all sockets, all peers |
//! | [`config`], [`setting`], [`error`], [`time`] | limits and intervals, how they are reached by name, why a node cannot go on, the clock |

pub mod config;
pub mod connection;
pub mod discovery;
pub mod error;
pub mod filter;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
pub mod member;
pub mod membership;
pub mod node;
mod private;
pub mod ring;
pub mod secret;
pub mod setting;
mod sync;
pub mod time;
pub mod tls;
pub mod transport;
pub mod wire;
