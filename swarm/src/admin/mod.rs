//! What operators see of a cluster and can do to it: a service of each node that wants one, on a Unix socket that only the
//! node's own user (and the superuser) can reach. `swarmctl` speaks to it, and so can any program, by [`Client`].
//!
//! Any node answers for the whole cluster: it asks the others, and who does not answer within two seconds stands in the answer as
//! silent. Nothing is counted and no clock is read for it while nobody asks; the one exception is that a node with
//! [`Builder::admin`](crate::Builder::admin) keeps the times of those runs of handlers that are timed anyway.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swarm::{Admin, Swarm};
//!
//! let swarm = Swarm::builder().cluster("bank").admin(Admin::default()).start().await?;
//! println!("swarmctl --socket {} nodes", swarm.admin().expect("it was asked for"));
//! # Ok(()) }
//! ```
//!
//! # How it goes on being understood
//!
//! Messages are JSON, in frames of tarpc. Later versions only add: methods, fields (each of which has a default) and words
//! (which older programs read as `Unknown`). The first words of both sides say their [`VERSION`] and the oldest that they
//! still understand.
//!
//! | file | owns |
//! |---|---|
//! | `ask`, `answer`, `deed` | what is asked and answered, as data |
//! | `service`, `codec` | the methods, and how they are written |
//! | `socket`, `server` | where operators connect, and their connections (one of them is served by `rpc`) |
//! | `operator` | which question is answered by what |
//! | `cluster`, `names`, `diary`, `events` | the answers: about nodes and the ring, about names, about what has happened on one node, and on all |
//! | `checkup`, `clock`, `mixed` | what nodes find out about themselves when they are asked: their ways, their clocks, their versions |
//! | `upkeep` | what is done to workers and keys |
//! | `messages` | messages to workers as JSON, and what worker types tell of themselves |
//! | `client`, `dialler` | the other side |

mod answer;
mod ask;
mod checkup;
mod client;
mod clock;
mod cluster;
mod codec;
mod deed;
mod dialler;
mod diary;
mod events;
mod messages;
mod mixed;
mod names;
mod operator;
mod server;
mod service;
#[cfg(unix)]
mod socket;
mod upkeep;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use swarm_net::connection::Gate;
use swarm_net::secret::Keyring;
use tokio::net::TcpListener;

pub use answer::{
    Busiest, BusyRow, Code, EventPage, EventRow, Happened, KindRing, KindRow, Membership, Method, NodeRow, Nodes, Page,
    Ran, Reason, Refusal, Replied, Ring, Row, Share, Status, Taken, Timer, Times, Unregistered, Welcome, Whereabouts,
    Worker,
};
pub use ask::{
    All, Cursor, Filter, Hello, Most, Named, NewKey, OfKey, OfKind, OfNode, Post, Restart, Sent, Since, SinceEach,
    Verbosity,
};
pub use checkup::{CheckUp, NodeCheck, RefusedRow, WayRow};
pub use client::{Client, ClientError};
pub use clock::ClockRow;
pub use deed::{KeyChange, Keyrings, NodeKeys, Rebalanced, Restarted};
pub use dialler::Dialler;
pub use events::{ClusterEvents, Missed, NodeEvent};
pub use mixed::{MixedRow, VersionRow};

#[cfg(feature = "dashboard")]
pub(crate) use cluster::Sight;
pub(crate) use diary::Diary;

use crate::error::StartError;
use crate::rpc::has_drivers;
use crate::runtime::Node;
use crate::swarm::Swarm;
use operator::{Logging, Operator};
use server::{Door, serve};
#[cfg(unix)]
use socket::Socket;

/// The version of the service that this crate speaks. It grows when something is added.
pub const VERSION: u32 = 4;

/// The oldest version that it still understands.
pub const OLDEST: u32 = 1;

/// The version of the tunnel by TCP and of what goes through it. It does not grow when something is added, only should nothing of what was be
/// understood any more.
const TUNNEL_VERSION: u16 = 1;

/// Where the service for operators of a node is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// By a Unix socket.
    Unix(PathBuf),
    /// By TCP.
    Tcp(SocketAddr),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(addr) => addr.fmt(f),
        }
    }
}

/// How a node serves its operators: for [`Builder::admin`](crate::Builder::admin). The default is [`Admin::unix`] in the default
/// directory, where `swarmctl` finds it.
///
/// Who can connect can do all that an operator can: see every name, unregister, move and restart it, drain nodes, change the node's keys, and
/// call every worker that is marked `#[swarm::worker(json)]`. So a Unix socket is open to its own user alone, and the superuser.
#[derive(Clone, Default)]
pub struct Admin {
    at: At,
    also: Option<SocketAddr>,
    logging: Option<Logging>,
}

#[derive(Clone, Debug, Default)]
enum At {
    #[default]
    Default,
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Admin {
    /// By a Unix socket at this path, which is made with the mode 0600. What a dead node has left there is replaced; a socket at
    /// which somebody listens, and anything else, is an error of the node's start. It goes when the node does.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { at: At::Unix(path.into()), ..Self::default() }
    }

    /// By TCP. With a [secret](crate::Builder::secret) of the cluster who connects must know it, and so does he know that the node does; all that
    /// is said is encrypted. Without one only a loopback address can be served, and **any user of this machine** can connect to it: where Unix
    /// sockets can be had, use [`Admin::unix`]. Other addresses are an error of the node's start then. Port 0 is any free one.
    ///
    /// A connection over which nothing is asked for ten minutes is ended.
    pub fn tcp(addr: SocketAddr) -> Self {
        Self { at: At::Tcp(addr), ..Self::default() }
    }

