//! Owns one process of the cluster: it does what its parent says, one line at a time, and ends with its parent.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use swarm::prelude::*;
use swarm::{Config, Swarm};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::load::{self, Done, Names, Paced};
use super::memory;
use super::traffic::Traffic;
use super::worker::{ARRIVED, BULK_ARRIVED, BULK_ASKED, FIRST_ARRIVAL, LAST_ARRIVAL, Listening, unix_us};
use super::worker::{Bulk, BulkClient, tally};

/// How many names are tried for one on this node. With three nodes, one in 10^50 tries of so many fails.
const BULK_TRIES: u64 = 300;

/// The longest that a node waits for the whole cluster.
const PATIENCE: Duration = Duration::from_secs(30);

/// Obeys until the parent closes the line.
///
/// # Errors
/// At a word that is not understood, which is a mistake of this program, and when the cluster does not do what it should.
pub async fn run() -> io::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut node = Obedient::default();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        println!("{}", node.obey(&words).await?);
    }
    Ok(())
}

#[derive(Default)]
struct Obedient {
    swarm: Option<Swarm>,
    paced: Option<Paced>,
    traffic: Option<Traffic>,
}

impl Obedient {
    async fn obey(&mut self, words: &[&str]) -> io::Result<String> {
        match *words {
            ["start", cluster, seed] => self.start(cluster, seed).await,
            ["nodes", count] => self.nodes(number(count)?).await,
            ["stats"] => {
                let stats = self.swarm()?.stats();
                Ok(format!("{} {} {}", stats.partitions, stats.names, stats.workers))
            }
            ["register", ref names @ ..] => Ok(done(&load::register(self.swarm()?, &parse(names)?).await)),
            ["idle", ref names @ ..] => Ok(done(&load::idle(self.swarm()?, &parse(names)?).await)),
            ["join", ref names @ ..] => Ok(done(&load::join(self.swarm()?, &parse(names)?).await)),
            ["call", home, callers, calls, ref names @ ..] => {
                let found = load::at_home(self.swarm()?, &parse(names)?, home == "home").await;
                let called = load::call(self.swarm()?, found, number(callers)?, number(calls)?).await;
                let at = |part: usize| called.each[(called.each.len() - 1) * part / 1000];
                Ok(format!("{} {} {} {}", called.took.as_micros(), called.failed, at(500), at(990)))
            }
            ["pace", ref names @ ..] => {
                self.paced = Some(Paced::start(self.swarm()?, &parse(names)?));
                Ok(String::new())
            }
            ["rest"] => {
                let Some(paced) = self.paced.take() else { return Err(misheard(words)) };
                let told = paced.stop().await;
                Ok(format!("{} {} {}", told.calls, told.failed, told.longest.as_micros()))
            }
            ["reach", ref names @ ..] => {
                let reached = load::reach(self.swarm()?, &parse(names)?).await;
                Ok(format!("{} {} {} {}", unix_us(), reached.hits, reached.failed, reached.lost))
            }
            ["arrived"] => {
                let [count, first, last] = [&ARRIVED, &FIRST_ARRIVAL, &LAST_ARRIVAL].map(|n| n.load(Ordering::Relaxed));
                Ok(format!("{count} {first} {last}"))
            }
            ["who"] => Ok(self.swarm()?.node().to_string()),
            ["bulk", bytes] => self.bulk(number(bytes)?).await,
            ["leave"] => self.leave().await,
            ["traffic", node, ref names @ ..] => self.begin(node, &parse(names)?).await,
            ["hauled"] => Ok(BULK_ARRIVED.load(Ordering::Relaxed).to_string()),
            ["window", from, to] => self.window(number(from)?, number(to)?),
            ["publish"] => self.publish().await,
            ["multicall"] => self.multicall().await,
            ["resident"] => Ok(memory::resident()?.to_string()),
            _ => Err(misheard(words)),
        }
    }

    fn swarm(&self) -> io::Result<&Swarm> {
        self.swarm.as_ref().ok_or_else(|| io::Error::other("the node has not been started"))
    }

