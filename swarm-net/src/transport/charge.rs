//! Owns how much of what came from one peer the layers above have not worked off. Never knows what it is.

use std::sync::Arc;

use crate::sync::{AtomicUsize, Ordering};

/// What is open with one peer. Reading from it stops while it is more than the limit.
#[derive(Debug)]
pub(crate) struct Account {
    open: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// So many bytes from a peer that are not worked off yet, for as long as this lives. See `Peer::charge`.
#[derive(Debug)]
#[must_use = "it is worked off when this is dropped"]
pub struct Charge {
    open: Arc<AtomicUsize>,
    bytes: usize,
}

impl Account {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { open: Arc::new(AtomicUsize::new(0)), bytes_max }
    }

    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        // Relaxed, as all of them: nothing else is read because of it.
        self.open.fetch_add(bytes, Ordering::Relaxed);
        Charge { open: Arc::clone(&self.open), bytes }
    }

    /// Whether nothing more is to be read for now.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.open.load(Ordering::Relaxed) > self.bytes_max
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.open.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn it_is_overdrawn_until_enough_is_worked_off() {
        let account = Account::new(10);
        let (one, other) = (account.charge(10), account.charge(1));
        assert!(account.is_overdrawn());
        drop(other);
        assert!(!account.is_overdrawn(), "the limit itself is within it");
        let large = account.charge(1_000);
        drop(one);
        assert!(account.is_overdrawn());
        drop(large);
        assert!(!account.is_overdrawn());
    }
}
