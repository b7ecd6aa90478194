//! Owns one caller: it makes one entry after the other in its books, at its pace, and writes down what it is told. Never calls
//! again what failed, and never judges.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use swarm::prelude::*;
use tokio::time::MissedTickBehavior;

use super::book::{BookClient, Temper, book};
use super::history::History;
use super::tally::Tally;
use super::watch::Watch;

/// The books, and what all callers of this process know of them.
#[derive(Debug)]
pub struct Shelf {
    books: Vec<Mutex<Watch>>,
    /// Whether some books are slow and some never move.
    pub odd: bool,
    /// Whether two sides of a network may go on.
    pub sides: bool,
}

impl Shelf {
    /// So many books that nobody has called.
    pub fn new(books: usize, odd: bool, sides: bool) -> Self {
        Self { books: (0..books).map(|_| Mutex::default()).collect(), odd, sides }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.books.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.books.is_empty()
    }

    /// What is known of one of them.
    pub fn watch(&self, book: usize) -> MutexGuard<'_, Watch> {
        // A watch is whole after every statement, so a panic elsewhere leaves nothing half changed.
        self.books[book].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a book behaves: of a hundred, one is slow and one never moves, if there are odd ones at all.
    pub fn temper(&self, book: usize) -> Temper {
        match book % 100 {
            0 if self.odd => Temper::Slow,
            1 if self.odd => Temper::Stuck,
            _ => Temper::Quick,
        }
    }
}

/// The name of a book.
pub fn name(book: usize) -> String {
    format!("book/{book}")
}

/// The book of a name.
pub fn number(name: &str) -> Option<usize> {
    name.strip_prefix("book/")?.parse().ok()
}

/// How often a caller calls the same book that does not answer, before it goes on to its next.
const AGAIN_MAX: u32 = 8;

/// One caller.
pub struct Caller {
    /// The node that it calls through.
    pub swarm: Swarm,
    /// All books.
    pub shelf: Arc<Shelf>,
    /// Where it counts.
    pub tally: Arc<Tally>,
    /// Who it is to the books: no other caller of the campaign has the number.
    pub stream: u32,
    /// Its books.
    pub books: Vec<usize>,
    /// The time from one call to the next.
    pub pace: Duration,
}

/// What one caller has written down of each of its books.
#[derive(Debug)]
pub struct Notes {
    /// Who it is.
    pub stream: u32,
    /// The books and their histories.
    pub histories: Vec<(usize, History)>,
}

impl Caller {
    /// Calls until `stop` says so.
    pub async fn run(self, mut stop: tokio::sync::watch::Receiver<bool>) -> Notes {
        let mut histories: Vec<_> = self.books.iter().map(|book| (*book, History::default())).collect();
        let mut ticks = tokio::time::interval(self.pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut turn, mut failures) = (0, 0);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // An end of the sender is the end of the process.
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let turns = histories.len();
            let (book, history) = &mut histories[turn % turns];
            // One that failed is called again at once: else its stall would last until its next turn, whatever the cluster does.
            failures = if self.call(*book, history).await { 0 } else { failures + 1 };
            if failures % AGAIN_MAX == 0 {
                turn += 1;
            }
        }
        Notes { stream: self.stream, histories }
    }

    /// Calls a book; whether it answered.
    async fn call(&self, book: usize, history: &mut History) -> bool {
        let odd = self.shelf.temper(book) != Temper::Quick;
        let number = history.begin();
        let floor = self.shelf.watch(book).floor();
        let began = Instant::now();
        let call = BookClient::call(name(book), book::Enter { stream: self.stream, number });
        let answer = call.on(&self.swarm).await;
        let now = Instant::now();
        let answered = answer.is_ok();
        match answer {
            Ok(entered) => {
                let seen = self.shelf.watch(book).answered(&entered, began, floor, now);
                self.tally.answered(now - began, seen.stall, odd);
                let about = || {
                    let host = entered.host;
                    format!("entry {number} of caller {} in {} on node {host}: {entered:?}", self.stream, name(book))
                };
                if seen.stale {
                    self.tally.stale();
                    if !self.shelf.sides {
                        self.tally.wrong(&format!("{} is older than {floor}, which had answered before", about()));
                    }
                }
                if !history.answered(number, &entered) {
                    self.tally.forgot(&format!("{} has fewer entries than it acknowledged", about()));
                }
            }
            Err(error) => {
                let host = {
                    let mut watch = self.shelf.watch(book);
                    watch.failed(began);
                    watch.host()
                };
                // One that never left its caller waited for the node where its book had been last.
                let waited = matches!(&error, CallError::Timeout { node, .. } if *node == self.swarm.node());
                self.tally.failed(&error, odd, host.filter(|_| waited));
                history.failed(number, error.executed());
            }
        }
        answered
    }
}
