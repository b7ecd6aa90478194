//! Owns which counters of one sender have been seen. Never takes one a second time.

/// Counters behind the highest one that may still come: packets overtake each other, but not by so many.
pub(crate) const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// The last [`WINDOW`] counters up to the highest one seen. What is below counts as seen.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    top: u64,
    /// The bit of a counter is that of its remainder: nothing is moved when the top grows.
    seen: [u64; WORDS],
}

impl Window {
    /// Everything up to `top` has been seen, or is not to be.
    pub(crate) fn above(top: u64) -> Self {
        Self { top, seen: [u64::MAX; WORDS] }
    }

    /// Whether a counter has not been seen before. It has from now on.
    pub(crate) fn accept(&mut self, counter: u64) -> bool {
        if counter > self.top {
            // Those in between have not been seen. Beyond a whole window all bits stand for new counters.
            for new in (self.top + 1..=counter).rev().take(WINDOW as usize) {
                let (word, bit) = place(new);
                self.seen[word] &= !bit;
            }
            self.top = counter;
        } else if self.top - counter >= WINDOW {
            return false;
        }
        let (word, bit) = place(counter);
        let fresh = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        fresh
    }
}

fn place(counter: u64) -> (usize, u64) {
    let bit = counter % WINDOW;
    ((bit / 64) as usize, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The same, by remembering everything.
    struct Model {
        top: u64,
        floor: u64,
        seen: BTreeSet<u64>,
    }

    impl Model {
        fn accept(&mut self, counter: u64) -> bool {
            self.top = self.top.max(counter);
            counter > self.floor && self.top - counter < WINDOW && self.seen.insert(counter)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

        #[test]
        fn it_agrees_with_one_that_remembers_everything(
            floor in prop_oneof![Just(0), 0u64..5_000, Just(u64::MAX - 9_000)],
            steps in prop::collection::vec(
                prop_oneof![4 => -40i64..40, 2 => -1_100i64..1_100, 1 => -3_000i64..3_000, 1 => Just(1_024), 1 => Just(-1_024), 1 => Just(0)],
                1..300,
            ),
        ) {
            let (mut window, mut model) = (Window::above(floor), Model { top: floor, floor, seen: BTreeSet::new() });
            for step in steps {
                let counter = model.top.saturating_add_signed(step);
                prop_assert_eq!(window.accept(counter), model.accept(counter), "{} at {}", counter, model.top);
            }
        }
    }

    #[test]
    fn the_highest_counter_there_is_costs_no_more_than_any() {
        let mut window = Window::above(0);
        assert!(window.accept(u64::MAX));
        assert!(!window.accept(u64::MAX) && window.accept(u64::MAX - 1) && !window.accept(1));
    }
}
