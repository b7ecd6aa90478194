//! Owns how one thread publishes what all others read without waiting: a value that is replaced whole. Never changes one in
//! place.

use std::ops::Deref;
use std::sync::Arc;

#[cfg(not(loom))]
use arc_swap::ArcSwap;

#[cfg(loom)]
use crate::sync::Mutex;

/// The latest value. In a model of threads it stands behind a lock; `arc-swap` has proofs of its own.
pub(crate) struct Snapshot<T> {
    #[cfg(not(loom))]
    latest: ArcSwap<T>,
    #[cfg(loom)]
    latest: Mutex<Arc<T>>,
}

#[cfg(not(loom))]
impl<T> Snapshot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { latest: ArcSwap::from_pointee(value) }
    }

    /// What was published last.
    pub(crate) fn read(&self) -> impl Deref<Target = Arc<T>> + use<T> {
        self.latest.load()
    }

    /// From now on this is read.
    pub(crate) fn publish(&self, value: T) {
        self.latest.store(Arc::new(value));
    }
}

#[cfg(loom)]
impl<T> Snapshot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { latest: Mutex::new(Arc::new(value)) }
    }

    pub(crate) fn read(&self) -> impl Deref<Target = Arc<T>> + use<T> {
        let latest = self.latest.lock().expect("nobody panics with it").clone();
        Box::new(latest)
    }

    pub(crate) fn publish(&self, value: T) {
        *self.latest.lock().expect("nobody panics with it") = Arc::new(value);
    }
}
