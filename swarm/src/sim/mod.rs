//! A deterministic simulator: whole clusters on one thread, in virtual time, from a seed (in the manner of FoundationDB's
//! simulation and of TigerBeetle's VOPR). Sockets, clocks and the executor are replaced; all else is what runs in production:
//! the transport with its handshakes and queues, membership, ring, directory, handoff, groups, cells and calls, over the real
//! encoding.
//!
//! ```
//! let outcome = swarm::sim::run(7, &swarm::sim::Options::default());
//! assert_eq!(outcome.violation, None);
//! ```

mod check;
mod client;
mod connection;
mod fault;
mod finding;
mod journal;
mod large;
mod ledger;
mod net;
mod outcome;
mod rest;
mod run;
mod site;
mod sockets;
#[cfg(test)]
mod tests;
mod time;
mod trouble;
mod world;

pub use crate::rules::Rule;
pub use check::Violation;
pub use fault::{Counts, Fault};
pub use large::{Large, LargeOptions, Phase, Rates, large};
pub use ledger::WANTED_PANIC;
pub use outcome::{Options, Outcome};
pub use run::run;
pub use trouble::Trouble;
