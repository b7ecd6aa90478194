//! Owns what this node has passed on for others and is still answerable for: until the next hop has confirmed it, the
//! node before must not be told that it has found its place; and if the next hop is lost, its caller must be told.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::time::{Clock, Instant};
use swarm_net::transport::FrameNo;

use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::letter::Letter;
use crate::worker::ReplyTo;

/// How many relayed calls of one next hop are remembered: some seconds of them at a busy relay. The callers of older
/// ones learn of a loss by their deadline.
const REMEMBERED_MAX: usize = 65_536;

/// Keeps a letter unconfirmed to the node that sent it here.
type Token = Box<dyn Any + Send + Sync>;

/// The relayed letters of one node, by next hop.
#[derive(Default)]
pub(crate) struct Relays(Mutex<BTreeMap<NodeId, Onward>>);

#[derive(Default)]
struct Onward {
    /// Not asked for yet.
    fresh: Vec<Token>,
    /// Confirmed together by the flush of this number.
    asked: Option<(u64, Vec<Token>)>,
    calls: VecDeque<Relayed>,
}

struct Relayed {
    due: Instant,
    no: FrameNo,
    name: Name,
    reply: ReplyTo,
}

impl Relays {
    /// Another node's letter went on to `to` as frame `no`.
    pub(crate) fn passed_on(&self, node: &Arc<Node>, to: NodeId, no: FrameNo, letter: Letter) {
        let mut all = self.lock();
        let onward = all.entry(to).or_default();
        let parcel = letter.parcel;
        if let Some(reply) = parcel.reply {
            let now = Clock::instant();
            while onward.calls.front().is_some_and(|call| call.due <= now) || onward.calls.len() >= REMEMBERED_MAX {
                onward.calls.pop_front();
            }
            onward.calls.push_back(Relayed { due: parcel.deadline.due, no, name: letter.name, reply });
        }
        let Some(token) = parcel.unconfirmed else { return };
        onward.fresh.push(token);
        let flush = onward.ask(node);
        drop(all);
        if let Some(id) = flush {
            node.flush(to, id);
        }
    }

    /// The next hop has confirmed everything before this flush.
    pub(crate) fn confirmed(&self, node: &Arc<Node>, to: NodeId, flush: u64) {
        let mut all = self.lock();
        let Some(onward) = all.get_mut(&to) else { return };
        let Some((_, tokens)) = onward.asked.take_if(|(id, _)| *id == flush) else { return };
        let next = onward.ask(node);
        drop(all);
        // Dropping them confirms, which sends frames: not under the lock.
        drop(tokens);
        if let Some(id) = next {
            node.flush(to, id);
        }
    }

    /// The connection to `to` was lost: what was written on it up to `claimed` may or may not have run.
    pub(crate) fn lost(&self, to: NodeId, claimed: FrameNo) {
        let Some(onward) = self.lock().remove(&to) else { return };
        for call in onward.calls.into_iter().filter(|call| call.no <= claimed) {
            let error = CallError::NodeDown { name: call.name, node: to, executed: Executed::Maybe };
            call.reply.reply(Err(error));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Onward>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Onward {
    /// One flush is under way at a time; it covers what came before it.
    fn ask(&mut self, node: &Node) -> Option<u64> {
        if self.asked.is_some() || self.fresh.is_empty() {
            return None;
        }
        let id = node.number_relay_flush();
        self.asked = Some((id, std::mem::take(&mut self.fresh)));
        Some(id)
    }
}
