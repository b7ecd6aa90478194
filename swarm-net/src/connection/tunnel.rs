//! Owns how a connection is closed to those without the secret, or without a certificate: the handshake, and then what opens the bytes that
//! come in. Never touches a socket, and never lets a frame through before both ends have proved that they know the secret. Of certificates
//! [`tls`](super::tls) tells.
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
//! Integers are little-endian. A hail without a message is a refusal: [`LOCKED`] by who has a secret, [`KEYLESS`] by who has none, [`OTHERWISE`]
//! if one end has a secret and the other certificates.
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
use super::record::{self, Opened, Opening};
#[cfg(feature = "tls")]
use super::tls;
use crate::secret::{Entropy, Key, Keyring};
use crate::tls::Credentials;
#[cfg(feature = "tls")]
use crate::tls::Flaw;
use crate::wire::{HAIL_MAGIC, Header, PROTOCOL_VERSION, TLS_MAGIC};

const PATTERN: &str = "Noise_NNpsk0_25519_AESGCM_SHA256";
/// Bytes of a hail before its message.
const HEAD_BYTES: usize = 12;
/// Bytes of either message: an ephemeral key and a tag.
const MESSAGE_BYTES: usize = 48;
/// The length in a refusal by who has a secret.
const LOCKED: u16 = 0;
/// The length in a refusal by who has none.
const KEYLESS: u16 = u16::MAX;
/// The length in a refusal by who protects connections by the other means.
const OTHERWISE: u16 = u16::MAX - 1;
/// So many bytes show what speaks that does not speak TLS: a hail, or a frame.
#[cfg(feature = "tls")]
pub(super) const FOREIGN_BYTES_MAX: usize = crate::wire::HEADER_BYTES;

/// What a node needs to close its connections.
#[derive(Clone, Debug)]
pub(crate) enum Lock {
    /// To those without the secret.
    Secret(SecretLock),
    /// To those without a certificate.
    Certificate(Credentials),
}

/// What a node needs to close its connections to those without the secret.
#[derive(Clone, Debug)]
pub(crate) struct SecretLock {
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
    /// The same by certificates.
    #[cfg(feature = "tls")]
    ShakingTls(Box<tls::Shaking>),
    /// The same by certificates.
    #[cfg(feature = "tls")]
    Tls(Box<tls::Opening>),
}

/// What seals the bytes that go out.
#[derive(Debug)]
pub(crate) enum Sealing {
    /// After a handshake by the secret.
    Secret(Box<record::Sealing>),
    /// After one by certificates.
    #[cfg(feature = "tls")]
    Tls(Box<tls::Sealing>),
}

/// A handshake that is not complete.
#[derive(Debug)]
pub(crate) struct Shaking {
    lock: SecretLock,
    /// The state of who dialled. Who was dialled needs none before the first message.
    dialled: Option<Box<Initiated>>,
    /// What has come of the other end's hail.
    hail: Vec<u8>,
}

pub(crate) struct Initiated(HandshakeState);

/// How far bytes brought a handshake.
#[derive(Debug)]
pub(crate) enum Shaken {
    /// More is needed, and this is to be said.
    More { say: Vec<u8> },
    /// It is complete: this is to be said in the clear, and all that follows is to be sealed.
    Done { say: Vec<u8>, sealing: Sealing },
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denial {
    /// The other end has none of our keys, or another cluster's name.
    #[error("refused by authentication: the other end has another secret, or another cluster's name")]
    Key,
    /// We have a secret, or certificates, and the other end has neither.
    #[error("the other end has no secret, and no certificates")]
    TheyHaveNone,
    /// The other end has a secret, or certificates, and we have neither.
    #[error("the other end has a secret, or certificates, and this node has neither")]
    WeHaveNone,
    /// One end protects connections by the secret, the other by certificates.
    #[error("one end protects connections by a secret, the other by certificates (TLS)")]
    Otherwise,
    /// We do not accept the other end's certificate.
    #[cfg(feature = "tls")]
    #[error("the other end's certificate {0}")]
    Certificate(Flaw),
    /// The other end does not accept our certificate.
    #[cfg(feature = "tls")]
    #[error("the other end says of this node's certificate that it {0}")]
    OurCertificate(Flaw),
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
        Self::Secret(SecretLock { keys, version: PROTOCOL_VERSION, prologue: prologue.into(), entropy })
    }

    /// How often the certificates have been read again, if it is by such.
    pub(crate) fn generation(&self) -> Option<u64> {
        match self {
            Self::Secret(_) => None,
            #[cfg(feature = "tls")]
            Self::Certificate(credentials) => Some(credentials.current().generation),
            #[cfg(not(feature = "tls"))]
            Self::Certificate(none) => match *none {},
        }
    }
}

impl SecretLock {
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

impl Sealing {
    /// The key is changed with the next record.
    pub(crate) fn renew(&mut self) {
        match self {
            Self::Secret(sealing) => sealing.renew(),
            #[cfg(feature = "tls")]
            Self::Tls(sealing) => sealing.renew(),
        }
    }

