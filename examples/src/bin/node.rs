//! A node that is driven by lines on its standard input: for trying a network by hand, and for this crate's tests.
//!
//! `cargo run -p examples --bin node -- ADDRESS [--cluster NAME] [--group ADDRESS:PORT] [--seed ADDRESS:PORT].. [--quorum SIZE] [--leave-within MS]
//! [--admin SOCKET]`
//!
//! ```text
//! members              the nodes of the cluster, this one included
//! register NAME        starts a counter
//! add NAME NUMBER      adds to it and prints the sum
//! anchor NAME          starts a worker that hangs when it is to move
//! names                every worker, and where it is
//! leave                hands the workers over and ends, as SIGTERM and Ctrl-C do
//! ```
//! The end of the standard input ends it at once, as a crash would. It prints `up NODE` first, and every line
//! has one answer. Its last line is `left`, or says what was not handed over.

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

/// Weighs more than its node can lift: what a hook that hangs does to a leave can be seen with it.
struct Anchor;

#[swarm::worker]
impl Anchor {
    #[init]
    fn init() -> Self {
        Self
    }

    #[begin_handoff]
    async fn begin_handoff(&mut self) -> Handoff {
        std::future::pending().await
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
    let (swarm, leave_within) = start(std::env::args().skip(1)).await?;
    let signalled = swarm.leave_on_signal().timeout(leave_within);
    println!("up {}", swarm.node());
    let left = tokio::select! {
        left = signalled => left,
        () = obey(&swarm) => swarm.leave().timeout(leave_within).await,
    };
    println!("{}", left.as_ref().map_or_else(|error| format!("error {error}"), |()| "left".to_owned()));
    Ok(left?)
}

/// Answers line by line until one says `leave`.
async fn obey(swarm: &Swarm) {
    let mut lines = typed_lines();
    while let Some(line) = lines.recv().await {
        let words: Vec<_> = line.split_whitespace().collect();
        if words == ["leave"] {
            return;
        }
        match answer(swarm, &words).await {
            Ok(answer) => println!("{answer}"),
            Err(error) => println!("error {error}"),
        }
    }
}

const USAGE: &str = "usage: node ADDRESS [--cluster NAME] [--group ADDRESS:PORT] [--seed ADDRESS:PORT].. [--quorum SIZE] \
                     [--leave-within MS] [--admin SOCKET]";

async fn start(mut words: impl Iterator<Item = String>) -> Result<(Swarm, Duration), Box<dyn Error>> {
    let bind = words.next().ok_or(USAGE)?;
    // It is a toy for private networks, and says so: nothing is encrypted, unless SWARM_SECRET or SWARM_SECRET_FILE is set.
    let mut builder = Swarm::builder().bind(bind).insecure();
    let mut seeds = Vec::new();
    let mut group: Option<SocketAddr> = None;
    let mut leave_within = Duration::from_millis(Config::default().leave_timeout_ms);
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--cluster" => builder = builder.cluster(value),
            "--group" => group = Some(value.parse()?),
            "--quorum" => builder = builder.placement(Placement::Quorum { size: value.parse()? }),
            "--seed" => seeds.push(value),
            "--admin" => builder = builder.admin(swarm::Admin::unix(value)),
            "--leave-within" => leave_within = Duration::from_millis(value.parse()?),
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
    let swarm = builder.start().await?;
    if let Some(socket) = swarm.admin() {
        // Its standard output has one line for each of its input.
        eprintln!("to look at the cluster: swarmctl --socket {socket} nodes");
    }
    Ok((swarm, leave_within))
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
        ["anchor", name] => {
            let at = AnchorClient::whereis_or_register(*name, ()).on(swarm).timeout(PATIENCE).await?;
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
        _ => Err("it takes: members, register NAME, add NAME NUMBER, anchor NAME, names, leave".into()),
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
