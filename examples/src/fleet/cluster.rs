//! Owns the nodes of a cluster as processes of this machine: starting, leaving, killing, and that none outlives
//! the program. Never speaks to the cluster itself.
//!
//! A node prints `up <node>` when it is one, and readings from then on; it leaves upon SIGTERM, and ends by itself when its
//! standard input ends, since then its parent is gone, however that came.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::board::{Board, Host, Phase, Reading};

/// A node that has not found the others by then never will: on one machine it takes well under a second.
const UP_WITHIN: Duration = Duration::from_secs(20);
/// A node that leaves hands over every worker first; thousands take seconds at worst.
const LEFT_WITHIN: Duration = Duration::from_secs(60);
/// A process whose standard input ended has nothing to do but to end.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
/// What a process said last is read by then.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// In this variable of its environment a node finds its number.
pub const NUMBER: &str = "NODE_NUMBER";

/// The processes. Those that live are killed when this is dropped.
pub struct Cluster {
    launch: Launch,
    logs: PathBuf,
    board: Arc<Board>,
    processes: Vec<Process>,
}

/// How this program is started as one of its nodes.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    words: Vec<String>,
    space: Option<String>,
}

struct Process {
    host: Option<Host>,
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    reader: Option<JoinHandle<()>>,
    // Open until it ends: a closed standard input would mean that this program is gone.
    stdin: Option<ChildStdin>,
}

/// The number of a node, from 1 in the order of their starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(usize);

impl Number {
    /// The number itself.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

impl Launch {
    /// With these words after the program's name.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self { words: words.into_iter().collect(), space: None }
    }

    /// In a network namespace.
    pub fn inside(mut self, space: Option<String>) -> Self {
        self.space = space;
        self
    }

    /// The process to start.
    pub fn command(&self) -> io::Result<Command> {
        let program = std::env::current_exe()?;
        let mut command = match &self.space {
            // It becomes the program, so that signals reach that.
            Some(space) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", space]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(&self.words).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }
}

impl Cluster {
    /// No process yet. What the nodes log goes to files in the directory `logs`.
    pub fn new(launch: Launch, logs: PathBuf, board: Arc<Board>) -> Self {
        Self { launch, logs, board, processes: Vec::new() }
    }

    /// Starts one more node and waits until it is up.
    pub async fn start(&mut self) -> io::Result<Number> {
        self.start_as(self.launch.clone()).await
    }

    /// Starts one more node in its own way and waits until it is up.
    pub async fn start_as(&mut self, launch: Launch) -> io::Result<Number> {
        let number = self.spawn(&launch)?;
        self.until_up(number).await?;
        Ok(number)
    }

    /// Starts one more node, and does not wait for it.
    pub fn spawn(&mut self, launch: &Launch) -> io::Result<Number> {
        let number = self.processes.len() + 1;
        let log = File::create(self.logs.join(format!("node-{number}.log")))?;
        let mut child = launch.command()?.env(NUMBER, number.to_string()).stderr(log).spawn()?;
        self.board.add(number, child.id().unwrap_or_default());
        let stdin = child.stdin.take();
        let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        self.processes.push(Process { host: None, child, lines, reader: None, stdin });
        Ok(Number(number))
    }

    /// Waits until a node that was started is up.
    pub async fn until_up(&mut self, number: Number) -> io::Result<()> {
        let process = &mut self.processes[number.0 - 1];
        let Some(mut lines) = process.lines.take() else { return Ok(()) };
        let host = timeout(UP_WITHIN, first_words(&mut lines))
            .await
            .map_err(|_| self.failed(number, &format!("was not up within {UP_WITHIN:?}")))?
            .map_err(|error| self.failed(number, &format!("ended before it was up ({error})")))?;
        self.board.name(number.0, host.clone());
        let process = &mut self.processes[number.0 - 1];
        process.host = Some(host);
        process.reader = Some(tokio::spawn(follow(lines, number.0, self.board.clone())));
        Ok(())
    }

    /// Who the node is to the cluster, once it is up.
    pub fn host(&self, number: Number) -> Option<&Host> {
        self.processes[number.0 - 1].host.as_ref()
    }

    /// Its process, while it lives.
    pub fn pid(&self, number: Number) -> Option<u32> {
        self.processes[number.0 - 1].child.id()
    }

    /// Asks a node to leave, and waits until it has handed everything over and ended.
    pub async fn leave(&mut self, number: Number) -> io::Result<()> {
        let status = self.terminate(number).await?;
        if status.success() { Ok(()) } else { Err(self.failed(number, &format!("did not leave well: {status}"))) }
    }

    /// Asks a node to leave, and waits until it has ended, however it went.
    pub async fn terminate(&mut self, number: Number) -> io::Result<ExitStatus> {
        self.board.set_phase(number.0, Phase::Leaving);
        self.signal(number, "-TERM").await?;
        let process = &mut self.processes[number.0 - 1];
        let ended = timeout(LEFT_WITHIN, process.child.wait()).await;
        let status = ended.map_err(|_| self.failed(number, &format!("did not leave within {LEFT_WITHIN:?}")))??;
        if let Some(reader) = self.processes[number.0 - 1].reader.take() {
            // Its last words; the pipe has ended with it.
            timeout(READ_WITHIN, reader).await??;
        }
        self.board.set_phase(number.0, Phase::Left);
        Ok(status)
    }

    /// Kills a node with SIGKILL, and waits until its process is no more.
    pub async fn kill(&mut self, number: Number) -> io::Result<ExitStatus> {
        let process = &mut self.processes[number.0 - 1];
        process.child.start_kill()?;
        let status = process.child.wait().await?;
        self.board.set_phase(number.0, Phase::Killed);
        Ok(status)
    }

    /// Sends a node a signal by its name, as `kill` has it.
    pub async fn signal(&self, number: Number, name: &str) -> io::Result<()> {
        let pid = self.pid(number).ok_or_else(|| self.failed(number, "has ended already"))?;
        let sent = Command::new("kill").args([name, &pid.to_string()]).status().await?;
        if sent.success() { Ok(()) } else { Err(io::Error::other(format!("kill {name} {pid}: {sent}"))) }
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

    fn failed(&self, number: Number, what: &str) -> io::Error {
        let log = self.logs.join(format!("node-{}.log", number.0));
        io::Error::other(format!("{number} {what}: see {}", log.display()))
    }
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

/// Notes what a node says until its standard output ends.
async fn follow(mut lines: Lines<BufReader<ChildStdout>>, number: usize, board: Arc<Board>) {
    while let Ok(Some(line)) = lines.next_line().await {
        match Reading::parse(&line) {
            Some(reading) => board.read(number, reading, Instant::now()),
            None => board.hear(number, line),
        }
    }
}
