//! Owns until when a worker may run and answer: one look at an atomic, by whoever runs it. Never decides how long that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use swarm_net::time::Instant;

use crate::rules::Rule;

/// The time of the workers that were started under one lease of their node. Clones share it.
///
/// It can be extended while it lasts. Once it is over it stays so, whatever leases the node gets later: a thread that was
/// stopped in the middle of anything finds it over when it goes on.
#[derive(Clone, Debug, Default)]
pub struct Lease(Option<Arc<AtomicU64>>);

impl Lease {
    /// A lease that lasts as long as the node.
    pub const FOREVER: Self = Self(None);

    /// A lease until then.
    pub fn until(until: Instant) -> Self {
        Self(Some(Arc::new(AtomicU64::new(until.as_nanos()))))
    }

    /// Whether it lasts. The clock is read only if that depends on it.
    #[inline]
    pub fn holds(&self, now: impl FnOnce() -> Instant) -> bool {
        match &self.0 {
            None => true,
            Some(_) if !Rule::Lease.holds() => true,
            Some(until) => now() < Instant::from_nanos(until.load(Ordering::SeqCst)),
        }
    }

    /// Lets it last until then, unless it is over by now. Says whether it lasts.
    pub fn extend(&self, until: Instant, now: impl FnOnce() -> Instant) -> bool {
        let Some(lasts) = &self.0 else { return true };
        let before = lasts.load(Ordering::SeqCst);
        // Fails if it was ended meanwhile.
        now() < Instant::from_nanos(before)
            && lasts.compare_exchange(before, until.as_nanos().max(before), Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Ends it now.
    pub fn end(&self) {
        if let Some(until) = &self.0 {
            until.store(Instant::START.as_nanos(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> Instant {
        Instant::from_nanos(ns)
    }

    #[test]
    fn a_lease_is_extended_while_it_lasts_and_never_revived() {
        let lease = Lease::until(at(10));
        let copy = lease.clone();
        assert!(copy.holds(|| at(9)) && !copy.holds(|| at(10)));
        assert!(lease.extend(at(20), || at(9)));
        assert!(copy.holds(|| at(19)));
        assert!(lease.extend(at(15), || at(9)), "it lasts");
        assert!(copy.holds(|| at(19)), "and is not shortened");
        assert!(!lease.extend(at(30), || at(20)));
        assert!(!copy.holds(|| at(20)));
        lease.end();
        assert!(!lease.extend(at(30), || at(1)) && !copy.holds(|| at(0)));
    }

    #[test]
    fn a_lease_for_ever_never_looks_at_the_clock() {
        let clock = || -> Instant { panic!("the clock is read") };
        assert!(Lease::FOREVER.holds(clock) && Lease::FOREVER.extend(at(1), clock));
        Lease::FOREVER.end();
        assert!(Lease::FOREVER.holds(clock));
    }
}
