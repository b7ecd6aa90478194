//! Owns the handle on a node.

/// A node of the cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Swarm(());
