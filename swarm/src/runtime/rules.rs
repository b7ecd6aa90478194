//! Owns the rules of the order of calls that tests and simulations switch off, to see that what looks for violations finds
//! them. Elsewhere every rule holds, and nothing is looked up.

/// A rule of protocol §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(any(test, feature = "sim")), expect(unreachable_pub, reason = "the simulator shows it"))]
#[non_exhaustive]
pub enum Rule {
    /// L: a new next hop is taken only when what went by the old one is confirmed.
    Flush,
    /// L: what waits on a node is not confirmed to the node that it came from.
    Confirmation,
    /// G: a worker that has moved takes calls only after the rest of its old queue.
    Gate,
    /// Who has come round to a node goes before those that have been there less often.
    Round,
}

impl Rule {
    #[cfg(not(any(test, feature = "sim")))]
    pub(crate) const fn holds(self) -> bool {
        true
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn holds(self) -> bool {
        OFF.get() != Some(self)
    }
}

#[cfg(any(test, feature = "sim"))]
impl Rule {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Flush, Self::Confirmation, Self::Gate, Self::Round];

    /// Does something on this thread without this rule.
    pub(crate) fn without<T>(self, what: impl FnOnce() -> T) -> T {
        OFF.set(Some(self));
        let result = what();
        OFF.set(None);
        result
    }
}

#[cfg(any(test, feature = "sim"))]
thread_local!(static OFF: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) });
