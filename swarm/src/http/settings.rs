//! Owns the description of a node's service by HTTP, and what it says where the code says nothing: in the environment. Nothing is opened here,
//! and no token is ever shown.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use swarm_net::secret::{Keyring, Secret, SecretError};

use super::tls;
use crate::config::{HTTP, HTTP_CERT, HTTP_KEY, HTTP_TOKEN, HTTP_TOKEN_FILE};

/// How long a connection is kept over which nothing is asked, unless it is set. Longer than the proxies do that keep theirs for 60 s, so
/// that it is they who end it, and no request crosses with its end.
const IDLE: Duration = Duration::from_secs(75);

/// How a node serves programs in other languages by HTTP: for [`Builder::http`](crate::Builder::http).
///
/// Who is let in is told by bearer tokens (RFC 6750). Without any, only a loopback address can be served; an address that other machines reach
/// needs TLS as well, or [`Http::without_tls`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use swarm::{Http, Swarm};
///
/// let http = Http::at("0.0.0.0:8443").token_file("/etc/bank/tokens").tls("/etc/bank/cert.pem", "/etc/bank/key.pem");
/// let swarm = Swarm::builder().cluster("bank").secret_file("/etc/bank/swarm.key").http(http).start().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "it is for `Builder::http`"]
pub struct Http {
    addr: String,
    tokens: Vec<Secret>,
    token_file: Option<PathBuf>,
    tls: Option<(PathBuf, PathBuf)>,
    without_tls: bool,
    idle: Duration,
}

impl Http {
    /// At this address (`host:port`; port 0 is any free one).
    pub fn at(addr: impl Into<String>) -> Self {
        let (tokens, token_file, tls) = (Vec::new(), None, None);
        Self { addr: addr.into(), tokens, token_file, tls, without_tls: false, idle: IDLE }
    }

