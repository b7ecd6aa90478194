//! Owns why certificates cannot be used. Never contains a part of a key.

use std::path::PathBuf;

use super::flaw::Flaw;

/// Why a node's certificates cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or does not hold what it should.
    #[error("the {what} {file} cannot be used: {problem}", file = file.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file of the private key can be read by others than its owner.
    #[error("the private key {file} is open to others than its owner (mode {mode:04o}): run `chmod 600 {file}`", file = file.display())]
    FileMode {
        /// Which file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The certificate is for another key.
    #[error("the certificate {certificate} does not belong to the private key {key}", certificate = certificate.display(), key = key.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// No node of the cluster would accept the certificate.
    #[error(
        "no node would accept the certificate {file}, since it {flaw}: it must chain to the CA file, be valid now, bear the DNS name `{name}` as \
         a subject alternative name, and be good for TLS servers and clients", file = file.display()
    )]
    Flawed {
        /// The file of the certificate.
        file: PathBuf,
        /// What is wrong.
        flaw: Flaw,
        /// The name that certificates of the cluster's nodes bear.
        name: String,
    },
    /// The name that certificates are to bear is none.
    #[error(
        "`{name}` cannot stand in a certificate as a DNS name: say by Tls::name which one the certificates of the cluster's nodes bear"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Some of what belongs together is set, and the rest is not.
    #[error(
        "{first} is set and {missing} is not: a node with certificates needs its certificate, its private key, and the CA"
    )]
    Incomplete {
        /// What is set.
        first: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// The node has no certificates.
    #[error("this node was started without certificates: start all nodes of the cluster with them")]
    Without,
}
