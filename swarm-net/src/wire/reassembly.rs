//! Owns the bytes of a connection that do not yet make a whole frame, or whose turn has not come. Never holds more than has arrived,
//! whatever was announced, and never copies a frame that came whole and in its turn.

use std::io::{self, ErrorKind, Read};

use rkyv::util::AlignedVec;

use super::frame::FrameRef;
use super::header::{ALIGN, HAIL_MAGIC, HEAD_BYTES, HEADER_BYTES, Header, TLS_MAGIC, WireError};
use super::padding::ends_in_zeros;

/// Bytes of the buffer that all connections read into: many small frames for one system call.
const SCRATCH_BYTES: usize = 256 << 10;
/// A partial frame above this is collected aside, so that its bytes are not copied again at each read, however little each brings.
const COPY_BYTES_MAX: usize = 4 << 10;

/// The buffer that all connections of a thread read into, one after the other.
#[derive(Debug)]
pub struct Scratch(AlignedVec);

/// Cuts the bytes of one connection into frames.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// The beginning of the next frame.
    partial: AlignedVec,
    /// Whole frames that were too many for one turn, and what came behind them, from `begin` on. Nothing is partial meanwhile.
    late: AlignedVec,
    begin: usize,
}

/// Who takes the frames of a connection.
pub trait Sink {
    /// The longest body that a frame of this kind may have now, or `None` if it must not come.
    fn body_bytes_max(&self, kind: u8) -> Option<u32>;

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Nothing is read from the connection after that.
    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError>;

    /// Whether another frame may come in this turn. One that may not is kept for the next.
    fn has_room(&self) -> bool {
        true
    }
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes; none, if the turn was that of frames that had come before.
    Bytes(usize),
    /// The other end has closed its side.
    End,
    /// Nothing more for now.
    WouldBlock,
}

/// Why reading stopped for good.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The other end sent what it must not.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl Default for Scratch {
    fn default() -> Self {
        let mut bytes = AlignedVec::with_capacity(SCRATCH_BYTES);
        bytes.resize(SCRATCH_BYTES, 0);
        Self(bytes)
    }
}

impl Scratch {
    /// Reads once from `source`, whatever comes.
    ///
    /// # Errors
    ///
    /// The source's.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<(Progress, &[u8])> {
        let progress = once(source, &mut self.0)?;
        let read = if let Progress::Bytes(read) = progress { read } else { 0 };
        Ok((progress, &self.0[..read]))
    }
}

impl Reassembly {
    /// Reads once from `source` and hands each frame that is now whole to `sink`, in order.
    ///
    /// # Errors
    ///
    /// The source's, the sink's, and [`WireError`] if what came cannot be frames within the limits. The connection is then
    /// useless, since nobody knows where the next frame begins.
    pub fn read(
        &mut self,
        source: &mut impl Read,
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) -> Result<Progress, ReadError> {
        if !self.late.is_empty() {
            self.take_late(sink)?;
            Ok(Progress::Bytes(0))
        } else if self.partial.len() > COPY_BYTES_MAX {
            self.read_aside(source, &mut scratch.0, sink)
        } else {
            self.read_many(source, &mut scratch.0, sink)
        }
    }

