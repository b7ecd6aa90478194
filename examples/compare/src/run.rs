//! Owns the rounds: whose turn it is, and the processes of that turn, which end with it. Never has two systems running at once.

use std::collections::HashMap;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use examples::figures::process::Process;

use crate::certificate::{Certificate, TLS};
use crate::cluster;
use crate::figure::{Figure, Seen};
use crate::kernel::{self, PARENT};
use crate::options::Options;
use crate::order::{Load, Order};
use crate::peers::erlang::Erlang;
use crate::plan::{Stage, Stint};
use crate::row::{Bench, Case, Row, System};
use crate::{CALL, NEAR, SERVE};

/// How many idle workers there are before others are weighed: what the first ones bring along is no worker's.
const WARM: u64 = 10_000;

/// How long the kernel and the allocators are given to settle before memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// By which a node takes a secret from its environment, and what is none: it is for nodes that are reached by loopback alone.
const SECRET: &str = "SWARM_SECRET";
const SECRET_FILE: &str = "SWARM_SECRET_FILE";
const ANY_SECRET: &str = "nobody but this comparison speaks to its nodes";

/// What all rounds gave.
#[derive(Default)]
pub(crate) struct Taken {
    /// Each row's rounds, the rows in the order of the plan.
    pub(crate) figures: Vec<(Row, Vec<Figure>)>,
    /// What went wrong, in words.
    pub(crate) troubles: Vec<String>,
}

/// Takes every round of the plan, each stage by all systems in turn, with another one first in each round.
pub(crate) fn run(plan: &[Vec<Stint>], options: &Options, erlang: Option<&Erlang>) -> Taken {
    let mut taken = Taken::default();
    let certificate =
        options.wants_system(System::SwarmTls).then(Certificate::mint).transpose().unwrap_or_else(|trouble| {
            taken.troubles.push(format!("a certificate: {trouble}"));
            None
        });
    let mut at = HashMap::new();
    for row in plan.iter().flatten().flat_map(|stint| &stint.rows) {
        at.insert(*row, taken.figures.len());
        taken.figures.push((*row, Vec::new()));
    }
    for round in 0..options.rounds {
        for stage in plan {
            for turn in 0..stage.len() {
                let stint = &stage[(round + turn) % stage.len()];
                let begun = Instant::now();
                let took = Turn { stint, options, erlang, certificate: certificate.as_ref() }
                    .take(|row, figure| taken.figures[at[&row]].1.push(figure));
                let what = format!("round {}: {} on {}, {:?}", round + 1, stint.system, stint.runtime, stint.stage);
                match took {
                    Ok(()) => eprintln!("{what}: {:.1} s", begun.elapsed().as_secs_f64()),
                    Err(trouble) => {
                        eprintln!("{what}: {trouble}");
                        taken.troubles.push(format!("{what}: {trouble}"));
                    }
                }
            }
        }
    }
    taken
}

/// A system's turn.
struct Turn<'a> {
    stint: &'a Stint,
    options: &'a Options,
    erlang: Option<&'a Erlang>,
    certificate: Option<&'a Certificate>,
}

