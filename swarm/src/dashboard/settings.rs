//! Owns the description of a node's dashboard, and what it says where the code says nothing: in the environment. Nothing is opened here, and no
//! token is ever shown.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use swarm_net::secret::{Keyring, Secret};

use crate::builder::{Builder, address};
use crate::config::{DASHBOARD, DASHBOARD_CERT, DASHBOARD_KEY, DASHBOARD_TOKEN, DASHBOARD_TOKEN_FILE};
use crate::error::StartError;
use crate::rpc::{Entrance, Entry, TOKEN_METHODS, Variables};
use crate::secrets::Places;

/// What stands in the environment where the code says nothing.
const VARIABLES: Variables = Variables {
    tokens: Places { methods: TOKEN_METHODS, variables: [DASHBOARD_TOKEN, DASHBOARD_TOKEN_FILE] },
    cert: DASHBOARD_CERT,
    key: DASHBOARD_KEY,
};

/// How a node shows the cluster to browsers: for [`Builder::dashboard`](crate::Builder::dashboard).
///
/// Who is let in logs in with a token. Without any, only a loopback address can be served; there whoever uses the machine may look, and
/// nobody can change anything. An address that other machines reach needs TLS as well, or [`Dashboard::without_tls`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use swarm::{Dashboard, Swarm};
///
/// let dashboard = Dashboard::at("127.0.0.1:8080").token_file("/etc/bank/dashboard.token");
/// let swarm = Swarm::builder().cluster("bank").dashboard(dashboard).start().await?;
/// println!("http://{}", swarm.dashboard().expect("it was asked for"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "it is for `Builder::dashboard`"]
pub struct Dashboard {
    addr: String,
    entrance: Entrance,
}

impl Dashboard {
    /// At this address (`host:port`; port 0 is any free one).
    ///
    /// ```
    /// let dashboard = swarm::Dashboard::at("127.0.0.1:8080");
    /// # let _ = dashboard;
    /// ```
    pub fn at(addr: impl Into<String>) -> Self {
        Self { addr: addr.into(), entrance: Entrance::default() }
    }

    /// Lets those in who log in with this token, of at least 16 bytes: `openssl rand -base64 32` makes a good one. Called several times (at
    /// most four), each is good, as while they are being changed; [`Swarm::dashboard_tokens`](crate::Swarm::dashboard_tokens) does that without a
    /// restart.
    ///
    /// Where the code names no token, the environment does: `SWARM_DASHBOARD_TOKEN` is one, or several, one a line;
    /// `SWARM_DASHBOARD_TOKEN_FILE` the path of a file as for [`Dashboard::token_file`].
    ///
    /// ```
    /// let dashboard = swarm::Dashboard::at("127.0.0.1:8080").token("a token that nobody guesses");
    /// # let _ = dashboard;
    /// ```
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.entrance.tokens.secrets.push(token.into());
        self
    }

    /// The file that holds the [token](Dashboard::token), or several, one a line. Nobody but its owner may be able to read it: `chmod 600`. It
    /// is read once, when the node starts.
    ///
    /// ```
    /// let dashboard = swarm::Dashboard::at("127.0.0.1:8080").token_file("/etc/bank/dashboard.token");
    /// # let _ = dashboard;
    /// ```
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.entrance.tokens.file = Some(path.into());
        self
    }

    /// Speaks TLS (1.3, or 1.2) with this chain of certificates, the node's own first, and its private key: files in the PEM format. The key's
    /// may be open to nobody but its owner: `chmod 600`. Both are read once, when the node starts.
    ///
    /// Where the code says nothing, `SWARM_DASHBOARD_CERT` and `SWARM_DASHBOARD_KEY` in the environment do.
    ///
    /// ```
    /// let dashboard = swarm::Dashboard::at("10.0.0.7:8443").token_file("/etc/bank/dashboard.token");
    /// let dashboard = dashboard.tls("/etc/bank/cert.pem", "/etc/bank/key.pem");
    /// # let _ = dashboard;
    /// ```
    pub fn tls(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.entrance.tls = Some((cert.into(), key.into()));
        self
    }

    /// Accepts that the token and all that is shown go over a network as they are: who can read along there has them. For a node behind a proxy
    /// that ends TLS, and passes the field `Host` on.
    ///
    /// Five logins may fail in a second from one address, and behind a proxy all come from the proxy's: a stranger that it lets through to `/login` can keep
    /// everybody out for as long as he goes on. So have the proxy limit `POST /login` by the addresses that it sees, or ask for a login of its own.
    /// `X-Forwarded-For` is not read, since anybody can write it.
    ///
    /// ```
    /// let dashboard = swarm::Dashboard::at("10.0.0.7:8080").token_file("/etc/bank/dashboard.token").without_tls();
    /// # let _ = dashboard;
    /// ```
    pub fn without_tls(mut self) -> Self {
        self.entrance.without_tls = true;
        self
    }

    /// What the environment asks for, if it does.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        variable(DASHBOARD).map(|addr| Self::at(addr.to_string_lossy()))
    }

    /// The address, as it was written.
    pub(crate) fn addr(&self) -> &str {
        &self.addr
    }

    /// Reads the files, and refuses what would let strangers in or along.
    pub(crate) fn check(
        self,
        addr: SocketAddr,
        cluster: Option<&Keyring>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Entry, String> {
        self.entrance.check(addr, cluster, &VARIABLES, variable)
    }
}

