//! Owns what opens the bytes that come in over a session of TLS. Never lets a byte through that the other end has not written in this place.

use std::io::{self, ErrorKind, Read};

use rustls::Error;

use super::border::Border;
use super::session::{Session, hear};
use crate::connection::tunnel::Denial;
use crate::tls::Flaw;
use crate::wire::WireError;

/// A record that began with an earlier read may give so much more content than what was read now has bytes.
const RECORD_BYTES_MAX: usize = 5 + (16 << 10) + 256;

/// Opens what comes in.
#[derive(Debug)]
pub(crate) struct Opening {
    session: Session,
    border: Border,
    /// What had come behind the handshake when it was complete, still sealed.
    early: Vec<u8>,
    /// How often the certificates had been read before the session began.
    generation: u64,
    /// Bytes that have come in all, since the handshake.
    received: u64,
}

/// What comes in over a session, as its content.
#[derive(Debug)]
pub(crate) struct Opened<'a, R> {
    pub(crate) source: &'a mut R,
    pub(crate) opening: &'a mut Opening,
}

impl Opening {
    pub(super) fn new(session: Session, early: &[u8], generation: u64) -> Self {
        Self { session, border: Border::default(), early: early.to_vec(), generation, received: 0 }
    }

    /// Whether a record has begun and is not complete.
    pub(crate) fn is_partial(&self) -> bool {
        self.border.is_within()
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Opens what is whole of what has come, into `content`. How much that is; none if the other end says no more.
    fn open(&mut self, sealed: &[u8], content: &mut [u8]) -> io::Result<Option<usize>> {
        self.received += sealed.len() as u64;
        self.border.pass(sealed);
        let mut opened = 0;
        let goes_on = hear(&mut self.session.lock(), sealed, |piece| {
            content[opened..][..piece.len()].copy_from_slice(piece);
            opened += piece.len();
        });
        let goes_on = goes_on.map_err(ended)?;
        Ok((goes_on || opened > 0).then_some(opened))
    }
}

/// What an error of a session says. That our certificate was not accepted is heard only here by who has dialled, since its part of the handshake is
/// complete before the other end has seen that.
fn ended(error: Error) -> io::Error {
    match Flaw::of_ours(&error) {
        Some(flaw) => io::Error::new(ErrorKind::InvalidData, Denial::OurCertificate(flaw)),
        None => io::Error::new(ErrorKind::InvalidData, WireError::Altered),
    }
}

impl<R: Read> Read for Opened<'_, R> {
    /// Reads until there is some content. The buffer must have room for some of the longest records.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { source, opening } = self;
        // What comes stands behind the room for its content.
        let (content, sealed) = buffer.split_at_mut((buffer.len() + RECORD_BYTES_MAX).div_ceil(2));
        debug_assert!(content.len() >= sealed.len() + RECORD_BYTES_MAX && !sealed.is_empty());
        loop {
            let opened = if opening.early.is_empty() {
                let read = match source.read(sealed) {
                    Ok(0) => return Ok(0),
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                opening.open(&sealed[..read], content)?
            } else {
                let early = std::mem::take(&mut opening.early);
                let (now, later) = early.split_at(early.len().min(sealed.len()));
                opening.early = later.to_vec();
                opening.open(now, content)?
            };
            match opened {
                None => return Ok(0),
                Some(0) => {}
                Some(bytes) => return Ok(bytes),
            }
        }
    }
}
