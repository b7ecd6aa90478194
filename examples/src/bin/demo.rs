//! Flies real flights over a real cluster of processes on this machine, and proves what became of them.
//! `cargo run --release -p examples --bin demo -- --help`

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    examples::demo::run::main(std::env::args().skip(1)).await
}