impl Builder {
    /// Shows the cluster to browsers, as the module [`dashboard`](crate::dashboard) has it. Where the code says nothing, `SWARM_DASHBOARD` in the
    /// environment is the address, if that is set.
    ///
    /// An address that other machines reach without a token, or without TLS, is an error of the start. See [`Dashboard`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use swarm::{Dashboard, Swarm};
    ///
    /// let error = Swarm::builder().cluster("doc").dashboard(Dashboard::at("0.0.0.0:0")).start().await.unwrap_err();
    /// assert!(error.to_string().contains("set one by .token(..), SWARM_DASHBOARD_TOKEN or a token file"));
    /// # }
    /// ```
    pub fn dashboard(mut self, dashboard: Dashboard) -> Self {
        self.dashboard = Some(dashboard);
        self
    }

    /// What the node needs to show the cluster.
    pub(crate) fn dashboard_entry(&mut self, cluster: Option<&Keyring>) -> Result<Option<Entry>, StartError> {
        let variable = |name: &str| std::env::var_os(name);
        self.dashboard = self.dashboard.take().or_else(|| Dashboard::of_environment(variable));
        let Some(dashboard) = &self.dashboard else { return Ok(None) };
        let addr = address("dashboard", dashboard.addr())?;
        let checked = dashboard.clone().check(addr, cluster, variable);
        checked.map(Some).map_err(|problem| StartError::Dashboard { problem })
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("addr", &self.addr).field("tls", &self.entrance.tls).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a token of some bytes";

    fn check(dashboard: Dashboard, variables: &[(&str, &str)]) -> Result<Entry, String> {
        let addr = dashboard.addr().parse().expect("an address");
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| text.into());
        dashboard.check(addr, None, variable)
    }

    #[test]
    fn nothing_but_loopback_is_served_without_token_and_tls() {
        let open = || Dashboard::at("10.0.0.7:80");
        let problem = |dashboard, variables: &[_]| check(dashboard, variables).err().expect("it is refused");
        assert!(problem(open(), &[]).contains("nobody is asked for a token"));
        assert!(problem(open().without_tls(), &[]).contains("nobody is asked for a token"));
        assert!(problem(open().token(TOKEN), &[]).contains("would go there unencrypted"));
        assert!(problem(open(), &[(DASHBOARD_TOKEN, TOKEN)]).contains("would go there unencrypted"));
        assert!(problem(open().token("short"), &[]).contains("can be guessed"));
        assert!(check(open().token(TOKEN).without_tls(), &[]).is_ok_and(|entry| entry.tokens.is_some()));
        assert!(check(Dashboard::at("[::1]:0"), &[]).is_ok_and(|entry| entry.tokens.is_none()));
    }

    #[test]
    fn the_environment_says_what_the_code_does_not() {
        let variable = |name: &str| (name == DASHBOARD).then(|| OsString::from("127.0.0.1:8080"));
        assert_eq!(Dashboard::of_environment(variable).expect("it is set").addr(), "127.0.0.1:8080");
        assert!(Dashboard::of_environment(|_| None).is_none());
        let entry = check(Dashboard::at("127.0.0.1:0"), &[(DASHBOARD_TOKEN, TOKEN)]).expect("it is good");
        assert!(entry.tokens.expect("there is one").knows(&TOKEN.into()));
    }

    #[test]
    fn nothing_of_a_token_is_shown() {
        assert!(!format!("{:?}", Dashboard::at("127.0.0.1:0").token(TOKEN)).contains("token of"));
    }
}
