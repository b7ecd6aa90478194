//! How a program reaches a cluster that it is no member of: through the gateways of some of its nodes
//! ([`Builder::gateway`](crate::Builder::gateway)), with the API that members have.
//!
//! ```no_run
//! # use swarm::prelude::*;
//! # struct Vault { cents: u64 }
//! #[swarm::worker(public)]
//! impl Vault {
//!     # #[init] fn init(opening: u64) -> Self { Self { cents: opening } }
//!     #[call]
//!     fn balance(&self) -> u64 {
//!         self.cents
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swarm::remote::Client;
//!
//! let remote = Client::connect(["10.0.0.7:45893", "10.0.0.8:45893"]).await?;
//! VaultClient::register("vault/42", 1_000).on(&remote).await?;
//! let cents = VaultClient::call("vault/42", vault::Balance).on(&remote).await?;
//! let same = remote.at::<Vault>("vault/42").balance().await?;
//! # Ok(()) }
//! ```
//!
//! The program is built with the crate that defines the workers, for their messages; it never runs one. Workers that are not
//! `#[swarm::worker(public)]` cannot be reached.
//!
//! # Without the node
//!
//! All that only nodes need is behind the feature `node`, which is on by default. A program that only connects does without:
//!
//! ```toml
//! swarm = { version = "0.1", default-features = false, features = ["remote"] }
//! ```
//!
//! There are no `Swarm::builder`, `Config`, discovery, placement and keys then, and neither gossip nor sockets of Swarm's own are
//! compiled; the API of this module, of clients, groups and errors is the same. `Swarm` itself is there as a handle that nobody has, and
//! [`Swarm::current`](crate::Swarm::current) is `None`.
//!
//! A crate that defines workers for nodes and for such programs depends on Swarm with `default-features = false` and no more: each program adds `node`
//! or `remote` by its own dependency on Swarm. The whole source of a worker is compiled for both. What its handlers need beside that, such as
//! a database's driver, is better put behind a feature of that crate, and the bodies that use it behind `#[cfg(feature = "..")]`. Nothing
//! of the handlers is linked into a program without nodes. Where both kinds of programs are built by one command, as in a workspace, cargo
//! compiles Swarm once, with the features of all: build the program by itself (`cargo build -p shop`).
//!
//! # When a node goes
//!
//! A client is connected to one node at a time. When that is lost, or begins to leave, it connects to the next address, over and over
//! until one answers. What was under way with a lost one ends as lost: [`CallError::NodeDown`] with [`Executed::Maybe`], since the node may
//! have passed it on. Only what a node refuses because it stops is asked of another without a word, for that did not run. What is asked
//! while there is no connection waits for one, as long as its time lasts, and ends with [`CallError::Unreachable`], which did not run.
//!
//! # What differs from a member
//!
//! - A deadline is met by the node. Should its word not come, the client gives up a quarter of a second after it.
//! - A cast is handed to the connection; that the node or the worker refuses it is not told. While there is no connection, or 256 requests
//!   are under way over it, it is refused; calls wait for their turn.
//! - Calls and casts of one client to one name run in the order in which they were made, as long as the connection lasts.
//! - There is no `register_local`, since nothing runs here.
//!
//! | file | owns |
//! |---|---|
//! | `dialler` | addresses, and how one is connected to |
//! | `link` | a connection, and what replaces it |
//! | `asking` | what is asked, and what the answers mean |

mod asking;
mod dialler;
mod link;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::secret::{Secret, SecretError};
use tokio::sync::watch;

use crate::error::{CallError, Executed};
use crate::gateway::gate;
use crate::message::{Payload, Wire, decode};
use crate::name::Name;
use crate::rpc::has_drivers;
use crate::secrets::Told;
use crate::trace::{Propagator, Tracing};

pub(crate) use asking::{Answering, Start};
use dialler::Dialler;
use link::{Keeper, State};

