//! Owns the lease of a node as its threads see it: what was started under it asks it before it runs or answers. Never
//! decides how long it lasts; the directory does.

use std::sync::{Mutex, PoisonError};

use swarm_net::time::{Clock, Instant};
use tokio::sync::watch;

use crate::directory::Tenure;
use crate::event::Event;
use crate::placement::Placement;
use crate::runtime::Node;
use crate::worker::Lease;

/// The lease of a node.
pub(crate) struct Tenancy {
    lease: Mutex<Lease>,
    settled: watch::Sender<bool>,
}

impl Tenancy {
    pub(crate) fn new(placement: Placement) -> Self {
        let (lease, settled) = match placement {
            Placement::Ring => (Lease::FOREVER, true),
            Placement::Quorum { .. } => (Lease::until(Instant::START), false),
        };
        Self { lease: Mutex::new(lease), settled: watch::Sender::new(settled) }
    }

    /// The lease for what starts now.
    pub(crate) fn lease(&self) -> Lease {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it: nothing runs or answers any more.
    pub(crate) fn end(&self) {
        self.lease().end();
    }

    /// Waits until it is known whether there is a quorum.
    pub(crate) async fn until_settled(&self) {
        // The sender lives as long as the node.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// Nobody waits for a node that has stopped.
    pub(crate) fn settle(&self) {
        self.settled.send_replace(true);
    }

    fn begin(&self, until: Instant) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Lease::until(until);
    }
}

impl Node {
    /// What this node may run has changed. Says whether that came in time.
    pub(crate) fn tenure(&self, change: Tenure) -> bool {
        match change {
            Tenure::Begun(until) => {
                self.tenancy.begin(until);
                tracing::info!(node = %self.id(), "has a quorum: it registers and runs workers");
                self.tell(|| Event::QuorumGained);
            }
            Tenure::Extended(until) => return self.tenancy.lease().extend(until, Clock::instant),
            Tenure::Ended => {
                self.tenancy.end();
                self.counters.quorums_lost.add(1);
                let placement = self.config().placement;
                tracing::warn!(node = %self.id(), %placement, "has lost the quorum: its workers end, it registers nothing");
                self.tell(|| Event::QuorumLost);
            }
            Tenure::Settled => self.tenancy.settle(),
        }
        true
    }
}
