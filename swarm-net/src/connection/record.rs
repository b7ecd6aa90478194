//! Owns the two halves of a tunnel after its handshake: what seals the bytes that go out, and what opens those that come in.
//! Never lets a byte through that the other end has not written in this place.
//!
//! ```text
//!  0        2                                    n + 2
//!  | length | ciphertext               | tag 16 |   length n, big-endian, at most 65,535
//! ```
//!
//! Each record is a transport message of the Noise protocol, and holds as much as is written at once: one or many frames, or a part
//! of one. A record without content says that its sender's key changes (Noise's rekey) after it.

use std::io::{self, ErrorKind, Read};

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use crate::secret::aead;
use crate::wire::WireError;

const LENGTH_BYTES: usize = 2;
const TAG_BYTES: usize = 16;
/// Content of one record: as much as Noise allows, in whole units of what frames are aligned to.
const CONTENT_BYTES_MAX: usize = (u16::MAX as usize - TAG_BYTES) / 16 * 16;
/// Bytes of the longest record.
pub(crate) const RECORD_BYTES_MAX: usize = LENGTH_BYTES + u16::MAX as usize;
/// Records under one key. With the longest ones these are 64 GiB, far below what AES-GCM is good for, and the change costs a
/// microsecond.
const RECORDS_PER_KEY: u64 = 1 << 20;

/// One direction: a key and the number of its next record.
#[derive(Debug)]
struct Cipher {
    key: LessSafeKey,
    next: u64,
    /// Records since the key was changed.
    used: u64,
}

/// Seals what goes out.
#[derive(Debug)]
pub(crate) struct Sealing {
    cipher: Cipher,
    /// The key is old enough.
    renew: bool,
}

/// Opens what comes in.
#[derive(Debug)]
pub(crate) struct Opening {
    cipher: Cipher,
    /// The beginning of the next record.
    partial: Vec<u8>,
    /// Bytes that have come in all.
    received: u64,
}

/// What comes in over a tunnel, as its content.
#[derive(Debug)]
pub(crate) struct Opened<'a, R> {
    pub(crate) source: &'a mut R,
    pub(crate) opening: &'a mut Opening,
}

impl Cipher {
    fn new(key: &[u8; 32]) -> Self {
        Self { key: aead(key), next: 0, used: 0 }
    }

    fn nonce(&mut self) -> Nonce {
        let nonce = nonce(self.next);
        // Of 2^64 records none is the last.
        self.next += 1;
        self.used += 1;
        nonce
    }

    /// The next key is what the present one makes of zeros (Noise, 4.2), so that it does not tell what the present one has sealed.
    fn rekey(&mut self) {
        let mut key = Zeroizing::new([0; 32]);
        let sealed = self.key.seal_in_place_separate_tag(nonce(u64::MAX), Aad::empty(), &mut *key);
        // The tag is no part of the key.
        let _tag = sealed.expect("32 bytes are below 64 GiB");
        (self.key, self.used) = (aead(&key), 0);
    }
}

impl Sealing {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { cipher: Cipher::new(key), renew: false }
    }

    /// The key is changed with the next record.
    pub(crate) fn renew(&mut self) {
        self.renew = true;
    }

    /// Appends a record to `out` with what `fill` appends, which is told for how many bytes there is room.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>, usize)) {
        if self.renew || self.cipher.used >= RECORDS_PER_KEY {
            self.record(out, |_, _| {});
            self.cipher.rekey();
            self.renew = false;
        }
        self.record(out, fill);
    }

    fn record(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>, usize)) {
        let begin = out.len();
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        fill(out, CONTENT_BYTES_MAX);
        let content = begin + LENGTH_BYTES;
        let length = u16::try_from(out.len() - content + TAG_BYTES).expect("the content has been given its limit");
        out[begin..content].copy_from_slice(&length.to_be_bytes());
        let nonce = self.cipher.nonce();
        let tag = self.cipher.key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut out[content..]);
        out.extend_from_slice(tag.expect("a record is below 64 GiB").as_ref());
    }
}

impl Opening {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { cipher: Cipher::new(key), partial: Vec::new(), received: 0 }
    }

    /// Whether a record has begun and is not complete.
    pub(crate) fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Opens the whole records at the front of `bytes` and moves their content together there: its length, and where the rest begins.
    fn open(&mut self, bytes: &mut [u8]) -> Result<(usize, usize), WireError> {
        let (mut content, mut begin) = (0, 0);
        while let Some(length) = bytes[begin..].first_chunk() {
            let sealed = begin + LENGTH_BYTES;
            let end = sealed + usize::from(u16::from_be_bytes(*length));
            if end - sealed < TAG_BYTES || self.cipher.used > RECORDS_PER_KEY {
                return Err(WireError::Altered);
            }
            if bytes.len() < end {
                break;
            }
            let nonce = self.cipher.nonce();
            let room = &mut bytes[content..end];
            let opened = self.cipher.key.open_within(nonce, Aad::empty(), room, sealed - content..);
            let opened = opened.map_err(|_| WireError::Altered)?.len();
            if opened == 0 {
                self.cipher.rekey();
            }
            content += opened;
            begin = end;
        }
        Ok((content, begin))
    }
}

impl<R: Read> Read for Opened<'_, R> {
    /// Reads until there is some content. The buffer must have room for the longest record.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        debug_assert!(buffer.len() >= RECORD_BYTES_MAX);
        let Self { source, opening } = self;
        let mut filled = opening.partial.len();
        buffer[..filled].copy_from_slice(&opening.partial);
        loop {
            match source.read(&mut buffer[filled..]) {
                Ok(0) => return Ok(0),
                Ok(read) => {
                    filled += read;
                    opening.received += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    keep(&mut opening.partial, &buffer[..filled]);
                    return Err(error);
                }
            }
            let opened = opening.open(&mut buffer[..filled]);
            let (content, rest) = opened.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            if content > 0 {
                keep(&mut opening.partial, &buffer[rest..filled]);
                return Ok(content);
            }
            buffer.copy_within(rest..filled, 0);
            filled -= rest;
        }
    }
}

fn keep(partial: &mut Vec<u8>, bytes: &[u8]) {
    partial.clear();
    partial.extend_from_slice(bytes);
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests;
