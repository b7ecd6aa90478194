//! Owns the envelope around everything that goes over UDP: gossip and beacons. Never looks into a body.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use xxhash_rust::xxh3::xxh3_64;

use crate::node::NodeId;

/// Bytes of the envelope.
pub const ENVELOPE_BYTES: usize = 40;
const MAGIC: [u8; 2] = *b"SW";
const VERSION: u8 = 1;

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
}

/// One UDP datagram.
///
/// ```text
///  0       2         3      4         12     20       21   22     24   40
///  | magic | version | kind | cluster | boot | family | 0  | port | ip | body
///    "SW"    1         u8     u64       u64    4 or 6        u16    16 bytes, IPv4 in the first 4
/// ```
///
/// Integers are little-endian. The sender is named by its advertised address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: PacketKind,
    /// Packets of other clusters are ignored.
    pub cluster: ClusterHash,
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
}

impl<'a> Packet<'a> {
    /// Replaces the contents of `out` by this packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let addr = self.sender.addr();
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
        out.clear();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, self.kind.code()]);
        out.extend_from_slice(&self.cluster.0.to_le_bytes());
        out.extend_from_slice(&self.sender.boot().to_le_bytes());
        out.extend_from_slice(&[family, 0]);
        out.extend_from_slice(&addr.port().to_le_bytes());
        out.extend_from_slice(&ip);
        out.extend_from_slice(self.body);
    }

    /// Reads a datagram. `None` if it is not one of ours, or of another version: there is nobody to tell.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (envelope, body) = bytes.split_first_chunk::<ENVELOPE_BYTES>()?;
        let [m0, m1, version, kind, rest @ ..] = envelope;
        let (cluster, rest) = rest.split_first_chunk()?;
        let (boot, rest) = rest.split_first_chunk()?;
        let ([family, 0, p0, p1], ip) = rest.split_first_chunk()? else { return None };
        if [*m0, *m1] != MAGIC || *version != VERSION {
            return None;
        }
        let ip: [u8; 16] = ip.try_into().ok()?;
        let ip = match family {
            4 => IpAddr::V4(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])),
            6 => IpAddr::V6(Ipv6Addr::from(ip)),
            _ => return None,
        };
        let port = u16::from_le_bytes([*p0, *p1]);
        Some(Self {
            kind: PacketKind::from_code(*kind)?,
            cluster: ClusterHash(u64::from_le_bytes(*cluster)),
            sender: NodeId::new(SocketAddr::new(ip, port), u64::from_le_bytes(*boot)),
            body,
        })
    }
}

impl PacketKind {
    const fn code(self) -> u8 {
        match self {
            Self::Gossip => 1,
            Self::Beacon { joined: false } => 2,
            Self::Beacon { joined: true } => 3,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Gossip),
            2 => Some(Self::Beacon { joined: false }),
            3 => Some(Self::Beacon { joined: true }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(addr: &str, kind: PacketKind) -> Packet<'static> {
        let sender = NodeId::new(addr.parse().expect("a literal address"), 0x0123_4567_89ab_cdef);
        Packet { kind, cluster: ClusterHash::new("swarm"), sender, body: b"body" }
    }

    #[test]
    fn packets_come_back() {
        let mut bytes = Vec::new();
        for addr in ["10.1.2.3:45892", "[2001:db8::7]:1"] {
            for kind in [PacketKind::Gossip, PacketKind::Beacon { joined: false }, PacketKind::Beacon { joined: true }]
            {
                packet(addr, kind).encode(&mut bytes);
                assert_eq!(bytes.len(), ENVELOPE_BYTES + 4);
                assert_eq!(Packet::decode(&bytes), Some(packet(addr, kind)));
            }
        }
    }

    #[test]
    fn other_versions_and_short_packets_are_ignored() {
        let mut bytes = Vec::new();
        packet("10.1.2.3:4", PacketKind::Gossip).encode(&mut bytes);
        for length in 0..ENVELOPE_BYTES {
            assert_eq!(Packet::decode(&bytes[..length]), None);
        }
        for wrong in [0, 2, 3, 20, 21] {
            let mut bytes = bytes.clone();
            bytes[wrong] = 77;
            assert_eq!(Packet::decode(&bytes), None, "byte {wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Packet::decode(&bytes);
        }
    }
}
