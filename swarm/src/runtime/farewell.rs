//! Owns how a leaving node makes sure that nothing more comes and that nothing stays behind: every other node says that
//! it sends no more calls by it, what they had sent before is passed on to the end, and what this node's own users have
//! asked for is answered. Never waits without a limit.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::call::frame::kind;
use crate::runtime::Node;
use crate::worker::Host;

/// How often a leaving node looks whether all is done; it takes a few round trips.
const LOOK: Duration = Duration::from_millis(5);

/// Who has not let this node go yet, and whom it cannot leave alone.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    others: Mutex<BTreeSet<NodeId>>,
    /// Nothing new is begun for users of this node.
    closed: AtomicBool,
    /// Requests of users that are under way, beside calls.
    requests: AtomicUsize,
}

/// A request of a user that is under way.
pub(crate) struct UnderWay(Arc<Node>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.farewell.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Farewell {
    /// `node` sends nothing more by this node, or is lost itself.
    pub(crate) fn let_go(&self, node: NodeId) {
        self.lock().remove(&node);
    }

    fn is_over(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// A request of a user begins. It is waited for before this node goes.
    pub(crate) fn under_way(self: &Arc<Self>) -> UnderWay {
        self.farewell.requests.fetch_add(1, Ordering::SeqCst);
        UnderWay(self.clone())
    }

    /// Whether users may begin nothing more here.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_stopped() || self.farewell.closed.load(Ordering::SeqCst)
    }

    /// Begins nothing more for users, and waits until all that was begun is answered.
    pub(crate) async fn answer_users(&self) {
        self.farewell.closed.store(true, Ordering::SeqCst);
        while self.pending.is_waited_on() || self.farewell.requests.load(Ordering::SeqCst) > 0 {
            self.timers().delay(LOOK).await;
        }
    }

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
        // Its connections are about to end, and nobody is lost by that.
        self.relays.forget_calls();
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
