//! The dashboard of nodes in this process, over their real sockets: what programs see of it, and what a browser does.

mod browser;
mod client;
mod fixture;
mod gate;
mod live;
#[allow(dead_code, reason = "what the tests of all services have in common: whole, though not all of it is used here")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod questions;
mod sessions;
