//! Owns what a connection that is new or lost, and a member that is gone, mean to all parts of a node. Never decides
//! whether one is.

use std::sync::Arc;

use swarm_net::node::NodeId;
use swarm_net::transport::{FrameNo, Loss};
use swarm_net::wire::Frame;

use crate::call::frame::{kind, word};
use crate::call::pending::Place as Stand;
use crate::name::Name;
use crate::runtime::node::Token;
use crate::runtime::{Node, inbox, relays};
use crate::worker::{Payload, ReplyTo};

/// What had been passed on by a connection that is lost.
type PassedOn = relays::Lost<Token, (Name, ReplyTo)>;

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
            // One whose number is not known yet is looked at by who gets to know it.
            Stand::Sending { .. } | Stand::Sent { .. } | Stand::Here | Stand::Begun | Stand::Away => None,
        });
        let surveys = unsent.iter().filter(|frame| frame.kind() == kind::SURVEY);
        let surveys = surveys.map(|frame| (word(frame.head(), 0), Payload::copy_of(frame.body()))).collect();
        let mut passed_on = self.relays.lost(peer, claimed, unsent.len());
        self.tell_lost(peer, &mut passed_on);
        // What came back is older than all that waits, and is still unconfirmed to whoever sent it.
        self.resend(peer, unsent);
        self.let_pass(peer, passed_on);
        self.surveys.disconnected(self, peer, surveys);
        self.farewell.let_go(peer);
        for name in self.waits.lost(peer) {
            self.open_gate(&name, |gate| gate.source == peer);
        }
        for key in self.lanes.lost(peer) {
            self.drain(&key);
        }
    }

    /// As [`Node::lost`], for what was noted as passed on only after that had looked.
    pub(crate) fn stranded(self: &Arc<Self>, peer: NodeId, loss: Loss) {
        let came_back = loss.accepted.0.saturating_sub(loss.claimed.0);
        let mut passed_on = self.relays.lost(peer, loss.claimed, came_back as usize);
        self.tell_lost(peer, &mut passed_on);
        self.let_pass(peer, passed_on);
    }

    /// What others sent on by a lost connection is unconfirmed no more, and what has been sent since is asked for anew.
    fn let_pass(self: &Arc<Self>, peer: NodeId, passed_on: PassedOn) {
        drop(passed_on.tokens);
        for (lane, visits, id) in passed_on.flushes {
            self.flush(peer, (lane, visits), id);
        }
    }

    /// Those whose calls were on a lost connection are told so.
    fn tell_lost(&self, peer: NodeId, passed_on: &mut PassedOn) {
        for (name, reply) in passed_on.calls.drain(..) {
            self.send_reply(reply.node, reply.request, Err(inbox::node_down(name, peer)));
        }
    }

    /// `peer` is no member any more.
    pub(crate) fn gone(self: &Arc<Self>, peer: NodeId) {
        self.hints.lost(peer);
        self.fetches.lost(peer);
        self.surveys.lost(peer);
    }
}
