//! Owns the peers as the senders see them, who find one without a lock. Never knows whether a peer is connected.

use std::array;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::peer::Peer;
use crate::node::NodeId;

/// So many parts, each published by itself: with one for all, a thousand peers that come would be copied a million times.
const SHARDS: usize = 64;

/// The peers by node. One thread changes them.
#[derive(Debug)]
pub(crate) struct Published([ArcSwap<Shard>; SHARDS]);

/// Each with its node's boot id, by which nearly all others are told apart.
type Shard = Vec<(u64, Arc<Peer>)>;

impl Published {
    pub(crate) fn get(&self, node: NodeId) -> Option<Arc<Peer>> {
        let shard = self.shard(node).load();
        let found = shard.iter().find(|(boot, peer)| *boot == node.boot() && peer.node() == node);
        found.map(|(_, peer)| Arc::clone(peer))
    }

    pub(crate) fn insert(&self, peer: Arc<Peer>) {
        let node = peer.node();
        self.change(node, |shard| shard.push((node.boot(), peer)));
    }

    pub(crate) fn remove(&self, node: NodeId) {
        self.change(node, |_| {});
    }

    /// Publishes the others of a node's part, and what is added to them.
    fn change(&self, node: NodeId, add: impl FnOnce(&mut Shard)) {
        let published = self.shard(node);
        let mut shard = Shard::clone(&published.load());
        shard.retain(|(_, peer)| peer.node() != node);
        add(&mut shard);
        published.store(Arc::new(shard));
    }

    fn shard(&self, node: NodeId) -> &ArcSwap<Shard> {
        // Boot ids are drawn at random.
        &self.0[(node.boot() % SHARDS as u64) as usize]
    }
}

impl Default for Published {
    fn default() -> Self {
        let nobody = Arc::default();
        Self(array::from_fn(|_| ArcSwap::new(Arc::clone(&nobody))))
    }
}
