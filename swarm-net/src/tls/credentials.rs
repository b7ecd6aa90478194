//! Owns the certificates that a node shows and accepts, for all its connections; they can be read again while it runs. Never replaces those in use
//! by such as no node would accept.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{DnsName, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use super::error::TlsError;
use super::files::{Contents, Files};
use super::flaw::Flaw;
use super::verifier::Named;
use crate::wire::PROTOCOL_VERSION;

/// The certificates of a node. Cheap to clone; the clones are one.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    files: Files,
    name: DnsName<'static>,
    current: ArcSwap<Current>,
}

/// What a connection that begins now is protected by.
#[derive(Clone)]
pub(crate) struct Current {
    /// How often they have been read before.
    pub(crate) generation: u64,
    pub(crate) name: ServerName<'static>,
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
}

/// Who judges the certificates of others.
struct Judges {
    /// Of nodes that were dialled.
    dialled: Arc<WebPkiServerVerifier>,
    /// Of nodes that dial.
    dialling: Arc<dyn ClientCertVerifier>,
}

impl Credentials {
    pub(super) fn new(files: Files, contents: &Contents, name: String) -> Result<Self, TlsError> {
        let name = DnsName::try_from(name.clone()).map_err(|_| TlsError::Name { name })?;
        let current = ArcSwap::from_pointee(made(&files, contents, &name)?);
        Ok(Self(Arc::new(Inner { files, name, current })))
    }

    /// Reads the files again. Connections that begin from now on are protected by what stands in them; those that are open go on as they are,
    /// whatever became of the certificates that they began with.
    ///
    /// # Errors
    /// [`TlsError`] as when the node started. Then nothing has changed.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Inner { files, name, current } = &*self.0;
        let read = made(files, &files.read()?, name)?;
        current.rcu(|before| Current { generation: before.generation + 1, ..read.clone() });
        Ok(())
    }

    /// The name that the certificates of all nodes of the cluster bear.
    pub fn name(&self) -> &str {
        self.0.name.as_ref()
    }

    /// These, whether other nodes would accept them or not.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn unchecked(contents: &Contents, name: &str) -> Self {
        let name = DnsName::try_from(name.to_owned()).expect("a good name");
        let named = ServerName::DnsName(name.clone());
        let judges = Judges::of(contents, &named).expect("a good CA");
        let current = ArcSwap::from_pointee(Current::of(contents, judges, named).expect("good contents"));
        let files = Files { certificate: "".into(), key: "".into(), ca: "".into() };
        Self(Arc::new(Inner { files, name, current }))
    }

    /// The same as an end that is otherwise, for tests of who refuses that.
    #[cfg(test)]
    pub(crate) fn otherwise(&self, change: impl FnOnce(&mut ClientConfig, &mut ServerConfig)) {
        let mut current = Current::clone(&self.current());
        let (mut client, mut server) = (ClientConfig::clone(&current.client), ServerConfig::clone(&current.server));
        change(&mut client, &mut server);
        (current.client, current.server) = (Arc::new(client), Arc::new(server));
        self.0.current.store(Arc::new(current));
    }

    pub(crate) fn current(&self) -> Arc<Current> {
        self.0.current.load_full()
    }
}

/// What both ends must speak inside: another version is refused by the handshake already.
pub(crate) fn protocol() -> Vec<u8> {
    format!("swarm/{PROTOCOL_VERSION}").into_bytes()
}

/// What connections are protected by with these contents, if other nodes with the same CA would accept them.
fn made(files: &Files, contents: &Contents, name: &DnsName<'static>) -> Result<Current, TlsError> {
    let named = ServerName::DnsName(name.clone());
    let unusable = |problem: String| TlsError::File { what: "CA", file: files.ca.clone(), problem };
    let judges = Judges::of(contents, &named).map_err(unusable)?;
    judges.judge(contents, &named).map_err(|error| TlsError::Flawed {
        file: files.certificate.clone(),
        flaw: Flaw::of_theirs(&error).unwrap_or(Flaw::Unfit),
        name: name.as_ref().to_owned(),
    })?;
    Current::of(contents, judges, named).map_err(|error| unusable(error.to_string()))
}

impl Judges {
    fn of(contents: &Contents, name: &ServerName<'static>) -> Result<Self, String> {
        let roots = || Arc::clone(&contents.roots);
        let dialled = WebPkiServerVerifier::builder_with_provider(roots(), provider()).build();
        // Who has not shown a certificate is not told of which CAs it should be.
        let inner = WebPkiClientVerifier::builder_with_provider(roots(), provider()).clear_root_hint_subjects().build();
        let inner = inner.map_err(|error| error.to_string())?;
        let dialling = Arc::new(Named { inner, name: name.clone() });
        Ok(Self { dialled: dialled.map_err(|error| error.to_string())?, dialling })
    }

    /// Whether they would accept our own.
    fn judge(&self, contents: &Contents, name: &ServerName<'static>) -> Result<(), rustls::Error> {
        let (end, between) = contents.own.cert.split_first().expect("a file without a certificate was refused");
        let now = UnixTime::now();
        self.dialled.verify_server_cert(end, between, name, &[], now)?;
        self.dialling.verify_client_cert(end, between, now)?;
        Ok(())
    }
}

impl Current {
    fn of(contents: &Contents, judges: Judges, name: ServerName<'static>) -> Result<Self, rustls::Error> {
        let Judges { dialled, dialling } = judges;
        let shown = Arc::new(SingleCertAndKey::from(Arc::clone(&contents.own)));
        let server = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
        let mut server = server.with_client_cert_verifier(dialling).with_cert_resolver(Arc::clone(&shown) as _);
        let client = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
        let mut client = client.with_webpki_verifier(dialled).with_client_cert_resolver(shown);
        // No session is resumed: each connection proves anew that both ends have a certificate that is good now.
        (server.session_storage, server.send_tls13_tickets) = (Arc::new(NoServerSessionStorage {}), 0);
        client.resumption = Resumption::disabled();
        // There is one certificate to choose from, so whoever listens on the way need not be told of which cluster it is.
        client.enable_sni = false;
        (server.alpn_protocols, client.alpn_protocols) = (vec![protocol()], vec![protocol()]);
        Ok(Self { generation: 0, name, server: Arc::new(server), client: Arc::new(client) })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, read {} times)", self.name(), self.current().generation + 1)
    }
}

#[cfg(test)]
mod tests;
