//! Owns the frames that are on their way into the socket: claimed from the queue, or this crate's own.
//! Never takes a frame from the queue before there is room to write it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::queue::SendQueue;
use crate::wire::{Frame, KIND_UPPER_MIN};

/// Frames in one system call.
const SLICES_MAX: usize = 64;
/// Bytes claimed at a time. What is claimed may have been sent if the connection is lost, so this is kept small.
const CLAIM_BYTES: usize = 128 << 10;
/// Own frames that may wait: the longest member list, in frames of 60 KiB. Who pings and never reads gets no more pongs.
const OWN_FRAMES_MAX: usize = 512;

/// The writer of one connection, for all who write to it. Whoever holds the lock never waits for anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedWriter(Arc<Mutex<Writer>>);

/// What goes out over one connection.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    stage: Stage,
    frames: VecDeque<Frame>,
    /// How many of them are this crate's own.
    own: usize,
    /// Bytes of the first frame that are written already.
    written: usize,
    /// Bytes that were written in all.
    total: u64,
}

/// Which frames a connection takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// This crate's own alone: it is not agreed yet that the connection stays.
    #[default]
    Greeting,
    /// All.
    Open,
    /// None: it is over.
    Ended,
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

impl SharedWriter {
    /// The writer, after whoever writes now.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Writer> {
        // A write that panicked may have left a frame half written: the connection's next write ends it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer, unless somebody writes now.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, Writer>> {
        match self.0.try_lock() {
            Ok(writer) => Some(writer),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Writer {
    /// From now on it takes frames from a queue.
    pub(crate) fn open(&mut self) {
        if self.stage == Stage::Greeting {
            self.stage = Stage::Open;
        }
    }

    /// It is over: nothing is claimed or written any more, whoever still holds it.
    pub(crate) fn end(&mut self) {
        *self = Self { stage: Stage::Ended, ..Self::default() };
    }

    /// Whether it takes frames from a queue.
    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Adds a frame of this crate's own, ahead of all that was not claimed yet. Drops it if too many wait.
    pub(crate) fn push(&mut self, frame: Frame) {
        if self.own < OWN_FRAMES_MAX && self.stage != Stage::Ended {
            self.own += 1;
            self.frames.push_back(frame);
        }
    }

    /// Bytes that the socket has taken in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Writes what waits here, then, if it is open, what waits in `queue`, until `budget` bytes are written.
    pub(crate) fn flush(
        &mut self,
        stream: &mut impl Write,
        queue: Option<&SendQueue>,
        budget: usize,
    ) -> io::Result<Flushed> {
        let queue = queue.filter(|_| self.is_open());
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
        self.total += bytes as u64;
        while let Some(first) = self.frames.front()
            && self.written >= first.bytes().len()
        {
            self.written -= first.bytes().len();
            self.own -= usize::from(first.kind() < KIND_UPPER_MIN);
            self.frames.pop_front();
        }
    }
}
