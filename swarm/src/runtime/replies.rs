//! Owns how answers go to who waits for them: out to another node, or home to a call of this one. Never decides what the
//! answer is.

use swarm_net::node::NodeId;
use swarm_net::transport::Lane;
use swarm_net::wire::Frame;

use crate::call::frame::{answer_head, kind, verdict};
use crate::call::pending::{Answer, RequestId};
use crate::error::{CallError, Executed};
use crate::runtime::Node;
use crate::worker::{Payload, ReplyTo};

impl Node {
    /// Whose answer a call of `origin` wants.
    pub(crate) fn reply_to(&self, origin: NodeId, request: u64) -> ReplyTo {
        ReplyTo { node: origin, request }
    }

    /// An answer to a call of this node.
    pub(crate) fn complete(&self, request: u64, result: Result<Payload, CallError>) {
        self.pending.complete(RequestId(request), result.map(Answer::Payload));
    }

    /// What another node says is the answer to a call of this node. It counts only if the call has left this node, so
    /// nobody else can end what is still here.
    pub(crate) fn answered(&self, request: u64, result: Result<Payload, CallError>) {
        self.pending.complete_away(RequestId(request), result.map(Answer::Payload));
    }

    /// `by` says why a call of this node has failed.
    pub(crate) fn failed_away(&self, by: NodeId, request: u64, error: CallError) {
        if let CallError::NodeDown { node, .. } = error
            && node != by
        {
            self.pending.lost_away(RequestId(request), error, by, node);
        } else {
            self.answered(request, Err(error));
        }
    }

    /// The reply to a call of this node is too large to travel.
    pub(crate) fn reply_too_large(&self, request: u64, bytes: u64) {
        let Some(name) = self.pending.name(RequestId(request)) else { return };
        let limit = self.config().message_bytes_max();
        self.answered(request, Err(CallError::TooLarge { name, bytes, limit, executed: Executed::Yes }));
    }

    fn send_answer(&self, to: NodeId, head: [u8; 24], body: &[u8]) -> bool {
        if let Some(peer) = self.peer(to) {
            return self.send_to(&peer, kind::REPLY, head, body);
        }
        self.early.keep(self.now(), to, Frame::new(kind::REPLY, head, &[body]).owed());
        if self.peer(to).is_some() {
            // It came meanwhile, and found nothing.
            self.send_early(to);
        }
        true
    }

    /// Sends what has waited for a connection with this node.
    pub(crate) fn send_early(&self, to: NodeId) {
        for frame in self.early.take(to) {
            // If there is no room its caller times out, as with any other answer.
            let _ = self.peer(to).map(|peer| peer.send(Lane::Calls, frame));
        }
    }

    /// Sends the end of the call `request` to `node`, which made it.
    pub(super) fn send_reply(&self, node: NodeId, request: u64, result: Result<Payload, CallError>) {
        if node == self.id() {
            self.complete(request, result);
            return;
        }
        if self.is_stopped() {
            // As after a crash nothing more is said: whoever waits learns of it by the connection, which ends.
            return;
        }
        let sent = match result {
            Ok(reply) if reply.len() as u64 > self.config().message_bytes_max() => {
                let mut head = answer_head(request, verdict::TOO_LARGE);
                head[16..].copy_from_slice(&(reply.len() as u64).to_le_bytes());
                self.send_answer(node, head, &[])
            }
            Ok(reply) => self.send_answer(node, answer_head(request, verdict::REPLY), &reply),
            Err(error) => {
                if matches!(error, CallError::SchemaMismatch { .. } | CallError::Unhandled { .. }) {
                    self.hold_against(node, Lane::Calls);
                }
                match rkyv::to_bytes::<rkyv::rancor::Error>(&error) {
                    Ok(bytes) => self.send_answer(node, answer_head(request, verdict::ERROR), &bytes),
                    Err(_) => false,
                }
            }
        };
        if !sent {
            tracing::debug!(node = %self.id(), peer = %node, "an answer could not be sent: its caller will time out");
        }
    }
}
