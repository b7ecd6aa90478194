//! Owns the peers as the senders see them, who find one without a lock. Never knows whether a peer is connected.

use std::array;
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::peer::Peer;
use crate::node::NodeId;

/// So many parts, each published by itself: with one for all, a thousand peers that come would be copied a million times.
const SHARDS: usize = 64;

/// The peers by node. One thread changes them.
#[derive(Debug)]
pub(crate) struct Published([ArcSwap<Shard>; SHARDS]);

type Shard = BTreeMap<NodeId, Arc<Peer>>;

impl Published {
    pub(crate) fn get(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.shard(node).load().get(&node).cloned()
    }

    pub(crate) fn insert(&self, peer: Arc<Peer>) {
        let node = peer.node();
        self.change(node, |shard| shard.insert(node, peer));
    }

    pub(crate) fn remove(&self, node: NodeId) {
        self.change(node, |shard| shard.remove(&node));
    }

    fn change(&self, node: NodeId, change: impl FnOnce(&mut Shard) -> Option<Arc<Peer>>) {
        let published = self.shard(node);
        let mut shard = Shard::clone(&published.load());
        change(&mut shard);
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
