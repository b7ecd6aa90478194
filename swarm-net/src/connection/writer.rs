//! Owns the frames that are on their way into the socket: claimed from the queue, or this crate's own. Seals them if a secret protects
//! the connection, all that is written at once in as few records as hold it; since there is one writer, records have one order.
//! Never takes a frame from the queue before there is room to write it, and never seals anything twice.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::queue::SendQueue;
use super::tunnel::Sealing;
use crate::wire::{Frame, KIND_UPPER_MIN};

/// Frames in one system call.
const SLICES_MAX: usize = 64;
/// Bytes claimed at a time. What is claimed may have been sent if the connection is lost, so this is kept small.
const CLAIM_BYTES: usize = 128 << 10;
/// Bytes that are sealed at a time, about: four records for one system call, so that bulk wakes its receiver less often.
const SEAL_BYTES: usize = 256 << 10;
/// Frames up to this length are copied behind one another before they are written: the system takes one long piece more quickly than
/// many short ones.
const SHORT_BYTES: usize = 1 << 10;
/// Bytes that are copied so for one system call, about.
const GATHERED_BYTES: usize = 64 << 10;
/// Own frames that may wait: the longest member list, in frames of 60 KiB. Who pings and never reads gets no more pongs.
const OWN_FRAMES_MAX: usize = 512;

thread_local! {
    /// Where this thread copies short frames to.
    static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

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
    /// Bytes of the first frame that are written, or sealed, already.
    written: usize,
    guard: Guard,
    /// What is to be written before any frame: a hail, or a sealed record. A short write leaves its rest here.
    out: Vec<u8>,
    /// Bytes of it that are written already.
    out_written: usize,
    /// Bytes that were written in all.
    total: u64,
}

/// What stands between the frames and the socket.
#[derive(Debug, Default)]
enum Guard {
    /// Nothing.
    #[default]
    None,
    /// A handshake that must be complete before any frame is written.
    Shaking,
    /// They are sealed.
    Sealed(Sealing),
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
    /// Frames wait until it is known how to seal them.
    pub(crate) fn close(&mut self) {
        self.guard = Guard::Shaking;
    }

    /// Says something of the handshake, in the clear.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// From now on frames are sealed. Those that wait go with the end of the handshake, if there is one, so that who refuses that has
    /// read them: a socket that is closed with something unread takes what it has said last from the other end.
    pub(crate) fn seal_by(&mut self, sealing: Sealing) -> io::Result<()> {
        self.guard = Guard::Sealed(sealing);
        self.seal()
    }

    /// The key by which frames are sealed, if they are, is old.
    pub(crate) fn renew_key(&mut self) {
        match &mut self.guard {
            Guard::None | Guard::Shaking => {}
            Guard::Sealed(sealing) => sealing.renew(),
        }
    }

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
        self.frames.is_empty() && self.out.is_empty()
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
            if self.out.is_empty() && !self.has_frames(queue) {
                return Ok(Flushed::All);
            }
            // All that was claimed may have been overdue.
            if self.is_empty() {
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

    /// Whether there are frames that may be written, once some are claimed.
    fn has_frames(&mut self, queue: Option<&SendQueue>) -> bool {
        match self.guard {
            Guard::Shaking => false,
            Guard::None | Guard::Sealed(_) => {
                !self.frames.is_empty() || queue.is_some_and(|queue| queue.claim(CLAIM_BYTES, &mut self.frames))
            }
        }
    }

    fn write_once(&mut self, stream: &mut impl Write) -> io::Result<usize> {
        if self.out.is_empty() {
            self.seal()?;
        }
        let bytes = if self.out.is_empty() {
            let bytes = self.write_frames(stream)?;
            self.pass(bytes);
            bytes
        } else {
            let bytes = stream.write(&self.out[self.out_written..])?;
            self.out_written += bytes;
            if self.out_written == self.out.len() {
                self.out.clear();
                self.out_written = 0;
            }
            bytes
        };
        self.total += bytes as u64;
        Ok(bytes)
    }

    fn write_frames(&self, stream: &mut impl Write) -> io::Result<usize> {
        let is_short = |frame: &&Frame| frame.bytes().len() <= SHORT_BYTES;
        if self.frames.iter().take(2).filter(is_short).count() == 2 {
            return GATHERED.with_borrow_mut(|gathered| {
                gathered.clear();
                for frame in self.frames.iter().take_while(is_short) {
                    gathered.extend_from_slice(frame.bytes());
                    if gathered.len() >= GATHERED_BYTES {
                        break;
                    }
                }
                stream.write(&gathered[self.written..])
            });
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = self.frames.len().min(SLICES_MAX);
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame.bytes());
        }
        slices[0] = IoSlice::new(&self.frames[0].bytes()[self.written..]);
        stream.write_vectored(&slices[..count])
    }

    /// Seals the next frames, if they are to be sealed, as many as are written at once.
    fn seal(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.guard) {
            Guard::None => {}
            Guard::Shaking => self.guard = Guard::Shaking,
            Guard::Sealed(mut sealing) => {
                let mut out = std::mem::take(&mut self.out);
                while !self.frames.is_empty() && out.len() < SEAL_BYTES {
                    sealing.seal(&mut out, |out, room| self.gather(out, room))?;
                }
                self.out = out;
                self.guard = Guard::Sealed(sealing);
            }
        }
        Ok(())
    }

    /// Moves up to `room` bytes of the frames to `out`.
    fn gather(&mut self, out: &mut Vec<u8>, mut room: usize) {
        while room > 0
            && let Some(first) = self.frames.front()
        {
            let rest = &first.bytes()[self.written..];
            let piece = &rest[..rest.len().min(room)];
            out.extend_from_slice(piece);
            let bytes = piece.len();
            room -= bytes;
            self.pass(bytes);
        }
    }

    /// So many bytes of the frames are on their way.
    fn pass(&mut self, bytes: usize) {
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