    async fn start(&mut self, cluster: &str, seed: &str) -> io::Result<String> {
        let seeds = (seed != "-").then(|| seed.to_owned());
        let begun = unix_us();
        let config = Config::from_env().map_err(io::Error::other)?;
        let builder = Swarm::builder().cluster(cluster).discovery(Seeds::new(seeds)).config(config);
        let swarm = builder.start().await.map_err(io::Error::other)?;
        let addr = swarm.local_addr();
        self.swarm = Some(swarm);
        Ok(format!("{addr} {begun}"))
    }

    async fn nodes(&self, count: usize) -> io::Result<String> {
        let swarm = self.swarm()?;
        let mut events = swarm.events();
        while swarm.nodes().len() != count {
            let next = tokio::time::timeout(PATIENCE, events.next()).await;
            next.map_err(|_| io::Error::other("the nodes did not find each other"))?;
        }
        Ok(String::new())
    }

    /// Puts a large worker on this node, by trying names until the ring chooses it.
    async fn bulk(&self, bytes: u64) -> io::Result<String> {
        let swarm = self.swarm()?;
        for i in 0..BULK_TRIES {
            let name = format!("bulk/{i}");
            BulkClient::register(name.as_str(), ()).on(swarm).await.map_err(io::Error::other)?;
            let at = swarm.whereis(name.as_str()).await.map_err(io::Error::other)?;
            if at.is_some_and(|at| at.node == swarm.node()) {
                swarm.at::<Bulk>(name.as_str()).fill(bytes).await.map_err(io::Error::other)?;
                return Ok(i.to_string());
            }
            swarm.unregister(name).await.map_err(io::Error::other)?;
        }
        Err(io::Error::other("the ring gave this node none of many names"))
    }

    /// Leaves the cluster, and says when its large worker was asked for its state.
    async fn leave(&mut self) -> io::Result<String> {
        let swarm = self.swarm.take().ok_or_else(|| io::Error::other("the node has not been started"))?;
        swarm.leave().await.map_err(io::Error::other)?;
        Ok(BULK_ASKED.load(Ordering::Relaxed).to_string())
    }

    async fn begin(&mut self, node: &str, names: &Names) -> io::Result<String> {
        let swarm = self.swarm()?;
        let found = load::at(swarm, names, |at| at.to_string() == node).await;
        if found.is_empty() {
            return Err(io::Error::other("the node hosts none of the names"));
        }
        let count = found.len();
        self.traffic = Some(Traffic::start(swarm, found, names.callers));
        Ok(count.to_string())
    }

    fn window(&self, from: u64, to: u64) -> io::Result<String> {
        let traffic = self.traffic.as_ref().ok_or_else(|| io::Error::other("there is no traffic"))?;
        let seen = traffic.window(from, to);
        Ok(format!("{} {} {} {}", seen.calls, seen.failed, seen.p50_ns, seen.p99_ns))
    }

    async fn publish(&self) -> io::Result<String> {
        let begun = Instant::now();
        let reached = self.swarm()?.group::<Listening>().publish(tally::Told { by: 1 }).await;
        let took = begun.elapsed();
        Ok(format!("{} {}", took.as_micros(), reached.map_err(io::Error::other)?))
    }

    async fn multicall(&self) -> io::Result<String> {
        let begun = Instant::now();
        let answers = self.swarm()?.group::<Listening>().multicall(tally::Hit { by: 1 }).await;
        let took = begun.elapsed();
        let answered = answers.map_err(io::Error::other)?.iter().filter(|(_, answer)| answer.is_ok()).count();
        Ok(format!("{} {answered}", took.as_micros()))
    }
}

fn done(done: &Done) -> String {
    format!("{} {}", done.took.as_micros(), done.failed)
}

fn parse(words: &[&str]) -> io::Result<Names> {
    match *words {
        [prefix, from, count, callers] => Ok(Names {
            prefix: prefix.to_owned(),
            from: number(from)?,
            count: number(count)?,
            callers: number(callers)?,
        }),
        _ => Err(misheard(words)),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    word.parse().map_err(|_| io::Error::other(format!("`{word}` is not a number")))
}

fn misheard(words: &[&str]) -> io::Error {
    io::Error::other(format!("`{}` is not understood", words.join(" ")))
}
