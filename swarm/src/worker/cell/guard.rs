//! Owns the running of user code: the frame on the thread's stack, and the catching of panics.
//! Never lets a panic out.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::worker::AnyCell;
use crate::worker::core::Core;
use crate::worker::running::{self, Awaited};

/// Runs `code` as the worker of `core`; a panic gives its text. What `code` owned is dropped by the unwinding, so
/// nothing half-changed is seen again.
pub(super) fn guarded<T>(core: &Core, awaited: Awaited, code: impl FnOnce() -> T) -> Result<T, String> {
    let _frame = running::enter(core, awaited);
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| text_of(&*panic))
}

/// A future that is polled as the worker of `cell`; a panic gives its text. It is dropped there as well.
pub(super) struct Guarded<T> {
    cell: Arc<dyn AnyCell>,
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T> Guarded<T> {
    pub(super) fn new(cell: Arc<dyn AnyCell>, future: Pin<Box<dyn Future<Output = T> + Send>>) -> Self {
        Self { cell, future: Some(future) }
    }
}

impl<T> Future for Guarded<T> {
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let future = this.future.as_mut().expect("a guarded future is not polled after it was ready");
        let result = match guarded(this.cell.core(), Awaited::Nobody, || future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(text) => Err(text),
        };
        discard(this.cell.core(), this.future.take());
        Poll::Ready(result)
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        discard(self.cell.core(), self.future.take());
    }
}

/// Drops what may hold a user's value.
pub(super) fn discard<T>(core: &Core, value: T) {
    if let Err(text) = guarded(core, Awaited::Nobody, || drop(value)) {
        tracing::error!(name = %core.name, text, "a worker panicked while it was dropped");
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a text".into())
}
