#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns the word for where a worker is. Never looks it up.

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::epoch::Epoch;

/// Where a worker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
pub struct Location {
    /// The node that hosts it.
    pub node: NodeId,
    /// The wire name of its type.
    pub worker: String,
    /// The epoch of its present activation.
    pub epoch: Epoch,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "worker `{}` on {} at epoch {}", self.worker, self.node, self.epoch)
    }
}
