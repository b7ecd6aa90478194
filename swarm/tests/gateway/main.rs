//! Programs that are no members, and the gateways of nodes in this process, over their real sockets.

mod failover;
mod fixture;
mod frames;
mod limits;
mod operations;
mod private;
mod secrets;
mod versions;
