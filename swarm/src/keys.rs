//! Owns the users' handle on the keys of a node. Never shows one.

use std::fmt;

use swarm_net::secret::{KeyId, Keyring, Secret, SecretError};

use crate::swarm::Swarm;

/// The keys of a node, which can be changed while it runs: [`Swarm::keys`].
///
/// To change the secret of a running cluster, [`add`](Keys::add) the new one on every node, then [`use_key`](Keys::use_key) it on
/// every node, then [`remove`](Keys::remove) the old one on every node. Go on to the next step when the last one is done everywhere. At no
/// moment do two nodes not understand each other, and no call is lost. What is changed here lasts as long as the process: let its next
/// start find the new secret as well.
///
/// ```
/// # use swarm::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let swarm = Swarm::builder().cluster("doc-keys").secret("q1Zr5WcVx0bJtD8eYkN2uA==").start().await?;
/// let old = swarm.keys().ids()[0];
/// let new = swarm.keys().add("0f3yHn7pQz8kLw2vBx5RtA==")?;   // on every node; then
/// swarm.keys().use_key(new)?;                                // on every node; then
/// swarm.keys().remove(old)?;                                 // on every node
/// assert_eq!(swarm.keys().ids(), [new]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Keys {
    ring: Option<Keyring>,
}

impl Swarm {
    /// The keys of this node: to change the cluster's secret without a stop.
    pub fn keys(&self) -> Keys {
        Keys { ring: self.inner().keys.clone() }
    }
}

impl Keys {
    /// From now on also what is encrypted with this secret is understood. A node holds at most four; one that it has already changes
    /// nothing.
    ///
    /// # Errors
    /// [`SecretError`] if the secret is too short, there are four already, or the node was started without one: a node does not become
    /// an encrypted one while it runs.
    pub fn add(&self, secret: impl Into<Secret>) -> Result<KeyId, SecretError> {
        self.ring()?.add(secret.into())
    }

    /// From now on this key encrypts what the node sends by UDP, and is what it proves to nodes that it dials. Connections that are open
    /// have keys of their own, and go on.
    ///
    /// # Errors
    /// [`SecretError::Unknown`] if there is no such key here, [`SecretError::Without`] if the node was started without a secret.
    pub fn use_key(&self, id: KeyId) -> Result<(), SecretError> {
        self.ring()?.use_key(id)
    }

    /// From now on this key opens nothing any more: packets and new connections that use it are refused. Connections that are open go
    /// on, also those that were opened with it, since their keys do not follow from it: calls under way are not lost. Who must be put
    /// out at once is so by a restart of the nodes that it is connected to, after this.
    ///
    /// # Errors
    /// [`SecretError::Unknown`] if there is no such key here, [`SecretError::InUse`] if it is the one that encrypts,
    /// [`SecretError::Without`] if the node was started without a secret.
    pub fn remove(&self, id: KeyId) -> Result<(), SecretError> {
        self.ring()?.remove(id)
    }

    /// The keys by their ids; the first encrypts. Nodes with one secret give it one id, which says nothing about it. Empty without a
    /// secret.
    pub fn ids(&self) -> Vec<KeyId> {
        self.ring.as_ref().map(Keyring::ids).unwrap_or_default()
    }

    fn ring(&self) -> Result<&Keyring, SecretError> {
        self.ring.as_ref().ok_or(SecretError::Without)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({:?})", self.ids())
    }
}
