//! Owns answers to nodes that this one is not connected to yet: a caller that has just joined is answered by a host that its
//! call came to by another node. Never keeps one for longer than a connection takes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use swarm_net::wire::Frame;

/// Members dial each other as soon as one hears of the other. Who has not come by then is gone.
const KEPT: Duration = Duration::from_secs(5);

/// So many wait at most: the oldest gives way, and its caller hears nothing.
const KEPT_MAX: usize = 1_024;

/// So many bytes of them, likewise, unless a single one has more.
const BYTES_MAX: usize = 16 << 20;

/// Answers that wait for a connection, in order.
#[derive(Default)]
pub(crate) struct EarlyAnswers(Mutex<VecDeque<Early>>);

struct Early {
    to: NodeId,
    since: Instant,
    frame: Frame,
}

impl EarlyAnswers {
    pub(crate) fn keep(&self, now: Instant, to: NodeId, frame: Frame) {
        let mut all = self.lock();
        let mut bytes: usize = frame.body().len() + all.iter().map(|early| early.frame.body().len()).sum::<usize>();
        while let Some(oldest) = all.front()
            && (all.len() >= KEPT_MAX || bytes > BYTES_MAX || oldest.since + KEPT <= now)
        {
            bytes -= oldest.frame.body().len();
            all.pop_front();
        }
        all.push_back(Early { to, since: now, frame });
    }

    /// Takes out what waits for a node that is connected now.
    pub(crate) fn take(&self, to: NodeId) -> Vec<Frame> {
        let mut all = self.lock();
        if all.is_empty() {
            return Vec::new();
        }
        let (due, others): (VecDeque<_>, _) = std::mem::take(&mut *all).into_iter().partition(|early| early.to == to);
        *all = others;
        due.into_iter().map(|early| early.frame).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Early>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::frame::kind;

    fn node(i: u8) -> NodeId {
        NodeId::new(([10, 0, 0, i], 7).into(), i.into())
    }

    fn at(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }

    fn answer(request: u8) -> Frame {
        Frame::new(kind::REPLY, [0; 24], &[&[request]])
    }

    fn taken(early: &EarlyAnswers, to: NodeId) -> Vec<u8> {
        early.take(to).iter().map(|frame| frame.body()[0]).collect()
    }

    #[test]
    fn an_answer_waits_for_its_callers_connection() {
        let early = EarlyAnswers::default();
        [(1, 0), (2, 1), (1, 2)].into_iter().for_each(|(to, request)| early.keep(at(1), node(to), answer(request)));
        assert_eq!(taken(&early, node(1)), [0, 2]);
        assert_eq!(taken(&early, node(1)), [0_u8; 0], "once");
        assert_eq!(taken(&early, node(2)), [1]);
    }

    #[test]
    fn who_never_comes_is_forgotten() {
        let early = EarlyAnswers::default();
        early.keep(at(1), node(1), answer(0));
        early.keep(at(6), node(2), answer(1));
        assert_eq!(taken(&early, node(1)), [0_u8; 0]);
        (0..=KEPT_MAX).for_each(|_| early.keep(at(7), node(3), answer(2)));
        assert_eq!(taken(&early, node(2)), [0_u8; 0]);
        assert_eq!(taken(&early, node(3)).len(), KEPT_MAX);
        let large = |request| Frame::new(kind::REPLY, [0; 24], &[&[request], &vec![0; BYTES_MAX / 2]]);
        (0..3).for_each(|request| early.keep(at(7), node(4), large(request)));
        assert_eq!(taken(&early, node(4)), [2], "two of them have too many bytes");
    }
}
