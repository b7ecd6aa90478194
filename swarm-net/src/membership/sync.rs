//! Owns the sync frames: member lists and profiles that nodes tell each other over their connections, cut into bounded
//! parts. Never decides what to believe.
//!
//! | field | bytes |
//! |---|---|
//! | preamble | `u8` version, `u32` cluster |
//! | kind | `u8`: 0 push, 1 request, 2 reply |
//! | joined | `u8`: the sender is part of a cluster |
//! | round | `u32`: tells one exchange from the next |
//! | part, last | `u16` counting from 0, `u8` |
//! | members | `u32` count, members |
//! | profiles | `u32` count, profiles |

use std::sync::Arc;

use bytes::{Buf, BufMut};

use super::codec::{self, Codec, CodecError, Member, PROFILE_BYTES_MAX};
use crate::member::Profile;
use crate::node::NodeId;

/// Frames stay below the 64 KiB of a control frame, so that a long member list never delays calls.
pub(super) const FRAME_BYTES_MAX: usize = 60 * 1024;

/// Preamble, kind, joined, round, part, last and the two counts.
const HEAD_BYTES: usize = 5 + 1 + 1 + 4 + 2 + 1 + 4 + 4;

/// Why a frame was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The sender's own news. No answer.
    Push,
    /// The sender's whole list; the receiver's is wanted.
    Request,
    /// The whole list, for a request.
    Reply,
}

/// Where a frame belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) joined: bool,
    pub(super) round: u32,
}

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) head: Head,
    pub(super) number: u16,
    pub(super) last: bool,
    pub(super) members: Vec<Member>,
    pub(super) profiles: Vec<(NodeId, Profile)>,
}

/// The frames that carry this list.
pub(super) fn write<'a>(
    codec: &Codec,
    head: Head,
    members: impl Iterator<Item = &'a Member>,
    profiles: impl Iterator<Item = (NodeId, &'a Arc<Profile>)>,
) -> Vec<Vec<u8>> {
    let mut parts = vec![Body::default()];
    let mut scratch = Vec::new();
    for member in members {
        scratch.clear();
        codec::put_member(member, &mut scratch);
        room(&mut parts, scratch.len()).put_member(&scratch);
    }
    for (node, profile) in profiles.filter(|(_, profile)| codec::profile_bytes(profile) <= PROFILE_BYTES_MAX) {
        scratch.clear();
        codec::put_profile(node, profile, &mut scratch);
        room(&mut parts, scratch.len()).put_profile(&scratch);
    }
    let count = parts.len();
    (0u16..)
        .zip(parts)
        .map(|(number, body)| body.frame(codec, head, number, usize::from(number) + 1 == count))
        .collect()
}

/// Reads one frame, to its last byte.
pub(super) fn read(codec: &Codec, mut bytes: &[u8]) -> Result<Part, CodecError> {
    let buf = &mut bytes;
    codec.get_preamble(buf)?;
    let kind = match buf.try_get_u8()? {
        0 => Kind::Push,
        1 => Kind::Request,
        2 => Kind::Reply,
        other => return Err(CodecError::Tag(other)),
    };
    let joined = get_flag(buf)?;
    let round = buf.try_get_u32()?;
    let number = buf.try_get_u16()?;
    let last = get_flag(buf)?;
    // The counts are not trusted with an allocation: the bytes run out first.
    let mut members = Vec::new();
    for _ in 0..buf.try_get_u32()? {
        members.push(codec::get_member(buf)?);
    }
    let mut profiles = Vec::new();
    for _ in 0..buf.try_get_u32()? {
        profiles.push(codec::get_profile(buf)?);
    }
    if buf.has_remaining() {
        return Err(CodecError::Bounds);
    }
    Ok(Part { head: Head { kind, joined, round }, number, last, members, profiles })
}

fn get_flag(buf: &mut impl Buf) -> Result<bool, CodecError> {
    match buf.try_get_u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(CodecError::Tag(other)),
    }
}

/// The items of one frame while it is filled.
#[derive(Default)]
struct Body {
    members: Vec<u8>,
    members_count: u32,
    profiles: Vec<u8>,
    profiles_count: u32,
}

impl Body {
    fn put_member(&mut self, bytes: &[u8]) {
        self.members.extend_from_slice(bytes);
        self.members_count += 1;
    }

    fn put_profile(&mut self, bytes: &[u8]) {
        self.profiles.extend_from_slice(bytes);
        self.profiles_count += 1;
    }

    fn frame(self, codec: &Codec, head: Head, number: u16, last: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.members.len() + self.profiles.len());
        codec.put_preamble(&mut bytes);
        bytes.put_u8(match head.kind {
            Kind::Push => 0,
            Kind::Request => 1,
            Kind::Reply => 2,
        });
        bytes.put_u8(head.joined.into());
        bytes.put_u32(head.round);
        bytes.put_u16(number);
        bytes.put_u8(last.into());
        bytes.put_u32(self.members_count);
        bytes.put_slice(&self.members);
        bytes.put_u32(self.profiles_count);
        bytes.put_slice(&self.profiles);
        bytes
    }
}

/// The body that has room for `size` more bytes: the last one, or a new one.
fn room(parts: &mut Vec<Body>, size: usize) -> &mut Body {
    let full =
        parts.last().is_none_or(|body| HEAD_BYTES + body.members.len() + body.profiles.len() + size > FRAME_BYTES_MAX);
    // 65,536 parts would be 4 GB; a list is bounded far below that.
    if full && parts.len() < usize::from(u16::MAX) {
        parts.push(Body::default());
    }
    let last = parts.len() - 1;
    &mut parts[last]
}
