//! Does to a cluster of processes what networks, machines and deployments do, under load, and proves what was lost: nothing, but
//! what a crash takes. `cargo run --release -p examples --bin chaos -- --help`

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    examples::chaos::run::main(std::env::args().skip(1)).await
}
