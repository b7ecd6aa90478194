//! Owns the end of a node: it refuses everything from then on, and whoever waits is told. Never waits itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use swarm_net::error::NetError;

use crate::call::pending::{Place as Stand, RequestId, Waiting};
use crate::error::CallError;
use crate::runtime::input::Input;
use crate::runtime::places::Place;
use crate::runtime::{Node, inbox};

impl Node {
    /// The network is of no use any more.
    pub(crate) fn fail(self: &Arc<Self>, error: NetError) {
        tracing::error!(node = %self.id(), %error, "the node stops");
        // The first reason is the one that counts.
        let _ = self.failed.set(error);
        self.stop();
        self.tenancy.settle();
        self.joined();
    }

    /// Ends everything at once, as a crash would.
    pub(crate) fn stop(self: &Arc<Self>) {
        if self.stopped.swap(true, Ordering::SeqCst) {
            return;
        }
        self.control(Input::Stop);
        self.transport().stop();
        let waiting = self.lanes.clear();
        let places = self.places.clear();
        let mut letters = waiting;
        letters.extend(self.departures.clear());
        for place in places {
            match place {
                // Local callers that wait in its queue are answered below, with all that wait.
                Place::Cell(cell) => drop(cell.close()),
                Place::Gated(cell, gate) => {
                    drop(cell.close());
                    letters.extend(gate.waiting);
                }
                Place::Held(held) => letters.extend(held),
                Place::Redirect(..) => {}
            }
        }
        self.pending.close();
        self.pending.fail_where(|waiting| Some(self.stopped_with(waiting)));
        drop(letters);
        self.surveys.clear();
        self.pledges.clear();
        self.fetches.clear();
        self.subscribers.close();
        tracing::info!(node = %self.id(), "stopped");
    }

    /// What a call of this node is told that waits when it stops.
    fn stopped_with(&self, waiting: &Waiting) -> CallError {
        let name = waiting.name.clone();
        match waiting.place {
            Stand::Here => CallError::Stopping { name, node: self.id() },
            Stand::Sending { peer } | Stand::Sent { peer, .. } => inbox::node_down(name, peer),
            Stand::Begun | Stand::Away => inbox::node_down(name, self.id()),
        }
    }

    /// A call that was posted while the node stopped may have been missed when all that wait were told. By now it may have gone, too.
    pub(crate) fn end_if_stopped(&self, request: RequestId) {
        if self.is_stopped() {
            self.pending.fail(request, |waiting| self.stopped_with(waiting));
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}
