//! Owns which workers this thread is running now, innermost last: for self-calls, nesting, and the current node.
//! Never outlives one poll: a frame is pushed when a handler is polled and popped when the poll returns.

use std::cell::RefCell;
use std::sync::Arc;

use crate::worker::core::Core;
use crate::worker::{AnyCell, Host};

/// So many handlers may run nested on one thread's stack; further calls are queued and run on tokio.
pub(crate) const DEPTH_MAX: usize = 16;

thread_local!(static STACK: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) });

struct Frame {
    cell: Arc<dyn AnyCell>,
    awaited: Awaited,
}

/// Whether the frame below waits for this one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// By the handler below, which called it.
    Below,
    /// By nobody on this stack: a cast, or a task of its own.
    Nobody,
}

/// Pops its frame when it is dropped.
#[must_use]
pub(crate) struct Entered(());

/// Notes that this thread runs the worker of `cell` until the guard is dropped.
pub(crate) fn enter(cell: Arc<dyn AnyCell>, awaited: Awaited) -> Entered {
    STACK.with_borrow_mut(|stack| stack.push(Frame { cell, awaited }));
    Entered(())
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The frame is dropped after the borrow: its cell may be the last one.
        let frame = STACK.with_borrow_mut(Vec::pop);
        drop(frame);
    }
}

/// How many handlers run nested on this thread.
pub(crate) fn depth() -> usize {
    STACK.with_borrow(Vec::len)
}

/// Whether a call to the worker of the cell of `core`, made now, would wait for a handler that waits for this call.
pub(crate) fn waits_for(core: &Core) -> bool {
    STACK.with_borrow(|stack| {
        for frame in stack.iter().rev() {
            if std::ptr::eq(frame.cell.core(), core) {
                return true;
            }
            if frame.awaited == Awaited::Nobody {
                return false;
            }
        }
        false
    })
}

/// The node whose worker this thread runs, if it runs one.
pub fn host() -> Option<Arc<dyn Host>> {
    STACK.with_borrow(|stack| stack.last().map(|frame| frame.cell.core().home.host.clone()))
}
