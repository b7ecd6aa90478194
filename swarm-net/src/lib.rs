#![forbid(unsafe_code)]
//! Nodes, ring, membership, frames and sockets of Swarm. Knows bytes and nodes; never names or workers.

pub mod member;
pub mod node;
pub mod time;
