//! Owns one end of a protected stream that is no connection between nodes: programs that are no members come in by one. Never
//! touches a socket, and never lets a byte through before both ends have proved that they know the secret.
//!
//! It is the [tunnel](super::tunnel) of nodes, bound to another purpose: neither kind of stream is taken for the other.

use std::io::{self, Read};

use super::tunnel::{Denial, Sealing, SecretLock, Shaken, Tunnel, refusal};
use crate::secret::{Entropy, Keyring};

/// What one end of protected streams needs to know: the keys, what the streams are for, and the version of that.
#[derive(Clone, Debug)]
pub struct Gate(SecretLock);

/// One end of a protected stream.
///
/// ```
/// use swarm_net::connection::{Gate, Passage};
/// use swarm_net::secret::{Keyring, Secret};
///
/// let gate = Gate::new(Keyring::new([Secret::from("q1Zr5WcVx0bJtD8eYkN2uA==")])?, "doc", 1);
/// let (mut dialled, first) = Passage::dial(&gate)?;
/// let mut answering = Passage::answer(&gate);
/// let second = answering.shake(&first)?.expect("it came in one piece");
/// assert_eq!(dialled.shake(&second)?, Some(Vec::new()));
///
/// let mut sealed = Vec::new();
/// assert_eq!(dialled.seal(b"hello", &mut sealed), 5);
/// let mut buffer = vec![0; Passage::READ_BYTES_MIN];
/// let read = answering.read(&mut &sealed[..], &mut buffer)?;
/// assert_eq!(&buffer[..read], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Passage {
    tunnel: Tunnel,
    sealing: Option<Sealing>,
    version: u16,
}

/// Why the two ends of a stream are not let through to each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{denial}")]
pub struct Denied {
    denial: Denial,
    version: u16,
}

impl Gate {
    /// `purpose` and `version` are the same at both ends, or they refuse each other.
    pub fn new(keys: Keyring, purpose: &str, version: u16) -> Self {
        Self(SecretLock::apart(keys, purpose, version, Entropy::system()))
    }
}

impl Passage {
    /// How long the buffer for [`Passage::read`] has to be: the longest record.
    pub const READ_BYTES_MIN: usize = super::record::RECORD_BYTES_MAX;

    /// The end of who has opened the stream, and what it says first.
    ///
    /// # Errors
    /// If the system gives no randomness.
    pub fn dial(gate: &Gate) -> io::Result<(Self, Vec<u8>)> {
        let mut passage = Self::answer(gate);
        let first = passage.tunnel.begin()?.unwrap_or_default();
        Ok((passage, first))
    }

    /// The end of who was dialled.
    pub fn answer(gate: &Gate) -> Self {
        Self { tunnel: Tunnel::behind_secret(&gate.0), sealing: None, version: gate.0.version() }
    }

    /// Takes what the other end says until both know that they may speak. Gives what is to be said last in the clear, once that is so.
    ///
    /// # Errors
    /// [`Denied`] if they may not. Who was dialled says the [refusal](Denied::refusal) to who has dialled.
    pub fn shake(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Denied> {
        match self.tunnel.shake(bytes) {
            Ok(Shaken::More { .. }) => Ok(None),
            Ok(Shaken::Done { say, sealing }) => {
                self.sealing = Some(sealing);
                Ok(Some(say))
            }
            Err(denial) => Err(Denied { denial, version: self.version }),
        }
    }

    /// Appends to `out` a record of as much of `content` as one holds, and says how much that is. Nothing before the other end has
    /// proved that it knows the secret.
    pub fn seal(&mut self, content: &[u8], out: &mut Vec<u8>) -> usize {
        let Some(sealing) = &mut self.sealing else { return 0 };
        let mut taken = 0;
        let sealed = sealing.seal(out, |out, room| {
            taken = content.len().min(room);
            out.extend_from_slice(&content[..taken]);
        });
        if sealed.is_ok() { taken } else { 0 }
    }

    /// Reads from `source` until there is some content, and puts it at the front of `buffer`; 0 at the end of the stream.
    ///
    /// # Errors
    /// Those of `source`, after which it can be called again; [`io::ErrorKind::InvalidData`] if the bytes are not what the other end
    /// has written, or nothing may come yet.
    pub fn read(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        if self.sealing.is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the other end has not proved anything yet"));
        }
        self.tunnel.over(source).read(buffer)
    }
}

