//! Owns the bytes of identities, members and profiles, in packets and in sync frames. Never trusts a length or a tag.
//!
//! | item | bytes |
//! |---|---|
//! | address | `u8` 4 or 6, the IP's octets, `u16` port |
//! | identity | address, `u64` boot id, `u64` generation, `u32` renewals |
//! | member | identity, `u16` incarnation, `u8` state |
//! | header | `u8` version, `u32` cluster, identity of the sender, `u16` its incarnation, identity of the receiver, `u8` message, its fields |
//! | profile | identity's node, `u64` version, `u16` weight, `u8` leaving, `u32` abilities, each `u64`, `u32` bytes of extra, those |
//!
//! All numbers are big-endian.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, BufMut, TryGetError};
use foca::{Header, Message, State};
use xxhash_rust::xxh3::xxh3_64;

use super::identity::Identity;
use crate::member::Profile;
use crate::node::NodeId;

/// Raised when the bytes change meaning; others are refused.
const VERSION: u8 = 1;

/// The largest profile that is told to others: it has to fit a control frame with room to spare.
pub(super) const PROFILE_BYTES_MAX: usize = 16 * 1024;

pub(super) type Member = foca::Member<Identity>;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CodecError {
    #[error("the bytes end early")]
    Short,
    #[error("there is no room for the item")]
    Full,
    #[error("not one of ours: version or cluster differ")]
    Foreign,
    #[error("no such tag: {0}")]
    Tag(u8),
    #[error("an address that nobody can have")]
    Address,
    #[error("a number out of its bounds")]
    Bounds,
}

impl From<TryGetError> for CodecError {
    fn from(_: TryGetError) -> Self {
        Self::Short
    }
}

/// Writes and reads the items of one cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codec {
    cluster: u32,
}

impl Codec {
    pub(super) fn new(cluster: &str) -> Self {
        Self { cluster: xxh3_64(cluster.as_bytes()) as u32 }
    }

    /// Opens a packet or a frame.
    pub(super) fn put_preamble(&self, buf: &mut impl BufMut) {
        buf.put_u8(VERSION);
        buf.put_u32(self.cluster);
    }

    pub(super) fn get_preamble(&self, buf: &mut impl Buf) -> Result<(), CodecError> {
        let same = buf.try_get_u8()? == VERSION && buf.try_get_u32()? == self.cluster;
        if same { Ok(()) } else { Err(CodecError::Foreign) }
    }

    /// Reads all of a packet that is looked at before the gossip takes it in.
    pub(super) fn read_packet(mut self, packet: &[u8]) -> Result<Packet<'_>, CodecError> {
        let mut bytes = packet;
        let header = foca::Codec::decode_header(&mut self, &mut bytes)?;
        let head = &packet[..packet.len() - bytes.len()];
        let mut members = Vec::new();
        if bytes.len() >= 2 {
            // The count is not trusted with an allocation: the bytes run out first.
            for _ in 0..bytes.get_u16() {
                members.push(get_member(&mut bytes)?);
            }
        }
        Ok(Packet { sender: header.src, head, members })
    }
}

/// What a packet says of members.
pub(super) struct Packet<'a> {
    pub(super) sender: Identity,
    /// All before the members.
    pub(super) head: &'a [u8],
    pub(super) members: Vec<Member>,
}

impl Packet<'_> {
    /// The packet that tells of its members, as they are now, and of nothing else.
    pub(super) fn again(&self) -> Vec<u8> {
        let mut bytes = self.head.to_vec();
        if !self.members.is_empty() {
            bytes.put_u16(self.members.len() as u16);
            self.members.iter().for_each(|member| put_member(member, &mut bytes));
        }
        bytes
    }
}

pub(super) fn member_bytes(member: &Member) -> usize {
    identity_bytes(member.id()) + 3
}

pub(super) fn put_member(member: &Member, buf: &mut impl BufMut) {
    put_identity(member.id(), buf);
    buf.put_u16(member.incarnation());
    buf.put_u8(match member.state() {
        State::Alive => 0,
        State::Suspect => 1,
        State::Down => 2,
    });
}

pub(super) fn get_member(buf: &mut impl Buf) -> Result<Member, CodecError> {
    let id = get_identity(buf)?;
    let incarnation = buf.try_get_u16()?;
    let state = match buf.try_get_u8()? {
        0 => State::Alive,
        1 => State::Suspect,
        2 => State::Down,
        other => return Err(CodecError::Tag(other)),
    };
    Ok(Member::new(id, incarnation, state))
}

pub(super) fn profile_bytes(profile: &Profile) -> usize {
    35 + 8 + 2 + 1 + 4 + 8 * profile.abilities.len() + 4 + profile.extra.len()
}

/// The caller has made sure that the profile has at most [`PROFILE_BYTES_MAX`] bytes.
pub(super) fn put_profile(node: NodeId, profile: &Profile, buf: &mut impl BufMut) {
    put_node(node, buf);
    buf.put_u64(profile.version);
    buf.put_u16(profile.weight);
    buf.put_u8(profile.leaving.into());
    buf.put_u32(profile.abilities.len() as u32);
    profile.abilities.iter().for_each(|ability| buf.put_u64(*ability));
    buf.put_u32(profile.extra.len() as u32);
    buf.put_slice(&profile.extra);
}

pub(super) fn get_profile(buf: &mut impl Buf) -> Result<(NodeId, Profile), CodecError> {
    let node = get_node(buf)?;
    let version = buf.try_get_u64()?;
    let weight = buf.try_get_u16()?;
    let leaving = match buf.try_get_u8()? {
        0 => false,
        1 => true,
        other => return Err(CodecError::Tag(other)),
    };
    let count = get_count(buf, 8)?;
    let abilities = (0..count).map(|_| buf.try_get_u64()).collect::<Result<_, _>>()?;
    let mut extra = vec![0; get_count(buf, 1)?];
    buf.try_copy_to_slice(&mut extra)?;
    Ok((node, Profile { version, weight, leaving, abilities, extra }))
}

