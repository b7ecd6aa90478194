//! Owns the end of a node: it refuses everything from then on, and whoever waits is told. Never waits itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use swarm_net::error::NetError;

use crate::call::pending::Place as Stand;
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
        let me = self.id();
        self.pending.fail_where(|waiting| {
            let name = waiting.name.clone();
            Some(match waiting.place {
                Stand::Here => CallError::Stopping { name, node: me },
                Stand::Sending { peer } | Stand::Sent { peer, .. } => inbox::node_down(name, peer),
                Stand::Begun | Stand::Away => inbox::node_down(name, me),
            })
        });
        drop(letters);
        self.surveys.clear();
        self.pledges.clear();
        self.fetches.clear();
        self.subscribers.close();
        tracing::info!(node = %self.id(), "stopped");
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}
