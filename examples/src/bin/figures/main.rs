//! The figures of the main job, measured on three processes of this machine, beside those of Elixir's Swarm:
//! `cargo run --release -p examples --bin figures`. It starts its own processes on the loopback interface, ends by
//! itself, and asserts nothing. One figure alone: give its name (`register`, `call`, `change`, `tell`, `memory`). With a secret: set
//! `SWARM_SECRET`.

mod load;
mod memory;
mod node;
mod process;
mod rounds;
mod table;
mod worker;

use std::io;

/// The argument by which the program starts itself as a node.
const NODE: &str = "--node";

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == NODE) {
        return node::run().await;
    }
    let wanted = |figure: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == figure);
    table::head();
    if wanted("register") {
        table::register(&rounds::register().await?);
    }
    if wanted("call") {
        table::call(&rounds::call().await?);
    }
    if wanted("change") {
        table::change(&rounds::change().await?);
    }
    if wanted("tell") {
        table::tell(&rounds::tell().await?);
    }
    if wanted("memory") {
        table::memory(&rounds::memory().await?);
    }
    Ok(())
}
