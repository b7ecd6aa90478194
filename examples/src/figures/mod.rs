//! What the main job costs on clusters of real processes: the figures that `--bin figures` prints beside those of Elixir's
//! Swarm, and that `examples/compare` takes under its own names. It starts its own processes on the loopback interface,
//! and asserts nothing.
//!
//! ```text
//! rounds, haul ── lines ──▶ node: one process of the cluster, which does what it is told
//!   │                         │
//!   table                     load, traffic: what callers on it do
//! ```

pub mod haul;
pub mod load;
pub mod memory;
pub mod node;
pub mod process;
pub mod rounds;
pub mod table;
pub mod traffic;
pub mod worker;

use std::io;

/// The argument by which a program that takes figures starts itself as a node.
pub const NODE: &str = "--node";

/// Prints the figures whose names are given; all, if none is.
///
/// # Errors
/// If a process of a cluster could not be started, ended before its time, or is not understood.
pub async fn main(arguments: Vec<String>) -> io::Result<()> {
    if arguments.first().is_some_and(|first| first == NODE) {
        return node::run().await;
    }
    let wanted = |figure: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == figure);
    table::head();
    if wanted("register") {
        table::register(&rounds::register()?);
    }
    if wanted("call") {
        table::call(&rounds::call()?);
    }
    if wanted("change") {
        table::change(&rounds::change()?);
    }
    if wanted("tell") {
        table::tell(&rounds::tell()?);
    }
    if wanted("memory") {
        table::memory(&rounds::memory()?);
    }
    Ok(())
}
