//! Owns the envelope around everything that goes over UDP: gossip, beacons and pings. Never looks into a body.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::node::NodeId;

/// Bytes of the envelope.
pub const ENVELOPE_BYTES: usize = 40;
const MAGIC: [u8; 2] = *b"SW";
const VERSION: u8 = 1;
/// Where the seal stands.
const SEAL: Range<usize> = 4..12;

/// The name of a cluster, as it stands in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterHash(u64);

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// Membership's own.
    Gossip,
    /// "I am here", to a group. It has no body.
    Beacon {
        /// The sender is part of a cluster already.
        joined: bool,
    },
    /// "Do you hear me?" It has no body.
    Ping,
    /// The answer to that. It has no body.
    Pong,
}

/// One UDP datagram.
///
/// ```text
///  0       2         3      4         12     20       21   22     24   40
///  | magic | version | kind | seal | boot | family | 0  | port | ip | body
///    "SW"    1         u8     u64    u64    4 or 6        u16    16 bytes, IPv4 in the first 4
/// ```
///
/// Integers are little-endian. The sender is named by its advertised address. The seal is the XXH3 of the kind and of all
/// that follows, with the cluster's hash for its seed: packets of other clusters, and those that were damaged on their way,
/// which a checksum of 16 bits lets through now and then, are ignored. It keeps no stranger out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: PacketKind,
    /// Who claims to have sent it. Anybody can claim that.
    pub sender: NodeId,
    /// The rest of the datagram.
    pub body: &'a [u8],
}

impl ClusterHash {
    /// The hash of a cluster's name.
    pub fn new(cluster: &str) -> Self {
        Self(xxh3_64(cluster.as_bytes()))
    }

    /// Makes the seal of a packet that was changed fit again.
    #[cfg(feature = "fuzz")]
    pub(crate) fn reseal(self, packet: &mut [u8]) {
        let seal = self.seal(packet[3], &packet[SEAL.end..]);
        packet[SEAL].copy_from_slice(&seal.to_le_bytes());
    }

    fn seal(self, kind: u8, rest: &[u8]) -> u64 {
        xxh3_64_with_seed(rest, self.0 ^ u64::from(kind))
    }
}

impl<'a> Packet<'a> {
    /// Replaces the contents of `out` by this packet, for nodes of this cluster.
    pub fn encode(&self, cluster: ClusterHash, out: &mut Vec<u8>) {
        let (family, port, ip) = addr_to_wire(self.sender.addr());
        out.clear();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, self.kind.code()]);
        out.extend_from_slice(&[0; SEAL.end - SEAL.start]);
        out.extend_from_slice(&self.sender.boot().to_le_bytes());
        out.extend_from_slice(&[family, 0]);
        out.extend_from_slice(&port);
        out.extend_from_slice(&ip);
        out.extend_from_slice(self.body);
        let seal = cluster.seal(self.kind.code(), &out[SEAL.end..]);
        out[SEAL].copy_from_slice(&seal.to_le_bytes());
    }

    /// Reads a datagram. `None` if it is not one of this cluster's, of another version, or damaged: there is nobody to tell.
    pub fn decode(cluster: ClusterHash, bytes: &'a [u8]) -> Option<Self> {
        let (envelope, body) = bytes.split_first_chunk::<ENVELOPE_BYTES>()?;
        let [m0, m1, version, kind, rest @ ..] = envelope;
        let (seal, rest) = rest.split_first_chunk()?;
        let (boot, rest) = rest.split_first_chunk()?;
        let ([family, 0, p0, p1], ip) = rest.split_first_chunk()? else { return None };
        let sealed = u64::from_le_bytes(*seal) == cluster.seal(*kind, &bytes[SEAL.end..]);
        if [*m0, *m1] != MAGIC || *version != VERSION || !sealed {
            return None;
        }
        let addr = addr_from_wire(*family, [*p0, *p1], ip)?;
        Some(Self { kind: PacketKind::from_code(*kind)?, sender: NodeId::new(addr, u64::from_le_bytes(*boot)), body })
    }
}

/// An address as it stands in packets: family, port, and IP in 16 bytes.
pub(crate) fn addr_to_wire(addr: SocketAddr) -> (u8, [u8; 2], [u8; 16]) {
    let mut ip = [0; 16];
    let family = match addr.ip() {
        IpAddr::V4(v4) => {
            ip[..4].copy_from_slice(&v4.octets());
            4
        }
        IpAddr::V6(v6) => {
            ip = v6.octets();
            6
        }
    };
    (family, addr.port().to_le_bytes(), ip)
}

/// The reverse; `ip` begins with its 16 bytes.
pub(crate) fn addr_from_wire(family: u8, port: [u8; 2], ip: &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 16] = *ip.first_chunk()?;
    let ip = match family {
        4 => IpAddr::V4(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])),
        6 => IpAddr::V6(Ipv6Addr::from(ip)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_le_bytes(port)))
}

impl PacketKind {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Gossip => 1,
            Self::Beacon { joined: false } => 2,
            Self::Beacon { joined: true } => 3,
            Self::Ping => 4,
            Self::Pong => 5,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Gossip),
            2 => Some(Self::Beacon { joined: false }),
            3 => Some(Self::Beacon { joined: true }),
            4 => Some(Self::Ping),
            5 => Some(Self::Pong),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cluster() -> ClusterHash {
        ClusterHash::new("swarm")
    }

    fn packet(addr: &str, kind: PacketKind) -> Packet<'static> {
        let sender = NodeId::new(addr.parse().expect("a literal address"), 0x0123_4567_89ab_cdef);
        Packet { kind, sender, body: b"body" }
    }

    #[test]
    fn packets_come_back() {
        let mut bytes = Vec::new();
        assert_eq!((PacketKind::from_code(0), PacketKind::from_code(6)), (None, None));
        for addr in ["10.1.2.3:45892", "[2001:db8::7]:1"] {
            for code in 1..=5 {
                let kind = PacketKind::from_code(code).expect("a kind");
                packet(addr, kind).encode(cluster(), &mut bytes);
                assert_eq!(bytes.len(), ENVELOPE_BYTES + 4);
                assert_eq!(Packet::decode(cluster(), &bytes), Some(packet(addr, kind)));
            }
        }
    }

    #[test]
    fn damaged_short_and_strange_packets_are_ignored() {
        let mut bytes = Vec::new();
        packet("10.1.2.3:4", PacketKind::Gossip).encode(cluster(), &mut bytes);
        assert_eq!(Packet::decode(ClusterHash::new("other"), &bytes), None);
        for length in 0..ENVELOPE_BYTES {
            assert_eq!(Packet::decode(cluster(), &bytes[..length]), None);
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Packet::decode(cluster(), &bytes), None, "bit {bit}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Packet::decode(cluster(), &bytes);
        }
    }
}
