//! Nodes in one process that are operated over their real sockets.
#![cfg(unix)]

mod answers;
mod draining;
mod events;
mod fixture;
mod frames;
#[cfg(feature = "json")]
mod json;
#[allow(dead_code, reason = "what the tests of all services have in common: whole, though not all of it is used here")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod socket;
mod tcp;
mod upkeep;
mod versions;
