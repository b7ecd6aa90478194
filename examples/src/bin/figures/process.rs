//! Owns the processes of a cluster as their parent sees them: it says a line and gets a line. They end when it lets go.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::NODE;

/// The longest that a cluster takes to come to rest; it takes a second or two.
const REST_WAIT: Duration = Duration::from_secs(60);

/// How often a cluster is asked whether it is at rest. Nodes count themselves twice a second.
const REST_LOOK: Duration = Duration::from_millis(250);

/// How often in a row it has to say so.
const REST_LOOKS: u32 = 4;

/// A process that runs one node, as soon as it is told to.
pub(crate) struct Process {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

/// The figures of one node, as it tells them.
struct Share {
    partitions: u64,
    names: u64,
    workers: u64,
}

impl Process {
    pub(crate) fn spawn() -> io::Result<Self> {
        let this = std::env::current_exe()?;
        let mut child = Command::new(this).arg(NODE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or_else(|| io::Error::other("the process has no output"))?;
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    /// Says something without waiting for the answer.
    pub(crate) fn say(&mut self, what: &str) -> io::Result<()> {
        let to = self.to.as_mut().ok_or_else(|| io::Error::other("the process was let go"))?;
        writeln!(to, "{what}")?;
        to.flush()
    }

    /// The next answer, in numbers. What is no number is left out.
    pub(crate) fn hear<T: FromStr>(&mut self) -> io::Result<Vec<T>> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err(io::Error::other("a process of the cluster ended before its time"));
        }
        Ok(line.split_whitespace().filter_map(|word| word.parse().ok()).collect())
    }

    /// Says something and waits for the numbers that are answered.
    pub(crate) fn ask(&mut self, what: &str) -> io::Result<Vec<u64>> {
        self.say(what)?;
        self.hear()
    }

    /// Kills it as a power cut would, with SIGKILL.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
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
pub(crate) struct Cluster {
    name: String,
    seed: String,
    pub(crate) nodes: Vec<Process>,
}

impl Cluster {
    /// A cluster of so many nodes, at rest.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let name = format!("figures-{}-{}", std::process::id(), crate::worker::unix_us());
        let mut cluster = Self { name, seed: "-".to_owned(), nodes: Vec::new() };
        for _ in 0..count {
            cluster.grow(Process::spawn()?)?;
        }
        cluster.rest(0)?;
        Ok(cluster)
    }

    /// One node more. Returns when it began to start, in microseconds since 1970.
    pub(crate) fn grow(&mut self, mut process: Process) -> io::Result<u64> {
        process.say(&format!("start {} {}", self.name, self.seed))?;
        let mut line = String::new();
        process.from.read_line(&mut line)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [addr, begun] = words[..] else { return Err(io::Error::other("a node could not be started")) };
        if self.nodes.is_empty() {
            addr.clone_into(&mut self.seed);
        }
        self.nodes.push(process);
        begun.parse().map_err(io::Error::other)
    }

    /// Waits until every node knows all and every one of `names` is where the ring wants it.
    pub(crate) fn rest(&mut self, names: u64) -> io::Result<()> {
        let count = self.nodes.len();
        for node in &mut self.nodes {
            node.ask(&format!("nodes {count}"))?;
        }
        let (end, mut good) = (Instant::now() + REST_WAIT, 0);
        while good < REST_LOOKS {
            if Instant::now() > end {
                return Err(io::Error::other("the cluster did not come to rest"));
            }
            std::thread::sleep(REST_LOOK);
            let shares: Vec<Share> = self.nodes.iter_mut().map(Process::share).collect::<io::Result<_>>()?;
            let placed = shares.iter().all(|share| share.names == share.workers && share.partitions > 0);
            let known: u64 = shares.iter().map(|share| share.names).sum();
            good = if placed && known == names { good + 1 } else { 0 };
        }
        Ok(())
    }

    /// How many workers each node has.
    pub(crate) fn spread(&mut self) -> io::Result<Vec<u64>> {
        self.nodes.iter_mut().map(|node| node.share().map(|share| share.workers)).collect()
    }
}
