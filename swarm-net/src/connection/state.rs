//! Owns the state machine of one connection. Never touches the socket but through `Read` and `Write`, nor any clock.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::phase::{Answer, Ended, Event, Limits, Phase};
use super::queue::SendQueue;
use super::talk::Talk;
use super::tunnel::{Denial, Lock, Shaken, Tunnel};
use super::writer::{Flushed, SharedWriter};
use crate::time::Instant;
use crate::wire::{Frame, Greeting, HEAD_BYTES, Progress, ReadError, Reassembly, Scratch, WireError, kind};

/// One connection, from the dial or the accept to its end.
#[derive(Debug)]
pub(crate) struct Connection {
    phase: Phase,
    limits: Limits,
    reassembly: Reassembly,
    tunnel: Tunnel,
    /// Why the other end is refused, if it is by the handshake.
    denied: Option<Denial>,
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
    /// When the key that seals was made.
    keyed: Instant,
    /// Bytes that have come outside of records, and frames that have come.
    bare: u64,
    frames: u64,
    /// How many of them may come in one turn.
    frames_max: u32,
}

/// What a connection has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) frames_received: u64,
}

/// A key that seals is changed after so long, also if it has sealed little.
const REKEY_AFTER: Duration = Duration::from_secs(3_600);

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
    pub(crate) fn dialling(limits: Limits, lock: Option<&Lock>, now: Instant) -> Self {
        Self::new(Phase::Dialling, limits, lock, now)
    }

    /// A connection that we were dialled on.
    pub(crate) fn accepted(limits: Limits, lock: Option<&Lock>, now: Instant) -> Self {
        Self::new(Phase::AwaitHello, limits, lock, now)
    }

    fn new(phase: Phase, limits: Limits, lock: Option<&Lock>, now: Instant) -> Self {
        let writer = SharedWriter::default();
        if lock.is_some() {
            writer.lock().close();
        }
        Self {
            phase,
            limits,
            reassembly: Reassembly::default(),
            tunnel: Tunnel::behind(lock),
            denied: None,
            writer,
            begun: now,
            heard: now,
            partial_since: None,
            pinged: None,
            ticked: now,
            answered: 0,
            keyed: now,
            bare: 0,
            frames: 0,
            frames_max: u32::MAX,
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

    /// Whether to read what comes next may cost as much as a signature and the check of some.
    pub(crate) fn is_costly(&self) -> bool {
        self.tunnel.is_costly()
    }

    /// How often the certificates had been read before it began, if it is protected by such.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.tunnel.generation()
    }

    /// When anything came in last.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// What it has moved so far.
    pub(crate) fn moved(&self) -> Moved {
        self.moved_with(self.writer.lock().total())
    }

    /// It is over, whoever still writes to it. Says what it has moved.
    pub(crate) fn end(&self) -> Moved {
        let mut writer = self.writer.lock();
        let sent = writer.total();
        writer.end();
        self.moved_with(sent)
    }

    fn moved_with(&self, bytes_sent: u64) -> Moved {
        Moved { bytes_sent, bytes_received: self.received(), frames_received: self.frames }
    }

    /// Bytes that have come.
    pub(crate) fn received(&self) -> u64 {
        self.bare + self.tunnel.received()
    }

    /// Asks for a sign of life, if the connection is open and none is awaited.
    pub(crate) fn ping(&mut self, now: Instant) {
        if self.phase == Phase::Open && self.pinged.is_none() {
            self.pinged = Some(now);
            self.own(kind::PING, &[]);
        }
    }

    /// Nothing is read for now, by our own wish: what does not come until then is not the other end's fault.
    pub(crate) fn hold(&mut self, now: Instant) {
        self.pinged = None;
        self.partial_since = self.partial_since.map(|_| now);
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

    /// The socket of our dial is connected: say hello, once it can be said in confidence.
    pub(crate) fn dialled(&mut self, hello: &Greeting) -> io::Result<()> {
        debug_assert_eq!(self.phase, Phase::Dialling);
        self.phase = Phase::AwaitWelcome;
        let hail = self.tunnel.begin()?;
        let mut writer = self.writer.lock();
        writer.say(&hail.unwrap_or_default());
        writer.push(hello.frame(kind::HELLO));
        Ok(())
    }

    /// Tells how far we have counted our packets, if the connection is open and a secret protects it.
    pub(crate) fn counted(&mut self, next: u64) {
        if self.tunnel.is_closed() {
            self.own(kind::COUNTED, &next.to_le_bytes());
        }
    }

    /// Queues a member list, if the connection is open.
    pub(crate) fn sync(&mut self, bytes: &[u8]) {
        self.own(kind::SYNC, bytes);
    }

    /// Queues a goodbye, if the connection is open.
    pub(crate) fn goodbye(&mut self) {
        self.own(kind::GOODBYE, &[]);
    }

    /// Frames that may come in one turn from now on.
    pub(crate) fn allow(&mut self, frames: u32) {
        self.frames_max = frames;
    }

    /// Frames that have come.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// Reads what the budgets allow, and asks `answer` about each event.
    pub(crate) fn read(
        &mut self,
        stream: &mut impl Read,
        scratch: &mut Scratch,
        now: Instant,
        answer: &mut impl FnMut(Event<'_>) -> Answer,
    ) -> Result<Drained, Ended> {
        if self.denied.is_some() || !self.shake(stream, scratch, now)? {
            return Ok(Drained::All);
        }
        let (mut spent, mut room) = (0, self.frames_max);
        while spent < self.limits.read_bytes_per_turn && room > 0 {
            let received = self.tunnel.received();
            let Self { reassembly, tunnel, phase, limits, writer, .. } = self;
            let sealed = tunnel.is_closed();
            let mut talk = Talk { phase, limits, writer, answer, sealed, frames: 0, frames_max: room, ended: None };
            let progress = reassembly.read(&mut tunnel.over(stream), scratch, &mut talk);
            let Talk { frames, ended, .. } = talk;
            self.frames += u64::from(frames);
            room -= frames;
            if let Ok(Progress::Bytes(bytes)) = progress
                && !sealed
            {
                self.bare += bytes as u64;
            }
            if let Some(ended) = ended {
                return Err(ended);
            }
            match progress {
                Ok(Progress::Bytes(bytes)) => {
                    spent += bytes;
                    self.hear(now, frames);
                }
                Ok(Progress::End) => return Err(Ended::Closed),
                Ok(Progress::WouldBlock) => {
                    if self.tunnel.received() > received {
                        self.hear(now, frames);
                    }
                    return Ok(Drained::All);
                }
                Err(ReadError::Wire(WireError::Locked)) => {
                    self.deny(Denial::WeHaveNone)?;
                    return Ok(Drained::All);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Drained::Budget)
    }

    /// Something has come in, with so many whole frames.
    fn hear(&mut self, now: Instant, frames: u32) {
        self.heard = now;
        self.pinged = None;
        let since = self.partial_since.filter(|_| frames == 0).unwrap_or(now);
        let partial = self.reassembly.is_partial() || self.tunnel.is_partial();
        self.partial_since = partial.then_some(since);
    }

    /// Whether the handshake is complete, if there is to be one, once what has come of it is read.
    fn shake(&mut self, stream: &mut impl Read, scratch: &mut Scratch, now: Instant) -> Result<bool, Ended> {
        while self.tunnel.is_shaking() {
            let read = match scratch.fill(stream)? {
                (Progress::Bytes(_), read) => read,
                (Progress::End, _) => return Err(Ended::Closed),
                (Progress::WouldBlock, _) => return Ok(false),
            };
            self.hear(now, 0);
            match self.tunnel.shake(read) {
                Ok(Shaken::More { say }) => self.writer.lock().say(&say),
                Ok(Shaken::Done { say, sealing }) => {
                    let mut writer = self.writer.lock();
                    writer.say(&say);
                    writer.seal_by(sealing)?;
                    self.keyed = now;
                }
                Err(denial) => {
                    self.deny(denial)?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The two ends do not share a secret, or do not accept each other's certificates. The other end is told first, if it understands.
    fn deny(&mut self, denial: Denial) -> Result<(), Ended> {
        let words = match self.phase {
            Phase::AwaitHello => self.tunnel.last_words(denial, true),
            Phase::AwaitWelcome => self.tunnel.last_words(denial, false),
            Phase::Dialling | Phase::AwaitConfirm | Phase::Open | Phase::Rejecting => Vec::new(),
        };
        if words.is_empty() {
            return Err(denial.into());
        }
        self.phase = Phase::Rejecting;
        self.denied = Some(denial);
        self.writer.lock().say(&words);
        Ok(())
    }

    /// Writes what the budget allows. Ends the connection when a refusal is out.
    pub(crate) fn flush(&mut self, stream: &mut impl Write, queue: Option<&SendQueue>) -> Result<Flushed, Ended> {
        let flushed = self.writer.lock().flush(stream, queue, self.limits.write_bytes_per_turn)?;
        if self.phase == Phase::Rejecting && flushed == Flushed::All {
            return Err(self.denied.map_or(Ended::Refused, Ended::Denied));
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
                if now.since(self.keyed) >= REKEY_AFTER {
                    self.keyed = now;
                    self.writer.lock().renew_key();
                }
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

#[cfg(test)]
mod tests;
