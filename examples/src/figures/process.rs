//! Owns the processes of a cluster as their parent sees them: it says a line and gets a line. They end when it lets go.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::NODE;

/// The longest that a cluster takes to come to rest; it takes a second or two, and with a million workers some ten.
const REST_WAIT: Duration = Duration::from_secs(150);

/// The longest that a process takes for anything that it is told.
const ANSWER_WAIT: Duration = Duration::from_secs(180);

/// How often a cluster is asked whether it is at rest. Nodes count themselves twice a second.
const REST_LOOK: Duration = Duration::from_millis(250);

/// How often in a row it has to say so.
const REST_LOOKS: u32 = 4;

/// A process that does what it is told, such as to be a node.
pub struct Process {
    child: Child,
    to: Option<ChildStdin>,
    from: Receiver<String>,
}

/// The figures of one node, as it tells them.
struct Share {
    partitions: u64,
    names: u64,
    workers: u64,
}

impl Process {
    /// Starts this program as a node that has not begun yet.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn() -> io::Result<Self> {
        Self::of(Command::new(std::env::current_exe()?).arg(NODE))
    }

    /// Starts something that talks in lines.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn of(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or_else(|| io::Error::other("the process has no output"))?;
        let (line, lines) = channel();
        // Ends with the process, whose output then ends.
        thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|said| line.send(said)));
        Ok(Self { child, to, from: lines })
    }

    /// What the kernel calls it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says something without waiting for the answer.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn say(&mut self, what: &str) -> io::Result<()> {
        let to = self.to.as_mut().ok_or_else(|| io::Error::other("the process was let go"))?;
        writeln!(to, "{what}")?;
        to.flush()
    }

    /// The next answer, in words.
    ///
    /// # Errors
    /// If the process has ended, or says nothing for longer than anything takes.
    pub fn hear(&mut self) -> io::Result<Vec<String>> {
        let line = self.from.recv_timeout(ANSWER_WAIT).map_err(|trouble| match trouble {
            RecvTimeoutError::Timeout => io::Error::other("a process of the cluster does not answer"),
            RecvTimeoutError::Disconnected => io::Error::other("a process of the cluster ended before its time"),
        })?;
        Ok(line.split_whitespace().map(str::to_owned).collect())
    }

    /// Says something and waits for the numbers that are answered.
    ///
    /// # Errors
    /// As [`Process::hear`], and if it answers something else.
    pub fn ask(&mut self, what: &str) -> io::Result<Vec<u64>> {
        self.say(what)?;
        self.hear()?.iter().map(|word| word.parse().map_err(io::Error::other)).collect()
    }

    /// Kills it as a power cut would, with SIGKILL.
    ///
    /// # Errors
    /// If the kernel does not do it.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    fn share(&mut self) -> io::Result<Share> {
        match self.ask("stats")?[..] {
            [partitions, names, workers] => Ok(Share { partitions, names, workers }),
            _ => Err(io::Error::other("a process of the cluster talks nonsense")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.to = None;
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes of one cluster.
pub struct Cluster {
    name: String,
    seed: String,
    /// In the order in which they were started.
    pub nodes: Vec<Process>,
}

impl Cluster {
    /// A cluster of so many nodes, at rest.
    ///
    /// # Errors
    /// If a process does not do what it should.
    pub fn start(count: usize) -> io::Result<Self> {
        let name = format!("figures-{}-{}", std::process::id(), super::worker::unix_us());
        let mut cluster = Self { name, seed: "-".to_owned(), nodes: Vec::new() };
        for _ in 0..count {
            cluster.grow(Process::spawn()?)?;
        }
        cluster.rest(0)?;
        Ok(cluster)
    }

    /// One node more. Returns when it began to start, in microseconds since 1970.
    ///
    /// # Errors
    /// If the process does not do what it should.
    pub fn grow(&mut self, mut process: Process) -> io::Result<u64> {
        process.say(&format!("start {} {}", self.name, self.seed))?;
        let words = process.hear()?;
        let [addr, begun] = &words[..] else { return Err(io::Error::other("a node could not be started")) };
        if self.nodes.is_empty() {
            self.seed.clone_from(addr);
        }
        self.nodes.push(process);
        begun.parse().map_err(io::Error::other)
    }

    /// Waits until every node knows all and every one of `names` is where the ring wants it.
    ///
    /// # Errors
    /// If a process does not do what it should, or that takes more than two and a half minutes.
    pub fn rest(&mut self, names: u64) -> io::Result<()> {
        let count = self.nodes.len();
        for node in &mut self.nodes {
            node.ask(&format!("nodes {count}"))?;
        }
        let (end, mut good) = (Instant::now() + REST_WAIT, 0);
        while good < REST_LOOKS {
            if Instant::now() > end {
                return Err(io::Error::other("the cluster did not come to rest"));
            }
            thread::sleep(REST_LOOK);
            let shares: Vec<Share> = self.nodes.iter_mut().map(Process::share).collect::<io::Result<_>>()?;
            let placed = shares.iter().all(|share| share.names == share.workers && share.partitions > 0);
            let known: u64 = shares.iter().map(|share| share.names).sum();
            good = if placed && known == names { good + 1 } else { 0 };
        }
        Ok(())
    }

    /// How many workers each node has.
    ///
    /// # Errors
    /// If a process does not do what it should.
    pub fn spread(&mut self) -> io::Result<Vec<u64>> {
        self.nodes.iter_mut().map(|node| node.share().map(|share| share.workers)).collect()
    }
}
