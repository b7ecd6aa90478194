//! Programs in other languages, and the HTTP of nodes in this process, over their real sockets.

mod answers;
mod client;
mod document;
mod fixture;
mod gate;
mod groups;
mod leaving;
mod limits;
#[allow(dead_code, reason = "what the tests of all services have in common: whole, though not all of it is used here")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod names;
mod schemathesis;
mod versions;
