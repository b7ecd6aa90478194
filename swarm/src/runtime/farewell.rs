//! Owns how a leaving node makes sure that nothing more comes and that nothing stays behind: every other node says that
//! it sends no more calls by it, what they had sent before is passed on to the end, and what this node's own users have
//! asked for is answered. Never waits without a limit.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::call::frame::kind;
use crate::runtime::Node;
use crate::runtime::leave::Timetable;
use crate::worker::Host;

/// How often a leaving node looks whether all is done; it takes a few round trips.
const LOOK: Duration = Duration::from_millis(5);

/// Who has not let this node go yet, and whom it cannot leave alone.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    others: Mutex<BTreeSet<NodeId>>,
    /// Nothing new is begun for users of this node.
    closed: AtomicBool,
    /// How many requests of users this node has in hand, beside calls and surveys.
    in_hand: Arc<AtomicUsize>,
    /// Set once: however many ask a node to leave, it leaves once, in the time that the first of them gave it.
    times: OnceLock<Timetable>,
}

/// A request of a user is in a node's hand: it will be answered, whether or not the user ever looks at the answer.
pub(crate) struct InHand(Arc<AtomicUsize>);

impl InHand {
    /// Counts one more.
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Farewell {
    /// By when this node leaves, which is decided here if nobody has asked it to leave before.
    pub(super) fn times(&self, decide: impl FnOnce() -> Timetable) -> Timetable {
        *self.times.get_or_init(decide)
    }

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
    /// Takes a request of a user in hand, unless nothing more is begun. This node does not go before it is answered.
    pub(crate) fn take_in_hand(&self) -> Option<InHand> {
        // Before the look, and all in one order: who closes in between sees it.
        let in_hand = InHand::new(&self.farewell.in_hand);
        (!self.is_closed()).then_some(in_hand)
    }

    /// Whether users may begin nothing more here.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_stopped() || self.farewell.closed.load(Ordering::SeqCst)
    }

    /// Begins nothing more for users, and waits until all that was begun is answered. Not until they have looked at the
    /// answer: a future that is polled once and never again must not keep its node.
    pub(crate) async fn answer_users(&self) {
        self.farewell.closed.store(true, Ordering::SeqCst);
        while self.has_users_waiting() {
            self.timers().delay(LOOK).await;
        }
    }

    fn has_users_waiting(&self) -> bool {
        // Requests first: one that becomes a survey is a survey before it is no request any more.
        self.farewell.in_hand.load(Ordering::SeqCst) > 0
            || self.surveys.are_waited_on(self.now())
            || self.pending.is_waited_on()
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
