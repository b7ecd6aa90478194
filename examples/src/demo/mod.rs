//! The demo: a cluster of processes on this machine, every aircraft a worker, every flight a call.

pub mod board;
pub mod cluster;
pub mod feed;
pub mod flights;
pub mod journal;
pub mod ledger;
pub mod options;
pub mod screen;
pub mod verdict;
