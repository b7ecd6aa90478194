//! Owns what threads share memory and wake each other by in the parts that are modelled: the standard library's, crossbeam's
//! and mio's, or loom's in a model. Never anything of its own that runs elsewhere.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(not(loom))]
pub(crate) use crossbeam_channel::{Receiver, Sender, unbounded};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use mio::Waker;
#[cfg(loom)]
pub(crate) use stand_ins::{Receiver, Sender, Waker, unbounded};

/// What loom cannot look into, as far as it is used: crossbeam's queue and mio's waker are trusted to do what these do.
#[cfg(loom)]
mod stand_ins {
    use std::collections::VecDeque;
    use std::io;
    use std::sync::{Arc, PoisonError};

    use super::Mutex;

    #[derive(Debug)]
    pub(crate) struct Sender<T>(Arc<Mutex<VecDeque<T>>>);

    #[derive(Debug)]
    pub(crate) struct Receiver<T>(Arc<Mutex<VecDeque<T>>>);

    pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        let queue = Arc::new(Mutex::new(VecDeque::new()));
        (Sender(queue.clone()), Receiver(queue))
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            Self(self.0.clone())
        }
    }

    impl<T> Sender<T> {
        pub(crate) fn send(&self, item: T) -> Result<(), T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(item);
            Ok(())
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn is_empty(&self) -> bool {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
        }

        pub(crate) fn try_recv(&self) -> Result<T, ()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().ok_or(())
        }
    }

    /// A wake before the wait ends the wait at once.
    #[derive(Debug, Default)]
    pub(crate) struct Waker(loom::sync::Notify);

    impl Waker {
        pub(crate) fn new(_: &mio::Registry, _: mio::Token) -> io::Result<Self> {
            Ok(Self::default())
        }

        pub(crate) fn wake(&self) -> io::Result<()> {
            self.0.notify();
            Ok(())
        }

        #[cfg(test)]
        pub(crate) fn wait(&self) {
            self.0.wait();
        }
    }
}