impl Denied {
    /// What who was dialled says before it hangs up; nothing to who speaks no language of ours.
    pub fn refusal(&self) -> Option<Vec<u8>> {
        (self.denial != Denial::Garbage).then(|| refusal(self.denial, self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tunnel::Lock;
    use super::*;
    use crate::secret::Secret;

    fn gate(secret: &str, purpose: &str, version: u16) -> Gate {
        Gate::new(Keyring::new([Secret::from(secret)]).expect("a good secret"), purpose, version)
    }

    /// What comes of a handshake at the end that was dialled, and then at the one that has dialled.
    fn shaken(dialler: &Gate, other: &Gate) -> Result<(Passage, Passage), (Denied, Option<Denied>)> {
        let (mut dialled, first) = Passage::dial(dialler).expect("there is randomness");
        let mut answering = Passage::answer(other);
        match answering.shake(&first) {
            Ok(say) => {
                let done = dialled.shake(&say.expect("it is whole"));
                assert_eq!(done, Ok(Some(Vec::new())));
                Ok((dialled, answering))
            }
            Err(denied) => {
                let told = denied.refusal().map(|refusal| dialled.shake(&refusal).expect_err("it is refused"));
                Err((denied, told))
            }
        }
    }

    #[test]
    fn what_one_end_seals_the_other_reads_in_any_pieces() {
        let gate = gate("the first of two secrets", "test", 3);
        let (mut one, mut other) = shaken(&gate, &gate).expect("they share all");
        let content: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let (mut sealed, mut sent) = (Vec::new(), 0);
        while sent < content.len() {
            sent += one.seal(&content[sent..], &mut sealed);
        }
        let (mut buffer, mut got) = (vec![0; Passage::READ_BYTES_MIN], Vec::new());
        for mut piece in sealed.chunks(1_000) {
            let end = loop {
                match other.read(&mut Pieces(&mut piece), &mut buffer) {
                    Ok(read) => got.extend_from_slice(&buffer[..read]),
                    Err(error) => break error,
                }
            };
            assert_eq!(end.kind(), io::ErrorKind::WouldBlock);
        }
        assert!(got == content);
    }

    /// Says that more will come, and not that it has ended.
    struct Pieces<'a, 'b>(&'a mut &'b [u8]);

    impl Read for Pieces<'_, '_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn ends_that_differ_in_anything_refuse_each_other_and_know_why() {
        let good = gate("the first of two secrets", "test", 3);
        let secret = gate("the other of two secrets", "test", 3);
        let purpose = gate("the first of two secrets", "toast", 3);
        let version = gate("the first of two secrets", "test", 4);
        for (other, why) in [(&secret, Denial::Key), (&purpose, Denial::Key), (&version, Denial::Version(3))] {
            let (denied, told) = shaken(&good, other).expect_err("they differ");
            assert_eq!(denied.denial, why);
            let expected = if why == Denial::Key { Denial::Key } else { Denial::Version(4) };
            assert_eq!(told.expect("it is told").denial, expected);
        }
    }

    #[test]
    fn nothing_goes_through_before_the_handshake_is_over() {
        let (mut passage, _) =
            Passage::dial(&gate("the first of two secrets", "test", 3)).expect("there is randomness");
        let mut out = Vec::new();
        assert_eq!((passage.seal(b"early", &mut out), out.len()), (0, 0));
        let read = passage.read(&mut &b"early"[..], &mut vec![0; Passage::READ_BYTES_MIN]);
        assert_eq!(read.expect_err("nothing may come yet").kind(), io::ErrorKind::InvalidData);
        let denied = passage.shake(b"GET / HTTP/1.1\r\n\r\n").expect_err("it is no handshake");
        assert_eq!(denied.refusal(), None);
    }

    /// A stream of programs and a connection of nodes share the secret, and yet neither is taken for the other.
    #[test]
    fn a_node_is_not_taken_for_a_program() {
        let keys = Keyring::new([Secret::from("the first of two secrets")]).expect("a good secret");
        let node = Lock::new(keys.clone(), "test", Entropy::seeded(1));
        let hail = Tunnel::behind(Some(&node)).begin().expect("there is randomness").expect("it is closed");
        let gate = Gate::new(keys, "test", crate::wire::PROTOCOL_VERSION);
        assert_eq!(Passage::answer(&gate).shake(&hail).expect_err("it is another purpose").denial, Denial::Key);
    }
}
