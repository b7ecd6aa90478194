//! The figures of the main job, measured on three processes of this machine, beside those of Elixir's Swarm:
//! `cargo run --release -p examples --bin figures`. It starts its own processes on the loopback interface, ends by
//! itself, and asserts nothing. One figure alone: give its name (`register`, `call`, `change`, `tell`, `memory`). With a secret: set
//! `SWARM_SECRET`.

use std::io;

#[tokio::main]
async fn main() -> io::Result<()> {
    examples::figures::main(std::env::args().skip(1).collect()).await
}
