//! Owns the lease of a node as its threads see it: what was started under it asks it before it runs or answers. Never
//! decides how long it lasts; the directory does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use swarm_net::time::{Clock, Instant};
use tokio::sync::watch;

use crate::directory::Tenure;
use crate::event::Event;
use crate::placement::Placement;
use crate::runtime::Node;
use crate::trace::Tracing;
use crate::worker::pace::Paces;
use crate::worker::{Home, Host, Lease};

/// The lease of a node.
pub(crate) struct Tenancy {
    now: Mutex<Now>,
    settled: watch::Sender<bool>,
    /// Too few members are seen for a quorum.
    below: AtomicBool,
    /// There has been a lease.
    begun: AtomicBool,
}

struct Now {
    lease: Lease,
    /// Of the cells that were started under it. They keep it, and it keeps the node.
    home: Weak<Home>,
    paces: Arc<Paces>,
}

impl Tenancy {
    pub(crate) fn new(placement: Placement, paces: Paces) -> Self {
        let (lease, settled) = match placement {
            Placement::Ring => (Lease::FOREVER, true),
            Placement::Quorum { .. } => (Lease::until(Instant::START), false),
        };
        let now = Mutex::new(Now { lease, home: Weak::new(), paces: Arc::new(paces) });
        Self {
            now,
            settled: watch::Sender::new(settled),
            below: AtomicBool::new(false),
            begun: AtomicBool::new(settled),
        }
    }

    /// The home of what starts now on the node that is `host`.
    fn home(&self, host: impl FnOnce() -> Arc<dyn Host>, tracing: &Tracing) -> Arc<Home> {
        let mut now = self.now();
        now.home.upgrade().unwrap_or_else(|| {
            let home = Home::new(host(), now.lease.clone(), now.paces.clone(), tracing.clone());
            now.home = Arc::downgrade(&home);
            home
        })
    }

    /// How quick the methods of this node are, over all leases.
    pub(crate) fn paces(&self) -> Arc<Paces> {
        self.now().paces.clone()
    }

    /// Whether it holds now.
    #[cfg(feature = "metrics")]
    pub(crate) fn holds(&self) -> bool {
        self.now().lease.holds(Clock::instant)
    }

    /// Ends it: nothing runs or answers any more.
    pub(crate) fn end(&self) {
        self.now().lease.end();
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

    /// Whether there can be no lease, as far as is known, so that nothing comes of what is sent from here.
    pub(crate) fn is_below(&self) -> bool {
        self.below.load(Ordering::Relaxed)
    }

    /// Whether it has, or ever had, a lease: until then it has no share of the ring.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    fn begin(&self, until: Instant) {
        self.begun.store(true, Ordering::SeqCst);
        let mut now = self.now();
        (now.lease, now.home) = (Lease::until(until), Weak::new());
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Where what starts now lives.
    pub(crate) fn home(self: &Arc<Self>) -> Arc<Home> {
        self.tenancy.home(|| self.clone(), &self.tracing)
    }

    /// What this node may run has changed. Says whether that came in time.
    pub(crate) fn tenure(&self, change: Tenure) -> bool {
        match change {
            Tenure::Begun(until) => {
                self.tenancy.begin(until);
                self.take_share();
                tracing::info!(node = %self.id(), "has a quorum: it registers and runs workers");
                self.tell(|| Event::QuorumGained);
            }
            Tenure::Extended(until) => return self.tenancy.now().lease.extend(until, Clock::instant),
            Tenure::Ended => {
                self.tenancy.end();
                self.counters.quorums_lost.add(1);
                let placement = self.config().placement;
                tracing::warn!(node = %self.id(), %placement, "has lost the quorum: its workers end, it registers nothing");
                self.tell(|| Event::QuorumLost);
            }
            Tenure::Settled => self.tenancy.settle(),
            Tenure::Below => self.tenancy.below.store(true, Ordering::Relaxed),
            Tenure::Above => self.tenancy.below.store(false, Ordering::Relaxed),
        }
        true
    }
}
