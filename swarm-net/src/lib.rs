#![forbid(unsafe_code)]
//! Nodes, ring, membership, frames and sockets of Swarm. Knows bytes and nodes; never names or workers.

pub mod member;
pub mod membership;
pub mod node;
pub mod ring;
pub mod time;
