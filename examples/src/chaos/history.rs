//! Owns what one caller did with one name, and the comparison of that with what the name's book has in the end. Never
//! calls anybody.

use swarm::prelude::*;

use super::book::{Entered, Pages};
use super::runs::Runs;

/// The entries of one caller in one book, numbered from 0 in the order of its calls.
#[derive(Clone, Debug, Default)]
pub struct History {
    next: u32,
    /// What was acknowledged, by the birth of the state that did.
    answered: Vec<(u128, Runs)>,
    failed: Vec<(u32, Executed)>,
}

/// What differs between a history and a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Acknowledged, and missing in the state that acknowledged it or in one that was united with it.
    pub lost: u64,
    /// Acknowledged by a state that is gone as a whole.
    pub gone: u64,
    /// Found by the book to have come more than once.
    pub doubled: u64,
    /// There, though the caller was told that it had not run, or though it never called.
    pub ran_after_all: u64,
    /// Not there, though the caller was told that it had run.
    pub never_ran: u64,
}

impl Audit {
    /// Takes in another.
    pub fn absorb(&mut self, other: Self) {
        self.lost += other.lost;
        self.gone += other.gone;
        self.doubled += other.doubled;
        self.ran_after_all += other.ran_after_all;
        self.never_ran += other.never_ran;
    }

    /// Nothing differs but what went with a whole state.
    pub fn is_sound(self) -> bool {
        Self { gone: 0, ..self } == Self::default()
    }
}

impl History {
    /// The number of the next entry, which is called now.
    pub fn begin(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Notes an answer. Says whether the book has at least what it had acknowledged before.
    pub fn answered(&mut self, number: u32, entered: &Entered) -> bool {
        let at = self.answered.iter().position(|(born, _)| *born == entered.born).unwrap_or_else(|| {
            self.answered.push((entered.born, Runs::new()));
            self.answered.len() - 1
        });
        let known = &mut self.answered[at].1;
        known.insert(number);
        entered.entries >= known.len()
    }

    /// Notes a failure and what its error said.
    pub fn failed(&mut self, number: u32, executed: Executed) {
        self.failed.push((number, executed));
    }

    /// Compares with the book, where this caller is `stream`.
    pub fn audit(&self, stream: u32, pages: &Pages) -> Audit {
        let found = pages.streams.iter().find(|found| found.id == stream);
        let none = Runs::new();
        let entries = found.map_or(&none, |found| &found.entries);
        let mut audit = Audit { doubled: found.map_or(0, |found| u64::from(found.doubled)), ..Audit::default() };
        for (born, known) in &self.answered {
            if pages.born.contains(born) {
                audit.lost += known.iter().filter(|number| !entries.contains(*number)).count() as u64;
            } else {
                audit.gone += known.len();
            }
        }
        // Where a state is gone nobody knows in which one a failed call ran.
        let whole = audit.gone == 0 && self.answered.len() == 1;
        for (number, executed) in &self.failed {
            match executed {
                Executed::No => audit.ran_after_all += u64::from(entries.contains(*number)),
                Executed::Yes => audit.never_ran += u64::from(whole && !entries.contains(*number)),
                Executed::Maybe => {}
            }
        }
        audit.ran_after_all += entries.iter().filter(|number| *number >= self.next).count() as u64;
        audit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::book::Stream;
    use crate::chaos::runs::Run;

    const STREAM: u32 = 3;

    fn entered(born: u128, entries: u64) -> Entered {
        Entered { epoch: born, born, entries, host: 1 }
    }

    fn pages(born: &[u128], runs: &[(u32, u32)], doubled: u32) -> Pages {
        let runs = runs.iter().map(|(first, last)| Run { first: *first, last: *last }).collect();
        Pages { born: born.to_vec(), streams: vec![Stream { id: STREAM, entries: Runs { runs }, doubled }] }
    }

    /// Three entries acknowledged by the state that was born at 10, and one that failed.
    fn history(executed: Executed) -> History {
        let mut history = History::default();
        for entries in 1..=3 {
            let number = history.begin();
            assert!(history.answered(number, &entered(10, entries)));
        }
        let number = history.begin();
        history.failed(number, executed);
        history
    }

    #[test]
    fn a_book_that_has_everything_is_sound() {
        for executed in [Executed::No, Executed::Maybe] {
            assert_eq!(history(executed).audit(STREAM, &pages(&[10], &[(0, 2)], 0)), Audit::default());
        }
        for executed in [Executed::Yes, Executed::Maybe] {
            assert_eq!(history(executed).audit(STREAM, &pages(&[10], &[(0, 3)], 0)), Audit::default());
        }
    }

    #[test]
    fn every_difference_is_found() {
        let of = |executed, pages| history(executed).audit(STREAM, &pages);
        let lost = Audit { lost: 1, ..Audit::default() };
        assert_eq!(of(Executed::Maybe, pages(&[10], &[(0, 0), (2, 2)], 0)), lost);
        assert_eq!(of(Executed::Maybe, pages(&[20], &[], 0)), Audit { gone: 3, ..Audit::default() });
        assert_eq!(of(Executed::Maybe, pages(&[20, 10], &[(0, 2)], 0)), Audit::default(), "united");
        assert_eq!(of(Executed::Maybe, pages(&[10], &[(0, 2)], 2)), Audit { doubled: 2, ..Audit::default() });
        assert_eq!(of(Executed::No, pages(&[10], &[(0, 3)], 0)), Audit { ran_after_all: 1, ..Audit::default() });
        assert_eq!(of(Executed::Maybe, pages(&[10], &[(0, 4)], 0)), Audit { ran_after_all: 1, ..Audit::default() });
        assert_eq!(of(Executed::Yes, pages(&[10], &[(0, 2)], 0)), Audit { never_ran: 1, ..Audit::default() });
        assert!(!lost.is_sound());
    }

    #[test]
    fn an_answer_from_a_book_that_has_forgotten_is_noticed() {
        let mut history = history(Executed::Maybe);
        let number = history.begin();
        assert!(!history.answered(number, &entered(10, 3)), "it had three before this one");
        let number = history.begin();
        assert!(history.answered(number, &entered(20, 1)), "another state begins anew");
    }
}
