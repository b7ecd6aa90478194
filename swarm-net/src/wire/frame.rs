//! Owns one frame, as it is sent and as it is received. Never interprets a body.

use rkyv::util::AlignedVec;

use super::buffer::{Lent, buffer};
use super::header::{HEAD_BYTES, HEADER_BYTES, Header, padded};
use crate::time::Instant;

/// A frame to send: header and body in one buffer that is aligned to 16 bytes, and padded to a multiple of 16.
#[derive(Debug)]
pub struct Frame {
    bytes: Lent,
    body_bytes: u32,
    /// A frame that is still in the queue at this instant is dropped instead of sent.
    pub due: Option<Instant>,
    /// For its owner's use; never sent.
    pub tag: u64,
    pub(crate) claim: Claim,
}

/// What claim a frame has to room in a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// None.
    Plain,
    /// The other side waits for it: there is some more room for such.
    Owed,
    /// Others would wait for ever without it.
    Vital,
}

/// A received frame. It lives only as long as the call that hands it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef<'a> {
    /// What the frame is.
    pub kind: u8,
    /// The sending layer's part of the header.
    pub head: &'a [u8; HEAD_BYTES],
    /// The body without padding. It begins at a multiple of 16 bytes.
    pub body: &'a [u8],
}

impl Frame {
    /// A frame whose body is the concatenation of `parts`.
    ///
    /// # Panics
    ///
    /// If the body exceeds 4 GiB; `Peer::send` refuses far shorter ones.
    pub fn new(kind: u8, head: [u8; HEAD_BYTES], parts: &[&[u8]]) -> Self {
        let body: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = buffer(HEADER_BYTES + padded(body));
        bytes.resize(HEADER_BYTES, 0);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        Self::seal(kind, head, bytes)
    }

    /// A frame whose body `write` appends to the buffer that it is given, as `rkyv::api::high::to_bytes_in` does.
    /// The buffer already holds the header's bytes: leave them alone.
    ///
    /// # Errors
    ///
    /// What `write` returns.
    ///
    /// # Panics
    ///
    /// If the body exceeds 4 GiB; `Peer::send` refuses far shorter ones.
    pub fn encode<E>(
        kind: u8,
        head: [u8; HEAD_BYTES],
        body_bytes_guess: usize,
        write: impl FnOnce(AlignedVec) -> Result<AlignedVec, E>,
    ) -> Result<Self, E> {
        let mut bytes = buffer(HEADER_BYTES + padded(body_bytes_guess));
        bytes.resize(HEADER_BYTES, 0);
        Ok(Self::seal(kind, head, write(bytes)?))
    }

    /// The same frame with a deadline.
    #[must_use]
    pub fn due(mut self, due: Instant) -> Self {
        self.due = Some(due);
        self
    }

    /// The same frame as one that the other side waits for, such as an answer. Queues that are full for others have some
    /// room left for these: what is asked bounds their number, and who waits for one cannot ask for less.
    #[must_use]
    pub fn owed(mut self) -> Self {
        self.claim = Claim::Owed;
        self
    }

    /// The same frame as one that all which is sent after it would wait for in vain. It is refused for lack of room only at a peer
    /// for which sixteen times as much waits as may: then its connection is ended, and both sides are told.
    #[must_use]
    pub fn vital(mut self) -> Self {
        self.claim = Claim::Vital;
        self
    }

    /// The same frame with its owner's mark.
    #[must_use]
    pub fn tag(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// What the frame is.
    pub fn kind(&self) -> u8 {
        self.bytes.0[4]
    }

    /// The sending layer's part of the header.
    pub fn head(&self) -> &[u8; HEAD_BYTES] {
        self.bytes.0[8..HEADER_BYTES].try_into().expect("a frame holds a whole header")
    }

    /// Replaces the sending layer's part of the header, as when a frame is forwarded.
    pub fn set_head(&mut self, head: [u8; HEAD_BYTES]) {
        let header = Header { body_bytes: self.body_bytes, kind: self.kind(), head };
        self.bytes.0[..HEADER_BYTES].copy_from_slice(&header.encode());
    }

    /// The body without padding.
    pub fn body(&self) -> &[u8] {
        &self.bytes.0[HEADER_BYTES..HEADER_BYTES + self.body_bytes as usize]
    }

    /// The frame as its receiver sees it.
    pub fn as_ref(&self) -> FrameRef<'_> {
        FrameRef { kind: self.kind(), head: self.head(), body: self.body() }
    }

    /// Everything that goes over the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes.0
    }

    fn seal(kind: u8, head: [u8; HEAD_BYTES], mut bytes: AlignedVec) -> Self {
        let body = bytes.len() - HEADER_BYTES;
        let body_bytes = u32::try_from(body).expect("a body is far below 4 GiB");
        bytes.resize(HEADER_BYTES + padded(body), 0);
        bytes[..HEADER_BYTES].copy_from_slice(&Header { body_bytes, kind, head }.encode());
        Self { bytes: Lent(bytes), body_bytes, due: None, tag: 0, claim: Claim::Plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_and_padded() {
        let frame = Frame::new(17, [3; HEAD_BYTES], &[b"hello, ", b"world"]);
        assert_eq!(frame.body(), b"hello, world");
        assert_eq!((frame.kind(), *frame.head(), frame.bytes().len()), (17, [3; HEAD_BYTES], 48));
        assert_eq!(frame.body().as_ptr() as usize % 16, 0);
    }

    #[test]
    fn a_written_body_equals_a_joined_one_and_a_new_head_keeps_it() {
        let written = Frame::encode(17, [3; HEAD_BYTES], 0, |mut bytes| {
            bytes.extend_from_slice(b"abc");
            Ok::<_, ()>(bytes)
        });
        let mut written = written.expect("the writer does not fail");
        assert_eq!(written.bytes(), Frame::new(17, [3; HEAD_BYTES], &[b"abc"]).bytes());
        written.set_head([4; HEAD_BYTES]);
        assert_eq!(written.bytes(), Frame::new(17, [4; HEAD_BYTES], &[b"abc"]).bytes());
    }
}
