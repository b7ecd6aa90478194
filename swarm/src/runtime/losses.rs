//! Owns what a connection that is new or lost, and a member that is gone, mean to all parts of a node. Never decides
//! whether one is.

use std::sync::Arc;

use swarm_net::node::NodeId;
use swarm_net::transport::FrameNo;
use swarm_net::wire::Frame;

use crate::call::frame::{kind, word};
use crate::call::pending::Place as Stand;
use crate::runtime::{Node, inbox, relays};
use crate::worker::Payload;

impl Node {
    /// A new connection: nothing that was sent on an older one counts.
    pub(crate) fn connected(&self, peer: NodeId) {
        self.upstreams.forget(peer);
        self.surveys.distrust(peer);
        self.remind_of_recalls(peer);
        self.send_early(peer);
    }

    /// The connection for calls to `peer` was lost. Frames up to `claimed` may have arrived; the others came back.
    pub(crate) fn lost(self: &Arc<Self>, peer: NodeId, claimed: FrameNo, unsent: Vec<Frame>) {
        self.upstreams.forget(peer);
        self.hints.lost(peer);
        self.pending.fail_where(|waiting| match waiting.place {
            Stand::Sent { peer: sent_to, frame } if sent_to == peer && FrameNo(frame) <= claimed => {
                Some(inbox::node_down(waiting.name.clone(), peer))
            }
            Stand::Sent { .. } | Stand::Here | Stand::Begun | Stand::Away => None,
        });
        let surveys = unsent.iter().filter(|frame| frame.kind() == kind::SURVEY);
        let surveys = surveys.map(|frame| (word(frame.head(), 0), Payload::copy_of(frame.body()))).collect();
        let relays::Lost { calls, tokens, flushes } = self.relays.lost(peer, claimed, unsent.len());
        for (name, reply) in calls {
            reply.reply(Err(inbox::node_down(name, peer)));
        }
        // What came back is older than all that waits, and is still unconfirmed to whoever sent it.
        self.resend(peer, unsent);
        drop(tokens);
        for (lane, visits, id) in flushes {
            self.flush(peer, (lane, visits), id);
        }
        self.surveys.disconnected(self, peer, surveys);
        self.farewell.let_go(peer);
        for name in self.waits.lost(peer) {
            self.open_gate(&name, |gate| gate.source == peer);
        }
        for key in self.lanes.lost(peer) {
            self.drain(&key);
        }
    }

    /// `peer` is no member any more.
    pub(crate) fn gone(self: &Arc<Self>, peer: NodeId) {
        self.hints.lost(peer);
        self.fetches.lost(peer);
        self.surveys.lost(peer);
    }
}
