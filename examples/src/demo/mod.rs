//! The demo: a cluster of processes on this machine, every aircraft a worker, every flight a call.
//!
//! ```text
//! feed ──rows──▶ callers ──calls──▶ aircraft, on the nodes of the cluster ◀── story: joins, leaves, kills
//!                   │ journal                                                  │ loss
//!                   └────────────────▶ verdict ◀── ledger: the plain pass ─────┘
//! ```

pub mod aircraft;
pub mod caller;
pub mod feed;
pub mod flights;
pub mod journal;
pub mod ledger;
pub mod node;
pub mod options;
pub mod report;
pub mod run;
pub mod story;
pub mod verdict;
