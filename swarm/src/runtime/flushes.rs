//! Owns the talk by which two nodes keep calls in order: a flush asks what was sent before to be confirmed, and the answer
//! lets what waits go on. Never keeps a letter itself.

use std::sync::{Arc, PoisonError, RwLock};

use swarm_net::node::NodeId;

use crate::call::frame::{Visits, answer_head, kind};
use crate::hash::HashMap;
use crate::runtime::Node;
use crate::runtime::lane::LaneId;
use crate::runtime::relays::{self, Confirmed};
use crate::runtime::upstream::Upstream;

/// What the other nodes have sent here without finding its place yet, by node.
#[derive(Default)]
pub(crate) struct Upstreams(RwLock<HashMap<NodeId, Arc<Upstream>>>);

impl Upstreams {
    /// What was sent on a connection that is no more counts no more.
    pub(crate) fn forget(&self, from: NodeId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&from);
    }

    fn known(&self, from: NodeId) -> Option<Arc<Upstream>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&from).cloned()
    }

    fn known_or(&self, from: NodeId, make: impl FnOnce() -> Arc<Upstream>) -> Arc<Upstream> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(from).or_insert_with(make).clone()
    }

    #[cfg(any(test, feature = "sim"))]
    fn are_idle(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().all(|upstream| upstream.is_idle())
    }
}

impl Node {
    /// What another node has sent here without finding its place yet.
    pub(crate) fn upstream(self: &Arc<Self>, from: NodeId) -> Option<Arc<Upstream>> {
        let known = self.upstreams.known(from);
        if known.is_some() {
            return known;
        }
        self.peer(from)?;
        let node = Arc::downgrade(self);
        let confirm = move |lane: LaneId, id| {
            if let Some(node) = node.upgrade() {
                node.send_vital(from, kind::FLUSHED, answer_head(id, lane.0), &[]);
            }
        };
        Some(self.upstreams.known_or(from, || Upstream::new(Box::new(confirm))))
    }

    /// Whether nothing that others have sent here waits for its place.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn has_confirmed_all(&self) -> bool {
        self.upstreams.are_idle()
    }

    /// Asks `of` to confirm everything of this lane that it was sent before, and that had been here so often before.
    pub(crate) fn flush(self: &Arc<Self>, of: NodeId, (lane, visits): (LaneId, Visits), id: u64) {
        let mut head = answer_head(id, lane.0);
        head[16..].copy_from_slice(&u64::from(visits.0).to_le_bytes());
        if !self.send_vital(of, kind::FLUSH, head, &[]) {
            // Nothing can be in flight to a node that is gone. Not on this stack, which holds the lane's name.
            let node = self.clone();
            self.runtime().spawn(async move { node.flushed(of, lane, id) });
        }
    }

    /// Everything of this lane that was sent to `by` before this flush has found its place.
    pub(crate) fn flushed(self: &Arc<Self>, by: NodeId, lane: LaneId, id: u64) {
        if !relays::is_relayed(id) {
            if let Some(key) = self.lanes.confirmed(by, id) {
                self.drain(&key);
            }
            return;
        }
        let Confirmed { tokens, next, all_of } = self.relays.confirmed(by, lane, id);
        // Dropping them confirms, which sends frames: not under a lock.
        drop(tokens);
        if let Some(id) = next {
            self.flush(by, (lane, Visits(0)), id);
        }
        if let Some(all_of) = all_of {
            self.lanes.passed_on(all_of, by, || self.relays.is_confirmed(by, lane));
        }
    }
}
