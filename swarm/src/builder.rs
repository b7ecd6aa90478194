//! Owns the description of a node before it starts. Nothing happens before `start`.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
#[cfg(feature = "metrics")]
use std::time::Duration;

use swarm_net::discovery::{Discovery, Multicast};
use swarm_net::filter::NodeFilter;
use swarm_net::secret::Secret;
use swarm_net::tls::Credentials;
#[cfg(feature = "tls")]
use swarm_net::tls::Tls;

use crate::config::Config;
use crate::error::StartError;
use crate::placement::Placement;
use crate::registration::{Entry, WORKERS};
use crate::runtime::{Kinds, Plan, start};
use crate::secrets::Told;
use crate::swarm::Swarm;
use crate::trace::{Propagator, Tracing};
use crate::worker::Worker;
use crate::worker::pace::Keeps;

/// Where nodes listen if nothing is said: reachable by nobody else, and never taken.
const BIND: &str = "127.0.0.1:0";

/// Describes a node to start. Made by [`Swarm::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use swarm::prelude::*;
/// use swarm::NodeFilter;
///
/// let swarm = Swarm::builder()
///     .cluster("bank")
///     .bind("0.0.0.0:45892")
///     .advertise("10.0.0.7:45892")
///     .secret_file("/etc/bank/swarm.key")
///     .discovery(Multicast::default())
///     .discovery(Seeds::new(["10.0.0.1:45892", "10.0.0.2:45892"]))
///     .nodes(NodeFilter::any().allow_regex(r"^10\.0\.0\.")?)
///     .config(Config { replicas: 2, ..Config::from_env()? })
///     .start()
///     .await?;
/// # Ok(()) }
/// ```
#[must_use = "a node that is described does not run before `.start().await`"]
pub struct Builder {
    cluster: String,
    bind: String,
    advertise: Option<String>,
    discovery: Vec<Box<dyn Discovery>>,
    nodes: NodeFilter,
    config: Config,
    placement: Option<Placement>,
    workers: Vec<Entry>,
    told: Told,
    insecure: bool,
    tracing: Tracing,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    #[cfg(feature = "admin")]
    admin: Option<crate::admin::Admin>,
    #[cfg(feature = "dashboard")]
    pub(crate) dashboard: Option<crate::dashboard::Dashboard>,
    #[cfg(feature = "gateway")]
    gateway: Option<String>,
    #[cfg(feature = "http")]
    http: Option<crate::http::Http>,
    #[cfg(feature = "metrics")]
    record_every: Option<Duration>,
    #[cfg(feature = "prometheus")]
    metrics: Option<String>,
    #[cfg(feature = "prometheus")]
    exposed: bool,
}

