//! What a node tells of itself to who watches many: its page for Prometheus, and what a recorder of the crate `metrics` gets.

mod dashboard;
mod fixture;
mod http;
mod page;
mod programs;
mod recorder;
mod scrape;
