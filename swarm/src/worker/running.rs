//! Owns which workers this thread is running now, innermost last: for self-calls, nesting, and the current node.
//! Never outlives one poll: a frame is pushed when a handler is polled and popped when the poll returns.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use crate::worker::core::Core;
use crate::worker::{Home, Host};

/// So many handlers may run nested on one thread's stack; further calls are queued and run on tokio.
pub(crate) const DEPTH_MAX: usize = 16;

thread_local!(static STACK: RefCell<Stack> = const { RefCell::new(Stack { frames: Vec::new(), home: Weak::new() }) });

struct Stack {
    frames: Vec<Frame>,
    /// Where the innermost worker lives. Most threads run workers of one node only, so it stays from one frame to the next.
    home: Weak<Home>,
}

struct Frame {
    /// Only to be compared: whoever entered keeps the cell.
    core: *const Core,
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
pub(crate) struct Entered<'a> {
    _core: &'a Core,
    /// Where the worker below lives, if that is elsewhere.
    below: Option<Weak<Home>>,
}

/// Notes that this thread runs the worker of `core` until the guard is dropped.
#[inline]
pub(crate) fn enter(core: &Core, awaited: Awaited) -> Entered<'_> {
    let below = STACK.with_borrow_mut(|stack| {
        stack.frames.push(Frame { core, awaited });
        let same = std::ptr::eq(stack.home.as_ptr(), Arc::as_ptr(&core.home));
        (!same).then(|| std::mem::replace(&mut stack.home, Arc::downgrade(&core.home)))
    });
    Entered { _core: core, below }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| {
            stack.frames.pop();
            if let Some(home) = self.below.take().filter(|_| !stack.frames.is_empty()) {
                stack.home = home;
            }
        });
    }
}

/// How many handlers run nested on this thread.
#[inline]
pub(crate) fn depth() -> usize {
    STACK.with_borrow(|stack| stack.frames.len())
}

/// Whether a call to the worker of the cell of `core`, made now, would wait for a handler that waits for this call.
#[inline]
pub(crate) fn waits_for(core: &Core) -> bool {
    STACK.with_borrow(|stack| {
        for frame in stack.frames.iter().rev() {
            if std::ptr::eq(frame.core, core) {
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
    let home = STACK.with_borrow(|stack| if stack.frames.is_empty() { None } else { stack.home.upgrade() })?;
    Some(home.host.clone())
}
