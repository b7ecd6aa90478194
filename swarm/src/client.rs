//! Owns the typed ways into the cluster: handles by name and the futures that they return.

use crate::name::Name;

/// A name, and the node through which it is reached. Generated clients are wrappers of it.
#[derive(Clone, Debug)]
pub struct Handle {
    /// Whom it reaches.
    pub name: Name,
}