    /// Lets those in who send `Authorization: Bearer` and this token, of at least 16 bytes: `openssl rand -base64 32` makes a good one.
    /// Called several times (at most four), each is good, as while they are being changed.
    ///
    /// Where the code names no token, the environment does: `SWARM_HTTP_TOKEN` is one, or several, one a line; `SWARM_HTTP_TOKEN_FILE` the path of
    /// a file as for [`Http::token_file`].
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.tokens.push(token.into());
        self
    }

    /// The file that holds the [token](Http::token), or several, one a line. Nobody but its owner may be able to read it: `chmod 600`. It is
    /// read once, when the node starts.
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token_file = Some(path.into());
        self
    }

    /// Speaks TLS (1.3, or 1.2) with this chain of certificates, the node's own first, and its private key: files in the PEM format.
    /// The key's may be open to nobody but its owner: `chmod 600`. Both are read once, when the node starts.
    ///
    /// Where the code says nothing, `SWARM_HTTP_CERT` and `SWARM_HTTP_KEY` in the environment do.
    pub fn tls(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls = Some((cert.into(), key.into()));
        self
    }

    /// Accepts that tokens and messages go over a network as they are: who can read along there has them. For a node behind a proxy that
    /// ends TLS.
    pub fn without_tls(mut self) -> Self {
        self.without_tls = true;
        self
    }

    /// Ends a connection over which nothing has been asked for so long (default 75 s): longer than the proxies in front of it wait, if
    /// there are any.
    pub fn idle(mut self, limit: Duration) -> Self {
        self.idle = limit;
        self
    }

    /// What the environment asks for, if it does.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        variable(HTTP).map(|addr| Self::at(addr.to_string_lossy()))
    }

    /// The address, as it was written.
    pub(crate) fn addr(&self) -> &str {
        &self.addr
    }

    /// Reads the files, and refuses what would let strangers in or along. `addr` is what the address means, `cluster` are the keys of the
    /// cluster.
    pub(crate) fn check(
        self,
        addr: SocketAddr,
        cluster: Option<&Keyring>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Opening, String> {
        let paths = match (self.tls.clone(), variable(HTTP_CERT), variable(HTTP_KEY)) {
            (Some(paths), _, _) => Some(paths),
            (None, Some(cert), Some(key)) => Some((cert.into(), key.into())),
            (None, None, None) => None,
            (None, Some(_), None) => return Err(format!("{HTTP_CERT} is set and {HTTP_KEY} is not: TLS needs both")),
            (None, None, Some(_)) => return Err(format!("{HTTP_KEY} is set and {HTTP_CERT} is not: TLS needs both")),
        };
        let (without_tls, idle) = (self.without_tls, self.idle);
        let tokens = self.keyring(variable).map_err(|error| format!("its bearer tokens: {error}"))?;
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
                "{addr} can be reached by other machines, and nobody is asked for a token: set one by .token(..), {HTTP_TOKEN} or a token \
                 file (`openssl rand -base64 32` makes one), or use a loopback address"
            ));
        }
        if !addr.ip().is_loopback() && tls.is_none() && !without_tls {
            return Err(format!(
                "{addr} can be reached by other machines, and tokens would go there unencrypted: set a certificate and its key by .tls(..), \
                 use a loopback address, or accept it with .without_tls()"
            ));
        }
        Ok(Opening { addr, tokens, tls, idle })
    }

    fn keyring(self, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Keyring>, SecretError> {
        let secrets = match (self.tokens, self.token_file) {
            (tokens, None) if !tokens.is_empty() => tokens,
            (tokens, Some(file)) if tokens.is_empty() => Secret::from_file(file)?,
            (_, Some(_)) => return Err(SecretError::Both { first: "`.token(..)`", second: "`.token_file(..)`" }),
            (_, None) => match (variable(HTTP_TOKEN), variable(HTTP_TOKEN_FILE)) {
                (None, None) => return Ok(None),
                (Some(text), None) => crate::keys::lines(text)?,
                (None, Some(file)) => Secret::from_file(PathBuf::from(file))?,
                (Some(_), Some(_)) => return Err(SecretError::Both { first: HTTP_TOKEN, second: HTTP_TOKEN_FILE }),
            },
        };
        Keyring::new(secrets).map(Some)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("addr", &self.addr).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// What a node needs to serve, checked.
pub(crate) struct Opening {
    pub(super) addr: SocketAddr,
    pub(super) tokens: Option<Keyring>,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) idle: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a token of some bytes";

    fn check(http: Http, variables: &[(&str, &str)]) -> Result<Opening, String> {
        let addr = http.addr().parse().expect("an address");
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| text.into());
        let cluster = Keyring::new(["the secret of the cluster".into()]).expect("a good secret");
        http.check(addr, Some(&cluster), variable)
    }

    fn refused(http: Http, variables: &[(&str, &str)], part: &str) {
        let problem = check(http, variables).err().expect("it is refused");
        assert!(problem.contains(part), "{problem}");
    }

    #[test]
    fn nothing_but_loopback_is_served_without_token_and_tls() {
        let open = || Http::at("10.0.0.7:80");
        refused(open(), &[], "nobody is asked for a token");
        refused(open().without_tls(), &[], "nobody is asked for a token");
        refused(open().token(TOKEN), &[], "would go there unencrypted");
        refused(open(), &[(HTTP_TOKEN, TOKEN)], "would go there unencrypted");
        assert!(check(open().token(TOKEN).without_tls(), &[]).is_ok_and(|opening| opening.tokens.is_some()));
        assert!(check(Http::at("127.0.0.1:0"), &[]).is_ok_and(|opening| opening.tokens.is_none()));
        assert!(check(Http::at("[::1]:0"), &[]).is_ok());
    }

    #[test]
    fn tokens_come_from_one_place_and_are_good_ones() {
        let at = || Http::at("127.0.0.1:0");
        let tokens =
            |http, variables: &[_]| check(http, variables).expect("they are good").tokens.expect("there are some");
        assert_eq!(tokens(at().token(TOKEN).token("another token of bytes"), &[]).ids().len(), 2);
        assert!(tokens(at(), &[(HTTP_TOKEN, "  a token of some bytes \n\n")]).knows(&TOKEN.into()));
        assert!(
            !tokens(at().token(TOKEN), &[(HTTP_TOKEN, "another token of bytes")])
                .knows(&"another token of bytes".into())
        );
        refused(at().token("short"), &[], "can be guessed");
        refused(at(), &[(HTTP_TOKEN, "")], "can be guessed");
        refused(at().token(TOKEN).token_file("/nonexistent"), &[], "both say");
        refused(at(), &[(HTTP_TOKEN, TOKEN), (HTTP_TOKEN_FILE, "/nonexistent")], "both say");
        refused(at().token_file("/nonexistent/tokens"), &[], "/nonexistent/tokens");
        refused(at().token("the secret of the cluster"), &[], "is the cluster's secret");
    }

    #[test]
    fn tls_needs_both_files() {
        refused(Http::at("127.0.0.1:0"), &[(HTTP_CERT, "/a")], "TLS needs both");
        refused(Http::at("127.0.0.1:0"), &[(HTTP_KEY, "/a")], "TLS needs both");
        refused(Http::at("127.0.0.1:0"), &[(HTTP_KEY, "/a"), (HTTP_CERT, "/nonexistent/b")], "/nonexistent/b");
        refused(Http::at("127.0.0.1:0").tls("/nonexistent/c", "/d"), &[], "/nonexistent/c");
    }

    #[test]
    fn nothing_of_a_token_is_shown() {
        assert!(!format!("{:?}", Http::at("127.0.0.1:0").token(TOKEN)).contains("token of"));
    }
}
