//! Owns what becomes of each frame of a connection: which may come when, what is told, and what is answered. Never reads or writes a socket.

use super::phase::{Answer, Ended, Event, Limits, Phase};
use super::writer::SharedWriter;
use crate::wire::{
    Frame, FrameRef, GREETING_BYTES_MAX, Greeting, HEAD_BYTES, KIND_UPPER_MIN, Reject, Sink, WireError, kind,
};

/// What the frames of one read are measured against, and where the answers go.
pub(super) struct Talk<'a, A> {
    pub(super) phase: &'a mut Phase,
    pub(super) limits: &'a Limits,
    pub(super) writer: &'a SharedWriter,
    pub(super) answer: &'a mut A,
    /// A secret protects the connection.
    pub(super) sealed: bool,
    /// Frames that were complete in this read.
    pub(super) frames: u32,
    /// As many may be.
    pub(super) frames_max: u32,
    pub(super) ended: Option<Ended>,
}

impl<A: FnMut(Event<'_>) -> Answer> Sink for Talk<'_, A> {
    fn body_bytes_max(&self, kind: u8) -> Option<u32> {
        match (*self.phase, kind) {
            (Phase::AwaitHello, kind::HELLO) | (Phase::AwaitWelcome, kind::WELCOME | kind::REJECT) => {
                Some(GREETING_BYTES_MAX)
            }
            (Phase::AwaitConfirm, kind::CONFIRM) | (Phase::Open, kind::GOODBYE | kind::PING | kind::PONG) => Some(0),
            (Phase::Open, kind::COUNTED) if self.sealed => Some(8),
            (Phase::Open, kind::SYNC) => Some(self.limits.sync_bytes_max),
            (Phase::Open, KIND_UPPER_MIN..) => Some(self.limits.frame_bytes_max),
            (
                Phase::Dialling
                | Phase::AwaitWelcome
                | Phase::AwaitHello
                | Phase::AwaitConfirm
                | Phase::Open
                | Phase::Rejecting,
                _,
            ) => None,
        }
    }

    fn has_room(&self) -> bool {
        self.frames < self.frames_max
    }

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        self.frames += 1;
        check_head(frame)?;
        let event = match frame.kind {
            kind::HELLO => Event::Hello(Greeting::read(frame)?),
            kind::WELCOME => match Greeting::read(frame)? {
                Ok(welcome) => Event::Welcome(welcome),
                Err(reason) => return self.end(Ended::Rejected(reason, None)),
            },
            kind::REJECT => {
                return match Reject::read(frame)? {
                    Ok(reject) => self.end(Ended::Rejected(reject.reason, Some(reject))),
                    Err(reason) => self.end(Ended::Rejected(reason, None)),
                };
            }
            kind::CONFIRM => {
                self.open();
                Event::Confirmed
            }
            kind::SYNC => Event::Sync(frame.body),
            kind::GOODBYE => Event::Goodbye,
            kind::COUNTED => {
                let next = frame.body.try_into().map_err(|_| WireError::Malformed { kind: frame.kind })?;
                Event::Counted(u64::from_le_bytes(next))
            }
            kind::PING => {
                self.writer.lock().push(Frame::new(kind::PONG, [0; HEAD_BYTES], &[]));
                return Ok(());
            }
            kind::PONG => return Ok(()),
            _ => Event::Frame(frame),
        };
        match (self.answer)(event) {
            Answer::Go => Ok(()),
            Answer::Welcome(welcome) => {
                self.writer.lock().push(welcome.frame(kind::WELCOME));
                *self.phase = Phase::AwaitConfirm;
                Ok(())
            }
            Answer::Confirm => {
                self.writer.lock().push(Frame::new(kind::CONFIRM, [0; HEAD_BYTES], &[]));
                self.open();
                Ok(())
            }
            Answer::Reject(reject) => {
                self.writer.lock().push(reject.frame());
                *self.phase = Phase::Rejecting;
                Ok(())
            }
            Answer::Close => self.end(Ended::Unwanted),
        }
    }
}

/// This crate's own frames say nothing in their heads, but for the greetings, which check theirs.
fn check_head(frame: FrameRef<'_>) -> Result<(), WireError> {
    let says_nothing =
        matches!(frame.kind, kind::CONFIRM | kind::SYNC | kind::GOODBYE | kind::COUNTED | kind::PING | kind::PONG);
    if says_nothing && *frame.head != [0; HEAD_BYTES] {
        return Err(WireError::Malformed { kind: frame.kind });
    }
    Ok(())
}

impl<A> Talk<'_, A> {
    fn open(&mut self) {
        *self.phase = Phase::Open;
        self.writer.lock().open();
    }

    /// Ends the connection for a reason that is not the bytes' fault. The error only stops the reading.
    fn end(&mut self, ended: Ended) -> Result<(), WireError> {
        self.ended = Some(ended);
        Err(WireError::OutOfTurn { kind: kind::REJECT })
    }
}
