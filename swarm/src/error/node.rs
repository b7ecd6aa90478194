//! Owns why a node did not start, or did not leave in good order.

use std::time::Duration;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be used.
    #[error("{what} `{text}` is not an address: write host:port, for example 0.0.0.0:45892")]
    Address {
        /// Which setting.
        what: &'static str,
        /// What it said.
        text: String,
    },
    /// A node without a secret would be reachable from other machines.
    #[error(
        "{addr} can be reached by other machines and the cluster has no secret: set one on all nodes by .secret(..), SWARM_SECRET or a key file (`openssl rand -base64 32` makes one), bind to a loopback address, or accept it with .insecure()"
    )]
    NoSecret {
        /// The bind address.
        addr: std::net::SocketAddr,
    },
    /// A node with certificates and without a secret would be reachable from other machines.
    #[cfg(feature = "tls")]
    #[error(
        "{addr} can be reached by other machines, and certificates protect the connections of the cluster, but not its packets (gossip): set a secret for these on all nodes by .secret(..), SWARM_SECRET or a key file (`openssl rand -base64 32` makes one), bind to a loopback address, or accept it with .insecure()"
    )]
    NoPacketSecret {
        /// The bind address.
        addr: std::net::SocketAddr,
    },
    /// The certificates cannot be used.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] swarm_net::tls::TlsError),
    /// The secret is too short, there are too many, or it cannot be read.
    #[error(transparent)]
    Secret(#[from] swarm_net::secret::SecretError),
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// Two worker types have one name.
    #[error(
        "two worker types are called `{name}` on the wire, {first} and {second}: rename one with #[swarm::worker(name = \"..\")]"
    )]
    SameWorkerName {
        /// The name.
        name: String,
        /// The path of the one.
        first: &'static str,
        /// The path of the other.
        second: &'static str,
    },
    /// Two message types have one name.
    #[error(
        "two message types are called `{name}` on the wire, one handled by {first}, another by {second}: rename one with #[swarm::message(name = \"..\")]"
    )]
    SameMessageName {
        /// The name.
        name: String,
        /// The path of a worker type that handles the one.
        first: &'static str,
        /// The path of a worker type that handles the other.
        second: &'static str,
    },
    /// The call was made outside a tokio runtime, which workers run on.
    #[error(
        "a node starts inside a tokio runtime, on which its workers run: call it from #[tokio::main] or Runtime::block_on"
    )]
    NoRuntime,
    /// The network could not be used: the sockets, a discovery, or a setting of [`NetConfig`](crate::config::NetConfig).
    #[error(transparent)]
    Net(#[from] swarm_net::error::NetError),
    /// Operators cannot be served. The node has left again.
    #[cfg(feature = "admin")]
    #[error("operators cannot be served: {problem}")]
    Admin {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Programs that are no members cannot be served. The node has left again, if it had started.
    #[cfg(feature = "gateway")]
    #[error("programs that are no members cannot be served: {problem}")]
    Gateway {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The dashboard cannot be served. The node has left again, if it had started.
    #[cfg(feature = "dashboard")]
    #[error("the dashboard cannot be served: {problem}")]
    Dashboard {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Programs cannot be served by HTTP. The node has left again, if it had started.
    #[cfg(feature = "http")]
    #[error("programs cannot be served by HTTP: {problem}")]
    Http {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The node's metrics cannot be told. It has left again, if it had started.
    #[cfg(feature = "prometheus")]
    #[error("metrics cannot be told: {problem}")]
    Metrics {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A thread could not be started.
    #[error(
        "a thread could not be started: {0}; a node needs three and one for each discovery, raise the limit (ulimit -u)"
    )]
    Thread(#[from] std::io::Error),
}

/// Why a node left less than cleanly. Unless the variant says otherwise it has stopped all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// Not everything could be moved in time.
    #[error(
        "the node left after {after:?} with {workers} workers not handed over: they start again elsewhere from their init arguments"
    )]
    Incomplete {
        /// The time limit.
        after: Duration,
        /// Workers that were still here.
        workers: usize,
    },
    /// The node had stopped before.
    #[error("the node had already stopped")]
    Stopped,
    /// A second signal came while the node left. See [`Swarm::leave_on_signal`](crate::Swarm::leave_on_signal).
    #[error(
        "the node was told to end a second time and stopped with {workers} workers not handed over: they start again elsewhere from their init arguments"
    )]
    Interrupted {
        /// Workers that were still here.
        workers: usize,
    },
    /// The process cannot wait for signals. The node has not left: it goes on.
    #[error("the process cannot wait for signals: {why}; or call `leave` when it is to end")]
    NoSignals {
        /// What keeps it from that.
        why: String,
    },
}
