//! A cluster in one process with workers that are called, to be looked at in a browser: `cargo run -p examples --bin dashboard`.
//! `-- --help` tells its options. Lines on the standard input make nodes come and go: `join`, `leave`, `crash`.

use std::error::Error;
use std::io::BufRead as _;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use swarm::prelude::*;
use swarm::{Admin, Builder, Dashboard};
use tokio::sync::mpsc;

const USAGE: &str = "dashboard [--nodes 6] [--workers 2000] [--calls 200] [--listen 127.0.0.1:8080] [--token TOKEN]

  --nodes N      how many nodes there are at first
  --workers N    how many parcels are registered
  --calls N      how many of them move on in a second
  --listen ADDR  where the dashboard is; also SWARM_DASHBOARD
  --token TOKEN  with it one logs in, and may drain nodes and move workers; without one, one may only look";

/// How many register at once.
const PARTS: usize = 32;

/// A parcel on its way.
#[swarm::message]
struct Parcel {
    stops: u64,
}

#[swarm::worker(state = Self)]
impl Parcel {
    #[init]
    fn init() -> Self {
        Self { stops: 0 }
    }

    #[call]
    fn arrive(&mut self) -> u64 {
        self.stops += 1;
        self.stops
    }
}

/// A courier, who takes parcels along.
#[swarm::message]
struct Courier {
    taken: u64,
}

#[swarm::worker(state = Self)]
impl Courier {
    #[init]
    fn init() -> Self {
        Self { taken: 0 }
    }

    #[cast]
    fn take(&mut self, parcels: u64) {
        self.taken += parcels;
    }
}

#[derive(swarm::Group)]
#[group(name = "express")]
struct Express;

#[derive(Debug)]
struct Options {
    nodes: usize,
    workers: usize,
    calls: usize,
    listen: String,
    token: Option<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let listen = std::env::var("SWARM_DASHBOARD").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
        let mut options = Self { nodes: 6, workers: 2_000, calls: 200, listen, token: None };
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| USAGE.to_owned())?;
            let number = || value.parse::<usize>().map_err(|error| format!("{name}: {error}"));
            match name.as_str() {
                "--nodes" => options.nodes = number()?.max(1),
                "--workers" => options.workers = number()?,
                "--calls" => options.calls = number()?,
                "--listen" => options.listen = value,
                "--token" => options.token = Some(value),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    examples::log::to_stderr();
    let ran = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => run(options).await.map_err(|error| error.to_string()),
        Err(usage) => Err(usage),
    };
    ran.map_or_else(
        |error| {
            eprintln!("{error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// A node that finds the others by one of them. Each writes down what happens, so that the first can show it.
fn node(seed: Option<&Swarm>) -> Builder {
    let seeds = Seeds::new(seed.map(|seed| seed.local_addr().to_string()));
    Swarm::builder().cluster("parcels").discovery(seeds).dashboard(Dashboard::at("127.0.0.1:0"))
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut dashboard = Dashboard::at(&options.listen);
    if let Some(token) = &options.token {
        dashboard = dashboard.token(token.as_str());
    }
    let first = node(None).dashboard(dashboard).admin(Admin::default()).start().await?;
    println!("the dashboard is at http://{}", first.dashboard().expect("it was asked for"));
    println!("in a terminal: swarmctl --socket {} top", first.admin().expect("it was asked for"));
    let mut nodes = Vec::new();
    for _ in 1..options.nodes {
        nodes.push(node(Some(&first)).start().await?);
    }
    let registering = tokio::spawn(register(first.clone(), options.workers));
    let calling = tokio::spawn(call(first.clone(), options.workers, options.calls));
    let (said, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).all(|line| said.send(line).is_ok())
    });
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = &mut stop => break,
        };
        match line.as_deref().map(str::trim) {
            Some("join") => nodes.push(node(Some(&first)).start().await?),
            Some("leave") => match nodes.pop() {
                Some(node) => drop(tokio::spawn(async move { node.leave().await })),
                None => println!("the first node stays"),
            },
            // The last handle on a node stops it at once, as a crash would.
            Some("crash") => drop(nodes.pop()),
            Some(_) => println!("join, leave or crash?"),
            None => {
                stop.await?;
                break;
            }
        }
    }
    registering.abort();
    calling.abort();
    Ok(())
}

/// Registers them, many at once.
async fn register(swarm: Swarm, count: usize) {
    let mut parts = tokio::task::JoinSet::new();
    for part in 0..PARTS {
        parts.spawn(register_part(swarm.clone(), (part..count).step_by(PARTS)));
    }
    parts.join_all().await;
}

async fn register_part(swarm: Swarm, part: impl Iterator<Item = usize>) {
    for n in part {
        let name = format!("parcel/{n:06}");
        // In a cluster whose nodes come and go one may fail; there are others.
        let _ = ParcelClient::register(name.as_str(), ()).on(&swarm).await;
        if n % 10 == 0 {
            let _ = swarm::group::<Express>().on(&swarm).join(name).await;
        }
        if n % 100 == 0 {
            let _ = CourierClient::register(format!("courier/{:04}", n / 100), ()).on(&swarm).await;
        }
    }
}

/// Moves parcels on, so many in a second.
async fn call(swarm: Swarm, workers: usize, calls: usize) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let (mut due, mut n) = (0, 0);
    loop {
        ticks.tick().await;
        due += calls;
        while due >= 100 {
            due -= 100;
            n = (n + 7_919) % workers.max(1);
            let swarm = swarm.clone();
            tokio::spawn(async move {
                let _ = ParcelClient::at(format!("parcel/{n:06}")).on(&swarm).arrive().await;
                let _ = CourierClient::at(format!("courier/{:04}", n / 100)).on(&swarm).take(1);
            });
        }
    }
}
