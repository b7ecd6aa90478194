//! Owns the other process: a node that hosts the worker, and says how often it has taken memory whenever it is asked.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::account::node;
use crate::taken;

/// The role in which this program starts itself.
pub(crate) const SERVE: &str = "--serve";

/// A node in a process of its own. It ends when it is let go.
pub(crate) struct Server {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// Its cluster.
    pub(crate) cluster: String,
    /// Where it is.
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().ok_or_else(|| io::Error::other("the server says nothing"))?);
        let mut server = Self { child, to, from, cluster: String::new(), address: String::new() };
        let told = server.hear()?;
        let (cluster, address) = told.split_once(' ').ok_or_else(|| io::Error::other("the server talks nonsense"))?;
        (server.cluster, server.address) = (cluster.to_owned(), address.to_owned());
        Ok(server)
    }

    /// How often it has taken memory until now.
    pub(crate) fn taken(&mut self) -> io::Result<u64> {
        let to = self.to.as_mut().ok_or_else(|| io::Error::other("the server has no line from its parent"))?;
        writeln!(to, "taken")?;
        self.hear()?.parse().map_err(io::Error::other)
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.from.read_line(&mut line)? {
            0 => Err(io::Error::other("the server has ended before its time")),
            _ => Ok(line.trim().to_owned()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when it is asked nothing more; tools that watch it tell what they have seen only if it is not killed.
        drop(self.to.take());
        // It may have ended already, which is what is wanted.
        let _ = self.child.wait();
    }
}

/// Is the server until nobody asks any more.
pub(crate) async fn run() -> io::Result<()> {
    let cluster = format!("bench-allocations-{}", std::process::id());
    let swarm = node(&cluster, None).await?;
    println!("{cluster} {}", swarm.local_addr());
    // A thread of its own, since reading it holds its thread up.
    let asked = || io::stdin().lines().try_for_each(|line| line.map(|_| println!("{}", taken())));
    tokio::task::spawn_blocking(asked).await.map_err(io::Error::other)?
}
