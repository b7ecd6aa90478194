//! Owns what all connections of a node's dashboard share: the node, who is logged in, what is shown, and the limits. Never lets anybody in;
//! that is the gate's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::secret::Keyring;
use tokio::sync::{Semaphore, watch};

use super::attempts::Attempts;
use super::live::Live;
use super::sessions::{Pass, Sessions};
use crate::admin::Sight;
use crate::runtime::{Complaints, Node};

/// How many connections may be open of those who are let in: a browser takes up to six.
const CONNECTIONS_MAX: usize = 256;

/// How many requests may be under way beside what is shown live.
const REQUESTS_MAX: usize = 64;

/// How many may watch at once.
const WATCHERS_MAX: usize = 32;

/// How long an answer may take.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What they share.
pub(super) struct Hall {
    pub(super) node: Arc<Node>,
    /// Without any nobody logs in, and nothing can be changed.
    pub(super) tokens: Option<Keyring>,
    pub(super) sessions: Sessions,
    pub(super) attempts: Attempts,
    /// What the browser keeps the pass in: cookies belong to a host, whatever the port, and there may be several nodes on it.
    pub(super) cookie: String,
    pub(super) tls: bool,
    pub(super) guests: Arc<Semaphore>,
    pub(super) requests: Arc<Semaphore>,
    pub(super) watchers: Arc<Semaphore>,
    pub(super) live: Arc<Live>,
    /// The node has stopped: what is under way is answered, and no more.
    pub(super) ending: watch::Sender<bool>,
    complaints: Complaints,
}

impl Hall {
    pub(super) fn new(node: &Arc<Node>, cluster: &str, tokens: Option<Keyring>, tls: bool, addr: SocketAddr) -> Self {
        // Browsers take one called so only from who has sent it over TLS.
        let prefix = if tls { "__Host-" } else { "" };
        Self {
            node: node.clone(),
            live: Arc::new(Live::new(node, cluster, tokens.is_some())),
            tokens,
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            cookie: format!("{prefix}swarm-{}", addr.port()),
            tls,
            guests: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            ending: watch::Sender::new(false),
            complaints: Complaints::default(),
        }
    }

    /// Whether who shows this may still see what there is.
    pub(super) fn admits(&self, pass: Option<Pass>) -> bool {
        let Some(tokens) = &self.tokens else { return true };
        // With a token that lets in no more one is logged in no more.
        pass.and_then(|pass| self.sessions.token(pass, self.node.now())).is_some_and(|token| tokens.has(token))
    }

    /// The cluster, for one question.
    pub(super) fn sight(&self) -> Sight {
        Sight::new(self.node.clone(), ANSWER_MAX)
    }

    /// Tells that somebody was turned away, once a second at most.
    pub(super) fn complain(&self, from: Option<SocketAddr>, why: &str) {
        if let Some(untold) = self.complaints.tell(self.node.now()) {
            tracing::warn!(node = %self.node.id(), ?from, untold, "somebody was turned away from the dashboard: {why}");
        }
    }
}
