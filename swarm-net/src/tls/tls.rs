//! Owns what a node is told of its certificates. Never shows a private key.

use std::fmt;
use std::path::PathBuf;

use super::credentials::Credentials;
use super::error::TlsError;
use super::files::{Contents, Files};

/// What the names of nodes end with in certificates, unless another name is said: `<cluster>.swarm`.
const SUFFIX: &str = ".swarm";

/// The certificate of a node, its private key, and the CA of the cluster's nodes, each a PEM file.
///
/// ```no_run
/// use swarm_net::tls::Tls;
/// let tls = Tls::from_files("node.pem", "node.key", "ca.pem")?.name("nodes.example.org");
/// # Ok::<(), swarm_net::tls::TlsError>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    files: Files,
    contents: Contents,
    name: Option<String>,
}

impl Tls {
    /// Reads the three files: the node's certificate, with what stands between it and the CA behind it; its private key, which nobody but
    /// its owner may be able to read (`chmod 600`); and the certificates of the CAs whose nodes it accepts, usually one.
    ///
    /// The certificate must bear the [name](Self::name) of the cluster's nodes, and be good for TLS servers and for TLS clients, since a node
    /// is both. Keys of ECDSA and Ed25519 cost strangers' handshakes the least; RSA is understood too.
    ///
    /// # Errors
    /// [`TlsError`] if one cannot be read or is not what it should be, the key is open to others, or belongs to another certificate.
    pub fn from_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        ca: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.into(), key: key.into(), ca: ca.into() };
        let contents = files.read()?;
        Ok(Self { files, contents, name: None })
    }

    /// The DNS name that the certificates of all nodes of the cluster bear, as a subject alternative name; by default `<cluster>.swarm`, so that a
    /// certificate is good for one cluster, whatever else the CA gives certificates for. The same on all nodes.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What the connections of a node of this cluster are protected by.
    ///
    /// # Errors
    /// [`TlsError`] if no node would accept the certificate.
    pub fn credentials(self, cluster: &str) -> Result<Credentials, TlsError> {
        let Self { files, contents, name } = self;
        Credentials::new(files, &contents, name.unwrap_or_else(|| format!("{cluster}{SUFFIX}")))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).field("name", &self.name).finish_non_exhaustive()
    }
}
