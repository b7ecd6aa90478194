//! What stands in for the secret on connections: certificates of a CA that the cluster has for its nodes (TLS 1.3). Never touches a socket,
//! and never shows a private key.
//!
//! A [`Tls`] is what a node is told: three files, and a name that the certificates of all nodes bear. [`Credentials`] are what it makes of
//! that, for all its connections, and can be read again while it runs. Each end of a connection shows a certificate and checks the other's: it
//! must chain to the CA, be valid now, bear the name, and be good for the role. The name is one for all nodes of a cluster, by default
//! `<cluster>.swarm`, and not that of a machine: what is to be proved is that the other end is a node of this cluster, whichever address it
//! has today, and that not every certificate that the same CA has ever given makes a node. (So do Consul, `server.<dc>.<domain>`, and Nomad,
//! `server.<region>.nomad`.)
//!
//! Without the feature `tls` there are no [`Credentials`].

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod credentials;
#[cfg(feature = "tls")]
mod error;
#[cfg(feature = "tls")]
mod files;
#[cfg(feature = "tls")]
mod flaw;
#[cfg(all(any(test, feature = "fuzz"), feature = "tls"))]
pub(crate) mod mint;
#[cfg(feature = "tls")]
#[expect(clippy::module_inception, reason = "a file is named after the one noun that it defines")]
mod tls;
#[cfg(feature = "tls")]
mod verifier;

#[cfg(not(feature = "tls"))]
pub use absent::Credentials;
#[cfg(feature = "tls")]
pub use credentials::Credentials;
#[cfg(feature = "tls")]
pub(crate) use credentials::protocol;
#[cfg(feature = "tls")]
pub use error::TlsError;
#[cfg(feature = "tls")]
pub use flaw::Flaw;
#[cfg(feature = "tls")]
pub use tls::Tls;
