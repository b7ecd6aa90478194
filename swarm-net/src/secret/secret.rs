//! Owns the secret of a cluster as people hold it, and what can be wrong with one. Never shows it.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::file;
use super::keyring::KeyId;

/// Shorter secrets can be found by trying. (This one cannot be if it is random: 2^128.)
pub(crate) const SECRET_BYTES_MIN: usize = 16;

/// What all nodes of a cluster know and nobody else does. Made from text or bytes; wiped from memory when it is dropped.
///
/// It is not stretched: who records traffic can try guesses as fast as a machine hashes. Take a random one, as
/// `openssl rand -base64 32` makes it, not a phrase that somebody has thought of.
///
/// ```
/// use swarm_net::secret::Secret;
/// let secret = Secret::from("q1Zr5WcVx0bJtD8eYkN2uA==");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The secrets of a key file: one a line, of which the first encrypts. Spaces around them and empty lines mean nothing.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, holds none, or is open to others than its owner: on Unix its mode must be `0600` or stricter.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Vec<Self>, SecretError> {
        file::read(path.as_ref())
    }

    /// The secrets of a text like that of a key file: one a line.
    pub fn from_lines(text: &str) -> Vec<Self> {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Self::from).collect()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&String> for Secret {
    fn from(text: &String) -> Self {
        text.as_bytes().into()
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a secret, or a change of the keys, was refused. No text of it contains a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It is too short.
    #[error(
        "a secret of {bytes} bytes can be guessed: take one of at least {SECRET_BYTES_MIN}, random, as `openssl rand -base64 32` makes it"
    )]
    TooShort {
        /// How long it is.
        bytes: usize,
    },
    /// There are more than a keyring holds.
    #[error("a node holds at most {max} keys: remove one that no node of the cluster encrypts with any more")]
    TooMany {
        /// How many it holds.
        max: usize,
    },
    /// A key file cannot be read, or holds nothing.
    #[error("the key file {file} cannot be used: {problem}", file = file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A key file can be read by others than its owner.
    #[error("the key file {file} is open to others than its owner (mode {mode:04o}): run `chmod 600 {file}`", file = file.display())]
    FileMode {
        /// Which file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Two places say what the secret is.
    #[error("{first} and {second} both say what the secret is: set one of them")]
    Both {
        /// The one.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// No such key is in the ring.
    #[error("there is no key {id} here: add its secret first; `ids()` lists those that are")]
    Unknown {
        /// The key in question.
        id: KeyId,
    },
    /// The key that encrypts cannot be removed.
    #[error("{id} is the key that this node encrypts with: let it use another one before it is removed")]
    InUse {
        /// The key in question.
        id: KeyId,
    },
    /// The node has no secret.
    #[error("this node was started without a secret, and so has no keys: start all nodes of the cluster with one")]
    Without,
}
