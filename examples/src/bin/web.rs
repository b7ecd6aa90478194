//! Sessions as workers behind a web service: `cargo run -p examples --bin web` in one terminal, `-- --port 8081` in another,
//! then use both with one cookie. `--help` shows how.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use examples::signals::Signals;
use examples::web::options::{Command, Options, USAGE};
use examples::web::service;
use swarm::prelude::*;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Command::parse(std::env::args().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("web: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    examples::log::to_stderr();
    run(options).await.map_or_else(
        |error| {
            eprintln!("web: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let (mut once, twice) = (Signals::listen()?, Signals::listen()?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let mut builder = Swarm::builder().cluster(options.cluster).bind("127.0.0.1:0");
    builder = if options.seeds.is_empty() {
        builder.discovery(Multicast::default())
    } else {
        builder.discovery(Seeds::new(options.seeds))
    };
    let swarm = builder.start().await?;
    println!("up {} http {}", swarm.node(), listener.local_addr()?);
    let served = async {
        service::serve(listener, &swarm, async move { once.next().await }).await?;
        Ok(swarm.leave().await?)
    };
    tokio::select! {
        left = served => left,
        () = twice.two() => Err("asked to end a second time: it ends at once, and the sessions that it still has are lost".into()),
    }
}
