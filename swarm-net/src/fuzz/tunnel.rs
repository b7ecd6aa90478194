//! Owns the fuzzing of connections that are closed by a secret: of two that talk over a wire that cuts and changes a byte, of one to
//! which somebody without the secret speaks, and of one to which a member says what it likes. Never opens a socket.

use std::io::Read;

use super::frames::{Cuts, Pieces};
use super::talk::{LIMITS, hear, talk};
use super::{hello, put_step, steps};
use crate::connection::{Connection, Ended, Lock, Phase, Sealing, Shaken, Tunnel};
use crate::secret::{Entropy, Keyring, Secret};
use crate::time::Instant;
use crate::wire::{Scratch, kind};

/// Longer than any record.
const BUFFER_BYTES: usize = 128 << 10;

/// The steps of a member: content of a record, a new key, a record that nobody has sealed, and the last record again.
const CONTENT: u8 = 0;
const NEW_KEY: u8 = 1;
const UNSEALED: u8 = 2;
const AGAIN: u8 = 3;

/// The handshake and the records, in arbitrary pieces.
pub fn tunnel(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    match choice % 3 {
        0 => talk(rest, Some(&lock())),
        1 => stranger(rest),
        _ => member(rest),
    }
}

/// Inputs of [`tunnel`].
pub fn tunnel_seeds() -> Vec<Vec<u8>> {
    let cuts = [5, 0, 127, 130, 1, 255, 31, 64];
    let mut seeds: Vec<_> = super::connection_seeds().iter().map(|seed| [&[0], &seed[..]].concat()).collect();
    let hail = Tunnel::behind(Some(&lock())).begin().expect("the randomness is ours").expect("it is closed");
    let refused = [&hail[..8], &[1, 0, 0, 0]].concat();
    for said in [&hail[..], &hail[..20], &refused, b"GET / HTTP/1.1\r\n\r\n", hello(1).frame(kind::HELLO).bytes()] {
        seeds.push([&[1], &cuts[..], said].concat());
    }
    let frame = hello(1).frame(kind::HELLO);
    let (front, back) = frame.bytes().split_at(50);
    let mut member = [&[2], &cuts[..]].concat();
    put_step(&mut member, CONTENT, front);
    put_step(&mut member, NEW_KEY, &[]);
    put_step(&mut member, CONTENT, back);
    let mut hostile = member.clone();
    put_step(&mut hostile, AGAIN, &[]);
    put_step(&mut hostile, UNSEALED, &[7; 40]);
    put_step(&mut hostile, UNSEALED, &[7; 3]);
    seeds.extend([member, hostile]);
    seeds
}

/// Whoever does not know the secret is let through to nothing, and is answered by no more than it has sent.
fn stranger(bytes: &[u8]) {
    let Some((cuts, rest)) = bytes.split_first_chunk() else { return };
    let mut accepted = Connection::accepted(LIMITS, Some(&lock()), Instant::START);
    let (said, came) = deliver(&mut accepted, cuts, rest);
    assert!(came.is_empty() && accepted.phase() != Phase::Open, "{came:?}");
    assert!(said.len() <= rest.len(), "{} bytes are answered by {}", rest.len(), said.len());
}

/// A member that has made the handshake as it should, and seals what it likes. All comes as it was sealed, up to the first record that
/// was not.
fn member(bytes: &[u8]) {
    let Some((cuts, rest)) = bytes.split_first_chunk() else { return };
    let lock = lock();
    // To the bare tunnel, where the content shows.
    let (mut dialler, mut acceptor) = (Tunnel::behind(Some(&lock)), Tunnel::behind(Some(&lock)));
    let hail = dialler.begin().expect("the randomness is ours").expect("it is closed");
    let Ok(Shaken::Done { say, .. }) = acceptor.shake(&hail) else { panic!("it knows the secret") };
    let (stream, content, honest) = seal(rest, dug(&mut dialler, &say));
    let mut source = Pieces { bytes: &stream, cuts, turn: 0 };
    let (mut came, mut buffer) = (Vec::new(), vec![0; BUFFER_BYTES]);
    while let Ok(read @ 1..) = acceptor.over(&mut source).read(&mut buffer) {
        came.extend_from_slice(&buffer[..read]);
    }
    let all = if honest { came == content } else { content.starts_with(&came) };
    assert!(all, "{} bytes were sealed, {} came", content.len(), came.len());
    // To a connection, which makes frames of it.
    let mut accepted = Connection::accepted(LIMITS, Some(&lock), Instant::START);
    let mut dialler = Tunnel::behind(Some(&lock));
    let hail = dialler.begin().expect("the randomness is ours").expect("it is closed");
    let (say, _) = deliver(&mut accepted, cuts, &hail);
    let (stream, ..) = seal(rest, dug(&mut dialler, &say));
    deliver(&mut accepted, cuts, &stream);
}

/// Completes the handshake of who dialled.
fn dug(dialler: &mut Tunnel, say: &[u8]) -> Box<Sealing> {
    match dialler.shake(say) {
        Ok(Shaken::Done { sealing, .. }) => sealing,
        other => panic!("both know the secret: {other:?}"),
    }
}

/// What the steps of a member make: the bytes on the wire, what was sealed before the first that was not, and whether all was.
fn seal(input: &[u8], mut sealing: Box<Sealing>) -> (Vec<u8>, Vec<u8>, bool) {
    let (mut stream, mut content, mut honest, mut last) = (Vec::new(), Vec::new(), true, 0..0);
    for (kind, step) in steps(input) {
        let begin = stream.len();
        match kind % 4 {
            // A record without content is one that changes the key.
            CONTENT if !step.is_empty() => {
                let mut taken = 0;
                sealing.seal(&mut stream, |out, room| {
                    taken = step.len().min(room);
                    out.extend_from_slice(&step[..taken]);
                });
                if honest {
                    content.extend_from_slice(&step[..taken]);
                }
            }
            CONTENT | NEW_KEY => sealing.renew(),
            UNSEALED => {
                let length = u16::try_from(step.len()).expect("a step's length has two bytes");
                stream.extend_from_slice(&length.to_be_bytes());
                stream.extend_from_slice(step);
                honest = false;
            }
            AGAIN if !last.is_empty() => {
                stream.extend_from_within(last.clone());
                honest = false;
            }
            _ => {
                // Nothing was sealed yet.
            }
        }
        if stream.len() > begin {
            last = begin..stream.len();
        }
    }
    (stream, content, honest)
}

/// Has a connection read this, and says what it answers and what came of it.
fn deliver(to: &mut Connection, cuts: &Cuts, bytes: &[u8]) -> (Vec<u8>, Vec<(u8, Vec<u8>)>) {
    let (mut said, mut came, mut scratch) = (Vec::new(), Vec::new(), Scratch::default());
    let mut source = Pieces { bytes, cuts, turn: 0 };
    let read = to.read(&mut source, &mut scratch, Instant::START, &mut |event| hear(event, &mut came));
    if matches!(read, Ok(_) | Err(Ended::Closed)) {
        // It may be refused now.
        let _ = to.flush(&mut said, None);
    }
    (said, came)
}

fn lock() -> Lock {
    let keys = Keyring::new([Secret::from("the secret of the fuzzed")]).expect("a good secret");
    Lock::new(keys, "fuzz", Entropy::seeded(1))
}
