//! A clustered store that real Redis clients drive: `cargo run --release -p examples --bin resp -- --port 6379` in one
//! terminal, `-- --port 6380` in another, then `redis-cli -p 6379 incr visits`. `--help` lists its options.

use std::error::Error;
use std::process::ExitCode;

use examples::resp::options::{Command, Options, USAGE};
use examples::resp::server;
use examples::signals::Signals;
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
            eprintln!("resp: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    examples::log::to_stderr();
    run(options).await.map_or_else(
        |error| {
            eprintln!("resp: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let (mut once, twice) = (Signals::listen()?, Signals::listen()?);
    let listener = TcpListener::bind((options.bind, options.port)).await?;
    if !options.bind.is_loopback() {
        tracing::warn!(bind = %options.bind, "there is no password: whoever reaches this port reads and writes all keys");
    }
    let swarm = start(&options).await?;
    println!("up {} redis {}", swarm.node(), listener.local_addr()?);
    let served = async {
        server::serve(listener, &swarm, once.next(), options.linger).await?;
        Ok(swarm.leave().await?)
    };
    tokio::select! {
        left = served => left,
        () = twice.two() => Err("asked to end a second time: it ends at once, and the keys that it still has are lost".into()),
    }
}

async fn start(options: &Options) -> Result<Swarm, StartError> {
    let mut builder = Swarm::builder().cluster(&options.cluster).bind(&options.node);
    builder = if options.seeds.is_empty() {
        builder.discovery(Multicast::default())
    } else {
        builder.discovery(Seeds::new(&options.seeds))
    };
    if let Some(size) = options.quorum {
        builder = builder.placement(Placement::Quorum { size: size.into() });
    }
    if let Some(socket) = &options.admin {
        builder = builder.admin(swarm::Admin::unix(socket));
    }
    builder.start().await
}
