//! How often a call and a cast take memory, on the side of the caller and on that of the worker, counted by the allocator itself. The
//! messages are numbers and own none, so all of it is the framework's. Never measures time, and asserts nothing.
//!
//! ```text
//! cargo bench -p swarm --bench allocations
//! ```

mod account;
mod cases;
mod server;

use std::alloc::System;
use std::io;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::server::SERVE;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> io::Result<()> {
    // Cargo says `--bench` to each bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    match words.first().map(String::as_str) {
        Some(SERVE) => runtime.block_on(server::run()),
        wanted => runtime.block_on(cases::run(wanted.unwrap_or_default())),
    }
}

/// How often this process has taken memory, or had a block grow or shrink.
fn taken() -> u64 {
    let stats = COUNTING.stats();
    (stats.allocations + stats.reallocations) as u64
}
