//! Calls that go on in the traces of their callers, over real sockets on the loopback interface.

mod fixture;
mod gateway;
#[allow(dead_code, reason = "what the tests of all services have in common: whole, though not all of it is used here")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod nodes;
mod recorder;
mod routes;