/// How long an answer may take if nothing is said, as with members.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a cluster that this program is no member of. Cheap to clone; it ends with the last clone. See [the module](self).
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    /// The connection, or why there is none.
    state: watch::Receiver<State>,
    /// Asks the keeper to look for another node.
    moves: Arc<tokio::sync::Notify>,
    /// The connections live there.
    runtime: tokio::runtime::Handle,
    timeout: Duration,
    tracing: Tracing,
}

/// Describes a connection before it is made: [`Client::builder`].
#[derive(Default)]
#[must_use = "nothing is connected before `.connect(..).await`"]
pub struct Builder {
    told: Told,
    timeout: Option<Duration>,
    tracing: Tracing,
}

/// Why a program is not connected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No gateway could be reached, or none lets this program in.
    #[error("{0}")]
    Unreachable(String),
    /// The secret is too short, there are too many, or it cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no tokio runtime here, or it has no drivers.
    #[error("connections need a tokio runtime with I/O and time: connect inside one that was built with `enable_all`")]
    NoRuntime,
}

impl Client {
    /// Connects to the first of these gateways that answers, each `host:port`. The cluster's secret, if it has one, is what the environment
    /// says (`SWARM_SECRET` or `SWARM_SECRET_FILE`, as for nodes); [`Client::builder`] takes it from the code.
    ///
    /// # Errors
    /// [`ConnectError`], with what came of each address.
    pub async fn connect(addrs: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConnectError> {
        Self::builder().connect(addrs).await
    }

    /// Describes a connection.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), swarm::remote::ConnectError> {
    /// let remote = swarm::remote::Client::builder()
    ///     .secret_file("/etc/shop/bank.key")
    ///     .timeout(std::time::Duration::from_secs(2))
    ///     .connect(["bank-1.example.org:45893", "bank-2.example.org:45893"])
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The node that this client is connected to at this moment.
    pub fn node(&self) -> Option<NodeId> {
        match &*self.shared.state.borrow() {
            State::Up(link) => Some(link.node),
            State::Down(_) => None,
        }
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.shared.timeout
    }
}

impl Builder {
    /// The cluster's secret: see [`Builder::secret`](crate::Builder::secret) of nodes. Called several times, the first is the one that is
    /// shown.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.told.secrets.push(secret.into());
        self
    }

    /// The file that holds it, open to nobody but its owner.
    pub fn secret_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.told.file = Some(path.into());
        self
    }

    /// How long an answer may take where the call itself says nothing (default 5 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Has calls and casts go on in the traces of their callers, as the module [`trace`](crate::trace) has it, if the gateway's node has a
    /// [propagator](crate::Builder::propagator) as well. By default nothing is traced.
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.tracing = Tracing::by(propagator);
        self
    }

    /// Connects to the first of these gateways that answers.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect(self, addrs: impl IntoIterator<Item = impl Into<String>>) -> Result<Client, ConnectError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        if !has_drivers() {
            return Err(ConnectError::NoRuntime);
        }
        let keys = self.told.keys()?;
        let dialler = Dialler::new(addrs.into_iter().map(Into::into).collect(), gate(keys.as_ref()));
        let (at, connected) = dialler.next(0).await.map_err(ConnectError::Unreachable)?;
        let (told, state) = watch::channel(State::Up(connected.link.clone()));
        let moves = Arc::new(tokio::sync::Notify::new());
        runtime.spawn(Keeper { dialler, at, told, moves: moves.clone() }.keep(connected));
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        let shared = Shared { state, moves, runtime, timeout, tracing: self.tracing };
        Ok(Client { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("node", &self.node()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// The reply to a call, and the node that it came by.
pub(crate) struct Replied {
    payload: Payload,
    node: NodeId,
}

impl Replied {
    /// The value that it is.
    pub(crate) fn read<R: Wire>(self, name: &Name) -> Result<R, CallError> {
        decode(&self.payload).map_err(|malformed| CallError::SchemaMismatch {
            name: name.clone(),
            node: self.node,
            what: format!("its reply: {malformed}"),
            executed: Executed::Yes,
        })
    }
}
