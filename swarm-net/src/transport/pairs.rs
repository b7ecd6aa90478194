//! Owns what the I/O thread knows of each peer, and publishes the peers to the senders. Never touches a socket.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::peer::{Lane, Peer};
use super::published::Published;
use super::sockets::Token;
use crate::node::{NodeId, Tag};
use crate::time::Instant;

/// One peer, from this side.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) peer: Arc<Peer>,
    /// Membership holds it for a member.
    pub(crate) member: bool,
    pub(crate) calls: Strand,
    pub(crate) bulk: Strand,
    /// When traffic was last reported to membership.
    pub(crate) reported: Option<Instant>,
    /// When another process claimed the address, and this one was pinged to see whether it lives.
    pub(crate) challenged: Option<Instant>,
    /// Its connection was lost, and whether the process lives is not known.
    pub(crate) lost: bool,
    /// From where its last packet came, if not from where it claims to be.
    pub(crate) elsewhere: Option<SocketAddr>,
    /// When a beacon of it was heard.
    pub(crate) beacon: Option<Instant>,
}

/// The connection of one lane, now and before.
#[derive(Debug, Default)]
pub(crate) struct Strand {
    /// The open connection.
    pub(crate) open: Option<Token>,
    /// Connections that the two ever had.
    pub(crate) count: u64,
    /// When one had to be ended since the other did not read.
    pub(crate) cut: Option<Instant>,
}

/// All peers.
#[derive(Debug)]
pub(crate) struct Pairs {
    table: BTreeMap<NodeId, Pair>,
    tags: BTreeSet<(Tag, NodeId)>,
    published: Arc<Published>,
}

impl Pair {
    fn new(peer: Arc<Peer>) -> Self {
        Self {
            peer,
            member: false,
            calls: Strand::default(),
            bulk: Strand::default(),
            reported: None,
            challenged: None,
            lost: false,
            elsewhere: None,
            beacon: None,
        }
    }

    pub(crate) fn strand(&self, lane: Lane) -> &Strand {
        match lane {
            Lane::Calls => &self.calls,
            Lane::Bulk => &self.bulk,
        }
    }

    pub(crate) fn strand_mut(&mut self, lane: Lane) -> &mut Strand {
        match lane {
            Lane::Calls => &mut self.calls,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

impl Pairs {
    pub(crate) fn new(published: Arc<Published>) -> Self {
        Self { table: BTreeMap::new(), tags: BTreeSet::new(), published }
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<&Pair> {
        self.table.get(&node)
    }

    pub(crate) fn get_mut(&mut self, node: NodeId) -> Option<&mut Pair> {
        self.table.get_mut(&node)
    }

    /// The pair of a node, made if it is new.
    pub(crate) fn entry(&mut self, node: NodeId, make: impl FnOnce() -> Peer) -> &mut Pair {
        self.table.entry(node).or_insert_with(|| {
            let peer = Arc::new(make());
            self.tags.insert((node.tag(), node));
            self.published.insert(Arc::clone(&peer));
            Pair::new(peer)
        })
    }

    /// Takes a pair out: the node is gone.
    pub(crate) fn remove(&mut self, node: NodeId) -> Option<Pair> {
        let pair = self.table.remove(&node)?;
        self.tags.remove(&(node.tag(), node));
        self.published.remove(node);
        Some(pair)
    }

    /// The pairs whose nodes have this tag.
    pub(crate) fn tagged(&self, tag: Tag) -> impl Iterator<Item = &Pair> {
        let least = NodeId::new(SocketAddr::from(([0, 0, 0, 0], 0)), 0);
        let tagged = self.tags.range((tag, least)..).take_while(move |(other, _)| *other == tag);
        tagged.filter_map(|(_, node)| self.table.get(node))
    }

    /// Any pair whose node advertises `addr`.
    pub(crate) fn at(&self, addr: SocketAddr) -> impl Iterator<Item = &Pair> {
        let first = NodeId::new(addr, 0);
        let last = NodeId::new(addr, u64::MAX);
        self.table.range(first..=last).map(|(_, pair)| pair)
    }

    /// All of them, from this node's place in their order on.
    pub(crate) fn from(&self, node: NodeId) -> impl Iterator<Item = &Pair> {
        self.table.range(node..).chain(self.table.range(..node)).map(|(_, pair)| pair)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.table.values()
    }

    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.table.keys().copied().collect()
    }
}
