//! Owns an operator's connection to a node. Never asks anything that the node has not said it understands.

use std::future::Future;
use std::time::Duration;

use tarpc::client::{Config, RpcError};
use tarpc::context::Context;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::answer::{
    Code, EventPage, NodeRow, Nodes, Page, Ran, Refusal, Replied, Ring, Status, Unregistered, Welcome, Whereabouts,
    Worker,
};
use super::ask::{All, Filter, Hello, Named, OfKind, OfNode, Sent, Since, Verbosity};
use super::codec::{FRAME_BYTES_MAX, Json};
use super::service::AdminClient;
use super::{Endpoint, OLDEST, VERSION};
use crate::message::JSON_BYTES_MAX;
use crate::registration::KindInfo;
use crate::rpc::{until, wire, within};

/// How long an answer may take if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to the service for operators of one node, which answers for the whole cluster.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use swarm::admin::{Client, Endpoint};
///
/// let client = Client::connect(&Endpoint::Unix("/run/user/1000/swarm/bank-45892.sock".into())).await?;
/// for node in client.nodes().await?.nodes {
///     println!("{} hosts {} workers", node.node, node.workers);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    service: AdminClient,
    welcome: Welcome,
    timeout: Duration,
}

/// Why an operator has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody could be reached there.
    #[error("no node can be reached at {endpoint}: {problem}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        problem: String,
    },
    /// Who answers is no node, or one of a version that this program does not understand.
    #[error("{endpoint} cannot be understood: {problem}")]
    Foreign {
        /// Where.
        endpoint: String,
        /// Why.
        problem: String,
    },
    /// The node does not do it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There was no answer in time.
    #[error("the node did not answer within {0:?}: try again with more time, or ask another node")]
    Late(Duration),
    /// The connection is lost. What was asked may have been done.
    #[error("the connection to the node was lost: {0}")]
    Lost(String),
}

impl ClientError {
    /// Whether the handler of the message ran that a call or cast was to send. Never wrong: after [`Ran::No`] it may be sent again without fear.
    pub fn executed(&self) -> Ran {
        match self {
            Self::Unreachable { .. } | Self::Foreign { .. } => Ran::No,
            Self::Refused(refusal) => refusal.executed.unwrap_or_default(),
            Self::Late(_) | Self::Lost(_) => Ran::Maybe,
        }
    }
}

