//! Owns the command line of `resp`. Never opens a socket.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::fleet::program::number;

/// What `--help` prints.
pub const USAGE: &str = "\
A clustered store of strings and counters that speaks RESP2: redis-cli, redis-benchmark and client libraries use it by any node.
Each key is a worker. Start it several times; nodes find each other by multicast, or by seeds.

usage: resp [--port PORT] [--bind ADDRESS] [--node ADDRESS:PORT] [--cluster NAME] [--seed ADDRESS:PORT].. [--quorum SIZE]
            [--linger SECONDS] [--admin SOCKET]

  --port PORT          where Redis clients connect (default 6379; 0 is any free port)
  --bind ADDRESS       and on which address (default 127.0.0.1). There is no password: whoever reaches it reads and writes all
  --node ADDRESS:PORT  where the nodes reach each other (default 127.0.0.1:0); other machines need SWARM_SECRET or
                       SWARM_SECRET_FILE
  --cluster NAME       whose nodes are one store (default resp)
  --seed ADDRESS:PORT  a node to begin with, instead of multicast; several times
  --quorum SIZE        of a split network only a side with so many nodes goes on
  --linger SECONDS     how long those who are connected are served on after SIGTERM or Ctrl-C, before the node leaves
                       (default 10, at most 3600)
  --admin SOCKET       serves operators there: swarmctl --socket SOCKET whereis KEY";

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where Redis clients connect.
    pub port: u16,
    /// On which address.
    pub bind: IpAddr,
    /// Where the nodes reach each other.
    pub node: String,
    /// Whose nodes are one store.
    pub cluster: String,
    /// Nodes to begin with, instead of multicast.
    pub seeds: Vec<String>,
    /// How many nodes make a quorum, if one is wanted.
    pub quorum: Option<u16>,
    /// How long clients are served on.
    pub linger: Duration,
    /// The socket for operators, if one is wanted.
    pub admin: Option<String>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print the usage.
    Help,
    /// Be a node.
    Run(Options),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 6379,
            bind: Ipv4Addr::LOCALHOST.into(),
            node: "127.0.0.1:0".to_owned(),
            cluster: "resp".to_owned(),
            seeds: Vec::new(),
            quorum: None,
            linger: Duration::from_secs(10),
            admin: None,
        }
    }
}

impl Command {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut options = Options::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--port" => options.port = within(&word, &value()?, 0..=u16::MAX)?,
                "--bind" => {
                    let text = value()?;
                    options.bind = text.parse().map_err(|_| format!("{word} is an IP address, not {text}"))?;
                }
                "--node" => options.node = value()?,
                "--cluster" => options.cluster = value()?,
                "--seed" => options.seeds.push(value()?),
                "--quorum" => options.quorum = Some(within(&word, &value()?, 1..=u16::MAX)?),
                "--linger" => options.linger = Duration::from_secs(within(&word, &value()?, 0..=3600)?.into()),
                "--admin" => options.admin = Some(value()?),
                _ => return Err(format!("{word} is not an option of resp")),
            }
        }
        Ok(Self::Run(options))
    }
}

fn within(word: &str, value: &str, range: std::ops::RangeInclusive<u16>) -> Result<u16, String> {
    let wide = usize::from(*range.start())..=usize::from(*range.end());
    let number = number(word, value, wide)?;
    u16::try_from(number).map_err(|_| format!("{word} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn defaults_and_every_option() {
        assert_eq!(parse(""), Ok(Command::Run(Options::default())));
        let line = "--port 7000 --bind 0.0.0.0 --node 10.0.0.7:0 --cluster shop --seed a:1 --seed b:2 --quorum 2 --linger 0 --admin s";
        let options = Options {
            port: 7000,
            bind: Ipv4Addr::UNSPECIFIED.into(),
            node: "10.0.0.7:0".into(),
            cluster: "shop".into(),
            seeds: vec!["a:1".into(), "b:2".into()],
            quorum: Some(2),
            linger: Duration::ZERO,
            admin: Some("s".into()),
        };
        assert_eq!(parse(line), Ok(Command::Run(options)));
        assert_eq!(parse("--port 7000 --help"), Ok(Command::Help));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, words) in [
            ("--port 65536", "65535"),
            ("--port many", "not many"),
            ("--bind here", "not here"),
            ("--quorum 0", "from 1"),
            ("--linger", "needs a value"),
            ("--fast", "--fast is not an option"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
