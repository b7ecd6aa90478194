//! Owns what the cells of a node have in common that were started under one lease. Never knows them.

use std::sync::Arc;

use crate::worker::{Host, Lease};

/// Where cells live: their node, and until when they may run there.
pub struct Home {
    /// The node.
    pub host: Arc<dyn Host>,
    /// What they were started under.
    pub lease: Lease,
}

impl Home {
    /// The home of the cells that start under this lease.
    pub fn new(host: Arc<dyn Host>, lease: Lease) -> Arc<Self> {
        Arc::new(Self { host, lease })
    }
}
