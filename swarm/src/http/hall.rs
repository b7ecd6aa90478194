//! Owns what all connections of a node's HTTP share: the node, its tokens, its limits. Never lets anybody in; that is the gate's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::secret::Keyring;
use swarm_net::time::Instant;
use tokio::sync::{Semaphore, watch};

use super::wish::Wish;
use crate::runtime::{Complaints, Node};

/// What they share.
pub(super) struct Hall {
    pub(super) node: Arc<Node>,
    pub(super) tokens: Option<Keyring>,
    /// Connections of those who have shown a token.
    pub(super) guests: Arc<Semaphore>,
    pub(super) requests: Arc<Semaphore>,
    pub(super) bodies: Semaphore,
    /// The node has stopped: what is under way is answered, and no more.
    pub(super) ending: watch::Sender<bool>,
    pub(super) document: super::document::Document,
    complaints: Complaints,
}

impl Hall {
    pub(super) fn new(node: &Arc<Node>, tokens: Option<Keyring>) -> Self {
        Self {
            node: node.clone(),
            tokens,
            guests: Arc::new(Semaphore::new(super::CONNECTIONS_MAX)),
            requests: Arc::new(Semaphore::new(super::REQUESTS_MAX)),
            bodies: super::body::room(),
            ending: watch::Sender::new(false),
            document: super::document::Document::default(),
            complaints: Complaints::default(),
        }
    }

    /// When the time is over that a request has.
    pub(super) fn end(&self, wish: Wish) -> End {
        let limit = wish.limit.unwrap_or_else(|| self.node.call_timeout());
        End { at: self.node.now() + limit, limit }
    }

    /// What is left of it.
    pub(super) fn left(&self, end: End) -> Duration {
        end.at.since(self.node.now())
    }

    /// Tells that somebody was turned away, once a second at most.
    pub(super) fn complain(&self, from: SocketAddr, why: &str) {
        if let Some(untold) = self.complaints.tell(self.node.now()) {
            tracing::warn!(node = %self.node.id(), %from, untold, "somebody was turned away by HTTP: {why}");
        }
    }
}

/// The time that a request has.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    at: Instant,
    /// All of it.
    pub(super) limit: Duration,
}
