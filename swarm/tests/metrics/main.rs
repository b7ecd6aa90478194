//! What a node tells of itself to who watches many: its page for Prometheus, and what a recorder of the crate `metrics` gets.

mod dashboard;
mod fixture;
mod http;
#[allow(dead_code, reason = "what the tests of all services have in common: whole, though not all of it is used here")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod page;
mod programs;
mod recorder;
mod scrape;