    /// By TCP as well, as [`Admin::tcp`] says: [`Swarm::admin_tcp`] tells where.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use swarm::{Admin, Swarm};
    ///
    /// let admin = Admin::default().and_tcp("10.0.0.7:45894".parse()?);
    /// let swarm = Swarm::builder().cluster("bank").secret_file("/etc/bank/swarm.key").admin(admin).start().await?;
    /// println!("swarmctl --connect {} --secret-file /etc/bank/swarm.key nodes", swarm.admin_tcp().expect("it was asked for"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn and_tcp(mut self, addr: SocketAddr) -> Self {
        self.also = Some(addr);
        self
    }

    /// Lets operators change what is logged: `change` gets what they write, such as `info,swarm=debug`, and says what is wrong
    /// with it, if anything is. With `tracing-subscriber`, that is a `reload::Handle`.
    #[must_use]
    pub fn logging(mut self, change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.logging = Some(Arc::new(change));
        self
    }

    /// Where [`Admin::default`] makes sockets, and `swarmctl` looks for them: `$XDG_RUNTIME_DIR/swarm`, or `swarm-USER` in the
    /// directory for temporary files. Each is called `CLUSTER-PORT.sock`.
    #[cfg(unix)]
    pub fn default_dir() -> PathBuf {
        socket::default_dir()
    }

    /// Begins to serve the operators of a node, until it stops. Says where.
    pub(crate) async fn open(self, node: &Arc<Node>, cluster: &str) -> Result<Endpoints, StartError> {
        let port = node.transport().local_addr().port();
        let failed = |error: io::Error| StartError::Admin { problem: error.to_string() };
        let (door, first) = self.door(node, cluster, port).await.map_err(failed)?;
        let mut doors = vec![door];
        let mut tcp = match &first {
            Endpoint::Tcp(addr) => Some(*addr),
            Endpoint::Unix(_) => None,
        };
        if let Some(addr) = self.also {
            let (door, addr) = listen(node, addr).await.map_err(failed)?;
            doors.push(door);
            tcp = Some(addr);
        }
        // Before anything can be asked, so that nothing is missed that happens after the node has started.
        let operator = Operator::new(node.clone(), cluster, self.logging);
        for door in doors {
            node.runtime().spawn(serve(node.clone(), door, operator.clone(), node.subscribers.subscribe()));
        }
        tracing::info!(node = %node.id(), endpoint = %first, also = ?self.also.and(tcp), "operators can connect");
        Ok(Endpoints { first, tcp })
    }

    async fn door(&self, node: &Arc<Node>, cluster: &str, port: u16) -> io::Result<(Door, Endpoint)> {
        if !has_drivers() {
            let text = "the tokio runtime has no I/O or time driver: build it with `enable_all`";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        match &self.at {
            #[cfg(unix)]
            At::Default => unix(socket::default_path(cluster, port)?, node).await,
            #[cfg(unix)]
            At::Unix(path) => unix(path.clone(), node).await,
            #[cfg(not(unix))]
            At::Default | At::Unix(_) => {
                let text = "this system has no Unix sockets that tokio knows: use Admin::tcp";
                Err(io::Error::new(io::ErrorKind::Unsupported, text))
            }
            At::Tcp(addr) => {
                let (door, addr) = listen(node, *addr).await?;
                Ok((door, Endpoint::Tcp(addr)))
            }
        }
    }
}

/// Where a node serves its operators.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    first: Endpoint,
    tcp: Option<SocketAddr>,
}

/// What protects the connections of operators, if the cluster has a secret.
fn gate(keys: Option<&Keyring>) -> Option<Gate> {
    keys.map(|keys| Gate::new(keys.clone(), "operators", TUNNEL_VERSION))
}

async fn listen(node: &Node, addr: SocketAddr) -> io::Result<(Door, SocketAddr)> {
    let gate = gate(node.keys.as_ref());
    if gate.is_none() && !addr.ip().is_loopback() {
        let text = format!(
            "{addr} can be reached by other machines, and the cluster has no secret that operators could be asked for: give it one \
             (`Builder::secret`), or use a loopback address or a Unix socket, and reach it by ssh"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("{addr}: {error}"));
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr()?;
    Ok((Door::Tcp(listener, gate), addr))
}

#[cfg(unix)]
async fn unix(path: PathBuf, node: &Arc<Node>) -> io::Result<(Door, Endpoint)> {
    use crate::worker::Host as _;

    let socket = Socket::open(path, node.timers()).await?;
    let endpoint = Endpoint::Unix(socket.path().to_owned());
    Ok((Door::Unix(socket), endpoint))
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Swarm {
    /// Where this node serves its operators, if it was told to by [`Builder::admin`](crate::Builder::admin).
    pub fn admin(&self) -> Option<Endpoint> {
        self.inner().admin.get().map(|endpoints| endpoints.first.clone())
    }

    /// Where it serves them by TCP, if it was told to ([`Admin::tcp`], [`Admin::and_tcp`]).
    pub fn admin_tcp(&self) -> Option<SocketAddr> {
        self.inner().admin.get().and_then(|endpoints| endpoints.tcp)
    }
}
