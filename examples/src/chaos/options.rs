//! Owns the campaign's command line. Never touches a file or a socket.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::place::Place;
use super::scenarios::Scenario;
use crate::fleet::program::number;

/// What `--help` prints.
pub const USAGE: &str = "\
Runs a cluster of processes on this machine under load, lets something happen to it, and compares what was acknowledged with what
the workers have in the end. Exit status 0: all that must hold did; 1: something did not; 2: it could not be run; 3: this machine
lacks what a scenario needs (network namespaces, nftables), and all others held. Times that are too long do not change the status.

usage: chaos [--scenario NAME].. [--nodes N] [--callers N] [--workers N] [--rate N] [--minutes N | --seconds N] [--list]

  --scenario NAME  only this one, or these; else all in turn
  --nodes N        nodes that host workers, 3 to 16 (default 5)
  --callers N      calls at once, 4 to 1024 (default 64), made by processes of their own
  --workers N      workers with state, 100 to 100000 (default 10000)
  --rate N         calls a second that the callers aim at, 10 to 100000 (default 5500)
  --minutes N      how long each scenario goes on (default 3); a round that has begun is ended
  --seconds N      the same, for a short look
  --list           the scenarios, and what they must show";

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The scenarios, in order.
    pub scenarios: Vec<Scenario>,
    /// How many nodes host workers.
    pub nodes: usize,
    /// How many calls at once.
    pub callers: usize,
    /// How many workers.
    pub workers: usize,
    /// How many calls a second.
    pub rate: usize,
    /// How long each scenario goes on.
    pub time: Duration,
}

/// What one callers' process does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Which of the campaign's callers' processes it is, from 0.
    pub party: u32,
    /// How many books there are.
    pub books: usize,
    /// How many callers it has.
    pub callers: usize,
    /// How many calls a second they make together.
    pub rate: usize,
    /// Whether some books are slow and some never move.
    pub odd: bool,
    /// Whether two sides may go on, so that an older activation may answer after a later one.
    pub sides: bool,
}

impl Crowd {
    /// As words of a command line.
    pub fn words(&self) -> Vec<String> {
        let flags = [self.odd, self.sides].map(usize::from);
        let numbers = [self.party as usize, self.books, self.callers, self.rate, flags[0], flags[1]];
        numbers.map(|number| number.to_string()).to_vec()
    }

    /// From those words.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let numbers: Vec<usize> = words
            .iter()
            .map(|word| word.parse().map_err(|_| format!("`{word}` is not a number")))
            .collect::<Result<_, _>>()?;
        let [party, books, callers, rate, odd, sides] = numbers[..] else {
            return Err("a crowd has six numbers".into());
        };
        Ok(Self { party: party as u32, books, callers, rate, odd: odd != 0, sides: sides != 0 })
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print the usage.
    Help,
    /// Print the scenarios.
    List,
    /// Run the campaign.
    Run(Options),
    /// Be one of its nodes.
    Node(Place),
    /// Be one of its callers' processes.
    Callers(Place, Crowd),
}

const NODES: RangeInclusive<usize> = 3..=16;
const CALLERS: RangeInclusive<usize> = 4..=1_024;
const WORKERS: RangeInclusive<usize> = 100..=100_000;
const RATE: RangeInclusive<usize> = 10..=100_000;
/// Nothing is seen in a shorter time.
const SECONDS: RangeInclusive<usize> = 5..=86_400;
const MINUTES: RangeInclusive<usize> = 1..=1_440;
/// How many words a place is.
const PLACE: usize = 4;

impl Command {
    /// Reads the words after the program's name.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let words: Vec<String> = words.into_iter().collect();
        // What the campaign starts its own processes with.
        match words.split_first() {
            Some((first, rest)) if first == "node" => return Place::parse(rest).map(Self::Node),
            Some((first, rest)) if first == "callers" && rest.len() > PLACE => {
                return Ok(Self::Callers(Place::parse(&rest[..PLACE])?, Crowd::parse(&rest[PLACE..])?));
            }
            Some(_) | None => {}
        }
        let mut words = words.into_iter();
        let mut options = Options {
            scenarios: Vec::new(),
            nodes: 5,
            callers: 64,
            workers: 10_000,
            rate: 5_500,
            time: Duration::from_secs(180),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--list" => return Ok(Self::List),
                "--scenario" => options.scenarios.push(Scenario::parse(&value()?)?),
                "--nodes" => options.nodes = number(&word, &value()?, NODES)?,
                "--callers" => options.callers = number(&word, &value()?, CALLERS)?,
                "--workers" => options.workers = number(&word, &value()?, WORKERS)?,
                "--rate" => options.rate = number(&word, &value()?, RATE)?,
                "--seconds" => options.time = Duration::from_secs(number(&word, &value()?, SECONDS)? as u64),
                "--minutes" => options.time = Duration::from_secs(60 * number(&word, &value()?, MINUTES)? as u64),
                _ => return Err(format!("{word} is not an option of the campaign")),
            }
        }
        if options.scenarios.is_empty() {
            options.scenarios = Scenario::ALL.to_vec();
        }
        Ok(Self::Run(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::place::Address;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn defaults_and_every_option() {
        let Ok(Command::Run(options)) = parse("") else { panic!("no words are a run") };
        assert_eq!((options.nodes, options.callers, options.workers), (5, 64, 10_000));
        assert_eq!((options.scenarios, options.time), (Scenario::ALL.to_vec(), Duration::from_secs(180)));
        let line = "--scenario crash --nodes 4 --callers 8 --workers 200 --rate 100 --seconds 20";
        let Ok(Command::Run(options)) = parse(line) else { panic!("{line}") };
        assert_eq!((options.nodes, options.callers, options.workers, options.rate), (4, 8, 200, 100));
        assert_eq!((options.scenarios, options.time), (vec![Scenario::Crash], Duration::from_secs(20)));
        assert_eq!((parse("--help"), parse("--list")), (Ok(Command::Help), Ok(Command::List)));
    }

    #[test]
    fn the_words_of_its_own_processes_are_understood() {
        let place = Place { cluster: "a".into(), address: Address::Loopback(57_344), leave_within_ms: None };
        let crowd = Crowd { party: 1, books: 100, callers: 8, rate: 50, odd: true, sides: false };
        let words = |first: &str, rest: &[Vec<String>]| [vec![first.to_owned()], rest.concat()].concat();
        assert_eq!(Command::parse(words("node", &[place.words()])), Ok(Command::Node(place.clone())));
        let callers = words("callers", &[place.words(), crowd.words()]);
        assert_eq!(Command::parse(callers), Ok(Command::Callers(place, crowd)));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, words) in [
            ("--nodes 1", "from 3 to 16"),
            ("--scenario fire", "fire"),
            ("--seconds many", "not many"),
            ("--callers", "needs a value"),
            ("--fast", "--fast is not an option"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
