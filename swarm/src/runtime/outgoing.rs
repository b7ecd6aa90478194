//! Owns what waits for room on the connections for bulk, a line for each node: pieces of states, and questions for them. Never
//! sends anything.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::wire::Frame;

/// How many pieces, and questions for them, may wait for room in the queue to one node. It asks for a few at a time of each worker
/// that it takes over, and takes over a few hundred at a time (`moves_max`) from each owner.
const WAITING_MAX: usize = 4096;

/// What waits for room on the connections for bulk, in order, for each node to which anything does: one task sends it.
#[derive(Default)]
pub(crate) struct Outgoing(Mutex<BTreeMap<NodeId, VecDeque<Frame>>>);

/// What became of a frame.
pub(crate) enum Lined {
    /// It waits behind others.
    Behind,
    /// Nothing waits: it may be sent at once.
    Free(Frame),
    /// Too much waits.
    Full,
}

impl Outgoing {
    /// Has a frame wait, if others do. What is sent while they wait would overtake them.
    pub(crate) fn line_up(&self, to: NodeId, frame: Frame) -> Lined {
        match self.lock().get_mut(&to) {
            None => Lined::Free(frame),
            Some(line) if line.len() >= WAITING_MAX => Lined::Full,
            Some(line) => {
                line.push_back(frame);
                Lined::Behind
            }
        }
    }

    pub(crate) fn is_full(&self, to: NodeId) -> bool {
        self.lock().get(&to).is_some_and(|line| line.len() >= WAITING_MAX)
    }

    /// The first frame of a line that waits. Says whether it has just begun, so that somebody has to send it.
    pub(crate) fn begin(&self, to: NodeId, frame: Frame) -> bool {
        let mut lines = self.lock();
        let begins = !lines.contains_key(&to);
        lines.entry(to).or_default().push_back(frame);
        begins
    }

    /// What is to be sent next. When there is nothing, the line has ended.
    pub(crate) fn next(&self, to: NodeId) -> Option<Frame> {
        let mut lines = self.lock();
        let next = lines.get_mut(&to)?.pop_front();
        if next.is_none() {
            lines.remove(&to);
        }
        next
    }

    /// Nothing more goes to a node.
    pub(crate) fn end(&self, to: NodeId) {
        self.lock().remove(&to);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, VecDeque<Frame>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::call::frame::kind;

    fn node(boot: u64) -> NodeId {
        NodeId::new(([127, 0, 0, 1], 1).into(), boot)
    }

    /// What comes while others wait goes behind them, also when the last of them is on its way.
    #[test]
    fn what_waits_is_sent_in_order() {
        let (outgoing, frame) = (Outgoing::default(), |tag| Frame::new(kind::STATE, [0; 24], &[]).tag(tag));
        assert!(matches!(outgoing.line_up(node(1), frame(0)), Lined::Free(_)));
        assert!(outgoing.begin(node(1), frame(1)));
        assert!(!outgoing.begin(node(1), frame(2)), "somebody sends it already");
        assert!(matches!(outgoing.line_up(node(1), frame(3)), Lined::Behind));
        assert!(matches!(outgoing.line_up(node(2), frame(0)), Lined::Free(_)), "another node");
        let next = || outgoing.next(node(1)).map(|frame| frame.tag);
        assert_eq!([next(), next(), next()], [Some(1), Some(2), Some(3)]);
        assert!(
            matches!(outgoing.line_up(node(1), frame(4)), Lined::Behind),
            "the last one may not have been sent yet"
        );
        assert_eq!([next(), next()], [Some(4), None]);
        assert!(outgoing.lock().is_empty(), "nothing is left of it");
    }

    #[test]
    fn for_who_reads_nothing_no_more_than_its_share_waits() {
        let (outgoing, frame) = (Outgoing::default(), || Frame::new(kind::STATE, [0; 24], &[]));
        outgoing.begin(node(1), frame());
        assert!((1..WAITING_MAX).all(|_| matches!(outgoing.line_up(node(1), frame()), Lined::Behind)));
        assert!(matches!(outgoing.line_up(node(1), frame()), Lined::Full));
        assert_eq!([1, 2].map(|boot| outgoing.is_full(node(boot))), [true, false]);
        outgoing.end(node(1));
        assert!(outgoing.lock().is_empty());
    }
}
