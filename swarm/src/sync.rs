//! Owns what threads share memory by in the parts that are modelled: the standard library's, or loom's in a model.
//! Never anything of its own but what sleeps.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A place for one value, which threads exchange. Each exchange follows another, and sees all that was done before that.
#[cfg(not(loom))]
pub(crate) struct Place<T>(crossbeam_utils::atomic::AtomicCell<Option<Box<T>>>);

#[cfg(not(loom))]
impl<T> Place<T> {
    #[inline]
    pub(crate) fn exchange(&self, value: Option<Box<T>>) -> Option<Box<T>> {
        self.0.swap(value)
    }
}

#[cfg(not(loom))]
impl<T> Default for Place<T> {
    fn default() -> Self {
        Self(crossbeam_utils::atomic::AtomicCell::new(None))
    }
}

/// The same in a model: who locks it sees just as much, and no more.
#[cfg(loom)]
pub(crate) struct Place<T>(Mutex<Option<Box<T>>>);

#[cfg(loom)]
impl<T> Place<T> {
    pub(crate) fn exchange(&self, value: Option<Box<T>>) -> Option<Box<T>> {
        let mut place = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::replace(&mut place, value)
    }
}

#[cfg(loom)]
impl<T> Default for Place<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// By what one thread sleeps until another wakes it. To wake it before it sleeps ends its next sleep at once.
#[cfg(not(loom))]
#[derive(Default)]
pub(crate) struct Bell(std::sync::OnceLock<std::thread::Thread>);

#[cfg(not(loom))]
impl Bell {
    /// From now on it is this thread's.
    pub(crate) fn take(&self) {
        // A second one would sleep at it in vain, and there is none.
        let _ = self.0.set(std::thread::current());
    }

    pub(crate) fn ring(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }

    /// Sleeps so long at most.
    pub(crate) fn wait(&self, longest: std::time::Duration) {
        std::thread::park_timeout(longest);
    }
}

/// The same in a model, where time stands still: who is woken by nothing else is not woken.
#[cfg(loom)]
#[derive(Default)]
pub(crate) struct Bell(loom::sync::Notify);

#[cfg(loom)]
impl Bell {
    pub(crate) fn take(&self) {}

    pub(crate) fn ring(&self) {
        self.0.notify();
    }

    pub(crate) fn wait(&self, _longest: std::time::Duration) {
        self.0.wait();
    }
}
