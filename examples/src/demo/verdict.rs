//! Owns the comparison of the cluster with the plain pass. Never asks the cluster: it judges evidence, so that it
//! can be tested against every way in which a cluster could cheat.
//!
//! An aircraft is excused from knowing a flight in one case only: it lived on the killed node. Which ones did
//! is known from the registry just before the kill, with the epoch of each, and the epoch cuts its flights in
//! two: those entered at that epoch or before are lost, those entered at a later one must be in its book.
//! Whoever is excused wrongly has a book that is too full, so the excuse cannot hide a fault.

use std::collections::{BTreeMap, BTreeSet};

use super::flights::Flight;
use super::journal::{Answer, Entry, Journal};
use super::ledger::{Rows, Tally, rows_by_tail};
use crate::fleet::board::Host;

/// What an aircraft said when it was asked for its book, or why it did not.
pub type Book = Result<Tally, String>;

/// What the aircraft of one carrier said when their group was asked.
pub type Fleet = Vec<(String, Book)>;

/// What was asked of the cluster and what it said.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The file.
    pub flights: &'a [Flight],
    /// What the callers learned.
    pub journal: &'a Journal,
    /// The node that was killed, and what stood on it.
    pub loss: &'a Loss,
    /// Every aircraft's book after the last flight, or why it did not say.
    pub books: &'a BTreeMap<String, Book>,
    /// The answers of every carrier's group.
    pub fleets: &'a BTreeMap<String, Fleet>,
    /// The whole registry after the last flight.
    pub registered: &'a [(String, Host)],
    /// The nodes that live then.
    pub live: &'a BTreeSet<Host>,
}

/// What went with the killed node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// The node; nothing excuses an aircraft if none was killed.
    pub host: Option<Host>,
    /// The aircraft on it, each with the epoch that it had there.
    pub epochs: BTreeMap<String, u128>,
}

/// What came out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Aircraft that have every flight of the file.
    pub exact: usize,
    /// Aircraft that lived on the killed node: they have every flight since, and no other.
    pub restarted: usize,
    /// Calls that were in flight to the killed node.
    pub in_flight: usize,
    /// Everything that should not be, in words.
    pub wrong: Vec<String>,
}

impl Verdict {
    /// Whether the cluster did what it promises.
    pub fn holds(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// Compares the evidence with the plain pass.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let mut verdict = Verdict { wrong: evidence.journal.troubles.clone(), ..Verdict::default() };
    let rows = rows_by_tail(evidence.flights);
    let mut entries: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &evidence.journal.entries {
        entries.entry(&evidence.flights[entry.row].tail).or_default().push(entry);
    }
    for (tail, rows) in &rows {
        let entries = entries.get(tail.as_str()).map_or(&[][..], Vec::as_slice);
        if entries.iter().map(|entry| entry.row).ne(rows.iter().copied()) {
            verdict.wrong.push(format!("{tail}: its {} flights were not all called in order", rows.len()));
        }
        verdict.judge_aircraft(tail, entries, evidence);
    }
    verdict.judge_registry(&rows, evidence);
    verdict.judge_fleets(evidence);
    verdict
}

impl Verdict {
    fn judge_aircraft(&mut self, tail: &str, entries: &[&Entry], evidence: &Evidence<'_>) {
        let lost_at = evidence.loss.epochs.get(tail).copied();
        let kept = self.walk(tail, entries, lost_at, evidence.loss);
        let expected: Tally = kept.iter().map(|row| &evidence.flights[*row]).collect();
        match evidence.books.get(tail) {
            Some(Ok(book)) if *book == expected => match lost_at {
                None => self.exact += 1,
                Some(_) => self.restarted += 1,
            },
            Some(Ok(book)) => self.wrong.push(format!("{tail}: its book says {book:?}, the plain pass {expected:?}")),
            Some(Err(error)) => self.wrong.push(format!("{tail}: its book cannot be read: {error}")),
            None => self.wrong.push(format!("{tail}: was not asked for its book")),
        }
    }

    /// The rows that must be in the aircraft's book, checking every answer on the way.
    fn walk(&mut self, tail: &str, entries: &[&Entry], lost_at: Option<u128>, loss: &Loss) -> Vec<usize> {
        let mut kept = Vec::new();
        let mut restarted = lost_at.is_none();
        let mut newest = 0;
        for entry in entries {
            match &entry.answer {
                Answer::Entered { epoch, flights } => {
                    if *epoch < newest {
                        self.wrong
                            .push(format!("{tail}: row {} was entered at epoch {epoch:x} after {newest:x}", entry.row));
                    }
                    newest = *epoch;
                    if !restarted && lost_at.is_some_and(|lost| *epoch > lost) {
                        restarted = true;
                        kept.clear();
                    }
                    kept.push(entry.row);
                    if *flights as usize != kept.len() {
                        self.wrong.push(format!(
                            "{tail}: row {} was its flight {}, it said {flights}",
                            entry.row,
                            kept.len()
                        ));
                    }
                }
                Answer::Failed { lost, maybe, text } => {
                    if *maybe && lost_at.is_some() && lost.is_some() && *lost == loss.host {
                        self.in_flight += 1;
                    } else {
                        self.wrong.push(format!("{tail}: row {} failed: {text}", entry.row));
                    }
                }
            }
        }
        if restarted { kept } else { Vec::new() }
    }

    /// Every aircraft is registered once, on a node that lives, and nothing else is.
    fn judge_registry(&mut self, rows: &Rows, evidence: &Evidence<'_>) {
        let mut seen = BTreeSet::new();
        for (name, host) in evidence.registered {
            if !rows.contains_key(name) {
                self.wrong.push(format!("{name}: is registered, and is no aircraft of the file"));
            }
            if !seen.insert(name.as_str()) {
                self.wrong.push(format!("{name}: is registered twice"));
            }
            if !evidence.live.contains(host) {
                self.wrong.push(format!("{name}: is registered on {host}, which does not live"));
            }
        }
        let missing = rows.keys().filter(|tail| !seen.contains(tail.as_str()));
        self.wrong.extend(missing.map(|tail| format!("{tail}: is not registered")));
    }

    /// Every carrier's group is its whole fleet, and says the same as the aircraft themselves.
    fn judge_fleets(&mut self, evidence: &Evidence<'_>) {
        let mut fleets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for flight in evidence.flights {
            fleets.entry(&flight.carrier).or_default().insert(&flight.tail);
        }
        for (carrier, fleet) in fleets {
            let answers = evidence.fleets.get(carrier).map_or(&[][..], Vec::as_slice);
            let answered: BTreeSet<&str> = answers.iter().map(|(tail, _)| tail.as_str()).collect();
            if answered != fleet || answers.len() != fleet.len() {
                let (answers, fleet) = (answers.len(), fleet.len());
                self.wrong.push(format!("{carrier}: {answers} answers came from its fleet of {fleet}"));
            }
            for (tail, answer) in answers {
                match (answer, evidence.books.get(tail)) {
                    (Ok(said), Some(Ok(book))) if said == book => {}
                    (Ok(_), _) => self.wrong.push(format!("{tail}: its answer to {carrier} differs from its book")),
                    (Err(error), _) => self.wrong.push(format!("{tail}: did not answer {carrier}: {error}")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
