//! Owns the frames that are on their way into the socket: claimed from the queue, or this crate's own.
//! Never takes a frame from the queue before there is room to write it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

use super::queue::SendQueue;
use crate::wire::{Frame, KIND_UPPER_MIN};

/// Frames in one system call.
const SLICES_MAX: usize = 64;
/// Bytes claimed at a time. What is claimed may have been sent if the connection is lost, so this is kept small.
const CLAIM_BYTES: usize = 128 << 10;
/// Own frames that may wait: the longest member list, in frames of 60 KiB. Who pings and never reads gets no more pongs.
const OWN_FRAMES_MAX: usize = 512;

/// What goes out over one connection.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    frames: VecDeque<Frame>,
    /// How many of them are this crate's own.
    own: usize,
    /// Bytes of the first frame that are written already.
    written: usize,
}

/// How far writing got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing waits any more.
    All,
    /// The socket takes no more for now.
    WouldBlock,
    /// The budget is used up.
    Budget,
}

impl Writer {
    /// Adds a frame of this crate's own, ahead of all that was not claimed yet. Drops it if too many wait.
    pub(crate) fn push(&mut self, frame: Frame) {
        if self.own < OWN_FRAMES_MAX {
            self.own += 1;
            self.frames.push_back(frame);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Writes what waits here, then what waits in `queue`, until `budget` bytes are written.
    pub(crate) fn flush(
        &mut self,
        stream: &mut impl Write,
        queue: Option<&SendQueue>,
        budget: usize,
    ) -> io::Result<Flushed> {
        let mut spent = 0;
        loop {
            if self.frames.is_empty() && !queue.is_some_and(|queue| queue.claim(CLAIM_BYTES, &mut self.frames)) {
                return Ok(Flushed::All);
            }
            // All that was claimed may have been overdue.
            if self.frames.is_empty() {
                continue;
            }
            if spent >= budget {
                return Ok(Flushed::Budget);
            }
            match self.write_once(stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => spent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Flushed::WouldBlock),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write_once(&mut self, stream: &mut impl Write) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = self.frames.len().min(SLICES_MAX);
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame.bytes());
        }
        slices[0] = IoSlice::new(&self.frames[0].bytes()[self.written..]);
        let bytes = stream.write_vectored(&slices[..count])?;
        self.advance(bytes);
        Ok(bytes)
    }

    fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        while let Some(first) = self.frames.front()
            && self.written >= first.bytes().len()
        {
            self.written -= first.bytes().len();
            self.own -= usize::from(first.kind() < KIND_UPPER_MIN);
            self.frames.pop_front();
        }
    }
}
