//! `swarmctl` as people and scripts start it: as a process, against nodes of this one.
#![cfg(unix)]

mod commands;
mod doctor;
mod fixture;
#[cfg(feature = "json")]
mod json;
#[allow(dead_code, reason = "what the tests of all services have in common: whole, though not all of it is used here")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod namespaces;
// What the examples use: whole, though not all of it is used here.
#[allow(dead_code, unreachable_pub, reason = "it is the examples' module")]
#[path = "../../../examples/src/fleet/network.rs"]
mod network;
mod statuses;
mod top;
mod tty;
mod upkeep;
