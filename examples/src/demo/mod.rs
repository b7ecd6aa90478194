//! The demo: a cluster of processes on this machine, every aircraft a worker, every flight a call.

pub mod flights;
pub mod journal;
pub mod ledger;
pub mod options;
pub mod verdict;
