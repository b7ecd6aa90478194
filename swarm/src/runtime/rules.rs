//! Owns the rules of the order of calls that tests switch off, to see that what looks for violations finds them.
//! Outside of tests every rule holds, and nothing is looked up.

/// A rule of protocol §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// L: a new next hop is taken only when what went by the old one is confirmed.
    Flush,
    /// L: what waits on a node is not confirmed to the node that it came from.
    Confirmation,
    /// G: a worker that has moved takes calls only after the rest of its old queue.
    Gate,
}

impl Rule {
    #[cfg(not(test))]
    pub(crate) const fn holds(self) -> bool {
        true
    }

    #[cfg(test)]
    pub(crate) fn holds(self) -> bool {
        OFF.get() != Some(self)
    }
}

#[cfg(test)]
thread_local!(pub(crate) static OFF: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) });
