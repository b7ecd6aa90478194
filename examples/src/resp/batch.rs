//! Owns the commands of one read: which of them go to which key, and which replies are owed in which order. Never lets one key
//! wait for another, nor two commands on one key pass each other.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use swarm::{Name, Swarm};

use super::command::{Command, read};
use super::entry::{Answer, Op};
use super::lane::{Lane, Room, Trouble};
use super::reply::Reply;

/// How many keys of one batch are called at once: enough to keep other nodes busy, few enough that their answers, of at most
/// 2 MiB each, are no burden.
const LANES_AT_ONCE: usize = 64;
/// All replies of a batch together. Whoever asks for more at once is cut off, as Redis does beyond its own limit.
const REPLIES_BYTES_MAX: usize = 64 << 20;

/// The commands of one read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    lanes: Vec<Lane>,
    /// Which lane a key has.
    of: HashMap<Name, usize>,
    owed: Vec<Owed>,
    ends: bool,
}

/// One reply that is owed.
#[derive(Debug)]
enum Owed {
    Reply(Reply),
    One(Place),
    Each(Vec<Place>),
    Sum(Vec<Place>),
    Info,
}

/// Where an answer will stand.
#[derive(Clone, Copy, Debug)]
struct Place {
    lane: usize,
    at: usize,
}

/// The answers of all lanes.
struct Answers(Vec<Vec<Result<Answer, Trouble>>>);

impl Batch {
    /// Adds a command. `false` if none may follow it.
    pub(super) fn add(&mut self, words: &[Bytes]) -> bool {
        let owed = match read(words) {
            Command::Reply(reply) => Owed::Reply(reply),
            Command::One(name, op) => Owed::One(self.place(name, op)),
            Command::Each(names, op) => Owed::Each(self.places(names, &op)),
            Command::Sum(names, op) => Owed::Sum(self.places(names, &op)),
            Command::Info => Owed::Info,
            Command::Quit => {
                self.end(Reply::OK);
                return false;
            }
            Command::HangUp => {
                tracing::warn!("a connection speaks HTTP, perhaps by a browser that was led here: it is closed");
                self.ends = true;
                return false;
            }
        };
        self.owed.push(owed);
        true
    }

    /// The connection ends after this reply.
    pub(super) fn end(&mut self, last: Reply) {
        self.owed.push(Owed::Reply(last));
        self.ends = true;
    }

    /// Whether the connection ends after the replies.
    pub(super) fn ends(&self) -> bool {
        self.ends
    }

    /// How many commands there are.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    fn place(&mut self, name: Name, op: Op) -> Place {
        let lane = *self.of.entry(name).or_insert_with_key(|name| {
            self.lanes.push(Lane { name: name.clone(), ops: Vec::new() });
            self.lanes.len() - 1
        });
        let ops = &mut self.lanes[lane].ops;
        ops.push(op);
        Place { lane, at: ops.len() - 1 }
    }

    fn places(&mut self, names: Vec<Name>, op: &Op) -> Vec<Place> {
        names.into_iter().map(|name| self.place(name, op.clone())).collect()
    }

    /// Does it all, and writes the replies; `false` if they are too long together.
    pub(super) async fn run(mut self, swarm: &Swarm, info: impl Fn() -> String, out: &mut Vec<u8>) -> bool {
        let room = Room::of(REPLIES_BYTES_MAX);
        let lanes = std::mem::take(&mut self.lanes);
        let answers = match <[Lane; 1]>::try_from(lanes) {
            Ok([only]) => vec![only.run(swarm, &room).await],
            Err(lanes) => {
                let running = stream::iter(lanes).map(|lane| lane.run(swarm, &room));
                running.buffered(LANES_AT_ONCE).collect().await
            }
        };
        let mut answers = Answers(answers);
        if answers.0.iter().flatten().any(|answer| *answer == Err(Trouble::TooMuch)) {
            return false;
        }
        for owed in self.owed {
            answers.reply(owed, &info).write(out);
        }
        true
    }
}

impl Answers {
    /// An answer, which is owed once.
    fn take(&mut self, Place { lane, at }: Place) -> Result<Answer, Trouble> {
        std::mem::replace(&mut self.0[lane][at], Ok(Answer::Nil))
    }

    fn reply(&mut self, owed: Owed, info: impl Fn() -> String) -> Reply {
        match owed {
            Owed::Reply(reply) => reply,
            Owed::One(place) => reply(self.take(place)),
            Owed::Each(places) => self.list(places),
            Owed::Sum(places) => self.sum(places),
            Owed::Info => Reply::text(info()),
        }
    }

    fn list(&mut self, places: Vec<Place>) -> Reply {
        let mut replies = Vec::with_capacity(places.len());
        for place in places {
            match self.take(place) {
                // What is no string has none to tell.
                Err(Trouble::WrongType) => replies.push(Reply::Nil),
                trouble @ Err(_) => return reply(trouble),
                answer @ Ok(_) => replies.push(reply(answer)),
            }
        }
        Reply::Array(replies)
    }

    fn sum(&mut self, places: Vec<Place>) -> Reply {
        let mut sum = 0;
        for place in places {
            match self.take(place) {
                Ok(Answer::Number(number)) => sum += number,
                other @ (Ok(_) | Err(_)) => return reply(other),
            }
        }
        Reply::Number(sum)
    }
}

fn reply(answer: Result<Answer, Trouble>) -> Reply {
    match answer {
        Ok(Answer::Done) => Reply::OK,
        Ok(Answer::Nil) => Reply::Nil,
        Ok(Answer::Value(value)) => Reply::Bulk(value),
        Ok(Answer::Number(number)) => Reply::Number(number),
        Ok(Answer::NoNumber) => Reply::Error("ERR value is not an integer or out of range".to_owned()),
        Ok(Answer::Overflow) => Reply::Error("ERR increment or decrement would overflow".to_owned()),
        Err(Trouble::WrongType) => {
            Reply::Error("WRONGTYPE Operation against a key holding the wrong kind of value".to_owned())
        }
        Err(Trouble::Told(text)) => Reply::Error(text),
        Err(Trouble::TooMuch) => Reply::Error("ERR the replies are too long together".to_owned()),
    }
}
