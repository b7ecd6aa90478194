//! Owns the state machine of one connection. Never touches the socket but through `Read` and `Write`, nor any clock.

use std::io::{Read, Write};
use std::time::Duration;

use super::phase::{Answer, Ended, Event, Limits, Phase};
use super::queue::SendQueue;
use super::writer::{Flushed, SharedWriter};
use crate::time::Instant;
use crate::wire::{
    Frame, FrameRef, GREETING_BYTES_MAX, Greeting, HEAD_BYTES, KIND_UPPER_MIN, Progress, Reassembly, Reject, Scratch,
    Sink, WireError, kind,
};

/// One connection, from the dial or the accept to its end.
#[derive(Debug)]
pub(crate) struct Connection {
    phase: Phase,
    limits: Limits,
    reassembly: Reassembly,
    writer: SharedWriter,
    /// When it began, for the handshake's deadline.
    begun: Instant,
    /// When anything came in last.
    heard: Instant,
    /// When the frame began that is not complete.
    partial_since: Option<Instant>,
    /// When the ping was sent that is not answered.
    pinged: Option<Instant>,
    /// When it was looked after last, and how many bytes had been written by then, or by the last time something had come in.
    ticked: Instant,
    answered: u64,
}

/// How reading went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Everything was read.
    All,
    /// The budget is used up; more may wait.
    Budget,
}

impl Connection {
    /// A connection that we dial.
    pub(crate) fn dialling(limits: Limits, now: Instant) -> Self {
        Self::new(Phase::Dialling, limits, now)
    }

    /// A connection that we were dialled on.
    pub(crate) fn accepted(limits: Limits, now: Instant) -> Self {
        Self::new(Phase::AwaitHello, limits, now)
    }

    fn new(phase: Phase, limits: Limits, now: Instant) -> Self {
        Self {
            phase,
            limits,
            reassembly: Reassembly::default(),
            writer: SharedWriter::default(),
            begun: now,
            heard: now,
            partial_since: None,
            pinged: None,
            ticked: now,
            answered: 0,
        }
    }

    /// Where it stands.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Its writer, for those who write to the socket themselves.
    pub(crate) fn writer(&self) -> &SharedWriter {
        &self.writer
    }

    /// When anything came in last.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Asks for a sign of life, if the connection is open and none is awaited.
    pub(crate) fn ping(&mut self, now: Instant) {
        if self.phase == Phase::Open && self.pinged.is_none() {
            self.pinged = Some(now);
            self.own(kind::PING, &[]);
        }
    }

    /// Whether a ping is not answered.
    pub(crate) fn awaits_pong(&self) -> bool {
        self.pinged.is_some()
    }

    /// Whether the ping would be answered by now if it had arrived, the way being free since `free`. It may stand behind all that was
    /// written since something last came in, for which a byte is given a microsecond.
    pub(crate) fn is_stuck(&self, free: Instant, now: Instant) -> bool {
        let ahead = Duration::from_micros(self.writer.lock().total() - self.answered);
        self.pinged.is_some_and(|at| now.since(free.max(at)) >= self.limits.stuck_after + ahead)
    }

    /// The socket of our dial is connected: say hello.
    pub(crate) fn dialled(&mut self, hello: &Greeting) {
        debug_assert_eq!(self.phase, Phase::Dialling);
        self.phase = Phase::AwaitWelcome;
        self.writer.lock().push(hello.frame(kind::HELLO));
    }

    /// Queues a member list, if the connection is open.
    pub(crate) fn sync(&mut self, bytes: &[u8]) {
        self.own(kind::SYNC, bytes);
    }

    /// Queues a goodbye, if the connection is open.
    pub(crate) fn goodbye(&mut self) {
        self.own(kind::GOODBYE, &[]);
    }

    /// Reads what the budget allows, and asks `answer` about each event.
    pub(crate) fn read(
        &mut self,
        stream: &mut impl Read,
        scratch: &mut Scratch,
        now: Instant,
        answer: &mut impl FnMut(Event<'_>) -> Answer,
    ) -> Result<Drained, Ended> {
        let mut spent = 0;
        while spent < self.limits.read_bytes_per_turn {
            let Self { reassembly, phase, limits, writer, .. } = self;
            let mut talk = Talk { phase, limits, writer, answer, frames: 0, ended: None };
            let progress = reassembly.read(stream, scratch, &mut talk);
            let Talk { frames, ended, .. } = talk;
            if let Some(ended) = ended {
                return Err(ended);
            }
            match progress? {
                Progress::Bytes(bytes) => spent += bytes,
                Progress::End => return Err(Ended::Closed),
                Progress::WouldBlock => return Ok(Drained::All),
            }
            self.heard = now;
            self.pinged = None;
            let since = self.partial_since.filter(|_| frames == 0).unwrap_or(now);
            self.partial_since = self.reassembly.is_partial().then_some(since);
        }
        Ok(Drained::Budget)
    }

    /// Writes what the budget allows. Ends the connection when a refusal is out.
    pub(crate) fn flush(&mut self, stream: &mut impl Write, queue: Option<&SendQueue>) -> Result<Flushed, Ended> {
        let flushed = self.writer.lock().flush(stream, queue, self.limits.write_bytes_per_turn)?;
        if self.phase == Phase::Rejecting && flushed == Flushed::All {
            return Err(Ended::Refused);
        }
        Ok(flushed)
    }

    /// Whether nothing waits here to be written. The queue is not asked.
    pub(crate) fn is_flushed(&self) -> bool {
        self.writer.lock().is_empty()
    }

    /// Looks at the time, now and then. Queues a ping if it has been silent for long.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<(), Ended> {
        match self.phase {
            Phase::Dialling | Phase::AwaitWelcome | Phase::AwaitHello | Phase::AwaitConfirm | Phase::Rejecting => {
                if now.since(self.begun) >= self.limits.handshake {
                    return Err(Ended::Slow);
                }
            }
            Phase::Open => {
                if self.heard >= self.ticked {
                    self.answered = self.writer.lock().total();
                }
                self.ticked = now;
                if self.pinged.is_some_and(|at| now.since(at) >= self.limits.ping_answer) {
                    return Err(Ended::Silent);
                }
                if now.since(self.heard) >= self.limits.ping_after {
                    self.ping(now);
                }
            }
        }
        match self.partial_since {
            Some(since) if now.since(since) >= self.limits.partial_frame => Err(Ended::Trickle),
            Some(_) | None => Ok(()),
        }
    }

    fn own(&mut self, kind: u8, body: &[u8]) {
        if self.phase == Phase::Open {
            self.writer.lock().push(Frame::new(kind, [0; HEAD_BYTES], &[body]));
        }
    }
}

/// What the frames of one read are measured against, and where the answers go.
struct Talk<'a, A> {
    phase: &'a mut Phase,
    limits: &'a Limits,
    writer: &'a SharedWriter,
    answer: &'a mut A,
    /// Frames that were complete in this read.
    frames: u32,
    ended: Option<Ended>,
}

impl<A: FnMut(Event<'_>) -> Answer> Sink for Talk<'_, A> {
    fn body_bytes_max(&self, kind: u8) -> Option<u32> {
        match (*self.phase, kind) {
            (Phase::AwaitHello, kind::HELLO) | (Phase::AwaitWelcome, kind::WELCOME | kind::REJECT) => {
                Some(GREETING_BYTES_MAX)
            }
            (Phase::AwaitConfirm, kind::CONFIRM) | (Phase::Open, kind::GOODBYE | kind::PING | kind::PONG) => Some(0),
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

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        self.frames += 1;
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

#[cfg(test)]
mod tests;
