//! Owns how certificates and their key become what TLS needs. Never shows a key, nor takes one from a file that is open to others.

use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use swarm_net::secret::read_closed;

/// A file with a private key is far shorter.
const KEY_BYTES_MAX: usize = 64 << 10;

/// What speaks TLS with this chain of certificates and this key.
pub(crate) fn config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let failed = |path: &Path, problem: &dyn Display| format!("{} cannot be used for TLS: {problem}", path.display());
    let file = File::open(cert).map_err(|error| failed(cert, &error))?;
    let chain = CertificateDer::pem_reader_iter(BufReader::new(file)).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| failed(cert, &error))?;
    if chain.is_empty() {
        return Err(failed(cert, &"there is no certificate in it (-----BEGIN CERTIFICATE-----)"));
    }
    let secret = read_closed(key, KEY_BYTES_MAX).map_err(|error| error.to_string())?;
    let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|error| failed(key, &error))?;
    // By name, since a program may be linked with several.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| failed(cert, &error))?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, secret).map_err(|error| failed(cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
