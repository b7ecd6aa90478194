//! The campaign: a cluster of processes under load to which something happens, and whether anything was lost by it.
//!
//! ```text
//! stage ── scenario: restarts, kills, freezes, cuts ──▶ nodes, which host the books
//!   │                                                     ▲ entries, each with a number
//!   └── lines ──▶ parties: the callers' processes, which are members without books of their own
//!                   history: what was acknowledged ── audit ── what the books have in the end
//! ```

pub mod book;
pub mod caller;
pub mod figures;
pub mod history;
pub mod node;
pub mod office;
pub mod options;
pub mod party;
pub mod place;
pub mod probe;
pub mod report;
pub mod resources;
pub mod run;
pub mod runs;
pub mod scenarios;
pub mod stage;
pub mod tally;
pub mod verdict;
pub mod watch;
