//! Programs that are no members, and the gateways of nodes in this process, over their real sockets.

mod failover;
mod fixture;
mod frames;
mod limits;
#[allow(dead_code, reason = "what the tests of all services have in common: whole, though not all of it is used here")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod operations;
mod private;
mod secrets;
mod versions;
