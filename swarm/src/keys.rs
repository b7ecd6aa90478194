//! Owns how a node comes by its keys, and the users' handle on them. Never shows one.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use swarm_net::secret::{KeyId, Keyring, Secret, SecretError};
use zeroize::Zeroizing;

use crate::config::{SECRET, SECRET_FILE};
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

/// What a builder was told of secrets, or of tokens.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) secrets: Vec<Secret>,
    pub(crate) file: Option<PathBuf>,
}

/// Where secrets may be told: by which methods, and else by which variables of the environment; each time themselves, or their file.
pub(crate) struct Places {
    pub(crate) methods: [&'static str; 2],
    pub(crate) variables: [&'static str; 2],
}

/// Where the cluster's secret is told, to nodes and to all who connect to one.
const CLUSTER: Places = Places { methods: ["`.secret(..)`", "`.secret_file(..)`"], variables: [SECRET, SECRET_FILE] };

impl Told {
    /// The keys of the cluster: those that the code names, or else those of the environment, if any.
    pub(crate) fn keys(self) -> Result<Option<Keyring>, SecretError> {
        self.keyring(&CLUSTER, |name| std::env::var_os(name))
    }

    /// The same of what is told at these places.
    pub(crate) fn keyring(
        self,
        places: &Places,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Keyring>, SecretError> {
        let both = |[first, second]: [&'static str; 2]| SecretError::Both { first, second };
        let [text, file] = places.variables;
        let secrets = match (self.secrets, self.file) {
            (secrets, None) if !secrets.is_empty() => secrets,
            (secrets, Some(file)) if secrets.is_empty() => Secret::from_file(file)?,
            (_, Some(_)) => return Err(both(places.methods)),
            (_, None) => match (variable(text), variable(file)) {
                (None, None) => return Ok(None),
                (Some(text), None) => lines(text)?,
                (None, Some(file)) => Secret::from_file(PathBuf::from(file))?,
                (Some(_), Some(_)) => return Err(both(places.variables)),
            },
        };
        Keyring::new(secrets).map(Some)
    }
}

/// The secrets of a variable. One that is set and empty is a mistake: nothing would be protected, and nobody would know.
fn lines(text: OsString) -> Result<Vec<Secret>, SecretError> {
    let text = Zeroizing::new(text.into_encoded_bytes());
    let secrets = Secret::from_lines(&String::from_utf8_lossy(&text));
    if secrets.is_empty() { Err(SecretError::TooShort { bytes: 0 }) } else { Ok(secrets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "the first of two secrets";
    const TWO: &str = "the other of two secrets";

    fn ids(secrets: &[&str]) -> Vec<KeyId> {
        Keyring::new(secrets.iter().map(|secret| Secret::from(*secret))).expect("good secrets").ids()
    }

    fn told(secrets: &[&str], variables: &[(&str, &str)]) -> Result<Option<Vec<KeyId>>, SecretError> {
        let secrets = secrets.iter().map(|secret| Secret::from(*secret)).collect();
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| text.into());
        Ok(Told { secrets, file: None }.keyring(&CLUSTER, variable)?.map(|keys| keys.ids()))
    }

    #[test]
    fn code_goes_before_the_environment_and_the_first_encrypts() {
        assert_eq!(told(&[], &[]), Ok(None));
        assert_eq!(told(&[ONE, TWO], &[(SECRET, "anything")]), Ok(Some(ids(&[ONE, TWO]))));
        assert_eq!(told(&[], &[(SECRET, ONE)]), Ok(Some(ids(&[ONE]))));
        assert_eq!(told(&[], &[(SECRET, &format!(" {TWO}\n\n{ONE}\n"))]), Ok(Some(ids(&[TWO, ONE]))));
    }

    #[test]
    fn what_cannot_be_meant_is_an_error_and_never_no_secret() {
        assert_eq!(told(&[], &[(SECRET, "")]), Err(SecretError::TooShort { bytes: 0 }));
        assert_eq!(told(&[], &[(SECRET, "short")]), Err(SecretError::TooShort { bytes: 5 }));
        assert_eq!(told(&[""], &[]), Err(SecretError::TooShort { bytes: 0 }));
        let both = told(&[], &[(SECRET, ONE), (SECRET_FILE, "/etc/key")]).expect_err("which one?");
        assert!(both.to_string().contains("SWARM_SECRET and SWARM_SECRET_FILE"), "{both}");
        let absent = told(&[], &[(SECRET_FILE, "/nonexistent/key")]).expect_err("no such file");
        assert!(absent.to_string().contains("/nonexistent/key"), "{absent}");
        let twice = Told { secrets: vec![ONE.into()], file: Some("/etc/key".into()) };
        assert!(matches!(twice.keyring(&CLUSTER, |_| None), Err(SecretError::Both { .. })));
    }
}
