//! Owns what becomes of the connections to a node that is suspected. After an outage TCP waits up to as long again before it tries
//! again what was lost, and whoever waits for an answer waits with it. So a suspected node is pinged over its connections and by UDP;
//! if it answers by UDP and not over a connection, that is replaced. Sends nothing while nobody is suspected.

use super::Driver;
use crate::connection::Ended;
use crate::node::NodeId;
use crate::time::{Clock, Instant};
use crate::transport::peer::Lane;
use crate::transport::sockets::Token;
use crate::wire::PacketKind;

impl Driver {
    /// The node is suspected.
    pub(super) fn doubt(&mut self, node: NodeId) {
        let now = Clock::instant();
        for token in self.connections(node) {
            if let Some(link) = self.links.get_mut(token) {
                link.connection.ping(now);
                self.dirty.insert(token);
                self.doubts.entry(node).or_default();
            }
        }
    }

    /// The node has answered by UDP.
    pub(super) fn answered(&mut self, node: NodeId) {
        if let Some(answered) = self.doubts.get_mut(&node) {
            answered.get_or_insert(Clock::instant());
        }
    }

    /// Looks after those who are in doubt: asks them by UDP until they answer, and ends the connections that are worse than that.
    pub(super) fn settle_doubts(&mut self, now: Instant) {
        for (node, answered) in self.doubts.clone() {
            let mut silent = self.connections(node);
            silent.retain(|token| self.links.get_mut(*token).is_some_and(|link| link.connection.awaits_pong()));
            if silent.is_empty() {
                self.doubts.remove(&node);
                continue;
            }
            let Some(free) = answered else {
                self.send_packet(PacketKind::Ping, node.addr(), &[]);
                continue;
            };
            silent.retain(|token| self.links.get_mut(*token).is_some_and(|link| link.connection.is_stuck(free, now)));
            for token in silent {
                self.end(token, Ended::Stuck);
            }
        }
    }

    /// The open connections to a node.
    fn connections(&self, node: NodeId) -> Vec<Token> {
        let open = |lane| self.pairs.get(node).and_then(|pair| pair.strand(lane).open);
        [Lane::Calls, Lane::Bulk].into_iter().filter_map(open).collect()
    }
}
