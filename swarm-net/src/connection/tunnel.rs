//! Owns how a connection is closed to those without the secret: the handshake, and then what opens the bytes that come in.
//! Never touches a socket, and never lets a frame through before both ends have proved that they know the secret.
//!
//! The handshake is Noise's `NNpsk0`: two messages, the key that is derived from the secret mixed in before the first. Each stands in an
//! envelope, the *hail*, by which nodes with and without a secret, and of other versions, recognise each other:
//!
//! ```text
//!  0       8         10       12
//!  | magic | version | length | message of the Noise protocol |
//!    8       u16       u16      48 bytes
//! ```
//!
//! Integers are little-endian. A hail without a message is a refusal: [`LOCKED`] by who has a secret, [`KEYLESS`] by who has none.
//! It is not authenticated, as nothing can be between two who share no key, so it is only a reason to tell people and to try
//! again later. It is shorter than the hail that it answers. Both ends bind the handshake to the protocol's version and the cluster's name
//! (Noise's prologue); who the nodes are is said inside the tunnel, by the greeting. Each end has fresh keys for each connection, so that who
//! learns the secret later cannot read what was recorded before.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use super::primitives::Primitives;
use super::record::{Opened, Opening, Sealing};
use crate::secret::{Entropy, Key, Keyring};
use crate::wire::{HAIL_MAGIC, Header, PROTOCOL_VERSION};

const PATTERN: &str = "Noise_NNpsk0_25519_AESGCM_SHA256";
/// Bytes of a hail before its message.
const HEAD_BYTES: usize = 12;
/// Bytes of either message: an ephemeral key and a tag.
const MESSAGE_BYTES: usize = 48;
/// The length in a refusal by who has a secret.
const LOCKED: u16 = 0;
/// The length in a refusal by who has none.
const KEYLESS: u16 = u16::MAX;

/// What a node needs to close its connections.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    keys: Keyring,
    /// Of what is said inside; it stands in the hail.
    version: u16,
    prologue: Arc<[u8]>,
    entropy: Entropy,
}

/// How far a connection is closed.
#[derive(Debug)]
pub(crate) enum Tunnel {
    /// It is open to all: the node has no secret.
    None,
    /// Nothing but the handshake may go over it.
    Shaking(Shaking),
    /// Everything goes through it.
    Dug(Box<Opening>),
}

/// A handshake that is not complete.
#[derive(Debug)]
pub(crate) struct Shaking {
    lock: Lock,
    /// The state of who dialled. Who was dialled needs none before the first message.
    dialled: Option<Box<Initiated>>,
    /// What has come of the other end's hail.
    hail: Vec<u8>,
}

pub(crate) struct Initiated(HandshakeState);

/// How far bytes brought a handshake.
#[derive(Debug)]
pub(crate) enum Shaken {
    /// More is needed.
    More,
    /// It is complete: this is to be said in the clear, and all that follows is to be sealed.
    Done { say: Vec<u8>, sealing: Box<Sealing> },
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denial {
    /// The other end has none of our keys, or another cluster's name.
    #[error("refused by authentication: the other end has another secret, or another cluster's name")]
    Key,
    /// We have a secret and the other end has none.
    #[error("the other end has no secret")]
    TheyHaveNone,
    /// The other end has a secret and we have none.
    #[error("the other end has a secret and this node has none")]
    WeHaveNone,
    /// It is of another version.
    #[error("the other end speaks version {0} of the protocol")]
    Version(u16),
    /// It is no handshake.
    #[error("what came is no handshake")]
    Garbage,
}

impl Lock {
    pub(crate) fn new(keys: Keyring, cluster: &str, entropy: Entropy) -> Self {
        let prologue = [b"swarm".as_slice(), &PROTOCOL_VERSION.to_le_bytes(), cluster.as_bytes()].concat();
        Self { keys, version: PROTOCOL_VERSION, prologue: prologue.into(), entropy }
    }

    /// For streams of another purpose than that of nodes: neither understands the other, though they share the secret.
    pub(crate) fn apart(keys: Keyring, purpose: &str, version: u16, entropy: Entropy) -> Self {
        let prologue = [b"swarm ".as_slice(), purpose.as_bytes(), b"\0", &version.to_le_bytes()].concat();
        Self { keys, version, prologue: prologue.into(), entropy }
    }

    pub(crate) fn version(&self) -> u16 {
        self.version
    }

    /// The handshake's state for one key.
    fn state(&self, key: &Key, dialled: bool) -> Result<HandshakeState, snow::Error> {
        let params = PATTERN.parse().expect("the pattern is one of snow's");
        let psk = key.connections();
        let resolver = Box::new(Primitives(self.entropy.clone()));
        let builder = Builder::with_resolver(params, resolver).psk(0, &psk)?.prologue(&self.prologue)?;
        if dialled { builder.build_initiator() } else { builder.build_responder() }
    }
}

impl Tunnel {
    /// For a connection that begins.
    pub(crate) fn behind(lock: Option<&Lock>) -> Self {
        match lock {
            None => Self::None,
            Some(lock) => Self::Shaking(Shaking { lock: lock.clone(), dialled: None, hail: Vec::new() }),
        }
    }

