//! Nodes in one process that are operated over their real sockets.
#![cfg(unix)]

mod answers;
mod draining;
mod events;
mod fixture;
mod frames;
mod socket;
mod versions;
