//! Owns a certificate of a test, and how one speaks TLS with who shows it.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// A certificate of `localhost`, which nobody else has signed.
pub(crate) struct Certificate(CertifiedKey<KeyPair>);

impl Certificate {
    pub(crate) fn new() -> Self {
        Self(rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("it is made"))
    }

    /// It as a text.
    pub(crate) fn pem(&self) -> String {
        self.0.cert.pem()
    }

    /// Its private key as a text.
    pub(crate) fn key_pem(&self) -> String {
        self.0.signing_key.serialize_pem()
    }

    /// A connection to who shows it.
    pub(crate) async fn connect(&self, to: SocketAddr) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.cert.der().clone()).expect("it is a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("they are known");
        let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
        let stream = TcpStream::connect(to).await.expect("it listens");
        connector.connect(ServerName::try_from("localhost").expect("a name"), stream).await.expect("they agree")
    }
}