    /// Whether the connection is not open to all.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::None => false,
            Self::Shaking(_) | Self::Dug(_) => true,
        }
    }

    /// Whether nothing but the handshake may go over it.
    pub(crate) fn is_shaking(&self) -> bool {
        match self {
            Self::None | Self::Dug(_) => false,
            Self::Shaking(_) => true,
        }
    }

    /// Whether a hail or a record has begun and is not complete.
    pub(crate) fn is_partial(&self) -> bool {
        match self {
            Self::None => false,
            Self::Shaking(shaking) => !shaking.hail.is_empty(),
            Self::Dug(opening) => opening.is_partial(),
        }
    }

    /// Bytes of records that have come, whole ones or not.
    pub(crate) fn received(&self) -> u64 {
        match self {
            Self::None | Self::Shaking(_) => 0,
            Self::Dug(opening) => opening.received(),
        }
    }

    /// What who dialled says first, if anything.
    pub(crate) fn begin(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Self::Shaking(shaking) = self else { return Ok(None) };
        let begun = shaking.lock.state(&shaking.lock.keys.current(), true).and_then(|mut state| {
            let hail = hail(&mut state, shaking.lock.version)?;
            shaking.dialled = Some(Box::new(Initiated(state)));
            Ok(Some(hail))
        });
        begun.map_err(io::Error::other)
    }

    /// Takes what has come of the other end's hail. Nothing may come behind it: who dialled waits for the answer, and who was
    /// dialled for what follows that.
    pub(crate) fn shake(&mut self, bytes: &[u8]) -> Result<Shaken, Denial> {
        let Self::Shaking(shaking) = self else { return Err(Denial::Garbage) };
        let Some(message) = shaking.take(bytes)? else { return Ok(Shaken::More) };
        let (say, state) = match shaking.dialled.take() {
            Some(dialled) => (Vec::new(), accept(dialled.0, &message)?),
            None => shaking.answer(&message)?,
        };
        let (sealing, opening) = split(state);
        *self = Self::Dug(Box::new(opening));
        Ok(Shaken::Done { say, sealing: Box::new(sealing) })
    }

    /// What is read over the tunnel from a source.
    pub(crate) fn over<'a, R: Read>(&'a mut self, source: &'a mut R) -> Through<'a, R> {
        match self {
            Self::None | Self::Shaking(_) => Through::Open(source),
            Self::Dug(opening) => Through::Closed(Opened { source, opening }),
        }
    }
}

/// What is read of a connection.
#[derive(Debug)]
pub(crate) enum Through<'a, R> {
    Open(&'a mut R),
    Closed(Opened<'a, R>),
}

impl<R: Read> Read for Through<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(source) => source.read(buffer),
            Self::Closed(opened) => opened.read(buffer),
        }
    }
}

impl Shaking {
    /// Adds bytes to the hail; its message once it is whole.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<[u8; MESSAGE_BYTES]>, Denial> {
        let room = HEAD_BYTES + MESSAGE_BYTES - self.hail.len();
        self.hail.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let magic = HAIL_MAGIC.len().min(self.hail.len());
        if self.hail[..magic] != HAIL_MAGIC[..magic] {
            let frame = bytes.first_chunk().is_some_and(|header| Header::decode(header).is_ok());
            return Err(if frame { Denial::TheyHaveNone } else { Denial::Garbage });
        }
        let Some((head, message)) = self.hail.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let [.., v0, v1, l0, l1] = *head;
        let version = u16::from_le_bytes([v0, v1]);
        if version != self.lock.version {
            return Err(Denial::Version(version));
        }
        match u16::from_le_bytes([l0, l1]) {
            LOCKED => Err(Denial::Key),
            KEYLESS => Err(Denial::TheyHaveNone),
            length if usize::from(length) == MESSAGE_BYTES => {
                if bytes.len() > room {
                    Err(Denial::Garbage)
                } else {
                    Ok(message.try_into().ok())
                }
            }
            _ => Err(Denial::Garbage),
        }
    }

    /// Tries all keys: which one it is shows by the first message.
    fn answer(&self, message: &[u8]) -> Result<(Vec<u8>, HandshakeState), Denial> {
        let keys = self.lock.keys.all();
        let known = keys.iter().find_map(|key| {
            let mut state = self.lock.state(key, false).ok()?;
            state.read_message(message, &mut []).ok()?;
            Some(state)
        });
        let mut state = known.ok_or(Denial::Key)?;
        let hail = hail(&mut state, self.lock.version).map_err(|_| Denial::Key)?;
        Ok((hail, state))
    }
}

/// The refusal that who was dialled says.
pub(crate) fn refusal(denial: Denial, version: u16) -> Vec<u8> {
    head(version, if denial == Denial::WeHaveNone { KEYLESS } else { LOCKED })
}

fn accept(mut state: HandshakeState, message: &[u8]) -> Result<HandshakeState, Denial> {
    state.read_message(message, &mut []).map_err(|_| Denial::Key)?;
    Ok(state)
}

/// Each direction has a key of its own.
fn split(mut state: HandshakeState) -> (Sealing, Opening) {
    let (there, back) = state.dangerously_get_raw_split();
    let (there, back) = (Zeroizing::new(there), Zeroizing::new(back));
    let (ours, theirs) = if state.is_initiator() { (there, back) } else { (back, there) };
    (Sealing::new(&ours), Opening::new(&theirs))
}

fn hail(state: &mut HandshakeState, version: u16) -> Result<Vec<u8>, snow::Error> {
    let mut hail = head(version, MESSAGE_BYTES as u16);
    hail.resize(HEAD_BYTES + MESSAGE_BYTES, 0);
    let written = state.write_message(&[], &mut hail[HEAD_BYTES..])?;
    debug_assert_eq!(written, MESSAGE_BYTES);
    Ok(hail)
}

fn head(version: u16, length: u16) -> Vec<u8> {
    [HAIL_MAGIC.as_slice(), &version.to_le_bytes(), &length.to_le_bytes()].concat()
}

impl fmt::Debug for Initiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiated(..)")
    }
}

#[cfg(test)]
mod tests;
