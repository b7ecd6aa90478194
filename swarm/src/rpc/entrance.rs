//! Owns what a service by HTTP is told about who is let in: its bearer tokens, and the certificate that keeps them from being read along. Never
//! shows a token, nor lets an address be opened to others without both.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use swarm_net::secret::Keyring;

use super::tls;
use crate::secrets::{Places, Told};

/// What is told.
#[derive(Clone, Default)]
pub(crate) struct Entrance {
    pub(crate) tokens: Told,
    /// The chain of certificates, and the private key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) without_tls: bool,
}

/// The variables of the environment that say it where the code says nothing.
pub(crate) struct Variables {
    pub(crate) tokens: Places,
    pub(crate) cert: &'static str,
    pub(crate) key: &'static str,
}

/// The methods that tell tokens, whichever service they are for.
pub(crate) const TOKEN_METHODS: [&str; 2] = ["`.token(..)`", "`.token_file(..)`"];

/// The same, checked.
pub(crate) struct Entry {
    pub(crate) addr: SocketAddr,
    pub(crate) tokens: Option<Keyring>,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// A service that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) addr: SocketAddr,
    /// Those that let in, which users may change.
    pub(crate) tokens: Option<Keyring>,
}

impl Entrance {
    /// Reads the files, and refuses what would let strangers in or along. `addr` is what the address means, `cluster` are the keys of the
    /// cluster.
    pub(crate) fn check(
        self,
        addr: SocketAddr,
        cluster: Option<&Keyring>,
        names: &Variables,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Entry, String> {
        let Variables { cert, key, .. } = names;
        let paths = match (self.tls.clone(), variable(cert), variable(key)) {
            (Some(paths), _, _) => Some(paths),
            (None, Some(cert), Some(key)) => Some((cert.into(), key.into())),
            (None, None, None) => None,
            (None, Some(_), None) => return Err(format!("{cert} is set and {key} is not: TLS needs both")),
            (None, None, Some(_)) => return Err(format!("{key} is set and {cert} is not: TLS needs both")),
        };
        let without_tls = self.without_tls;
        let tokens =
            self.tokens.keyring(&names.tokens, variable).map_err(|error| format!("its bearer tokens: {error}"))?;
        if let (Some(tokens), Some(cluster)) = (&tokens, cluster)
            && tokens.ids().iter().any(|id| cluster.ids().contains(id))
        {
            return Err(
                "a bearer token is the cluster's secret, which is more than its holders may do: make another one"
                    .to_owned(),
            );
        }
        let tls = paths.map(|(cert, key)| tls::config(&cert, &key)).transpose()?;
        if !addr.ip().is_loopback() && tokens.is_none() {
            return Err(format!(
                "{addr} can be reached by other machines, and nobody is asked for a token: set one by .token(..), {} or a token \
                 file (`openssl rand -base64 32` makes one), or use a loopback address",
                names.tokens.variables[0]
            ));
        }
        if !addr.ip().is_loopback() && tls.is_none() && !without_tls {
            return Err(format!(
                "{addr} can be reached by other machines, and tokens would go there unencrypted: set a certificate and its key by .tls(..), \
                 use a loopback address, or accept it with .without_tls()"
            ));
        }
        Ok(Entry { addr, tokens, tls })
    }
}
