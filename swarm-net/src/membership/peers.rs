//! Owns which nodes we are connected to, and what came over those connections. Never opens or closes one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use super::sync::Part;
use crate::node::NodeId;
use crate::time::Instant;

/// A node at the other end of a live connection.
#[derive(Clone, Debug)]
struct Peer {
    /// When it last spoke.
    heard: Option<Instant>,
    /// The exchange that is arriving, and the number of its next part.
    arriving: Option<(u32, u16)>,
    /// When its last request was answered.
    answered: Option<Instant>,
}

/// The connected nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    table: BTreeMap<NodeId, Peer>,
    /// Those of them that are part of a cluster.
    joined: BTreeSet<NodeId>,
}

impl Peers {
    pub(super) fn connected(&mut self, node: NodeId, joined: bool) {
        self.table.insert(node, Peer { heard: None, arriving: None, answered: None });
        self.set_joined(node, joined);
    }

    fn set_joined(&mut self, node: NodeId, joined: bool) {
        if joined {
            self.joined.insert(node);
        } else {
            self.joined.remove(&node);
        }
    }

    pub(super) fn lost(&mut self, node: NodeId) {
        self.table.remove(&node);
        self.joined.remove(&node);
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// When the node last spoke.
    pub(super) fn last_heard(&self, node: NodeId) -> Option<Instant> {
        self.table.get(&node)?.heard
    }

    pub(super) fn heard(&mut self, node: NodeId, now: Instant) {
        if let Some(peer) = self.table.get_mut(&node) {
            peer.heard = Some(now);
        }
    }

    /// Says whether a request may be answered now: a whole list is costly, so only every `pause`.
    pub(super) fn may_answer(&mut self, node: NodeId, now: Instant, pause: Duration) -> bool {
        let Some(peer) = self.table.get_mut(&node) else {
            return false;
        };
        let may = peer.answered.is_none_or(|at| now >= at + pause);
        if may {
            peer.answered = Some(now);
        }
        may
    }

    pub(super) fn is_connected(&self, node: NodeId) -> bool {
        self.table.contains_key(&node)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.table.keys().copied()
    }

    /// The peers that were not part of a cluster when they last spoke.
    pub(super) fn unjoined(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes().filter(|node| !self.joined.contains(node))
    }

    /// The joined peer to ask next, after `last` in the order of ids.
    pub(super) fn joined_after(&self, last: Option<NodeId>) -> Option<NodeId> {
        let after = last.and_then(|last| self.joined.range((Bound::Excluded(last), Bound::Unbounded)).next());
        after.or_else(|| self.joined.first()).copied()
    }

    /// Notes the arrival of a part. Says whether with it an exchange has arrived whole.
    pub(super) fn arrived(&mut self, from: NodeId, part: &Part) -> bool {
        let Some(peer) = self.table.get_mut(&from) else {
            return false;
        };
        let expected = match peer.arriving {
            Some((round, next)) if round == part.head.round => next,
            Some(_) | None => 0,
        };
        let in_order = part.number == expected;
        peer.arriving = (in_order && !part.last).then(|| (part.head.round, part.number.saturating_add(1)));
        self.set_joined(from, part.head.joined);
        in_order && part.last
    }
}