impl Turn<'_> {
    fn take(&self, mut note: impl FnMut(Row, Figure)) -> io::Result<()> {
        match (self.stint.stage, self.stint.system) {
            (Stage::Pair, _) => {
                let (server, address) = self.server()?;
                let client = self.client(&address)?;
                self.loads(&mut [client, server], note)
            }
            (Stage::Near, _) => {
                let near = self.near()?;
                self.loads(&mut [near], note)
            }
            (Stage::Grow, _) => {
                let (server, address) = self.server()?;
                let client = self.client(&address)?;
                self.grow(&mut [client, server], note)
            }
            (Stage::GrowNear, _) => {
                let near = self.near()?;
                self.grow(&mut [near], note)
            }
            (Stage::Idle(count), System::Swarm) => {
                let (spawned, weighed) = cluster::idle(count)?;
                self.both((Bench::Spawn, spawned), (Bench::Memory, weighed), note);
                Ok(())
            }
            (Stage::Idle(count), _) => {
                let (spawned, weighed) = idle(&mut self.near()?, count)?;
                self.both((Bench::Spawn, spawned), (Bench::Memory, weighed), note);
                Ok(())
            }
            (Stage::Register(nodes), _) => {
                let row = self.stint.rows[0];
                note(row, cluster::register(nodes, row.count, row.callers)?);
                Ok(())
            }
            (Stage::Change(names), _) => {
                let (joined, killed) = cluster::change(names)?;
                self.both((Bench::JoinRebalance, joined), (Bench::KillFailover, killed), note);
                Ok(())
            }
            (Stage::Tell(members), _) => {
                let mut gathered = cluster::gathered(members)?;
                for row in &self.stint.rows {
                    let tell = if row.bench == Bench::Publish { cluster::publish } else { cluster::multicall };
                    note(*row, tell(&mut gathered, members)?);
                }
                Ok(())
            }
            (Stage::Haul(callers), _) => {
                note(self.stint.rows[0], cluster::haul(callers)?);
                Ok(())
            }
        }
    }

    fn both(&self, first: (Bench, Figure), second: (Bench, Figure), mut note: impl FnMut(Row, Figure)) {
        for (bench, figure) in [first, second] {
            for row in self.stint.rows.iter().filter(|row| row.bench == bench) {
                note(*row, figure);
            }
        }
    }

    /// Has the first process be under each of the stint's loads.
    fn loads(&self, processes: &mut [Process], mut note: impl FnMut(Row, Figure)) -> io::Result<()> {
        for row in &self.stint.rows {
            note(*row, self.load(processes, row)?);
        }
        Ok(())
    }

    /// Has the first process be under a load, and counts the CPU time of all.
    fn load(&self, processes: &mut [Process], row: &Row) -> io::Result<Figure> {
        let pids: Vec<u32> = processes.iter().map(Process::pid).collect();
        let cpu = || pids.iter().map(|pid| kernel::cpu(*pid)).sum::<io::Result<Duration>>();
        let told = Load {
            // What weighs is called as well, so that it is busy.
            bench: if row.bench == Bench::Memory { Bench::RemoteCall } else { row.bench },
            case: row.case,
            callers: usize::try_from(row.callers).map_err(io::Error::other)?,
            payload: usize::try_from(row.payload).map_err(io::Error::other)?,
            measured: self.options.measured,
        };
        processes[0].say(&Order::Load(told).to_string())?;
        expect(&mut processes[0], "begin")?;
        let before = cpu()?;
        let seen = Seen::parse(&processes[0].hear()?)?;
        Ok(seen.figure(cpu()?.saturating_sub(before)))
    }

    /// Has the first process start more and more workers, and weighs and calls them whenever there are as many as a row is about.
    fn grow(&self, processes: &mut [Process], mut note: impl FnMut(Row, Figure)) -> io::Result<()> {
        let pids: Vec<u32> = processes.iter().map(Process::pid).collect();
        let resident = || pids.iter().map(|pid| kernel::resident(*pid)).sum::<io::Result<u64>>();
        let weighed = |count, before: u64| -> io::Result<Figure> {
            std::thread::sleep(SETTLE);
            let now = resident()?;
            Ok(Figure { mb: Some(now as f64 / 1e6), ..weight(count, now.saturating_sub(before)) })
        };
        std::thread::sleep(SETTLE);
        let (mut there, empty) = (0, resident()?);
        for rows in self.stint.rows.chunk_by(|one, next| one.count == next.count) {
            let (count, more) = (rows[0].count, rows[0].count - there);
            let came = rate(more, spawn(&mut processes[0], more)?.took);
            there = count;
            for row in rows {
                let figure = if row.bench == Bench::Register {
                    came
                } else if row.bench == Bench::Memory {
                    // Those that are only there have nothing to fail at.
                    let busy = if row.case == Case::Busy { self.load(processes, row)? } else { Figure::default() };
                    Figure { failed: busy.failed, ..weighed(count, empty)? }
                } else {
                    self.load(processes, row)?
                };
                note(*row, figure);
            }
        }
        Ok(())
    }

    fn server(&self) -> io::Result<(Process, String)> {
        let (mut command, found_at) = match self.erlang() {
            Some(erlang) => {
                let (command, address) = erlang?.server(self.options.callers_most())?;
                (command, Some(address))
            }
            None => (self.role(SERVE)?, None),
        };
        let mut server = Process::of(&mut command)?;
        let told = expect(&mut server, "ready")?;
        Ok((server, found_at.unwrap_or(told)))
    }

    fn client(&self, address: &str) -> io::Result<Process> {
        let mut command = match self.erlang() {
            Some(erlang) => erlang?.client(address)?,
            None => {
                let mut command = self.role(CALL)?;
                command.arg(address);
                command
            }
        };
        ready(&mut command)
    }

    fn near(&self) -> io::Result<Process> {
        match self.erlang() {
            Some(erlang) => ready(&mut erlang?.near()?),
            None => ready(&mut self.role(NEAR)?),
        }
    }

    /// Erlang's own way, for its rows.
    fn erlang(&self) -> Option<io::Result<&Erlang>> {
        let missing = || io::Error::other("Erlang is not installed");
        (self.stint.system == System::Erlang).then(|| self.erlang.ok_or_else(missing))
    }

    /// This program in another role.
    fn role(&self, role: &str) -> io::Result<Command> {
        let Stint { stage, system, runtime, .. } = self.stint;
        let mut command = Command::new(std::env::current_exe()?);
        command.env(PARENT, std::process::id().to_string());
        // Only those rows' nodes have any, whatever this program was started with.
        for name in [SECRET, SECRET_FILE].into_iter().chain(TLS) {
            command.env_remove(name);
        }
        if *system == System::SwarmSecret {
            command.env(SECRET, ANY_SECRET);
        }
        if *system == System::SwarmTls {
            let missing = || io::Error::other("there is no certificate");
            command.envs(self.certificate.ok_or_else(missing)?.environment());
        }
        // What grows begins with nothing.
        let most = if matches!(stage, Stage::Grow | Stage::GrowNear) { 0 } else { self.options.callers_most() };
        command.args([role, system.word(), runtime.word(), &most.to_string()]);
        Ok(command)
    }
}

