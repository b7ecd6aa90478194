//! Owns the driver's side of a transport without sockets and without a thread, for tests and simulations of the layers
//! above: the peers and their queues are those of a real one. Never moves a frame by itself.

use std::collections::VecDeque;
use std::sync::Arc;

use super::peer::{Lane, Peer};
use super::published::Published;
use super::traffic::Meter;
use super::wake::commands_by_hand;
use super::{Handle, Transport};
use crate::config::NetConfig;
use crate::connection::FrameNo;
use crate::node::NodeId;
use crate::secret::Refusals;
use crate::time::Instant;
use crate::wire::Frame;

/// What the I/O thread would do for a node, left to the caller.
pub struct Manual {
    transport: Transport,
    config: NetConfig,
}

impl Transport {
    /// A transport of `node` that does nothing by itself, and what makes it do something.
    pub fn manual(node: NodeId, config: NetConfig) -> (Self, Manual) {
        // Nobody listens: commands are dropped, as after the end of an I/O thread.
        let (commands, _) = commands_by_hand();
        let peers = Arc::new(Published::default());
        let (refusals, meter) = (Refusals::default(), Meter::default());
        let handle = Handle { node, local_addr: node.addr(), commands, peers, refusals, meter };
        let transport = Self { handle: Arc::new(handle) };
        (transport.clone(), Manual { transport, config })
    }
}

impl Manual {
    /// The node becomes a peer.
    pub fn open(&self, node: NodeId) -> Arc<Peer> {
        let handle = &self.transport.handle;
        let peer = Arc::new(Peer::new(node, handle.commands.clone(), &self.config));
        handle.peers.insert(Arc::clone(&peer));
        peer
    }

    /// Claims about `bytes_max` bytes of frames that wait for a lane; those that are due at `now` are dropped. `None` if
    /// nothing waited.
    pub fn claim(&self, peer: &Peer, lane: Lane, bytes_max: usize, now: Instant) -> Option<VecDeque<Frame>> {
        let mut claimed = VecDeque::new();
        peer.queue(lane).claim_at(bytes_max, &mut claimed, || now).then_some(claimed)
    }

    /// A lane's connection is lost: what [`Inbox::reset`](super::Inbox::reset) is to be told.
    pub fn reset(&self, peer: &Peer, lane: Lane) -> (FrameNo, Vec<Frame>) {
        peer.queue(lane).reset()
    }
}
