//! Owns what a node does to its packets, with a secret or without: how they go out, and which are heard. Never knows what they are for.

use std::net::SocketAddr;
use std::sync::Arc;

use super::envelope::{Opener, SEALED_BYTES, Seal, Unopened};
use super::keyring::Keyring;
use super::refusals::{Refusals, Trouble};
use super::windows::Stale;
use crate::node::NodeId;
use crate::wire::{ClusterHash, Packet, PacketKind};

/// The way out for the packets of a node, for all its threads. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    me: NodeId,
    cluster: ClusterHash,
    seal: Option<Arc<Seal>>,
    refusals: Refusals,
}

/// The way in, for one socket.
#[derive(Debug)]
pub(crate) struct Ears {
    cluster: ClusterHash,
    opener: Option<Opener>,
    refusals: Refusals,
}

impl Post {
    pub(crate) fn new(me: NodeId, cluster: &str, keys: Option<Keyring>, refusals: Refusals) -> Self {
        let seal = keys.map(|keys| Arc::new(Seal::new(keys, cluster, me)));
        Self { me, cluster: ClusterHash::new(cluster), seal, refusals }
    }

    /// Whose packets they are.
    pub(crate) fn me(&self) -> NodeId {
        self.me
    }

    /// Replaces the contents of `out` by a packet that is sent `now`, in milliseconds since 1970.
    pub(crate) fn seal(&self, kind: PacketKind, body: &[u8], now: u64, out: &mut Vec<u8>) {
        match &self.seal {
            Some(seal) => seal.seal(kind, body, now, out),
            None => Packet { kind, sender: self.me, body }.encode(self.cluster, out),
        }
    }

    /// Bytes that a secret costs each packet.
    pub(crate) fn seal_bytes(&self) -> u16 {
        if self.seal.is_some() { SEALED_BYTES as u16 } else { 0 }
    }

    /// The number of the next packet, if packets are numbered.
    pub(crate) fn counted(&self) -> Option<u64> {
        self.seal.as_ref().map(|seal| seal.next())
    }

    /// The way in for a socket that listens since `now`, in milliseconds since 1970.
    pub(crate) fn ears(&self, now: u64) -> Ears {
        let opener = self.seal.as_ref().map(|seal| Opener::new(Arc::clone(seal), now));
        Ears { cluster: self.cluster, opener, refusals: self.refusals.clone() }
    }
}

impl Ears {
    /// The packet in a datagram that came `from` there, if it is one of our cluster. What of it could not be told is counted.
    pub(crate) fn open<'a>(
        &mut self,
        bytes: &'a mut [u8],
        from: SocketAddr,
        now: u64,
        is_member: impl FnOnce(NodeId) -> bool,
    ) -> Option<Packet<'a>> {
        let Some(opener) = &mut self.opener else {
            if Seal::is_sealed(bytes) {
                self.refusals.note(Trouble::PacketSealed, &from);
            }
            // Without a secret other clusters are neighbours, and none to complain of.
            return Packet::decode(self.cluster, bytes);
        };
        let trouble = match opener.open(bytes, now, is_member) {
            Ok(packet) => return Some(packet),
            Err(Unopened::Plain) => Trouble::PacketPlain,
            Err(Unopened::Forged) => Trouble::PacketForged,
            Err(Unopened::Stale(Stale::Repeated)) => Trouble::PacketRepeated,
            Err(Unopened::Stale(Stale::Untimely)) => Trouble::PacketUntimely,
        };
        self.refusals.note(trouble, &from);
        None
    }

    /// Over a connection a node has told the number of its next packet.
    pub(crate) fn know(&mut self, node: NodeId, next: u64) {
        if let Some(opener) = &mut self.opener {
            opener.know(node, next);
        }
    }

    /// A node is neither a member any more nor connected.
    pub(crate) fn forget(&mut self, node: NodeId) {
        if let Some(opener) = &mut self.opener {
            opener.forget(node);
        }
    }
}
