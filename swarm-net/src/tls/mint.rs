//! Owns certificates for tests and for fuzzing, minted on the spot. Never used by a node.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use super::credentials::Credentials;
use super::files::Contents;

/// A CA.
pub(crate) struct Mint(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
#[cfg(test)]
pub(crate) struct Paper {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Mint {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, key()).expect("a good CA"))
    }

    /// What a node has whose certificate bears this name, but for what `change` changes; it judges others by that name, too. Nobody has asked
    /// whether it can be accepted.
    pub(crate) fn credentials(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Credentials {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a good name");
        change(&mut params);
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("a good certificate");
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signing = any_supported_type(&der).expect("it is of ECDSA");
        let own = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signing));
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a good CA");
        Credentials::unchecked(&Contents { own, roots: Arc::new(roots) }, name)
    }

    /// The CA as PEM.
    #[cfg(test)]
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate with this name, but for what `change` changes.
    #[cfg(test)]
    pub(crate) fn paper(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Paper {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a good name");
        change(&mut params);
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("a good certificate").pem();
        Paper { certificate, key: key.serialize_pem() }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}
