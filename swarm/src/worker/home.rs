//! Owns what the cells of a node have in common that were started under one lease. Never knows them.

use std::sync::Arc;

use crate::trace::Tracing;
use crate::worker::pace::Paces;
use crate::worker::{Host, Lease};

/// Where cells live: their node, and until when they may run there.
pub struct Home {
    /// The node.
    pub host: Arc<dyn Host>,
    /// What they were started under.
    pub lease: Lease,
    /// How quick their methods are there.
    pub(crate) paces: Arc<Paces>,
    /// How their calls are traced, if they are.
    pub(crate) tracing: Tracing,
}

impl Home {
    /// The home of the cells that start under this lease.
    pub(crate) fn new(host: Arc<dyn Host>, lease: Lease, paces: Arc<Paces>, tracing: Tracing) -> Arc<Self> {
        Arc::new(Self { host, lease, paces, tracing })
    }
}