impl Swarm {
    /// Describes a node to start.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            cluster: "swarm".to_owned(),
            bind: BIND.to_owned(),
            advertise: None,
            discovery: Vec::new(),
            nodes: NodeFilter::any(),
            config: Config::default(),
            placement: None,
            workers: WORKERS.to_vec(),
            told: Told::default(),
            insecure: false,
            tracing: Tracing::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "admin")]
            admin: None,
            #[cfg(feature = "dashboard")]
            dashboard: None,
            #[cfg(feature = "gateway")]
            gateway: None,
            #[cfg(feature = "http")]
            http: None,
            #[cfg(feature = "metrics")]
            record_every: None,
            #[cfg(feature = "prometheus")]
            metrics: None,
            #[cfg(feature = "prometheus")]
            exposed: false,
        }
    }

    /// The cluster's name (default `swarm`). Nodes of clusters with other names ignore each other.
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = name.into();
        self
    }

    /// Where to listen, with UDP and TCP alike, as `host:port` (default `127.0.0.1:0`: any free port of the loopback
    /// interface). An address that other machines reach needs a [secret](Builder::secret), or [`Builder::insecure`].
    pub fn bind(mut self, addr: impl Into<String>) -> Self {
        self.bind = addr.into();
        self
    }

    /// How the others reach this node, if not at the bound address. Port 0 is the bound port. Bound to every interface
    /// (`0.0.0.0`) and without this, it is the address of the interface with the default route.
    pub fn advertise(mut self, addr: impl Into<String>) -> Self {
        self.advertise = Some(addr.into());
        self
    }

    /// A way to find other nodes; several may be combined. Without any, multicast with its defaults.
    pub fn discovery(mut self, discovery: impl Discovery) -> Self {
        self.discovery.push(Box::new(discovery));
        self
    }

    /// On which side of a split network workers run: by default [`Config::placement`], which is [`Placement::Ring`] unless
    /// set. The same on all nodes of a cluster.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = Some(placement);
        self
    }

    /// Who may take part: Swarm's node_whitelist and node_blacklist.
    pub fn nodes(mut self, filter: NodeFilter) -> Self {
        self.nodes = filter;
        self
    }

    /// Intervals and limits.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a worker type that the linker does not find by itself: a generic one, or one with `register = manual`.
    pub fn worker<W: Worker>(mut self) -> Self {
        self.workers.push(Entry::of::<W>());
        self
    }

    /// What the nodes of the cluster know and nobody else does. It encrypts and authenticates all that goes between them: who does not
    /// hold it can neither take part nor read along. All nodes of a cluster need it; those with another one, or none, and this one refuse
    /// each other, which the log says and [`Stats::refused_connections`](crate::Stats::refused_connections) counts.
    ///
    /// At least 16 bytes, and random: `openssl rand -base64 32`. Called several times (at most four), the first one encrypts and all
    /// are understood, as while a secret is being changed; [`Swarm::keys`] does that without a restart.
    ///
    /// Where the code says nothing, the node takes it from the environment: `SWARM_SECRET` is the secret, `SWARM_SECRET_FILE` the
    /// path of a file as for [`Builder::secret_file`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use swarm::Swarm;
    /// let error = Swarm::builder().cluster("doc").secret("hunter2").start().await.unwrap_err();
    /// assert!(error.to_string().contains("openssl rand -base64 32"));
    /// # }
    /// ```
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.told.secrets.push(secret.into());
        self
    }

    /// The file that holds the [secret](Builder::secret), or several, one a line, of which the first encrypts. Nobody but its owner may be
    /// able to read it: `chmod 600`. It is read once, when the node starts.
    pub fn secret_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.told.file = Some(path.into());
        self
    }

    /// Protects the connections between the nodes by certificates (TLS 1.3) in place of the [secret](Builder::secret): who has none of the
    /// cluster's CA can neither take part nor read along. All nodes of a cluster need them; those without, and this one, refuse each other,
    /// which the log says and [`Stats::refused_connections`](crate::Stats::refused_connections) counts. See [`Certificates`](crate::Certificates) for
    /// what the certificates must be, and how they are changed without a stop.
    ///
    /// What goes by UDP (gossip) is no part of that: it is the secret that protects it, with certificates as without. So an address that other
    /// machines reach needs both, or [`Builder::insecure`]. The gateway, too, asks for the secret.
    ///
    /// Where the code says nothing, the node takes the paths of the three files from the environment, `SWARM_TLS_CERT`, `SWARM_TLS_KEY` and
    /// `SWARM_TLS_CA`, and what [`Tls::name`] is told from `SWARM_TLS_NAME`.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use swarm::{Swarm, Tls};
    /// let swarm = Swarm::builder()
    ///     .cluster("bank")
    ///     .bind("0.0.0.0:45892")
    ///     .tls(Tls::from_files("/etc/bank/node.pem", "/etc/bank/node.key", "/etc/bank/ca.pem")?)
    ///     .secret_file("/etc/bank/swarm.key")
    ///     .start()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Accepts that other machines can reach this node although the cluster has no secret: whoever can send it packets can then take
    /// part, and read and change everything.
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Has calls go on in the traces of their callers, as the module [`trace`](crate::trace) has it. By default nothing is traced.
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.tracing = Tracing::by(propagator);
        self
    }

    /// Serves operators: `swarmctl`, and whoever uses [`admin::Client`](crate::admin::Client). See [`Admin`](crate::Admin).
    #[cfg(feature = "admin")]
    pub fn admin(mut self, admin: crate::admin::Admin) -> Self {
        self.admin = Some(admin);
        self
    }

    /// Serves programs that are no members, which use [`remote::Client`](crate::remote::Client), at this address (`host:port`; port 0 is
    /// any free one). Only workers marked `#[swarm::worker(public)]` can be reached by it. Where the code says nothing, it is what
    /// `SWARM_GATEWAY` says in the environment, if that is set.
    ///
    /// With a [secret](Builder::secret) a program must know it, and all that is said is encrypted. Without, an address that other
    /// machines reach is an error of the start, unless [`Builder::insecure`] accepts it.
    #[cfg(feature = "gateway")]
    pub fn gateway(mut self, addr: impl Into<String>) -> Self {
        self.gateway = Some(addr.into());
        self
    }

    /// Serves programs in other languages by HTTP, as the module [`http`](crate::http) has it. Only workers marked
    /// `#[swarm::worker(public, json)]` can be reached by it. Where the code says nothing, `SWARM_HTTP` in the environment is the address, if that
    /// is set.
    ///
    /// An address that other machines reach without a token, or without TLS, is an error of the start. See [`Http`](crate::Http).
    #[cfg(feature = "http")]
    pub fn http(mut self, http: crate::http::Http) -> Self {
        self.http = Some(http);
        self
    }

    /// Tells the recorder of the crate [`metrics`](https://docs.rs/metrics) how this node does, so often (at most ten times a second), until
    /// it stops; then its gauges fall to zero. Whichever recorder is installed by then gets it: it may be installed later, when its histograms
    /// begin, and there may be none.
    /// See [`metrics`](crate::metrics) for what is told.
    ///
    /// Recorders that keep every value of a histogram get many from busy handlers. [`Builder::metrics`](Self::metrics) needs no recorder.
    #[cfg(feature = "metrics")]
    pub fn record_metrics(mut self, every: Duration) -> Self {
        self.record_every = Some(every);
        self
    }

    /// Tells Prometheus how this node does, by HTTP at this address (`host:port`; port 0 is any free one) under `/metrics`. Where the code
    /// says nothing, it is what `SWARM_METRICS` says in the environment, if that is set. See [`metrics`](crate::metrics) for what is told.
    ///
    /// Nobody is asked for a secret, and nothing is encrypted. So an address that other machines reach is an error of the start, unless
    /// [`Builder::expose_metrics`](Self::expose_metrics) accepts it.
    #[cfg(feature = "prometheus")]
    pub fn metrics(mut self, addr: impl Into<String>) -> Self {
        self.metrics = Some(addr.into());
        self
    }

    /// Accepts that whoever reaches the address of [`Builder::metrics`](Self::metrics) can read how this node does: how much it is used and for
    /// what, its worker types and their methods. Not the names of workers, nor anything that they hold.
    #[cfg(feature = "prometheus")]
    pub fn expose_metrics(mut self) -> Self {
        self.exposed = true;
        self
    }

    /// Starts the node, and waits until it takes part in the cluster or has formed one alone.
    ///
    /// # Errors
    /// If the description is unusable, the secret is too short or its file open to others, no node would accept the certificate, the address is taken, two worker types or
    /// two message types have one name on the wire, or there is no tokio runtime. Each [`StartError`] says what to do.
    pub async fn start(mut self) -> Result<Swarm, StartError> {
        let bind = address("bind", &self.bind)?;
        let advertise = self.advertise.as_deref().map(|addr| address("advertise", addr)).transpose()?;
        let keys = std::mem::take(&mut self.told).keys()?;
        let tls = self.credentials()?;
        if keys.is_none() && !bind.ip().is_loopback() && !self.insecure {
            #[cfg(feature = "tls")]
            if tls.is_some() {
                return Err(StartError::NoPacketSecret { addr: bind });
            }
            return Err(StartError::NoSecret { addr: bind });
        }
        #[cfg(feature = "gateway")]
        let gateway = {
            let asked = self.gateway.take().or_else(|| std::env::var(crate::config::GATEWAY).ok());
            let addr = asked.map(|addr| address("gateway", &addr)).transpose()?;
            if let Some(addr) = addr.filter(|addr| keys.is_none() && !addr.ip().is_loopback() && !self.insecure) {
                return Err(StartError::NoSecret { addr });
            }
            addr
        };
        #[cfg(feature = "dashboard")]
        let dashboard = self.dashboard_entry(keys.as_ref())?;
        #[cfg(feature = "http")]
        let http = self.http_opening(keys.as_ref())?;
        #[cfg(feature = "prometheus")]
        let metrics = self.metrics_addr()?;
        let keeps = self.keeps();
        if let Some(placement) = self.placement {
            self.config.placement = placement;
        }
        self.config.check()?;
        let mut kinds = Kinds::default();
        for entry in self.workers {
            kinds.add(entry)?;
        }
        let mut discovery = self.discovery;
        if discovery.is_empty() {
            discovery.push(Box::new(Multicast::default()));
        }
        #[cfg(feature = "admin")]
        let named = self.cluster.clone();
        let Self { cluster, nodes, config, tracing, .. } = self;
        let plan = Plan { cluster, bind, advertise, discovery, nodes, keys, tls, config, kinds, keeps, tracing };
        let swarm = start(plan).await.map(Swarm::of)?;
        #[cfg(feature = "admin")]
        if let Some(admin) = self.admin {
            serve(&swarm, admin, &named).await?;
        }
        #[cfg(feature = "dashboard")]
        if let Some(entry) = dashboard {
            let opened = crate::dashboard::open(swarm.inner(), &named, entry).await;
            let opened = opened.map_err(|error| StartError::Dashboard { problem: error.to_string() });
            // It is the first and only time.
            let _ = swarm.inner().dashboard.set(or_leave(&swarm, opened).await?);
        }
        #[cfg(feature = "gateway")]
        if let Some(addr) = gateway {
            let opened = crate::gateway::open(swarm.inner(), addr).await;
            let opened = opened.map_err(|error| StartError::Gateway { problem: error.to_string() });
            // It is the first and only time.
            let _ = swarm.inner().gateway.set(or_leave(&swarm, opened).await?);
        }
        #[cfg(feature = "http")]
        if let Some(opening) = http {
            let opened = crate::http::open(swarm.inner(), opening).await;
            let opened = opened.map_err(|error| StartError::Http { problem: error.to_string() });
            // It is the first and only time.
            let _ = swarm.inner().http.set(or_leave(&swarm, opened).await?);
        }
        #[cfg(feature = "metrics")]
        if let Some(every) = self.record_every {
            crate::metrics::record(swarm.inner(), every);
        }
        #[cfg(feature = "prometheus")]
        if let Some(addr) = metrics {
            let opened = crate::metrics::open(swarm.inner(), addr).await;
            let opened = opened.map_err(|error| StartError::Metrics { problem: error.to_string() });
            // It is the first and only time.
            let _ = swarm.inner().metrics.set(or_leave(&swarm, opened).await?);
        }
        Ok(swarm)
    }

    /// What protects the connections in place of the secret.
    #[cfg(feature = "tls")]
    fn credentials(&mut self) -> Result<Option<Credentials>, StartError> {
        let tls = crate::certificates::told(self.tls.take(), |name| std::env::var_os(name))?;
        Ok(tls.map(|tls| tls.credentials(&self.cluster)).transpose()?)
    }

    /// As above: nothing does.
    #[cfg(not(feature = "tls"))]
    fn credentials(&mut self) -> Result<Option<Credentials>, StartError> {
        Ok(None)
    }

    /// What the node needs to serve HTTP.
    #[cfg(feature = "http")]
    fn http_opening(
        &mut self,
        cluster: Option<&swarm_net::secret::Keyring>,
    ) -> Result<Option<crate::http::Opening>, StartError> {
        let variable = |name: &str| std::env::var_os(name);
        let Some(http) = self.http.take().or_else(|| crate::http::Http::of_environment(variable)) else {
            return Ok(None);
        };
        let addr = address("http", http.addr())?;
        http.check(addr, cluster, variable).map(Some).map_err(|problem| StartError::Http { problem })
    }

    /// Where the node's metrics are to be told.
    #[cfg(feature = "prometheus")]
    fn metrics_addr(&mut self) -> Result<Option<SocketAddr>, StartError> {
        self.metrics = self.metrics.take().or_else(|| std::env::var(crate::config::METRICS).ok());
        let addr = self.metrics.as_deref().map(|addr| address("metrics", addr)).transpose()?;
        match addr.filter(|addr| !addr.ip().is_loopback() && !self.exposed) {
            Some(addr) => Err(StartError::Metrics {
                problem: format!(
                    "{addr} can be reached by other machines, and who reads is not asked for a secret: use a loopback address, or accept it \
                     with .expose_metrics()"
                ),
            }),
            None => Ok(addr),
        }
    }

    /// What the node is to keep for who asks.
    fn keeps(&self) -> Keeps {
        #[cfg(feature = "prometheus")]
        if self.metrics.is_some() {
            return Keeps::Tallies;
        }
        #[cfg(feature = "metrics")]
        if self.record_every.is_some() {
            return Keeps::Tallies;
        }
        #[cfg(feature = "admin")]
        if self.admin.is_some() {
            return Keeps::Times;
        }
        #[cfg(feature = "dashboard")]
        if self.dashboard.is_some() {
            return Keeps::Times;
        }
        Keeps::Nothing
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("cluster", &self.cluster).field("bind", &self.bind).finish_non_exhaustive()
    }
}

/// Serves the operators of a node.
#[cfg(feature = "admin")]
async fn serve(swarm: &Swarm, admin: crate::admin::Admin, cluster: &str) -> Result<(), StartError> {
    let node = swarm.inner();
    let endpoints = or_leave(swarm, admin.open(node, cluster).await).await?;
    // It is the first and only time.
    let _ = node.admin.set(endpoints);
    Ok(())
}

/// What was opened, or else the node is taken back: who asked for that would miss it when it is needed.
#[cfg(any(feature = "admin", feature = "gateway", feature = "prometheus"))]
async fn or_leave<T>(swarm: &Swarm, opened: Result<T, StartError>) -> Result<T, StartError> {
    if opened.is_err() {
        // It may have been given workers already. What they cannot take over is told by the log.
        let _ = swarm.leave().await;
    }
    opened
}

pub(crate) fn address(what: &'static str, text: &str) -> Result<SocketAddr, StartError> {
    let bad = || StartError::Address { what, text: text.to_owned() };
    text.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(bad)
}
