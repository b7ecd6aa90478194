//! Owns the callers whose answers one read has brought, until a round is made for them. Never leaves one of them asleep: who collects
//! them takes them.

use std::cell::{Cell, RefCell};
use std::task::Waker;

thread_local! {
    /// This thread comes back for those that it has collected.
    static COLLECTS: Cell<bool> = const { Cell::new(false) };
    static COLLECTED: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// From now on this thread collects whom it would wake, until it takes them.
pub(crate) fn collect() {
    COLLECTS.set(true);
}

/// Whether it does.
pub(crate) fn is_collecting() -> bool {
    COLLECTS.get()
}

/// Wakes somebody, now or with the others.
pub(crate) fn wake(waker: Waker) {
    if COLLECTS.get() {
        COLLECTED.with_borrow_mut(|collected| collected.push(waker));
    } else {
        waker.wake();
    }
}

/// How many are collected.
pub(crate) fn len() -> usize {
    COLLECTED.with_borrow(Vec::len)
}

/// Moves those that were collected to the end of `wakers`, and collects no more.
pub(crate) fn take(wakers: &mut Vec<Waker>) {
    COLLECTS.set(false);
    COLLECTED.with_borrow_mut(|collected| wakers.append(collected));
}

/// Wakes those that were collected, and collects no more.
pub(crate) fn wake_all() {
    COLLECTS.set(false);
    while let Some(waker) = COLLECTED.with_borrow_mut(Vec::pop) {
        waker.wake();
    }
}
