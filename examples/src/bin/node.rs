//! A node that is driven by lines on its standard input: for trying a network by hand, and for this crate's tests.
//!
//! `cargo run -p examples --bin node -- ADDRESS [--cluster NAME] [--group ADDRESS:PORT] [--seed ADDRESS:PORT].. [--quorum SIZE]`
//!
//! ```text
//! members              the nodes of the cluster, this one included
//! register NAME        starts a counter
//! add NAME NUMBER      adds to it and prints the sum
//! names                every counter, and where it is
//! leave                hands the counters over and ends
//! ```
//! The end of the standard input ends it at once, as a crash would. It prints `up NODE` first, and every line
//! has one answer.

use std::error::Error;
use std::io::BufRead;
use std::net::SocketAddr;
use std::process::ExitCode;

use swarm::prelude::*;
use tokio::sync::mpsc;

/// Who tries a network by hand would rather see an answer late than an error: some of what is tried takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// A number with a name. Two that were counted apart are added up when they meet again.
#[swarm::message]
#[derive(Clone, Copy)]
struct Sum {
    sum: u64,
}

#[swarm::worker]
impl Sum {
    #[init]
    fn init() -> Self {
        Self { sum: 0 }
    }

    #[call]
    fn add(&mut self, number: u64) -> u64 {
        self.sum += number;
        self.sum
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Sum> {
        Handoff::Resume(*self)
    }

    #[end_handoff]
    fn end_handoff(&mut self, state: Sum) {
        *self = state;
    }

    #[resolve_conflict]
    fn resolve_conflict(&mut self, other: Sum) {
        self.sum += other.sum;
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    examples::log::to_stderr();
    run().await.map_or_else(
        |error| {
            eprintln!("node: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn run() -> Result<(), Box<dyn Error>> {
    let swarm = start(std::env::args().skip(1)).await?;
    println!("up {}", swarm.node());
    let mut lines = typed_lines();
    while let Some(line) = lines.recv().await {
        let words: Vec<_> = line.split_whitespace().collect();
        if words == ["leave"] {
            swarm.leave().await?;
            println!("left");
            break;
        }
        match answer(&swarm, &words).await {
            Ok(answer) => println!("{answer}"),
            Err(error) => println!("error {error}"),
        }
    }
    Ok(())
}

async fn start(mut words: impl Iterator<Item = String>) -> Result<Swarm, Box<dyn Error>> {
    let bind = words
        .next()
        .ok_or("usage: node ADDRESS [--cluster NAME] [--group ADDRESS:PORT] [--seed ADDRESS:PORT].. [--quorum SIZE]")?;
    // It is a toy for private networks, and says so: nothing is encrypted.
    let mut builder = Swarm::builder().bind(bind).insecure();
    let mut seeds = Vec::new();
    let mut group: Option<SocketAddr> = None;
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--cluster" => builder = builder.cluster(value),
            "--group" => group = Some(value.parse()?),
            "--quorum" => builder = builder.placement(Placement::Quorum { size: value.parse()? }),
            "--seed" => seeds.push(value),
            _ => return Err(format!("{option} is not an option").into()),
        }
    }
    builder = match group {
        Some(group) => {
            let multicast = Multicast::default().group(group.ip()).port(group.port());
            builder.discovery(match group {
                // As in `[ff12::5a%2]:45892`.
                SocketAddr::V6(group) if group.scope_id() != 0 => multicast.interface_index(group.scope_id()),
                SocketAddr::V6(_) | SocketAddr::V4(_) => multicast,
            })
        }
        None if seeds.is_empty() => builder.discovery(Multicast::default()),
        None => builder,
    };
    if !seeds.is_empty() {
        builder = builder.discovery(Seeds::new(seeds));
    }
    Ok(builder.start().await?)
}

async fn answer(swarm: &Swarm, words: &[&str]) -> Result<String, Box<dyn Error>> {
    match words {
        ["members"] => {
            let mut members: Vec<_> = swarm.nodes().iter().map(|node| node.id.to_string()).collect();
            members.sort();
            Ok(format!("members {}", members.join(" ")))
        }
        ["register", name] => {
            let at = SumClient::whereis_or_register(*name, ()).on(swarm).timeout(PATIENCE).await?;
            Ok(format!("at {}", at.node))
        }
        ["add", name, number] => {
            let sum = SumClient::call(*name, sum::Add { number: number.parse()? }).on(swarm).timeout(PATIENCE).await?;
            Ok(format!("sum {sum}"))
        }
        ["names"] => {
            let mut names: Vec<_> = swarm
                .registered()
                .timeout(PATIENCE)
                .await?
                .into_iter()
                .map(|(name, at)| format!("{name}={}", at.node))
                .collect();
            names.sort();
            Ok(format!("names {}", names.join(" ")))
        }
        _ => Err("it takes: members, register NAME, add NAME NUMBER, names, leave".into()),
    }
}

/// The lines of the standard input, read by a thread, since such a read cannot be cancelled.
fn typed_lines() -> mpsc::Receiver<String> {
    let (typed, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
        std::process::exit(0);
    });
    lines
}
