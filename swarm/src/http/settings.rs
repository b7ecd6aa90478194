//! Owns the description of a node's service by HTTP, and what it says where the code says nothing: in the environment. Nothing is opened here,
//! and no token is ever shown.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use swarm_net::secret::{Keyring, Secret};

use crate::config::{HTTP, HTTP_CERT, HTTP_KEY, HTTP_TOKEN, HTTP_TOKEN_FILE};
use crate::rpc::{Entrance, Entry, TOKEN_METHODS, Variables};
use crate::secrets::Places;

/// What stands in the environment where the code says nothing.
const VARIABLES: Variables = Variables {
    tokens: Places { methods: TOKEN_METHODS, variables: [HTTP_TOKEN, HTTP_TOKEN_FILE] },
    cert: HTTP_CERT,
    key: HTTP_KEY,
};

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
    entrance: Entrance,
    idle: Duration,
}

impl Http {
    /// At this address (`host:port`; port 0 is any free one).
    pub fn at(addr: impl Into<String>) -> Self {
        Self { addr: addr.into(), entrance: Entrance::default(), idle: IDLE }
    }

    /// Lets those in who send `Authorization: Bearer` and this token, of at least 16 bytes: `openssl rand -base64 32` makes a good one.
    /// Called several times (at most four), each is good, as while they are being changed; [`Swarm::http_tokens`](crate::Swarm::http_tokens) does
    /// that without a restart.
    ///
    /// Where the code names no token, the environment does: `SWARM_HTTP_TOKEN` is one, or several, one a line; `SWARM_HTTP_TOKEN_FILE` the path of
    /// a file as for [`Http::token_file`].
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.entrance.tokens.secrets.push(token.into());
        self
    }

    /// The file that holds the [token](Http::token), or several, one a line. Nobody but its owner may be able to read it: `chmod 600`. It is
    /// read once, when the node starts.
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.entrance.tokens.file = Some(path.into());
        self
    }

    /// Speaks TLS (1.3, or 1.2) with this chain of certificates, the node's own first, and its private key: files in the PEM format.
    /// The key's may be open to nobody but its owner: `chmod 600`. Both are read once, when the node starts.
    ///
    /// Where the code says nothing, `SWARM_HTTP_CERT` and `SWARM_HTTP_KEY` in the environment do.
    pub fn tls(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.entrance.tls = Some((cert.into(), key.into()));
        self
    }

    /// Accepts that tokens and messages go over a network as they are: who can read along there has them. For a node behind a proxy that
    /// ends TLS.
    pub fn without_tls(mut self) -> Self {
        self.entrance.without_tls = true;
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
        let entry = self.entrance.check(addr, cluster, &VARIABLES, variable)?;
        Ok(Opening { entry, idle: self.idle })
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("addr", &self.addr).field("tls", &self.entrance.tls).finish_non_exhaustive()
    }
}

/// What a node needs to serve, checked.
pub(crate) struct Opening {
    pub(super) entry: Entry,
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
        assert!(check(open().token(TOKEN).without_tls(), &[]).is_ok_and(|opening| opening.entry.tokens.is_some()));
        assert!(check(Http::at("127.0.0.1:0"), &[]).is_ok_and(|opening| opening.entry.tokens.is_none()));
        assert!(check(Http::at("[::1]:0"), &[]).is_ok());
    }

    #[test]
    fn tokens_come_from_one_place_and_are_good_ones() {
        let at = || Http::at("127.0.0.1:0");
        let tokens = |http, variables: &[_]| {
            check(http, variables).expect("they are good").entry.tokens.expect("there are some")
        };
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
