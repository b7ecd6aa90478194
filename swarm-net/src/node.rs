//! Owns the identity of a node: where it is reached, and which process of that address it is.
//! Never says whether the node is alive; that is membership's.

use std::fmt;
use std::net::SocketAddr;

use rkyv::{Archive, Deserialize, Serialize};

/// One process of the cluster: the address that it advertises and the boot id that it drew when it started.
///
/// A restarted process has the same address and another boot id, hence another `NodeId`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, Hash, PartialOrd, Ord))]
pub struct NodeId {
    addr: SocketAddr,
    boot: u64,
}

/// The short form of a boot id that stands in terms. Two members never share one: the later is refused at the
/// handshake and draws another boot id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
#[rkyv(derive(PartialEq, Eq, Hash, PartialOrd, Ord))]
pub struct Tag(pub u32);

impl NodeId {
    /// The node that is reached at `addr` and drew `boot`.
    pub const fn new(addr: SocketAddr, boot: u64) -> Self {
        Self { addr, boot }
    }

    /// The advertised address, for UDP and TCP alike.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The random number that the process drew when it started.
    pub const fn boot(&self) -> u64 {
        self.boot
    }

    /// The short form of the boot id that stands in terms.
    pub const fn tag(&self) -> Tag {
        Tag((self.boot ^ (self.boot >> 32)) as u32)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:08x}", self.addr, self.tag().0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
