//! Owns how a leaving node makes sure that nothing more comes and that nothing stays behind: every other node says that
//! it sends no more calls by it, and what they had sent before is passed on to the end. Never waits without a limit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::call::frame::kind;
use crate::runtime::Node;
use crate::worker::Host;

/// How often a leaving node looks whether all is done; it takes a few round trips.
const LOOK: Duration = Duration::from_millis(5);

/// Who has not let this node go yet.
#[derive(Debug, Default)]
pub(crate) struct Farewell(Mutex<BTreeSet<NodeId>>);

impl Farewell {
    /// `node` sends nothing more by this node, or is lost itself.
    pub(crate) fn let_go(&self, node: NodeId) {
        self.lock().remove(&node);
    }

    fn is_over(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Waits until no other node sends calls by this one, and every letter that was here has found its place.
    pub(crate) async fn bid_farewell(self: &Arc<Self>) {
        let others: BTreeSet<NodeId> =
            self.routing().view().keys().copied().filter(|node| *node != self.id()).collect();
        *self.farewell.lock() = others.clone();
        for other in others {
            if !self.send_frame(other, kind::LET_GO, [0; 24], &[]) {
                self.farewell.let_go(other);
            }
        }
        while !self.farewell.is_over() || !self.all_passed_on() {
            Host::timers(&**self).delay(LOOK).await;
        }
    }

    fn all_passed_on(&self) -> bool {
        self.lanes.waiting() == 0
            && self.room.letters() == 0
            && self.departures.are_over()
            && self.relays.are_confirmed()
    }

    /// Whether calls may go by this member: who is leaving hears of everything, but is no way for calls any more.
    pub(crate) fn is_way(&self, node: NodeId) -> bool {
        self.routing().view().get(&node).is_some_and(|member| !member.profile.leaving)
    }
}
