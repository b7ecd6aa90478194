#![forbid(unsafe_code)]
//! Nodes, ring, membership, frames and sockets of Swarm. Knows bytes and nodes; never names or workers.

pub mod config;
pub mod connection;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod member;
pub mod membership;
pub mod node;
pub mod ring;
pub mod setting;
pub mod time;
pub mod transport;
pub mod wire;
