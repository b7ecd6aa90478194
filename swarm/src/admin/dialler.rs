//! Owns how an operator comes to be connected to a node: by which way, with which secret, and that both understand each other.
//! Never asks anything else.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use swarm_net::secret::Secret;
use tarpc::client::{Config, RpcError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::answer::Welcome;
use super::ask::Hello;
use super::client::{Client, ClientError};
use super::codec::{FRAME_BYTES_MAX, Json};
use super::service::AdminClient;
use super::{Endpoint, OLDEST, VERSION, gate};
use crate::rpc::{Stream, until, wire, within};
use crate::secrets::Told;

/// How long an answer may take if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Describes an operator's connection. By TCP a cluster that has a secret asks for it; where the code says nothing, it is what the environment
/// says (`SWARM_SECRET` or `SWARM_SECRET_FILE`, as for nodes).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use swarm::admin::{Client, Endpoint};
///
/// let endpoint = Endpoint::Tcp("10.0.0.7:45894".parse()?);
/// let client = Client::dialler().secret_file("/etc/bank/swarm.key").connect(&endpoint).await?;
/// println!("{} nodes", client.status().await?.nodes);
/// # Ok(()) }
/// ```
#[derive(Default)]
#[must_use = "it does nothing before it is told to connect"]
pub struct Dialler {
    told: Told,
    timeout: Option<Duration>,
}

impl Dialler {
    /// The cluster's secret. Called several times, the first is the one that is shown.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.told.secrets.push(secret.into());
        self
    }

    /// The file that holds it, open to nobody but its owner.
    pub fn secret_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.told.file = Some(path.into());
        self
    }

    /// How long it may take to connect, and then each answer (default 10 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Connects to a node, and makes sure that both understand each other.
    ///
    /// # Errors
    /// [`ClientError::Secret`], [`ClientError::Unreachable`], [`ClientError::Foreign`] or [`ClientError::Late`].
    pub async fn connect(self, endpoint: &Endpoint) -> Result<Client, ClientError> {
        let limit = self.timeout.unwrap_or(TIMEOUT);
        let gate = match endpoint {
            Endpoint::Unix(_) => None,
            Endpoint::Tcp(_) => gate(self.told.keys()?.as_ref()),
        };
        let open = async {
            io::Result::Ok(match endpoint {
                #[cfg(unix)]
                Endpoint::Unix(path) => client(UnixStream::connect(path).await?),
                #[cfg(not(unix))]
                Endpoint::Unix(_) => return Err(ErrorKind::Unsupported.into()),
                Endpoint::Tcp(addr) => {
                    let stream = TcpStream::connect(addr).await?;
                    client(Stream::dial(stream, gate.as_ref()).await.map_err(|error| denied(&error))?)
                }
            })
        };
        let opened = within(limit, open).await.ok_or_else(|| "it does not answer".to_owned());
        let service = opened
            .and_then(|opened| opened.map_err(|error| unreachable(&error)))
            .map_err(|problem| ClientError::Unreachable { endpoint: endpoint.to_string(), problem })?;
        let foreign = |problem: String| ClientError::Foreign { endpoint: endpoint.to_string(), problem };
        let hello = Hello { version: VERSION, client: format!("swarm {}", env!("CARGO_PKG_VERSION")) };
        let open_tcp = gate.is_none() && matches!(endpoint, Endpoint::Tcp(_));
        let hint = if open_tcp { ", or its cluster has a secret, which was not given" } else { "" };
        let welcome = service.hello(until(limit), hello).await.map_err(|error| match error {
            RpcError::DeadlineExceeded => ClientError::Late(limit),
            error @ (RpcError::Shutdown | RpcError::Send(_) | RpcError::Channel(_) | RpcError::Server(_)) => {
                foreign(format!("it is no node's service for operators, or has no room for one more{hint} ({error})"))
            }
        })?;
        if welcome.oldest > VERSION || welcome.version < OLDEST {
            let Welcome { version, oldest, swarm, .. } = &welcome;
            return Err(foreign(format!(
                "the node (swarm {swarm}) speaks versions {oldest} to {version} of the service, and this program {OLDEST} to {VERSION}: use the program of the node's version"
            )));
        }
        Ok(Client::of(service, welcome, limit))
    }
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialler").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

fn client<S>(stream: S) -> AdminClient
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    AdminClient::new(Config::default(), wire::<Json, _, _, _>(stream, FRAME_BYTES_MAX)).spawn()
}

/// What it means that the secret does not open the door.
fn denied(error: &io::Error) -> io::Error {
    let advice = if error.kind() == ErrorKind::PermissionDenied {
        "give this program the secret of the cluster"
    } else {
        // Who has no secret takes a handshake for a frame that is far too long.
        "does a node serve operators there, and has its cluster the secret that this program has?"
    };
    io::Error::other(format!("{error}: {advice}"))
}

/// What keeps a connection from being made, and what to do.
fn unreachable(error: &io::Error) -> String {
    let known = [
        (ErrorKind::NotFound, "there is no such socket: does a node run here, and with `Builder::admin`?"),
        (ErrorKind::ConnectionRefused, "nobody listens there any more: its node has ended"),
        (ErrorKind::PermissionDenied, "it belongs to another user: be that user"),
    ];
    let known = known.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, text)| (*text).to_owned())
}
