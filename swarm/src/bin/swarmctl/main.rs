//! `swarmctl`: what runs on a cluster, where, and why, for people and scripts on a machine of one of its nodes.
//!
//! It speaks to the socket of a node that was started with `Builder::admin`; any one answers for the whole cluster.
//! `swarmctl --help` tells the rest.

mod doctor;
mod events;
mod failure;
mod kind;
mod options;
mod page;
mod reach;
mod run;
mod table;
mod top;
mod words;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use failure::Failure;
use options::Options;

fn main() -> ExitCode {
    // Wrong usage ends here, with the status 2.
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run::run(&options)),
        Err(error) => Err(Failure::Output(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough: `swarmctl ls | head`.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        // What it has found has been told.
        Err(Failure::Found) => ExitCode::from(Failure::Found.status()),
        Err(failure) => {
            // Nobody may be there to read that, either.
            let _ = writeln!(std::io::stderr(), "{}", failure.told(options.json));
            ExitCode::from(failure.status())
        }
    }
}
