//! Nodes in one process that are operated over their real sockets.
#![cfg(unix)]

mod answers;
mod draining;
mod events;
mod fixture;
mod frames;
#[cfg(feature = "json")]
mod json;
mod socket;
mod tcp;
mod upkeep;
mod versions;
