//! Owns what the command line may say. Never acts on it.

use std::str::FromStr;
use std::time::Duration;

use crate::row::{Bench, System};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Measures this repository's crate and its peers under one load, in turns, and prints medians.

  --bench NAME      only this one; may be given again: remote_call, local_call, local_cast, remote_cast, register, whereis,
                    spawn, memory, join_rebalance, kill_failover, publish, multicall, handoff_bulk
  --system NAME     only this one; may be given again: raw, mpsc, map, tarpc, ractor, kameo, murmer, actix, erlang, swarm,
                    swarm-pool, swarm-secret, swarm-tls; murmer needs --features murmer, and root
  --rounds N        how often each figure is taken (3)
  --seconds S       how long each is measured, after a warm-up of a quarter of it (2)
  --callers A,B     how many callers at once (1,64,512)
  --payload A,B     bytes that a remote message carries each way (32,1024)
  --most N          only what is about so many workers, names or members at most (1000000)
  --free            on all cores; else all processes are kept on one
  --kameo-remote    kameo between processes as well; needs --features kameo-remote
  --json            one object a line instead of the table";

/// The most callers: the systems that need a worker for each start as many.
const CALLERS_MAX: u64 = 1_000;

/// The largest message, which all systems take by default.
const PAYLOAD_MAX: u64 = 64 << 10;

/// The most workers that any row is about.
pub(crate) const COUNT_MAX: u64 = 1_000_000;

/// What is measured, and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    benches: Vec<Bench>,
    systems: Vec<System>,
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
    pub(crate) callers: Vec<u64>,
    pub(crate) payloads: Vec<u64>,
    pub(crate) count_most: u64,
    pub(crate) free: bool,
    pub(crate) kameo_remote: bool,
    pub(crate) json: bool,
    pub(crate) help: bool,
}

impl Options {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            benches: Vec::new(),
            systems: Vec::new(),
            rounds: 3,
            measured: Duration::from_secs(2),
            callers: vec![1, 64, 512],
            payloads: vec![32, 1024],
            count_most: COUNT_MAX,
            free: false,
            kameo_remote: false,
            json: false,
            help: false,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--bench" => options.benches.push(value()?.parse().map_err(|trouble| format!("--bench: {trouble}"))?),
                "--system" => options.systems.push(value()?.parse().map_err(|trouble| format!("--system: {trouble}"))?),
                "--rounds" => options.rounds = within(&word, &value()?, 1, 1_000)?,
                "--seconds" => options.measured = Duration::from_secs_f64(within(&word, &value()?, 0.05, 100.0)?),
                "--callers" => options.callers = list(&word, &value()?, 1, CALLERS_MAX)?,
                "--payload" => options.payloads = list(&word, &value()?, 1, PAYLOAD_MAX)?,
                "--most" => options.count_most = within(&word, &value()?, 1, COUNT_MAX)?,
                "--free" => options.free = true,
                "--kameo-remote" => options.kameo_remote = true,
                "--json" => options.json = true,
                "--help" | "-h" => options.help = true,
                _ => return Err(format!("`{word}` is not known")),
            }
        }
        if options.kameo_remote && !cfg!(feature = "kameo-remote") {
            return Err("--kameo-remote needs a build with `--features kameo-remote`".to_owned());
        }
        Ok(options)
    }

    pub(crate) fn wants_bench(&self, bench: Bench) -> bool {
        self.benches.is_empty() || self.benches.contains(&bench)
    }

    pub(crate) fn wants_system(&self, system: System) -> bool {
        self.systems.is_empty() || self.systems.contains(&system)
    }

    /// The most callers that there are at once.
    pub(crate) fn callers_most(&self) -> u64 {
        self.callers.iter().copied().max().unwrap_or(1)
    }
}

fn within<T: FromStr + PartialOrd + std::fmt::Display>(
    word: &str,
    value: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| *number >= least && *number <= most);
    number.ok_or_else(|| format!("{word}: `{value}` is no number from {least} to {most}"))
}

fn list(word: &str, values: &str, least: u64, most: u64) -> Result<Vec<u64>, String> {
    let mut all = values.split(',').map(|value| within(word, value, least, most)).collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, String> {
        Options::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_said_is_what_is_done() {
        let options =
            parse("--rounds 5 --seconds 0.5 --callers 64,1,64 --payload 8 --free --json --system tarpc --system raw")
                .expect("all of it is known");
        assert_eq!((options.rounds, options.measured), (5, Duration::from_millis(500)));
        assert_eq!((options.callers, options.payloads), (vec![1, 64], vec![8]));
        assert!(options.free && options.json && !options.help);
        assert_eq!(options.systems, [System::Tarpc, System::Raw]);
    }

    #[test]
    fn a_mistake_is_told_with_what_would_be_right() {
        for (words, told) in [
            ("--bench walk", "remote_call"),
            ("--rounds 0", "from 1 to 1000"),
            ("--seconds never", "from 0.05 to 100"),
            ("--callers 1,,2", "``"),
            ("--payload", "wants a value"),
            ("--most 1000001", "from 1 to 1000000"),
            ("--loud", "not known"),
        ] {
            let mistake = parse(words).expect_err(words);
            assert!(mistake.contains(told), "{words}: {mistake}");
        }
    }
}
