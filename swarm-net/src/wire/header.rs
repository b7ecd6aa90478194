//! Owns the 32 bytes that begin every frame. Never looks into a body.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 32;
/// Bytes of the header that belong to the layer which sends the frame.
pub const HEAD_BYTES: usize = 24;
/// How a connection begins that a secret protects. As a frame's header it would announce 1.8 GB.
pub(crate) const HAIL_MAGIC: [u8; 8] = *b"locked\xa7\x01";
/// How a handshake of TLS begins.
pub(crate) const TLS_MAGIC: [u8; 2] = [22, 3];
/// Kinds below are this crate's own; kinds from here on go to the `Inbox`.
pub const KIND_UPPER_MIN: u8 = 16;
/// Bodies are padded to multiples of this, so that every body in a buffer of frames is aligned.
pub(crate) const ALIGN: usize = 16;

/// Why bytes from the network were refused. The connection that they came from is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The header's check does not fit: this is not a frame.
    #[error("a header with a wrong check: these are no frames of Swarm")]
    Check,
    /// The frame announces more than its kind may have.
    #[error("a frame of kind {kind} announces {bytes} bytes, more than its limit of {limit}")]
    TooLong {
        /// The kind of the frame.
        kind: u8,
        /// The announced length.
        bytes: u32,
        /// The limit.
        limit: u32,
    },
    /// What fills a frame up to a multiple of 16 bytes is not zero.
    #[error("a frame of kind {kind} is filled up by something else than zeros")]
    Padding {
        /// The kind of the frame.
        kind: u8,
    },
    /// A frame that must not come now.
    #[error("a frame of kind {kind} came out of turn")]
    OutOfTurn {
        /// The kind of the frame.
        kind: u8,
    },
    /// The body is not what its kind says.
    #[error("the body of a frame of kind {kind} is malformed")]
    Malformed {
        /// The kind of the frame.
        kind: u8,
    },
    /// The other end has a secret, or certificates, and this node has neither: its handshake is no frame.
    #[error("the other end has a secret, or certificates, and this node has neither")]
    Locked,
    /// The bytes of a protected connection are not those that the other end wrote.
    #[error("the bytes of a protected connection were altered on their way")]
    Altered,
    /// The other end does not speak this protocol.
    #[error("the other end does not speak Swarm's protocol")]
    Magic,
}

/// The header of a frame.
///
/// ```text
///  0        4      5       6       8                                32
///  | length | kind | flags | check | head: the sending layer's own |
///    u32      u8     0       u16     24 bytes
/// ```
///
/// Integers are little-endian. `length` is that of the body without its padding; `check` is the low 16 bits of the
/// XXH3-64 of the header with `check` zero. It tells frames from garbage, not from an attacker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the body without padding.
    pub body_bytes: u32,
    /// What the frame is.
    pub kind: u8,
    /// Belongs to the layer that sends the frame.
    pub head: [u8; HEAD_BYTES],
}

impl Header {
    /// The header as it stands on the wire.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[4] = self.kind;
        bytes[8..].copy_from_slice(&self.head);
        let check = check(&bytes);
        bytes[6..8].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// [`WireError::Check`] if these bytes do not begin a frame of this version.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, WireError> {
        let mut clean = *bytes;
        clean[6..8].fill(0);
        let [l0, l1, l2, l3, kind, flags, c0, c1, head @ ..] = *bytes;
        if check(&clean) != u16::from_le_bytes([c0, c1]) || flags != 0 {
            return Err(WireError::Check);
        }
        Ok(Self { body_bytes: u32::from_le_bytes([l0, l1, l2, l3]), kind, head })
    }

    /// Bytes of the whole frame with its padding.
    pub const fn frame_bytes(&self) -> usize {
        HEADER_BYTES + padded(self.body_bytes as usize)
    }
}

/// The length with padding.
pub(crate) const fn padded(bytes: usize) -> usize {
    bytes.div_ceil(ALIGN) * ALIGN
}

fn check(header: &[u8; HEADER_BYTES]) -> u16 {
    xxh3_64(header) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_every_flipped_bit_is_noticed_or_changes_nothing_unseen() {
        let header = Header { body_bytes: 77, kind: 20, head: [9; HEAD_BYTES] };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Ok(header));
        assert_eq!(header.frame_bytes(), 32 + 80);
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), Err(WireError::Check), "bit {bit}");
        }
    }

    #[test]
    fn the_bytes_are_fixed_for_ever() {
        let header = Header { body_bytes: 1, kind: 16, head: [0; HEAD_BYTES] };
        let bytes = header.encode();
        assert_eq!(bytes[..6], [1, 0, 0, 0, 16, 0]);
        assert_eq!(bytes[8..], [0; 24]);
    }
}
