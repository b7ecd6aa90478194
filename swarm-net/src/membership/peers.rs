//! Owns which nodes we are connected to, and what came over those connections. Never opens or closes one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sync::Part;
use crate::node::NodeId;
use crate::time::Instant;

/// A node at the other end of a live connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// When it last spoke.
    pub(super) heard: Option<Instant>,
    /// It is part of a cluster.
    pub(super) joined: bool,
    /// The exchange that is arriving, and the number of its next part.
    arriving: Option<(u32, u16)>,
    /// When its last request was answered.
    answered: Option<Instant>,
}

/// The connected nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(pub(super) BTreeMap<NodeId, Peer>);

impl Peers {
    pub(super) fn connected(&mut self, node: NodeId, joined: bool) {
        self.0.insert(node, Peer { heard: None, joined, arriving: None, answered: None });
    }

    pub(super) fn lost(&mut self, node: NodeId) {
        self.0.remove(&node);
    }

    pub(super) fn heard(&mut self, node: NodeId, now: Instant) {
        if let Some(peer) = self.0.get_mut(&node) {
            peer.heard = Some(now);
        }
    }

    /// Says whether a request may be answered now: a whole list is costly, so only every `pause`.
    pub(super) fn may_answer(&mut self, node: NodeId, now: Instant, pause: Duration) -> bool {
        let Some(peer) = self.0.get_mut(&node) else {
            return false;
        };
        let may = peer.answered.is_none_or(|at| now >= at + pause);
        if may {
            peer.answered = Some(now);
        }
        may
    }

    pub(super) fn is_connected(&self, node: NodeId) -> bool {
        self.0.contains_key(&node)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.keys().copied()
    }

    /// The peers that were not part of a cluster when they last spoke.
    pub(super) fn unjoined(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.iter().filter(|(_, peer)| !peer.joined).map(|(node, _)| *node)
    }

    /// The joined peer to ask next, after `last` in the order of ids.
    pub(super) fn joined_after(&self, last: Option<NodeId>) -> Option<NodeId> {
        let joined = || self.0.iter().filter(|(_, peer)| peer.joined).map(|(node, _)| *node);
        joined().find(|node| Some(*node) > last).or_else(|| joined().next())
    }

    /// Notes the arrival of a part. Says whether with it an exchange has arrived whole.
    pub(super) fn arrived(&mut self, from: NodeId, part: &Part) -> bool {
        let Some(peer) = self.0.get_mut(&from) else {
            return false;
        };
        peer.joined = part.head.joined;
        let expected = match peer.arriving {
            Some((round, next)) if round == part.head.round => next,
            Some(_) | None => 0,
        };
        let in_order = part.number == expected;
        peer.arriving = (in_order && !part.last).then(|| (part.head.round, part.number.saturating_add(1)));
        in_order && part.last
    }
}