impl Client {
    /// Connects to a node, and makes sure that both understand each other, within 10 s.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Foreign`] or [`ClientError::Late`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        Self::connect_within(endpoint, TIMEOUT).await
    }

    /// The same within this time, which from then on is that of each answer.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_within(endpoint: &Endpoint, limit: Duration) -> Result<Self, ClientError> {
        let opened = within(limit, Self::open(endpoint)).await.ok_or_else(|| "it does not answer".to_owned());
        let service = opened
            .and_then(|opened| opened.map_err(|error| unreachable(&error)))
            .map_err(|problem| ClientError::Unreachable { endpoint: endpoint.to_string(), problem })?;
        let foreign = |problem: String| ClientError::Foreign { endpoint: endpoint.to_string(), problem };
        let hello = Hello { version: VERSION, client: format!("swarm {}", env!("CARGO_PKG_VERSION")) };
        let welcome = service.hello(until(limit), hello).await.map_err(|error| match error {
            RpcError::DeadlineExceeded => ClientError::Late(limit),
            error @ (RpcError::Shutdown | RpcError::Send(_) | RpcError::Channel(_) | RpcError::Server(_)) => {
                foreign(format!("it is no node's service for operators, or has no room for one more ({error})"))
            }
        })?;
        if welcome.oldest > VERSION || welcome.version < OLDEST {
            let Welcome { version, oldest, swarm, .. } = &welcome;
            return Err(foreign(format!(
                "the node (swarm {swarm}) speaks versions {oldest} to {version} of the service, and this program {OLDEST} to {VERSION}: use the program of the node's version"
            )));
        }
        Ok(Self { service, welcome, timeout: limit })
    }

    async fn open(endpoint: &Endpoint) -> std::io::Result<AdminClient> {
        Ok(match endpoint {
            #[cfg(unix)]
            Endpoint::Unix(path) => client(UnixStream::connect(path).await?),
            #[cfg(not(unix))]
            Endpoint::Unix(_) => return Err(std::io::ErrorKind::Unsupported.into()),
            Endpoint::Tcp(addr) => client(TcpStream::connect(addr).await?),
        })
    }

    /// Answers may take so long (default 10 s).
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// What the node has said of itself.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// How the node is, and the cluster.
    ///
    /// # Errors
    /// As all questions: [`ClientError::Refused`], [`ClientError::Late`] or [`ClientError::Lost`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.answer(self.service.status(self.context(), All::default())).await
    }

    /// The nodes of the cluster.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn nodes(&self) -> Result<Nodes, ClientError> {
        self.answer(self.service.nodes(self.context(), All::default())).await
    }

    /// Who owns how much of the ring.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn ring(&self) -> Result<Ring, ClientError> {
        self.answer(self.service.ring(self.context(), All::default())).await
    }

    /// Where a name is, and why.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::NotFound`](super::Code::NotFound) if nobody has it.
    pub async fn locate(&self, name: &str) -> Result<Whereabouts, ClientError> {
        self.answer(self.service.locate(self.context(), Named::new(name))).await
    }

    /// A page of the list of workers.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn list(&self, filter: &Filter) -> Result<Page, ClientError> {
        self.answer(self.service.list(self.context(), filter.clone())).await
    }

    /// What is known of a worker.
    ///
    /// # Errors
    /// As [`Client::locate`].
    pub async fn describe(&self, name: &str) -> Result<Worker, ClientError> {
        self.answer(self.service.describe(self.context(), Named::new(name))).await
    }

    /// Begins to move a node's workers to others. The node stays a member, and keeps those that want to stay. It lasts until
    /// [`Client::undrain`], or until the node is started anew.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::Refused`](super::Code::Refused) if there is no other node that takes workers.
    pub async fn drain(&self, node: &str) -> Result<NodeRow, ClientError> {
        self.answer(self.service.drain(self.context(), OfNode::new(node))).await
    }

    /// Lets a node take workers again.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn undrain(&self, node: &str) -> Result<NodeRow, ClientError> {
        self.answer(self.service.undrain(self.context(), OfNode::new(node))).await
    }

    /// Ends a worker, wherever it is, and frees its name.
    ///
    /// # Errors
    /// As [`Client::locate`].
    pub async fn unregister(&self, name: &str) -> Result<Unregistered, ClientError> {
        self.answer(self.service.unregister(self.context(), Named::new(name))).await
    }

    /// What has happened, as the node that answers saw it.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn events_since(&self, since: &Since) -> Result<EventPage, ClientError> {
        // It may wait for as long as it is asked to, and then has the usual time.
        let limit = self.timeout + Duration::from_millis(since.wait_ms.min(30_000));
        self.answer(self.service.events_since(until(limit), since.clone())).await
    }

    /// Changes what the node logs.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::Unsupported`](super::Code::Unsupported) if its program has not given it a way to do so.
    pub async fn log(&self, directives: &str) -> Result<Verbosity, ClientError> {
        self.answer(self.service.log(self.context(), Verbosity::new(directives))).await
    }

    /// Calls a worker whose type is marked `#[swarm::worker(json)]`, and gives its reply. `message` is the message's wire name, or the name of
    /// the method that handles it. The node that is asked sends it on to where the worker is. Needs a node of version 2.
    ///
    /// # Errors
    /// As [`Client::locate`]; [`ClientError::executed`] says whether the handler ran. [`Code::Malformed`](super::Code::Malformed) if the JSON does
    /// not tell the message, and [`Code::Unsupported`](super::Code::Unsupported) if the type is not marked so.
    pub async fn call(&self, name: &str, message: &str, json: &str) -> Result<String, ClientError> {
        self.understands_json(json)?;
        let Replied { json } = self.answer(self.service.call(self.context(), Sent::new(name, message, json))).await?;
        Ok(json)
    }

    /// Casts to such a worker.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn cast(&self, name: &str, message: &str, json: &str) -> Result<(), ClientError> {
        self.understands_json(json)?;
        self.answer(self.service.cast(self.context(), Sent::new(name, message, json))).await.map(drop)
    }

    /// What is told of a worker type: its messages, and if it is marked `#[swarm::worker(json)]` their fields. Needs a node of version 2.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::NotFound`](super::Code::NotFound) if no node knows the type.
    pub async fn kind(&self, kind: &str) -> Result<KindInfo, ClientError> {
        self.understands_json("")?;
        self.answer(self.service.kind(self.context(), OfKind::new(kind))).await
    }

    /// Refuses what the node would not understand, or could not take.
    fn understands_json(&self, json: &str) -> Result<(), ClientError> {
        let (code, text) = if self.welcome.version < 2 {
            let text = format!(
                "the node (swarm {}) is too old to know of JSON: ask one of the version of this program",
                self.welcome.swarm
            );
            (Code::Unsupported, text)
        } else if json.len() > JSON_BYTES_MAX {
            let text =
                format!("the JSON has {} bytes, more than the {JSON_BYTES_MAX} that are read: send less", json.len());
            (Code::Malformed, text)
        } else {
            return Ok(());
        };
        Err(Refusal { code, text, executed: Some(Ran::No) }.into())
    }

    fn context(&self) -> Context {
        until(self.timeout)
    }

    async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<Result<T, Refusal>, RpcError>>,
    ) -> Result<T, ClientError> {
        match asked.await {
            Ok(answer) => Ok(answer?),
            Err(RpcError::DeadlineExceeded) => Err(ClientError::Late(self.timeout)),
            Err(error @ (RpcError::Shutdown | RpcError::Send(_) | RpcError::Channel(_) | RpcError::Server(_))) => {
                Err(ClientError::Lost(error.to_string()))
            }
        }
    }
}

fn client<S>(stream: S) -> AdminClient
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    AdminClient::new(Config::default(), wire::<Json, _, _, _>(stream, FRAME_BYTES_MAX)).spawn()
}

/// What keeps a connection from being made, and what to do.
fn unreachable(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let known = [
        (ErrorKind::NotFound, "there is no such socket: does a node run here, and with `Builder::admin`?"),
        (ErrorKind::ConnectionRefused, "nobody listens there any more: its node has ended"),
        (ErrorKind::PermissionDenied, "it belongs to another user: be that user"),
    ];
    let known = known.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, text)| (*text).to_owned())
}