    /// Whether a frame has begun and is not complete.
    pub fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Reads behind the partial frame, in the scratch buffer, and cuts there.
    fn read_many(
        &mut self,
        source: &mut impl Read,
        scratch: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<Progress, ReadError> {
        let held = self.partial.len();
        scratch[..held].copy_from_slice(&self.partial);
        let progress = once(source, &mut scratch[held..])?;
        let Progress::Bytes(read) = progress else { return Ok(progress) };
        self.take_whole(&scratch[..held + read], sink)?;
        Ok(progress)
    }

    /// Hands on the whole frames at the front of these bytes, and keeps the rest.
    fn take_whole(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        let (rest, whole) = hand_on(bytes, sink)?;
        self.partial.clear();
        let kept = if whole { &mut self.late } else { &mut self.partial };
        kept.extend_from_slice(rest);
        Ok(())
    }

    /// The same with those that were too many before.
    fn take_late(&mut self, sink: &mut impl Sink) -> Result<(), WireError> {
        let (rest, whole) = hand_on(&self.late[self.begin..], sink)?;
        if whole {
            self.begin = self.late.len() - rest.len();
        } else {
            self.partial.extend_from_slice(rest);
            (self.late, self.begin) = (AlignedVec::new(), 0);
        }
        Ok(())
    }

    /// Appends to a long partial frame. What comes behind it stands so in the scratch buffer that it is aligned there.
    fn read_aside(
        &mut self,
        source: &mut impl Read,
        scratch: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<Progress, ReadError> {
        let Some(header) = checked(&self.partial, sink)? else { return Err(WireError::Check.into()) };
        let missing = header.frame_bytes() - self.partial.len();
        let begin = self.partial.len() % ALIGN;
        let progress = once(source, &mut scratch[begin..])?;
        let Progress::Bytes(read) = progress else { return Ok(progress) };
        let new = &scratch[begin..begin + read];
        let Some((end, rest)) = new.split_at_checked(missing) else {
            self.partial.extend_from_slice(new);
            return Ok(progress);
        };
        self.partial.extend_from_slice(end);
        let frame = std::mem::take(&mut self.partial);
        sink.frame(cut(&header, &frame)?)?;
        self.take_whole(rest, sink)?;
        Ok(progress)
    }
}

/// Hands on whole frames at the front of these bytes. The rest, and whether it begins with one.
fn hand_on<'a>(mut rest: &'a [u8], sink: &mut impl Sink) -> Result<(&'a [u8], bool), WireError> {
    while let Some(header) = checked(rest, sink)? {
        let Some((frame, after)) = rest.split_at_checked(header.frame_bytes()) else { break };
        if !sink.has_room() {
            return Ok((rest, true));
        }
        sink.frame(cut(&header, frame)?)?;
        rest = after;
    }
    Ok((rest, false))
}

/// The header at the front, if it is there and its frame may come.
fn checked(bytes: &[u8], sink: &impl Sink) -> Result<Option<Header>, WireError> {
    let Some(header) = bytes.first_chunk() else {
        return if bytes.starts_with(&HAIL_MAGIC) { Err(WireError::Locked) } else { Ok(None) };
    };
    let locked = header.starts_with(&HAIL_MAGIC) || header.starts_with(&TLS_MAGIC);
    let header = Header::decode(header).map_err(|error| if locked { WireError::Locked } else { error })?;
    let Header { kind, body_bytes: bytes, .. } = header;
    match sink.body_bytes_max(kind) {
        None => Err(WireError::OutOfTurn { kind }),
        Some(limit) if bytes > limit => Err(WireError::TooLong { kind, bytes, limit }),
        Some(_) => Ok(Some(header)),
    }
}

/// The frame in these bytes, which are as many as its header says.
fn cut<'a>(header: &Header, frame: &'a [u8]) -> Result<FrameRef<'a>, WireError> {
    let (head, body) = frame[HEADER_BYTES - HEAD_BYTES..].split_first_chunk().expect("a frame holds a whole header");
    let body_bytes = header.body_bytes as usize;
    if !ends_in_zeros(frame, body.len() - body_bytes) {
        return Err(WireError::Padding { kind: header.kind });
    }
    Ok(FrameRef { kind: header.kind, head, body: &body[..body_bytes] })
}

fn once(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<Progress> {
    loop {
        return match source.read(buffer) {
            Ok(0) => Ok(Progress::End),
            Ok(read) => Ok(Progress::Bytes(read)),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Progress::WouldBlock),
            Err(error) => Err(error),
        };
    }
}

#[cfg(test)]
mod tests;
