//! Owns the users' handle on the bearer tokens of a node's services by HTTP, which can be changed while it runs. Never shows one.

use std::fmt;

use swarm_net::node::NodeId;
use swarm_net::secret::{KeyId, Keyring, Secret, SecretError};

use crate::swarm::Swarm;

/// The tokens that let into a service of a node, which can be changed while it runs: `Swarm::http_tokens`, `Swarm::dashboard_tokens`.
///
/// To change a token, [`add`](Tokens::add) the new one on every node that asks for it, give it to the programs, then [`remove`](Tokens::remove)
/// the old one. No request is lost by that. What is changed here lasts as long as the process: let its next start find the new token as well.
///
/// ```
/// # #[cfg(feature = "http")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use swarm::{Http, Swarm};
///
/// let http = Http::at("127.0.0.1:0").token("q1Zr5WcVx0bJtD8eYkN2uA==");
/// let swarm = Swarm::builder().cluster("doc-tokens").http(http).start().await?;
/// let old = swarm.http_tokens().ids()[0];
/// let new = swarm.http_tokens().add("0f3yHn7pQz8kLw2vBx5RtA==")?;   // and then, when nobody shows the old one any more
/// swarm.http_tokens().remove(old)?;
/// assert_eq!(swarm.http_tokens().ids(), [new]);
/// # Ok(()) }
/// # #[cfg(not(feature = "http"))] fn main() {}
/// ```
#[derive(Clone)]
pub struct Tokens {
    node: NodeId,
    service: &'static str,
    ring: Option<Keyring>,
    cluster: Option<Keyring>,
}

/// Why a change of tokens was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It can be guessed, or there are as many as there may be.
    #[error("a bearer token was refused: {0}")]
    Refused(SecretError),
    /// It is the cluster's secret.
    #[error("a bearer token is the cluster's secret, which is more than its holders may do: make another one")]
    Secret,
    /// There is no such token.
    #[error("there is no token {id} here; `ids()` lists those that are")]
    Unknown {
        /// The token in question.
        id: KeyId,
    },
    /// Without it nobody would be let in.
    #[error("{id} is the only token, without which nobody would be let in: add another one first")]
    Last {
        /// The token in question.
        id: KeyId,
    },
    /// The service asks for no token, or there is no such service.
    #[error("this node asks for no token there: start it with one, it does not begin to while it runs")]
    Without,
}

impl Swarm {
    /// The tokens that this node's HTTP asks for ([`Http::token`](crate::Http::token)).
    #[cfg(feature = "http")]
    pub fn http_tokens(&self) -> Tokens {
        self.tokens("http", self.inner().http.get().and_then(|opened| opened.tokens.clone()))
    }

    /// The tokens with which one logs in to this node's dashboard ([`Dashboard::token`](crate::Dashboard::token)).
    #[cfg(feature = "dashboard")]
    pub fn dashboard_tokens(&self) -> Tokens {
        self.tokens("dashboard", self.inner().dashboard.get().and_then(|opened| opened.tokens.clone()))
    }

    fn tokens(&self, service: &'static str, ring: Option<Keyring>) -> Tokens {
        Tokens { node: self.node(), service, ring, cluster: self.inner().keys.clone() }
    }
}

impl Tokens {
    /// From now on also who shows this token is let in. There are at most four; one that is there already changes nothing.
    ///
    /// # Errors
    /// [`TokenError::Refused`] if it is shorter than 16 bytes, or there are four; [`TokenError::Secret`], [`TokenError::Without`].
    pub fn add(&self, token: impl Into<Secret>) -> Result<KeyId, TokenError> {
        let (ring, token) = (self.ring()?, token.into());
        if self.cluster.as_ref().is_some_and(|cluster| cluster.knows(&token)) {
            return Err(TokenError::Secret);
        }
        let id = ring.add(token).map_err(TokenError::Refused)?;
        tracing::info!(node = %self.node, service = self.service, token = %id, "a token lets in from now on");
        Ok(id)
    }

    /// From now on who shows this token is not let in. What is under way is answered, also over connections that stay open; of the dashboard
    /// who has logged in with it is logged out.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], [`TokenError::Last`], [`TokenError::Without`].
    pub fn remove(&self, id: KeyId) -> Result<(), TokenError> {
        let ring = self.ring()?;
        let ids = ring.ids();
        // The first of a ring is never removed; of tokens it is nothing more than the others.
        match ids.iter().find(|other| **other != id) {
            Some(other) if ids.first() == Some(&id) => ring.use_key(*other).map_err(refused)?,
            Some(_) | None => {}
        }
        ring.remove(id).map_err(refused)?;
        tracing::info!(node = %self.node, service = self.service, token = %id, "a token lets in no more");
        Ok(())
    }

    /// The tokens by their ids, which say nothing about them. Empty where none is asked for.
    pub fn ids(&self) -> Vec<KeyId> {
        self.ring.as_ref().map(Keyring::ids).unwrap_or_default()
    }

    fn ring(&self) -> Result<&Keyring, TokenError> {
        self.ring.as_ref().ok_or(TokenError::Without)
    }
}

fn refused(error: SecretError) -> TokenError {
    match error {
        SecretError::Unknown { id } => TokenError::Unknown { id },
        SecretError::InUse { id } => TokenError::Last { id },
        error @ (SecretError::TooShort { .. } | SecretError::TooMany { .. }) => TokenError::Refused(error),
        // The error is another crate's, and these are about files and the secret of nodes.
        error @ (SecretError::File { .. }
        | SecretError::FileMode { .. }
        | SecretError::Both { .. }
        | SecretError::Without
        | _) => TokenError::Refused(error),
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({:?})", self.ids())
    }
}
