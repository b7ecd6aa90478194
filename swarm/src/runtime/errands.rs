//! Owns the tasks that orders of the directory give rise to. Those of one turn are begun together, so that one wake-up of
//! tokio serves many; who is not ready at once goes on alone. Never runs anything on the control thread.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::task::coop;

use crate::runtime::desk::Desk;

/// Something to do for a cell.
type Errand = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The errands of one node that nobody has begun yet.
#[derive(Clone, Default)]
pub(crate) struct Errands(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    waiting: VecDeque<Errand>,
    /// How many tasks begin them. As many as tokio has threads, so that user code which blocks one of them holds up
    /// nobody but itself.
    runners: usize,
}

impl Errands {
    /// Something to do, at the next [`launch`](Self::launch).
    pub(crate) fn add(&self, errand: impl Future<Output = ()> + Send + 'static) {
        self.lock().waiting.push_back(Box::pin(errand));
    }

    /// Has what was added begun.
    pub(crate) fn launch(&self, tokio: &Handle, desk: &Arc<Desk>) {
        let mut open = self.lock();
        if open.waiting.is_empty() || open.runners >= tokio.metrics().num_workers() {
            return;
        }
        open.runners += 1;
        drop(open);
        tokio.spawn(self.clone().run(tokio.clone(), desk.clone()));
    }

    /// Begins one after the other, then has what they report taken in.
    async fn run(self, tokio: Handle, desk: Arc<Desk>) {
        while let Some(mut errand) = self.next() {
            let begun = poll_fn(|cx| Poll::Ready(errand.as_mut().poll(cx))).await;
            if begun.is_pending() {
                let desk = desk.clone();
                tokio.spawn(async move {
                    errand.await;
                    desk.turn();
                });
            }
            coop::consume_budget().await;
        }
        desk.turn();
    }

    /// The next one to begin, or the end of a runner.
    fn next(&self) -> Option<Errand> {
        let mut open = self.lock();
        let next = open.waiting.pop_front();
        if next.is_none() {
            open.runners -= 1;
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
