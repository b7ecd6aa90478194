#![forbid(unsafe_code)]
//! This repository's crate beside its peers, under one load generator, in one run. What each row does, and where a comparison is
//! unfair, stands in README.md.
//!
//! ```text
//! run ── lines ──▶ peers: a server, and the client with the load generator; or both in one process
//!  │  └─ cluster ──▶ examples::figures: our own clusters
//!  plan: which rows, by whom          table: medians and ratios
//! ```

mod certificate;
mod cluster;
mod figure;
mod kernel;
mod load;
mod options;
mod order;
mod peers;
mod plan;
mod row;
mod run;
mod table;

use std::io;
use std::process::ExitCode;

use examples::figures::NODE;

use crate::options::{Options, USAGE};
use crate::peers::erlang::{Erlang, MISSING};
use crate::peers::{mpsc, obey, stand};
use crate::plan::Stage;
use crate::row::{Runtime, System};

/// The roles in which this program starts itself: a server, its client, both in one, and whatever is then named.
const SERVE: &str = "--serve";
const CALL: &str = "--call";
const NEAR: &str = "--near";
const BECOME: &str = "--become";

/// Exit status if something could not be measured.
const INCOMPLETE: u8 = 1;
/// Exit status if nothing was.
const NOT_RUN: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some(SERVE | CALL | NEAR | BECOME | NODE) => kernel::die_with_parent().and_then(|()| role(&words)),
        _ => return compare(words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("compare {}: {trouble}", words.join(" "));
            ExitCode::from(NOT_RUN)
        }
    }
}

fn compare(words: Vec<String>) -> ExitCode {
    match Options::parse(words) {
        Err(mistake) => {
            eprintln!("compare: {mistake}\n\n{USAGE}");
            ExitCode::from(NOT_RUN)
        }
        Ok(options) if options.help => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(options) => measure(&options).unwrap_or_else(|trouble| {
            eprintln!("compare: {trouble}");
            ExitCode::from(NOT_RUN)
        }),
    }
}

fn measure(options: &Options) -> io::Result<ExitCode> {
    if options.free {
        eprintln!("all processes use all cores: latencies then tell where the kernel put them");
    } else {
        eprintln!("all processes are kept on core {}", kernel::pin()?);
    }
    let erlang = if options.wants_system(System::Erlang) { Erlang::find(!options.free)? } else { None };
    if options.wants_system(System::Erlang) && erlang.is_none() {
        eprintln!("{MISSING}");
    }
    if options.wants_system(System::Murmer) && !cfg!(feature = "murmer") {
        eprintln!("murmer: not in this build, so its rows are left out: build with `--features murmer`");
    }
    let offered = |system, stage| match system {
        System::Erlang => erlang.is_some(),
        System::Kameo => stage != Stage::Pair || options.kameo_remote,
        System::Murmer => cfg!(feature = "murmer"),
        System::Raw | System::Mpsc | System::Map | System::Tarpc | System::Ractor | System::Actix => true,
        System::Swarm | System::SwarmPool | System::SwarmSecret | System::SwarmTls => true,
    };
    let taken = run::run(&plan::plan(options, offered), options, erlang.as_ref());
    let lines = table::lines(&taken.figures);
    if options.json {
        lines.iter().for_each(|line| println!("{}", line.json()));
    } else {
        table::print(&lines);
    }
    for trouble in &taken.troubles {
        eprintln!("not measured: {trouble}");
    }
    Ok(if taken.troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) })
}

/// Is what the parent wants.
fn role(words: &[String]) -> io::Result<()> {
    if let [BECOME, program @ ..] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return Err(kernel::become_program(program));
    }
    if words[0] == NODE {
        return tokio_runtime(Runtime::Two)?.block_on(examples::figures::node::run());
    }
    let [role, system, runtime, most, rest @ ..] = words else {
        return Err(io::Error::other("this role wants a system, a runtime, and how many callers there are at most"));
    };
    let (system, most) = (system.parse()?, most.parse().map_err(io::Error::other)?);
    let runtime = runtime.parse()?;
    #[cfg(feature = "murmer")]
    if system == System::Murmer {
        peers::murmer::enter((role == CALL).then(|| rest.join(" ")).as_deref())?;
    }
    match (role.as_str(), system) {
        (NEAR, System::Actix) => actix::System::new().block_on(obey(peers::actix::Actix::default())),
        (NEAR, _) => tokio_runtime(runtime)?.block_on(near(system, most)),
        (SERVE, _) => tokio_runtime(runtime)?.block_on(serve(system, most)),
        _ => tokio_runtime(runtime)?.block_on(call(system, &rest.join(" "), most)),
    }
}

