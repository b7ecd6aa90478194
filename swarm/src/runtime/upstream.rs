//! Owns what one other node has sent here and has not found its place yet: held, at a gate, or on its way to a third
//! node. It answers that node's flushes (protocol §8, rule L). What finds its place at once is never counted.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tells the sender that everything before its flush has found its place.
pub(crate) type Confirm = Box<dyn Fn(u64) + Send + Sync>;

/// The unconfirmed frames of one connection.
pub(crate) struct Upstream {
    state: Mutex<State>,
    confirm: Confirm,
}

#[derive(Default)]
struct State {
    next: u64,
    open: BTreeSet<u64>,
    /// Flushes that wait, with the number that `next` had when they came; ascending.
    flushes: Vec<(u64, u64)>,
}

/// Keeps a frame unconfirmed for as long as it lives.
pub(crate) struct Unconfirmed {
    upstream: Arc<Upstream>,
    number: u64,
}

impl Upstream {
    /// A connection from which nothing has come yet.
    pub(crate) fn new(confirm: Confirm) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), confirm })
    }

    /// Keeps the frame that is being handled unconfirmed.
    pub(crate) fn keep(self: &Arc<Self>) -> Unconfirmed {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.open.insert(number);
        Unconfirmed { upstream: self.clone(), number }
    }

    /// The sender asks to be told when everything until now has found its place.
    pub(crate) fn flush(&self, id: u64) {
        let mut state = self.lock();
        if state.open.is_empty() {
            drop(state);
            (self.confirm)(id);
        } else {
            let next = state.next;
            state.flushes.push((next, id));
        }
    }

    fn release(&self, number: u64) {
        let mut state = self.lock();
        state.open.remove(&number);
        let oldest = state.open.first().copied().unwrap_or(u64::MAX);
        let settled = state.flushes.partition_point(|(next, _)| *next <= oldest);
        let done: Vec<_> = state.flushes.drain(..settled).collect();
        drop(state);
        for (_, id) in done {
            (self.confirm)(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unconfirmed {
    fn drop(&mut self) {
        self.upstream.release(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn upstream() -> (Arc<Upstream>, mpsc::Receiver<u64>) {
        let (told, heard) = mpsc::channel();
        (Upstream::new(Box::new(move |id| told.send(id).expect("the test listens"))), heard)
    }

    #[test]
    fn a_flush_with_nothing_before_it_is_confirmed_at_once() {
        let (upstream, heard) = upstream();
        upstream.flush(1);
        assert_eq!(heard.try_recv(), Ok(1));
    }

    #[test]
    fn a_flush_waits_for_what_came_before_it_and_for_nothing_else() {
        let (upstream, heard) = upstream();
        let (first, second) = (upstream.keep(), upstream.keep());
        upstream.flush(1);
        let third = upstream.keep();
        upstream.flush(2);
        drop(second);
        assert_eq!(heard.try_recv().ok(), None);
        drop(first);
        assert_eq!(heard.try_recv(), Ok(1));
        assert_eq!(heard.try_recv().ok(), None, "the third is still held");
        drop(third);
        assert_eq!(heard.try_recv(), Ok(2));
    }
}
