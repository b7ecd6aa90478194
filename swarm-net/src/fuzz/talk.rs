//! Owns the fuzzing of two connections that talk to each other over a wire that cuts, and changes a byte. Never opens a socket.

use std::time::Duration;

use super::frames::{Cuts, Pieces};
use super::{hello, put_step, steps};
use crate::connection::{Answer, Connection, ConnectionLimits, Ended, Event, Limits, Lock, Phase, SendQueue};
use crate::time::Instant;
use crate::wire::{Frame, HEAD_BYTES, Scratch};

pub(super) const LIMITS: ConnectionLimits = ConnectionLimits {
    handshake: Duration::from_secs(5),
    partial_frame: Duration::from_secs(10),
    ping_after: Duration::from_secs(7),
    ping_answer: Duration::from_secs(3),
    stuck_after: Duration::from_secs(1),
    frame_bytes_max: 64 << 10,
    sync_bytes_max: 64 << 10,
    read_bytes_per_turn: 256 << 10,
    write_bytes_per_turn: 1 << 20,
};

/// How often each side has its turn before all that was said has come: two messages of a tunnel, three, and what follows them.
const TURNS: usize = 6;

/// A handshake and what is said then. With a byte changed on its way anything may come of it but a panic; without, all
/// comes as it was sent.
pub fn connection(bytes: &[u8]) {
    talk(bytes, None);
}

/// The same with a secret, if there is one: then nothing comes that was not said, whatever was changed.
pub(super) fn talk(bytes: &[u8], lock: Option<&Lock>) {
    let Some((cuts, rest)) = bytes.split_first_chunk::<8>() else { return };
    let Some(([at0, at1, flip], rest)) = rest.split_first_chunk() else { return };
    let mut wire = Wire { cuts, at: usize::from(u16::from_le_bytes([*at0, *at1])), flip: *flip };
    let now = Instant::START;
    let mut dialler = Connection::dialling(LIMITS, lock, now);
    let mut acceptor = Connection::accepted(LIMITS, lock, now);
    let queue = SendQueue::new(Limits { frames: 100, bytes: 1 << 24, frame_body: 64 << 10 });
    dialler.dialled(&hello(1)).expect("nothing is drawn from the system");
    let (mut sent, mut came) = (Vec::new(), Vec::new());
    let mut ended = false;
    for turn in 0..TURNS {
        if turn == TURNS / 2 {
            say(&mut dialler, &queue, rest, &mut sent);
        }
        let there = wire.carry(&mut dialler, Some(&queue), &mut acceptor, now, &mut came);
        let back = wire.carry(&mut acceptor, None, &mut dialler, now, &mut came);
        ended |= there.is_err() || back.is_err();
        if ended {
            break;
        }
    }
    if *flip == 0 {
        assert!(!ended, "nothing was changed");
        assert_eq!((dialler.phase(), acceptor.phase()), (Phase::Open, Phase::Open));
        assert!(came == sent, "{} were said, {} came", sent.len(), came.len());
    } else if lock.is_some() {
        assert!(sent.starts_with(&came), "{} were said, {} came", sent.len(), came.len());
    }
}

/// Inputs of [`connection`].
pub fn connection_seeds() -> Vec<Vec<u8>> {
    [[0, 0, 0], [40, 0, 1]]
        .map(|change| {
            let mut input = [&[5, 0, 127, 130, 1, 255, 31, 64][..], &change].concat();
            put_step(&mut input, 0, b"a list");
            put_step(&mut input, 2, b"frame");
            put_step(&mut input, 6, &[9; 300]);
            put_step(&mut input, 1, b"");
            input
        })
        .into()
}

/// Both directions of a wire.
struct Wire<'a> {
    cuts: &'a Cuts,
    /// So many bytes are carried before the one that is changed.
    at: usize,
    flip: u8,
}

impl Wire<'_> {
    /// What one side writes is read by the other.
    fn carry(
        &mut self,
        from: &mut Connection,
        queue: Option<&SendQueue>,
        to: &mut Connection,
        now: Instant,
        came: &mut Vec<(u8, Vec<u8>)>,
    ) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        from.flush(&mut bytes, queue)?;
        match bytes.get_mut(self.at) {
            Some(byte) => {
                *byte ^= std::mem::take(&mut self.flip);
            }
            None => self.at -= bytes.len(),
        }
        let mut scratch = Scratch::default();
        let mut source = Pieces { bytes: &bytes, cuts: self.cuts, turn: 0 };
        let mut answer = |event: Event<'_>| hear(event, came);
        match to.read(&mut source, &mut scratch, now, &mut answer) {
            // There is nothing more to read; the connection is not closed.
            Ok(_) | Err(Ended::Closed) => Ok(()),
            Err(ended) => Err(ended),
        }
    }
}

pub(super) fn hear(event: Event<'_>, came: &mut Vec<(u8, Vec<u8>)>) -> Answer {
    match event {
        Event::Hello(Ok(_)) => return Answer::Welcome(hello(2)),
        Event::Hello(Err(reason)) => {
            return Answer::Reject(crate::wire::Reject { reason, node: super::node(2) });
        }
        Event::Welcome(_) => return Answer::Confirm,
        // Nobody tells how many packets it has sent.
        Event::Confirmed | Event::Counted(_) => {}
        Event::Sync(bytes) => came.push((0, bytes.to_vec())),
        Event::Goodbye => came.push((1, Vec::new())),
        Event::Frame(frame) => came.push((2, frame.body.to_vec())),
    }
    Answer::Go
}

/// Says what the input wants said: what is the transport's own goes first, for the queue waits for it.
fn say(dialler: &mut Connection, queue: &SendQueue, input: &[u8], sent: &mut Vec<(u8, Vec<u8>)>) {
    let mut frames = Vec::new();
    for (kind, body) in steps(input) {
        match kind % 3 {
            0 => {
                dialler.sync(body);
                sent.push((0, body.to_vec()));
            }
            1 => {
                dialler.goodbye();
                sent.push((1, Vec::new()));
            }
            _ => {
                if queue.push(Frame::new(kind.max(16), [0; HEAD_BYTES], &[body])).is_ok() {
                    frames.push((2, body.to_vec()));
                }
            }
        }
    }
    sent.append(&mut frames);
}
