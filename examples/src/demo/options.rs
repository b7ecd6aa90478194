//! Owns the demo's command line. Never touches a file or a socket.

use std::path::PathBuf;

use super::flights::shipped_flights;
use crate::fleet::program::number;

/// What `--help` prints.
pub const USAGE: &str = "\
Flies real flights over a real cluster: every aircraft a worker, every flight a call. Meanwhile a node joins, one leaves, and
one is killed; at the end every aircraft is compared with a plain pass over the file. Exit status 0: all held.

usage: demo [--flights FILE] [--nodes N] [--limit N] [--callers N]

  --flights FILE   CSV, plain or gzipped, of at least 500 flights by 100 aircraft; its columns are described in
                   examples/data/README.md
                   (default: the flights out of New York City, January to March 2013)
  --nodes N        nodes to begin with, 2 to 8 (default 3)
  --limit N        fly only the first N flights of the file, at least 500
  --callers N      flights in the air at once, 1 to 1024 (default 64); those of one aircraft stay in order";

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The file.
    pub flights: PathBuf,
    /// Nodes to begin with.
    pub nodes: usize,
    /// How many flights of the file.
    pub limit: usize,
    /// How many calls at once.
    pub callers: usize,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print the usage.
    Help,
    /// Run the demo.
    Run(Options),
    /// Be one of its nodes, found on this multicast port, in the cluster of this name.
    Node {
        /// The cluster's name.
        cluster: String,
        /// The port of the beacon.
        port: u16,
    },
}

/// Nodes at the beginning: one leaves and one is killed, so it takes two; eight processes are plenty for one
/// machine.
const NODES: std::ops::RangeInclusive<usize> = 2..=8;
/// Fewer flights than these do not last until the end of the story.
pub const FLIGHTS_MIN: usize = 500;
/// Of fewer aircraft than these a node may get none, and the story waits for each to host some.
pub const AIRCRAFT_MIN: usize = 100;
const LIMIT: std::ops::RangeInclusive<usize> = FLIGHTS_MIN..=usize::MAX;
/// Calls at once: each is a task and a queue.
const CALLERS: std::ops::RangeInclusive<usize> = 1..=1024;

impl Command {
    /// Reads the words after the program's name.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut options = Options { flights: shipped_flights(), nodes: 3, limit: usize::MAX, callers: 64 };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--flights" => options.flights = value()?.into(),
                "--nodes" => options.nodes = number(&word, &value()?, NODES)?,
                "--limit" => options.limit = number(&word, &value()?, LIMIT)?,
                "--callers" => options.callers = number(&word, &value()?, CALLERS)?,
                // What the demo starts its own nodes with.
                "node" => {
                    let port = value()?;
                    let port = port.parse().map_err(|_| format!("{port} is not a port"))?;
                    return Ok(Self::Node { port, cluster: value()? });
                }
                _ => return Err(format!("{word} is not an option of the demo")),
            }
        }
        Ok(Self::Run(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn defaults_and_every_option() {
        let Ok(Command::Run(options)) = parse("") else { panic!("no words are a run") };
        assert_eq!((options.nodes, options.limit, options.callers), (3, usize::MAX, 64));
        assert_eq!(
            parse("--flights a.csv --nodes 4 --limit 1000 --callers 8"),
            Ok(Command::Run(Options { flights: "a.csv".into(), nodes: 4, limit: 1000, callers: 8 }))
        );
        assert_eq!(parse("--limit 1000 --help"), Ok(Command::Help));
        assert_eq!(parse("node 50000 demo-1"), Ok(Command::Node { port: 50_000, cluster: "demo-1".into() }));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, words) in [
            ("--nodes 1", "from 2 to 8"),
            ("--limit 3", "from 500"),
            ("--callers many", "not many"),
            ("--nodes", "needs a value"),
            ("--fast", "--fast is not an option"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