/// A count of items of `size` bytes, no more than a profile may have and than the bytes hold.
fn get_count(buf: &mut impl Buf, size: usize) -> Result<usize, CodecError> {
    let count = buf.try_get_u32()? as usize;
    if count > PROFILE_BYTES_MAX / size {
        return Err(CodecError::Bounds);
    }
    if count * size > buf.remaining() {
        return Err(CodecError::Short);
    }
    Ok(count)
}

fn identity_bytes(id: &Identity) -> usize {
    (if id.node.addr().is_ipv4() { 7 } else { 19 }) + 8 + 8 + 4
}

fn put_identity(id: &Identity, buf: &mut impl BufMut) {
    put_node(id.node, buf);
    buf.put_u64(id.generation);
    buf.put_u32(id.renewals);
}

fn get_identity(buf: &mut impl Buf) -> Result<Identity, CodecError> {
    let node = get_node(buf)?;
    let generation = buf.try_get_u64()?;
    let renewals = buf.try_get_u32()?;
    if generation > Identity::GENERATION_MAX {
        return Err(CodecError::Bounds);
    }
    Ok(Identity { node, generation, renewals })
}

fn put_node(node: NodeId, buf: &mut impl BufMut) {
    match node.addr().ip() {
        IpAddr::V4(ip) => {
            buf.put_u8(4);
            buf.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            buf.put_u8(6);
            buf.put_slice(&ip.octets());
        }
    }
    buf.put_u16(node.addr().port());
    buf.put_u64(node.boot());
}

fn get_node(buf: &mut impl Buf) -> Result<NodeId, CodecError> {
    let ip = match buf.try_get_u8()? {
        4 => IpAddr::V4(Ipv4Addr::from_bits(buf.try_get_u32()?)),
        6 => IpAddr::V6(Ipv6Addr::from_bits(buf.try_get_u128()?)),
        other => return Err(CodecError::Tag(other)),
    };
    let port = buf.try_get_u16()?;
    if ip.is_unspecified() || ip.is_multicast() || port == 0 {
        return Err(CodecError::Address);
    }
    Ok(NodeId::new(SocketAddr::new(ip, port), buf.try_get_u64()?))
}

impl foca::Codec<Identity> for Codec {
    type Error = CodecError;

    fn encode_header(&mut self, header: &Header<Identity>, mut buf: impl BufMut) -> Result<(), CodecError> {
        /// Above the longest header: preamble, three IPv6 identities, incarnation, message.
        const HEADER_BYTES_MAX: usize = 5 + 3 * 39 + 2 + 2;
        if buf.remaining_mut() < HEADER_BYTES_MAX {
            return Err(CodecError::Full);
        }
        let buf = &mut buf;
        self.put_preamble(buf);
        put_identity(&header.src, buf);
        buf.put_u16(header.src_incarnation);
        put_identity(&header.dst, buf);
        let mut relayed = |tag, id: &Identity, number| {
            buf.put_u8(tag);
            put_identity(id, buf);
            buf.put_u8(number);
        };
        match &header.message {
            Message::PingReq { target, probe_number } => relayed(2, target, *probe_number),
            Message::IndirectPing { origin, probe_number } => relayed(3, origin, *probe_number),
            Message::IndirectAck { target, probe_number } => relayed(4, target, *probe_number),
            Message::ForwardedAck { origin, probe_number } => relayed(5, origin, *probe_number),
            Message::Ping(number) => buf.put_slice(&[0, *number]),
            Message::Ack(number) => buf.put_slice(&[1, *number]),
            Message::Announce => buf.put_u8(6),
            Message::Feed => buf.put_u8(7),
            Message::Gossip => buf.put_u8(8),
            Message::Broadcast => buf.put_u8(9),
            Message::TurnUndead => buf.put_u8(10),
        }
        Ok(())
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<Identity>, CodecError> {
        let buf = &mut buf;
        self.get_preamble(buf)?;
        let src = get_identity(buf)?;
        let src_incarnation = buf.try_get_u16()?;
        let dst = get_identity(buf)?;
        let message = match buf.try_get_u8()? {
            0 => Message::Ping(buf.try_get_u8()?),
            1 => Message::Ack(buf.try_get_u8()?),
            2 => Message::PingReq { target: get_identity(buf)?, probe_number: buf.try_get_u8()? },
            3 => Message::IndirectPing { origin: get_identity(buf)?, probe_number: buf.try_get_u8()? },
            4 => Message::IndirectAck { target: get_identity(buf)?, probe_number: buf.try_get_u8()? },
            5 => Message::ForwardedAck { origin: get_identity(buf)?, probe_number: buf.try_get_u8()? },
            6 => Message::Announce,
            7 => Message::Feed,
            8 => Message::Gossip,
            // We send no broadcasts of our own, so 9 is refused with the unknown ones.
            10 => Message::TurnUndead,
            other => return Err(CodecError::Tag(other)),
        };
        Ok(Header { src, src_incarnation, dst, message })
    }

    fn encode_member(&mut self, member: &Member, mut buf: impl BufMut) -> Result<(), CodecError> {
        if buf.remaining_mut() < member_bytes(member) {
            return Err(CodecError::Full);
        }
        put_member(member, &mut buf);
        Ok(())
    }

    fn decode_member(&mut self, mut buf: impl Buf) -> Result<Member, CodecError> {
        get_member(&mut buf)
    }
}
