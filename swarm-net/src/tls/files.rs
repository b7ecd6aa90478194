//! Owns how a certificate, its private key and the CA are read from their files. Never reads a key that others than its owner can read, as far
//! as the system tells.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use zeroize::Zeroizing;

use super::error::TlsError;
use crate::private::{self, Unread};

/// What the longest of keys, chains and bundles of CAs have room in. Nothing is gained by reading what was named by mistake.
const FILE_BYTES_MAX: usize = 256 << 10;

const CERTIFICATE: &str = "certificate";
const KEY: &str = "private key";
const CA: &str = "CA";

/// Where the three are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) ca: PathBuf,
}

/// What stands in them.
#[derive(Clone)]
pub(super) struct Contents {
    /// The node's chain, its own certificate first, with the key.
    pub(super) own: Arc<CertifiedKey>,
    /// Whose certificates it accepts.
    pub(super) roots: Arc<RootCertStore>,
}

impl Files {
    pub(super) fn read(&self) -> Result<Contents, TlsError> {
        let chain = certificates(CERTIFICATE, &self.certificate)?;
        let own = CertifiedKey::new(chain, self.key()?);
        match own.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch { certificate: self.certificate.clone(), key: self.key.clone() });
            }
            Err(error) => return Err(unusable(CERTIFICATE, &self.certificate, error)),
        }
        let mut roots = RootCertStore::empty();
        for root in certificates(CA, &self.ca)? {
            roots.add(root).map_err(|error| unusable(CA, &self.ca, error))?;
        }
        Ok(Contents { own: Arc::new(own), roots: Arc::new(roots) })
    }

    fn key(&self) -> Result<Arc<dyn SigningKey>, TlsError> {
        let file = &self.key;
        let text = private::read(file, FILE_BYTES_MAX).map_err(|unread| match unread {
            Unread::System(error) => unusable(KEY, file, error),
            Unread::Mode(mode) => TlsError::FileMode { file: file.clone(), mode },
            Unread::TooLong => unusable(KEY, file, too_long()),
        })?;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&text) {
            // What is wrong with a section is not told: it may be a part of a key.
            let (kind, der) = section.map_err(|_| unusable(KEY, file, "it is not PEM"))?;
            let der = Zeroizing::new(der);
            #[expect(clippy::wildcard_enum_match_arm, reason = "there may be anything beside the key")]
            let key: PrivateKeyDer<'_> = match kind {
                SectionKind::PrivateKey => PrivatePkcs8KeyDer::from(&**der).into(),
                SectionKind::RsaPrivateKey => PrivatePkcs1KeyDer::from(&**der).into(),
                SectionKind::EcPrivateKey => PrivateSec1KeyDer::from(&**der).into(),
                _ => continue,
            };
            let unknown = "it is neither a key of ECDSA (P-256, P-384) nor of Ed25519 nor of RSA";
            return any_supported_type(&key).map_err(|_| unusable(KEY, file, unknown));
        }
        Err(unusable(KEY, file, "there is no private key in it (PEM, not encrypted)"))
    }
}

fn certificates(what: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut text = Vec::new();
    let opened = File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut text));
    opened.map_err(|error| unusable(what, file, error))?;
    if text.len() > FILE_BYTES_MAX {
        return Err(unusable(what, file, too_long()));
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unusable(what, file, format!("it is not PEM: {error}")))?;
    if found.is_empty() { Err(unusable(what, file, "there is no certificate in it (PEM)")) } else { Ok(found) }
}

fn too_long() -> String {
    format!("it is longer than {FILE_BYTES_MAX} bytes")
}

fn unusable(what: &'static str, file: &Path, problem: impl ToString) -> TlsError {
    TlsError::File { what, file: file.to_owned(), problem: problem.to_string() }
}
