//! Owns what this node was told of names that live elsewhere than at their ring owner: pinned or moving ones. A hint saves
//! a hop and the owner's thread; a stale one costs hops, and never leads to a wrong run. Never asked for correctness.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::hash::HashMap;
use crate::name::Name;

/// How many hints a node keeps: some 100 bytes each. The oldest go first.
const KEPT_MAX: usize = 65_536;

/// How long a hint is used; the owner gives a new one to whoever still calls. Short, since a stale one sends calls by a node
/// that has nothing to do with them any more, and if that node dies at that moment they may be lost with it.
const TTL: Duration = Duration::from_secs(1);

/// The hints of one node.
#[derive(Default)]
pub(crate) struct Hints {
    kept: RwLock<Kept>,
    /// So that nodes without hints look at no lock.
    count: AtomicUsize,
}

#[derive(Default)]
struct Kept {
    hosts: HashMap<Name, (NodeId, Instant)>,
    /// In the order in which they end. One whose hint was renewed since does nothing.
    ends: VecDeque<(Instant, Name)>,
}

impl Hints {
    /// Where the name lives, as far as anybody has said lately.
    pub(crate) fn get(&self, name: &Name, now: impl FnOnce() -> Instant) -> Option<NodeId> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let (host, until) = kept.hosts.get(name)?;
        (*until > now()).then_some(*host)
    }

    /// The name lives there.
    pub(crate) fn learn(&self, now: Instant, name: Name, host: NodeId) {
        let mut kept = self.write();
        let until = now + TTL;
        kept.hosts.insert(name.clone(), (host, until));
        kept.ends.push_back((until, name));
        while kept.ends.len() > KEPT_MAX || kept.ends.front().is_some_and(|(end, _)| *end <= now) {
            let Some((end, name)) = kept.ends.pop_front() else { break };
            if kept.hosts.get(&name).is_some_and(|(_, until)| *until == end) {
                kept.hosts.remove(&name);
            }
        }
        self.count.store(kept.hosts.len(), Ordering::Release);
    }

    /// How many there are.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// The name lives there no more.
    pub(crate) fn forget(&self, name: &Name, not_on: NodeId) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut kept = self.write();
        if kept.hosts.get(name).is_some_and(|(host, _)| *host == not_on) {
            kept.hosts.remove(name);
        }
        self.count.store(kept.hosts.len(), Ordering::Release);
    }

    /// The name lives on this node, so nobody is needed to say where.
    pub(crate) fn settle(&self, name: &Name) {
        if self.count.load(Ordering::Acquire) > 0 {
            let mut kept = self.write();
            kept.hosts.remove(name);
            self.count.store(kept.hosts.len(), Ordering::Release);
        }
    }

    /// Nothing lives there any more.
    pub(crate) fn lost(&self, node: NodeId) {
        if self.count.load(Ordering::Acquire) > 0 {
            let mut kept = self.write();
            kept.hosts.retain(|_, (host, _)| *host != node);
            self.count.store(kept.hosts.len(), Ordering::Release);
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u16) -> NodeId {
        NodeId::new(([127, 0, 0, 1], n).into(), u64::from(n))
    }

    #[test]
    fn a_hint_ends_by_time_by_loss_and_by_word() {
        let (hints, start) = (Hints::default(), Instant::START);
        let (a, b): (Name, Name) = ("a".into(), "b".into());
        assert_eq!(hints.get(&a, || start), None);
        hints.learn(start, a.clone(), node(1));
        hints.learn(start, b.clone(), node(2));
        assert_eq!(hints.get(&a, || start), Some(node(1)));
        assert_eq!(hints.get(&a, || start + TTL), None, "it is too old");
        hints.forget(&a, node(2));
        assert_eq!(hints.get(&a, || start), Some(node(1)), "another node says where it is not");
        hints.forget(&a, node(1));
        assert_eq!(hints.get(&a, || start), None);
        hints.lost(node(2));
        assert_eq!(hints.get(&b, || start), None);
    }

    #[test]
    fn hints_are_bounded_and_the_oldest_go_first() {
        let (hints, start) = (Hints::default(), Instant::START);
        for i in 0..=KEPT_MAX {
            hints.learn(start, i.to_string().into(), node(1));
        }
        assert_eq!(hints.get(&"0".into(), || start), None);
        assert_eq!(hints.get(&"1".into(), || start), Some(node(1)));
        assert_eq!(hints.count.load(Ordering::Acquire), KEPT_MAX);
    }
}