fn tokio_runtime(runtime: Runtime) -> io::Result<tokio::runtime::Runtime> {
    let mut builder = match runtime {
        Runtime::Threads | Runtime::Current => tokio::runtime::Builder::new_current_thread(),
        Runtime::One | Runtime::Two => tokio::runtime::Builder::new_multi_thread(),
    };
    match runtime {
        Runtime::One => builder.worker_threads(1),
        Runtime::Two => builder.worker_threads(2),
        Runtime::Threads | Runtime::Current => &mut builder,
    };
    builder.enable_all().build()
}

async fn serve(system: System, most: usize) -> io::Result<()> {
    match system {
        System::Raw => peers::raw::serve().map(|(address, held)| stand(address, held))?.await,
        System::Tarpc => {
            let (address, held) = peers::tarpc::serve().await?;
            stand(address, held).await
        }
        System::Ractor => {
            let (address, held) = peers::ractor::serve(most).await?;
            stand(address, held).await
        }
        #[cfg(feature = "kameo-remote")]
        System::Kameo => {
            let (address, held) = peers::kameo_remote::serve(most).await?;
            stand(address, held).await
        }
        #[cfg(feature = "murmer")]
        System::Murmer => {
            let (address, held) = peers::murmer::serve(most).await?;
            stand(address, held).await
        }
        System::Swarm | System::SwarmPool | System::SwarmSecret | System::SwarmTls => {
            let (address, held) = peers::swarm::serve().await?;
            stand(address, held).await
        }
        #[cfg(not(feature = "kameo-remote"))]
        System::Kameo => Err(no_role(system)),
        #[cfg(not(feature = "murmer"))]
        System::Murmer => Err(no_role(system)),
        System::Mpsc | System::Map | System::Actix | System::Erlang => Err(no_role(system)),
    }
}

async fn call(system: System, address: &str, most: usize) -> io::Result<()> {
    match system {
        System::Raw => obey(peers::raw::Raw::at(address)).await,
        System::Tarpc => obey(peers::tarpc::Tarpc::at(address).await?).await,
        System::Ractor => obey(peers::ractor::Cluster::at(address, most).await?).await,
        #[cfg(feature = "kameo-remote")]
        System::Kameo => obey(peers::kameo_remote::KameoRemote::at(address, most).await?).await,
        #[cfg(feature = "murmer")]
        System::Murmer => obey(peers::murmer::Murmer::at(address, most).await?).await,
        System::Swarm | System::SwarmPool | System::SwarmSecret | System::SwarmTls => {
            obey(peers::swarm::Far::at(address, system, most).await?).await
        }
        #[cfg(not(feature = "kameo-remote"))]
        System::Kameo => Err(no_role(system)),
        #[cfg(not(feature = "murmer"))]
        System::Murmer => Err(no_role(system)),
        System::Mpsc | System::Map | System::Actix | System::Erlang => Err(no_role(system)),
    }
}

async fn near(system: System, most: usize) -> io::Result<()> {
    match system {
        System::Mpsc => obey(mpsc::Mpsc::default()).await,
        System::Map => obey(peers::map::Map::default()).await,
        System::Ractor => obey(peers::ractor::Ractor::default()).await,
        System::Kameo => obey(peers::kameo::Kameo::default()).await,
        System::Swarm => obey(peers::swarm_local::Near::start(most).await?).await,
        System::Raw | System::Tarpc | System::Murmer | System::Actix | System::Erlang => Err(no_role(system)),
        System::SwarmPool | System::SwarmSecret | System::SwarmTls => Err(no_role(system)),
    }
}

fn no_role(system: System) -> io::Error {
    io::Error::other(format!("{system} has no such role in this build"))
}
