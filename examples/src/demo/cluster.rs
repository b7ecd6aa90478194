//! Owns the nodes of the demo as processes of this machine: starting, leaving, killing, and that none outlives
//! the demo. Never speaks to the cluster itself.
//!
//! A node prints `up <node>` when it is one, and readings from then on; it leaves upon SIGTERM, and ends by itself when its standard input ends, since then its parent is gone, however that came.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::board::{Board, Phase, Reading};
use super::journal::Host;

/// A node that has not found the others by then never will: on one machine it takes well under a second.
const UP_WITHIN: Duration = Duration::from_secs(20);
/// A node that leaves hands over every worker first; thousands take seconds at worst.
const LEFT_WITHIN: Duration = Duration::from_secs(60);
/// A process whose standard input ended has nothing to do but to end.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// The processes. Those that live are killed when this is dropped.
pub struct Cluster {
    name: String,
    beacon_port: u16,
    logs: PathBuf,
    board: Arc<Board>,
    processes: Vec<Process>,
}

struct Process {
    host: Host,
    child: Child,
    stdin: Option<ChildStdin>,
}

/// The number of a node, from 1 in the order of their starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(usize);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

impl Cluster {
    /// No process yet. What the nodes log goes to files in the directory `logs`.
    pub fn new(name: String, beacon_port: u16, logs: PathBuf, board: Arc<Board>) -> io::Result<Self> {
        std::fs::create_dir_all(&logs)?;
        Ok(Self { name, beacon_port, logs, board, processes: Vec::new() })
    }

    /// Starts one more node and waits until it is up.
    pub async fn start(&mut self) -> io::Result<Number> {
        let number = self.processes.len() + 1;
        let log = File::create(self.logs.join(format!("node-{number}.log")))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["node", &self.beacon_port.to_string(), &self.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.board.add(number, child.id().unwrap_or_default());
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("a piped child has a standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let host = timeout(UP_WITHIN, first_words(&mut lines))
            .await
            .map_err(|_| self.failed(number, format!("was not up within {UP_WITHIN:?}")))?
            .map_err(|error| self.failed(number, format!("ended before it was up ({error})")))?;
        self.board.name(number, host.clone());
        tokio::spawn(follow(lines, number, self.board.clone()));
        self.processes.push(Process { host, child, stdin });
        Ok(Number(number))
    }

    /// Who the node is to the cluster.
    pub fn host(&self, number: Number) -> &Host {
        &self.processes[number.0 - 1].host
    }

    /// Asks a node to leave, and waits until it has handed everything over and ended.
    pub async fn leave(&mut self, number: Number) -> io::Result<()> {
        self.board.set_phase(number.0, Phase::Leaving);
        let process = &mut self.processes[number.0 - 1];
        signal(&process.child, "-TERM").await?;
        let ended = timeout(LEFT_WITHIN, process.child.wait()).await;
        let status = ended.map_err(|_| self.failed(number.0, format!("did not leave within {LEFT_WITHIN:?}")))??;
        if !status.success() {
            return Err(self.failed(number.0, format!("did not leave well: {status}")));
        }
        self.board.set_phase(number.0, Phase::Left);
        Ok(())
    }

    /// Kills a node with SIGKILL, and waits until its process is no more.
    pub async fn kill(&mut self, number: Number) -> io::Result<ExitStatus> {
        let process = &mut self.processes[number.0 - 1];
        process.child.start_kill()?;
        let status = process.child.wait().await?;
        self.board.set_phase(number.0, Phase::Killed);
        Ok(status)
    }

    /// Ends every process that still lives.
    pub async fn stop(&mut self) -> io::Result<()> {
        for process in &mut self.processes {
            process.stdin = None;
        }
        for process in &mut self.processes {
            if timeout(ENDED_WITHIN, process.child.wait()).await.is_err() {
                process.child.kill().await?;
            }
        }
        Ok(())
    }

    fn failed(&self, number: usize, what: String) -> io::Error {
        io::Error::other(format!(
            "node {number} {what}: see {}",
            self.logs.join(format!("node-{number}.log")).display()
        ))
    }
}

/// Sends a signal by its name, as `kill` has it.
async fn signal(child: &Child, name: &str) -> io::Result<()> {
    let pid = child.id().ok_or_else(|| io::Error::other("the process has ended already"))?;
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().await?;
    if sent.success() { Ok(()) } else { Err(io::Error::other(format!("kill {name} {pid}: {sent}"))) }
}

/// Waits for `up <node>`.
async fn first_words(lines: &mut Lines<BufReader<ChildStdout>>) -> io::Result<Host> {
    while let Some(line) = lines.next_line().await? {
        if let Some(host) = line.strip_prefix("up ") {
            return Ok(host.to_owned());
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Notes a node's readings until its standard output ends.
async fn follow(mut lines: Lines<BufReader<ChildStdout>>, number: usize, board: Arc<Board>) {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(reading) = Reading::parse(&line) {
            board.read(number, reading, Instant::now());
        }
    }
}