    /// Appends a record to `out` with what `fill` appends, which is told for how many bytes there is room.
    ///
    /// # Errors
    /// If nothing can be sealed any more.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>, usize)) -> io::Result<()> {
        match self {
            Self::Secret(sealing) => {
                sealing.seal(out, fill);
                Ok(())
            }
            #[cfg(feature = "tls")]
            Self::Tls(sealing) => sealing.seal(out, fill),
        }
    }
}

impl Tunnel {
    /// For a connection that begins.
    pub(crate) fn behind(lock: Option<&Lock>) -> Self {
        match lock {
            None => Self::None,
            Some(Lock::Secret(lock)) => Self::behind_secret(lock),
            #[cfg(feature = "tls")]
            Some(Lock::Certificate(credentials)) => Self::ShakingTls(Box::new(tls::Shaking::new(credentials))),
            #[cfg(not(feature = "tls"))]
            Some(Lock::Certificate(none)) => match *none {},
        }
    }

    /// For a connection, or another stream, that begins.
    pub(crate) fn behind_secret(lock: &SecretLock) -> Self {
        Self::Shaking(Shaking { lock: lock.clone(), dialled: None, hail: Vec::new() })
    }

    /// Whether the connection is not open to all.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::None => false,
            Self::Shaking(_) | Self::Dug(_) => true,
            #[cfg(feature = "tls")]
            Self::ShakingTls(_) | Self::Tls(_) => true,
        }
    }

    /// Whether nothing but the handshake may go over it.
    pub(crate) fn is_shaking(&self) -> bool {
        match self {
            Self::None | Self::Dug(_) => false,
            Self::Shaking(_) => true,
            #[cfg(feature = "tls")]
            Self::ShakingTls(_) => true,
            #[cfg(feature = "tls")]
            Self::Tls(_) => false,
        }
    }

    /// Whether the next bytes may cost as much as a signature and the check of some.
    pub(crate) fn is_costly(&self) -> bool {
        match self {
            Self::None | Self::Shaking(_) | Self::Dug(_) => false,
            #[cfg(feature = "tls")]
            Self::ShakingTls(_) => true,
            #[cfg(feature = "tls")]
            Self::Tls(_) => false,
        }
    }

    /// How often the certificates had been read before the connection began, if it is protected by such.
    pub(crate) fn generation(&self) -> Option<u64> {
        match self {
            Self::None | Self::Shaking(_) | Self::Dug(_) => None,
            #[cfg(feature = "tls")]
            Self::ShakingTls(shaking) => shaking.generation(),
            #[cfg(feature = "tls")]
            Self::Tls(opening) => Some(opening.generation()),
        }
    }

    /// Whether a hail or a record has begun and is not complete.
    pub(crate) fn is_partial(&self) -> bool {
        match self {
            Self::None => false,
            Self::Shaking(shaking) => !shaking.hail.is_empty(),
            Self::Dug(opening) => opening.is_partial(),
            #[cfg(feature = "tls")]
            Self::ShakingTls(shaking) => shaking.is_partial(),
            #[cfg(feature = "tls")]
            Self::Tls(opening) => opening.is_partial(),
        }
    }

    /// Bytes of records that have come, whole ones or not.
    pub(crate) fn received(&self) -> u64 {
        match self {
            Self::None | Self::Shaking(_) => 0,
            Self::Dug(opening) => opening.received(),
            #[cfg(feature = "tls")]
            Self::ShakingTls(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(opening) => opening.received(),
        }
    }

    /// What who dialled says first, if anything.
    pub(crate) fn begin(&mut self) -> io::Result<Option<Vec<u8>>> {
        #[cfg(feature = "tls")]
        if let Self::ShakingTls(shaking) = self {
            return shaking.begin().map(Some);
        }
        let Self::Shaking(shaking) = self else { return Ok(None) };
        let begun = shaking.lock.state(&shaking.lock.keys.current(), true).and_then(|mut state| {
            let hail = hail(&mut state, shaking.lock.version)?;
            shaking.dialled = Some(Box::new(Initiated(state)));
            Ok(Some(hail))
        });
        begun.map_err(io::Error::other)
    }

    /// Takes what has come of the other end's hail. Nothing may come behind it: who dialled waits for the answer, and who was
    /// dialled for what follows that. (With certificates who dialled speaks last, and what follows may come with that.)
    pub(crate) fn shake(&mut self, bytes: &[u8]) -> Result<Shaken, Denial> {
        #[cfg(feature = "tls")]
        if let Self::ShakingTls(shaking) = self {
            let (say, sealing, opening) = match shaking.shake(bytes)? {
                tls::Shaken::More(say) => return Ok(Shaken::More { say }),
                tls::Shaken::Done(say, sealing, opening) => (say, sealing, opening),
            };
            *self = Self::Tls(opening);
            return Ok(Shaken::Done { say, sealing: Sealing::Tls(sealing) });
        }
        let Self::Shaking(shaking) = self else { return Err(Denial::Garbage) };
        let Some(message) = shaking.take(bytes)? else { return Ok(Shaken::More { say: Vec::new() }) };
        let (say, state) = match shaking.dialled.take() {
            Some(dialled) => (Vec::new(), accept(dialled.0, &message)?),
            None => shaking.answer(&message)?,
        };
        let (sealing, opening) = split(state);
        *self = Self::Dug(Box::new(opening));
        Ok(Shaken::Done { say, sealing: Sealing::Secret(Box::new(sealing)) })
    }

    /// What the other end is told last, if anything, of why it is refused. `dialled_us` if it has.
    pub(crate) fn last_words(&self, denial: Denial, dialled_us: bool) -> Vec<u8> {
        match denial {
            // Whoever speaks no language of ours would not understand, unless it is TLS.
            Denial::Garbage => self.alert(),
            #[cfg(feature = "tls")]
            Denial::Certificate(_) | Denial::OurCertificate(_) => self.alert(),
            Denial::Key | Denial::TheyHaveNone | Denial::WeHaveNone | Denial::Otherwise | Denial::Version(_) => {
                if dialled_us {
                    refusal(denial, PROTOCOL_VERSION)
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn alert(&self) -> Vec<u8> {
        match self {
            Self::None | Self::Shaking(_) | Self::Dug(_) => Vec::new(),
            #[cfg(feature = "tls")]
            Self::ShakingTls(shaking) => shaking.alert(),
            #[cfg(feature = "tls")]
            Self::Tls(_) => Vec::new(),
        }
    }

    /// What is read over the tunnel from a source.
    pub(crate) fn over<'a, R: Read>(&'a mut self, source: &'a mut R) -> Through<'a, R> {
        match self {
            Self::None | Self::Shaking(_) => Through::Open(source),
            Self::Dug(opening) => Through::Closed(Opened { source, opening }),
            #[cfg(feature = "tls")]
            Self::ShakingTls(_) => Through::Open(source),
            #[cfg(feature = "tls")]
            Self::Tls(opening) => Through::Tls(tls::Opened { source, opening }),
        }
    }
}

/// What is read of a connection.
#[derive(Debug)]
pub(crate) enum Through<'a, R> {
    Open(&'a mut R),
    Closed(Opened<'a, R>),
    #[cfg(feature = "tls")]
    Tls(tls::Opened<'a, R>),
}

impl<R: Read> Read for Through<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(source) => source.read(buffer),
            Self::Closed(opened) => opened.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(opened) => opened.read(buffer),
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
            return Err(stranger(bytes));
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
            OTHERWISE => Err(Denial::Otherwise),
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
    let length = match denial {
        Denial::WeHaveNone => KEYLESS,
        Denial::Otherwise => OTHERWISE,
        Denial::Key | Denial::TheyHaveNone | Denial::Version(_) | Denial::Garbage => LOCKED,
        #[cfg(feature = "tls")]
        Denial::Certificate(_) | Denial::OurCertificate(_) => LOCKED,
    };
    head(version, length)
}

/// What speaks that has said no hail.
fn stranger(bytes: &[u8]) -> Denial {
    if bytes.first_chunk().is_some_and(|header| Header::decode(header).is_ok()) {
        Denial::TheyHaveNone
    } else if bytes.starts_with(&TLS_MAGIC) {
        Denial::Otherwise
    } else {
        Denial::Garbage
    }
}

/// Who speaks, where TLS should be spoken; nothing as long as that does not show.
#[cfg(feature = "tls")]
pub(super) fn foreign(bytes: &[u8]) -> Option<Denial> {
    let magic = HAIL_MAGIC.len().min(bytes.len());
    if bytes[..magic] != HAIL_MAGIC[..magic] {
        return (bytes.len() >= FOREIGN_BYTES_MAX).then(|| stranger(bytes));
    }
    let [.., v0, v1, l0, l1] = *bytes.first_chunk::<HEAD_BYTES>()?;
    let version = u16::from_le_bytes([v0, v1]);
    if version != PROTOCOL_VERSION {
        return Some(Denial::Version(version));
    }
    // Whoever says so has no certificates; what it says beyond that is for who has a secret.
    let keyless = u16::from_le_bytes([l0, l1]) == KEYLESS;
    Some(if keyless { Denial::TheyHaveNone } else { Denial::Otherwise })
}

fn accept(mut state: HandshakeState, message: &[u8]) -> Result<HandshakeState, Denial> {
    state.read_message(message, &mut []).map_err(|_| Denial::Key)?;
    Ok(state)
}

/// Each direction has a key of its own.
fn split(mut state: HandshakeState) -> (record::Sealing, Opening) {
    let (there, back) = state.dangerously_get_raw_split();
    let (there, back) = (Zeroizing::new(there), Zeroizing::new(back));
    let (ours, theirs) = if state.is_initiator() { (there, back) } else { (back, there) };
    (record::Sealing::new(&ours), Opening::new(&theirs))
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