/// Starts idle workers, and weighs them.
fn idle(near: &mut Process, count: u64) -> io::Result<(Figure, Figure)> {
    spawn(near, WARM)?;
    std::thread::sleep(SETTLE);
    let before = kernel::resident(near.pid())?;
    let seen = spawn(near, count)?;
    std::thread::sleep(SETTLE);
    let grown = kernel::resident(near.pid())?.saturating_sub(before);
    Ok((rate(count, seen.took), weight(count, grown)))
}

fn spawn(near: &mut Process, count: u64) -> io::Result<Seen> {
    near.say(&Order::Spawn(count).to_string())?;
    Seen::parse(&near.hear()?)
}

/// So many in such a time.
pub(crate) fn rate(count: u64, took: Duration) -> Figure {
    Figure { per_s: Some(count as f64 / took.as_secs_f64().max(1e-9)), ..Figure::default() }
}

/// What each of so many idle workers weighs beyond the eight bytes that are its own.
pub(crate) fn weight(count: u64, bytes: u64) -> Figure {
    Figure { bytes: Some(bytes as f64 / count.max(1) as f64 - 8.0), ..Figure::default() }
}

fn ready(command: &mut Command) -> io::Result<Process> {
    let mut process = Process::of(command)?;
    expect(&mut process, "ready")?;
    Ok(process)
}

/// Waits for a line that begins so, and returns the rest of it.
fn expect(process: &mut Process, word: &str) -> io::Result<String> {
    let said = process.hear()?;
    match &said[..] {
        [first, rest @ ..] if first == word => Ok(rest.join(" ")),
        _ => Err(io::Error::other(format!("`{}` was said instead of `{word}`", said.join(" ")))),
    }
}
