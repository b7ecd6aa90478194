//! Owns the workers that wait to be registered as they are (`register_local`) until the directory orders their start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::epoch::Epoch;
use crate::hash::HashMap;
use crate::name::Name;
use crate::worker::{AnyCell, Home};

/// Makes the cell of a waiting worker.
pub(crate) type Make = Box<dyn FnOnce(Name, Epoch, Arc<Home>) -> Arc<dyn AnyCell> + Send>;

/// The waiting workers of one node. The key of one stands where a record has init arguments.
#[derive(Default)]
pub(crate) struct Instances {
    next: AtomicU64,
    waiting: Mutex<HashMap<[u8; 8], Make>>,
}

impl Instances {
    pub(crate) fn keep(&self, make: Make) -> [u8; 8] {
        let key = self.next.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        self.lock().insert(key, make);
        key
    }

    pub(crate) fn take(&self, key: &[u8]) -> Option<Make> {
        self.lock().remove(&<[u8; 8]>::try_from(key).ok()?)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 8], Make>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
