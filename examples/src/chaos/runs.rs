//! Owns a set of numbers that mostly follow each other, as the runs of those that do. Never takes memory by the number.

/// Numbers from the first to the last, both included.
#[swarm::message]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

/// A set of numbers: runs in order, with a gap between any two.
#[swarm::message]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// The runs.
    pub runs: Vec<Run>,
}

impl Runs {
    /// No number.
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// Adds a number; says whether it is new.
    pub fn insert(&mut self, number: u32) -> bool {
        let at = self.runs.partition_point(|run| run.last < number);
        if self.runs.get(at).is_some_and(|run| run.first <= number) {
            return false;
        }
        let after = at > 0 && self.runs[at - 1].last.checked_add(1) == Some(number);
        let before = self.runs.get(at).is_some_and(|run| number.checked_add(1) == Some(run.first));
        match (after, before) {
            (true, true) => {
                self.runs[at - 1].last = self.runs[at].last;
                self.runs.remove(at);
            }
            (true, false) => self.runs[at - 1].last = number,
            (false, true) => self.runs[at].first = number,
            (false, false) => self.runs.insert(at, Run { first: number, last: number }),
        }
        true
    }

    /// Whether it has a number.
    pub fn contains(&self, number: u32) -> bool {
        let at = self.runs.partition_point(|run| run.last < number);
        self.runs.get(at).is_some_and(|run| run.first <= number)
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.last - run.first) + 1).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.runs.iter().flat_map(|run| run.first..=run.last)
    }

    /// Adds those of another set.
    pub fn absorb(&mut self, other: &Self) {
        for number in other.iter() {
            self.insert(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_insertion_gives_the_same_runs() {
        let orders = [[1, 2, 3, 7, 8], [8, 7, 3, 2, 1], [1, 3, 2, 8, 7], [3, 8, 1, 7, 2]];
        for order in orders {
            let mut runs = Runs::new();
            assert!(order.iter().all(|number| runs.insert(*number)), "{order:?}");
            assert!(order.iter().all(|number| !runs.insert(*number)), "{order:?}");
            assert_eq!(runs.runs, [Run { first: 1, last: 3 }, Run { first: 7, last: 8 }], "{order:?}");
            assert_eq!((runs.len(), runs.contains(2), runs.contains(5)), (5, true, false));
            assert_eq!(runs.iter().collect::<Vec<_>>(), [1, 2, 3, 7, 8]);
        }
    }

    #[test]
    fn a_set_absorbs_another() {
        let mut one = Runs { runs: vec![Run { first: 1, last: 3 }] };
        one.absorb(&Runs { runs: vec![Run { first: 2, last: 5 }, Run { first: 9, last: 9 }] });
        assert_eq!(one.runs, [Run { first: 1, last: 5 }, Run { first: 9, last: 9 }]);
    }
}
