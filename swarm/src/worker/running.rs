//! Owns which workers this thread is running now, innermost last: for self-calls, nesting, and the current node.
//! Never outlives one poll: a frame is pushed when a handler is polled and popped when the poll returns.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::{Arc, Weak};

use crate::worker::core::Core;
use crate::worker::{Home, Host};

/// So many handlers may run nested on one thread's stack; further calls are queued and run on tokio.
pub(crate) const DEPTH_MAX: usize = 16;

thread_local! {
    /// What nearly all handlers need, who are alone on their stack. Nothing of it is dropped, so it is there without a look.
    static TOP: Top = const { Top { depth: Cell::new(0), frame: Cell::new(NOBODY), home: Cell::new(ptr::null()) } };
    /// The frames below the innermost.
    static BELOW: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    /// Where the innermost worker lives. Most threads run workers of one node only, so it stays from one frame to the next.
    static HOME: RefCell<Weak<Home>> = const { RefCell::new(Weak::new()) };
}

struct Top {
    depth: Cell<usize>,
    /// The innermost, if there is one.
    frame: Cell<Frame>,
    /// Which is in [`HOME`]. Only to be compared: no other has its address as long as it is there.
    home: Cell<*const Home>,
}

#[derive(Clone, Copy)]
struct Frame {
    /// Only to be compared: whoever entered keeps the cell.
    core: *const Core,
    awaited: Awaited,
}

const NOBODY: Frame = Frame { core: ptr::null(), awaited: Awaited::Nobody };

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
    let below = TOP.with(|top| {
        let under = top.frame.replace(Frame { core, awaited });
        if top.depth.replace(top.depth.get() + 1) > 0 {
            BELOW.with_borrow_mut(|frames| frames.push(under));
        }
        let same = top.home.get() == Arc::as_ptr(&core.home);
        (!same).then(|| top.live_at(Arc::downgrade(&core.home)))
    });
    Entered { _core: core, below }
}

impl Top {
    /// Gives the one before.
    #[cold]
    fn live_at(&self, home: Weak<Home>) -> Weak<Home> {
        self.home.set(home.as_ptr());
        HOME.replace(home)
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        TOP.with(|top| {
            let depth = top.depth.get() - 1;
            top.depth.set(depth);
            if depth > 0 {
                top.frame.set(BELOW.with_borrow_mut(Vec::pop).unwrap_or(NOBODY));
                if let Some(home) = self.below.take() {
                    top.live_at(home);
                }
            }
        });
    }
}

/// How many handlers run nested on this thread.
#[inline]
pub(crate) fn depth() -> usize {
    TOP.with(|top| top.depth.get())
}

/// Whether a call to the worker of the cell of `core`, made now, would wait for a handler that waits for this call.
#[inline]
pub(crate) fn waits_for(core: &Core) -> bool {
    TOP.with(|top| top.depth.get() > 0 && is_awaited(core, top.frame.get()))
}

fn is_awaited(core: &Core, innermost: Frame) -> bool {
    BELOW.with_borrow(|below| {
        for frame in [&innermost].into_iter().chain(below.iter().rev()) {
            if ptr::eq(frame.core, core) {
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
    let home = if depth() > 0 { HOME.with_borrow(Weak::upgrade)? } else { return None };
    Some(home.host.clone())
}
