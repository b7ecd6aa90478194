//! Owns words about calls that have come too early: who passes a call on says so to its caller, and the words of several nodes come
//! by several connections, so that a later one may come first. Never decides where a call is.

use std::collections::VecDeque;
use std::sync::PoisonError;

use swarm_net::node::NodeId;

use crate::call::pending::RequestId;
use crate::sync::{AtomicUsize, Mutex, Ordering};

/// So many are remembered. That of a call of which nothing is heard any more is forgotten for later ones.
const REMEMBERED_MAX: usize = 256;

/// What was heard too early: a call, the node that has passed it on, and the one that has it since.
#[derive(Debug, Default)]
pub(super) struct Crossed {
    words: Mutex<VecDeque<(RequestId, NodeId, NodeId)>>,
    /// So that nobody looks for the lock while there are none.
    count: AtomicUsize,
}

impl Crossed {
    /// A call is said to have gone on from a node on which it is not known to be.
    pub(super) fn keep(&self, request: RequestId, by: NodeId, to: NodeId) {
        self.change(|words| {
            if words.len() >= REMEMBERED_MAX {
                words.pop_front();
            }
            words.push_back((request, by, to));
        });
    }

    /// Where a call that is known to have come to a node has gone from there, if that was heard before.
    pub(super) fn take(&self, request: RequestId, at: NodeId) -> Option<NodeId> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.change(|words| {
            let place = words.iter().position(|(of, by, _)| (*of, *by) == (request, at))?;
            words.remove(place).map(|(.., to)| to)
        })
    }

    /// Where a call has been does not matter any more.
    pub(super) fn forget(&self, request: RequestId) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.change(|words| words.retain(|(of, ..)| *of != request));
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut VecDeque<(RequestId, NodeId, NodeId)>) -> R) -> R {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut words);
        self.count.store(words.len(), Ordering::SeqCst);
        result
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_words_the_oldest_are_forgotten() {
        let node = |boot| NodeId::new(([127, 0, 0, 1], 1).into(), boot);
        let crossed = Crossed::default();
        for request in 0..=REMEMBERED_MAX as u64 {
            crossed.keep(RequestId(request), node(1), node(2));
        }
        let from = |request| crossed.take(RequestId(request), node(1));
        assert_eq!([from(0), from(1), from(1)], [None, Some(node(2)), None]);
        crossed.forget(RequestId(2));
        assert_eq!(from(2), None);
    }
}
