//! Owns how this node's own frames leave it, by what becomes of them when the way is full or lost. Never says what is in
//! one.

use std::sync::Arc;

use swarm_net::node::NodeId;
use swarm_net::transport::{Lane as Wire, Peer};
use swarm_net::wire::Frame;

use crate::runtime::Node;
use crate::worker::soon;

impl Node {
    /// Sends a frame that nobody waits for. Says whether it was taken.
    pub(crate) fn send_frame(&self, to: NodeId, kind: u8, head: [u8; 24], body: &[u8]) -> bool {
        self.peer(to).is_some_and(|peer| self.send_to(&peer, kind, head, body))
    }

    /// The same to a peer.
    pub(crate) fn send_to(&self, peer: &Arc<Peer>, kind: u8, head: [u8; 24], body: &[u8]) -> bool {
        // The other side waits for it, which bounds how many there are.
        let sent = peer.enqueue(Wire::Calls, Frame::new(kind, head, &[body]).owed()).is_ok();
        if sent {
            self.announce_to(peer);
        }
        sent
    }

    /// Has what was queued for a peer written. The I/O thread writes it itself when it has read all there is.
    pub(crate) fn announce_to(&self, peer: &Arc<Peer>) {
        if soon::is_reader() {
            peer.announce(Wire::Calls);
        } else {
            self.rounds.announce(peer);
        }
    }

    /// Sends a frame that others would wait for in vain: it is lost only with its connection. Says whether it was taken.
    pub(crate) fn send_vital(&self, to: NodeId, kind: u8, head: [u8; 24], body: &[u8]) -> bool {
        let frame = Frame::new(kind, head, &[body]).vital();
        self.peer(to).is_some_and(|peer| peer.send(Wire::Calls, frame).is_ok())
    }

    /// Sends a control frame. What is lost is found again by the directory's periodic comparison.
    pub(crate) fn send_control(&self, to: NodeId, kind: u8, head: [u8; 24], body: &[u8]) {
        if !self.send_frame(to, kind, head, body) {
            tracing::debug!(node = %self.id(), peer = %to, kind, "a control frame could not be sent");
        }
    }
}
