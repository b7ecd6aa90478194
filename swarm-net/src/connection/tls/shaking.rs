//! Owns a handshake of TLS that is not complete. Never takes more than a handshake needs from who has not shown a certificate.

use std::io;

use rustls::{ClientConnection, Connection, Error, ServerConnection};

use super::border::Border;
use super::opening::Opening;
use super::session::{Sealing, Session, hear, speak};
use crate::connection::tunnel::{self, Denial};
use crate::tls::{Credentials, Flaw, protocol};

/// What a handshake may take: far more than two chains of certificates do.
const SHAKE_BYTES_MAX: usize = 64 << 10;
/// How the records begin that may come: alerts and handshake, of any version of TLS.
const RECORDS: [[u8; 2]; 3] = [[20, 3], [21, 3], [22, 3]];

/// A handshake that is not complete.
#[derive(Debug)]
pub(crate) struct Shaking {
    credentials: Credentials,
    session: Option<Session>,
    generation: u64,
    border: Border,
    /// The first bytes that came, until they show whether this is TLS.
    looked_at: Vec<u8>,
    is_tls: bool,
    /// Bytes that have come.
    heard: usize,
}

/// How far bytes brought a handshake, and what is to be said in the clear.
pub(crate) enum Shaken {
    More(Vec<u8>),
    Done(Vec<u8>, Box<Sealing>, Box<Opening>),
}

impl Shaking {
    pub(crate) fn new(credentials: &Credentials) -> Self {
        Self {
            credentials: credentials.clone(),
            session: None,
            generation: 0,
            border: Border::default(),
            looked_at: Vec::new(),
            is_tls: false,
            heard: 0,
        }
    }

    /// Whether something has come and the handshake is not complete.
    pub(crate) fn is_partial(&self) -> bool {
        self.heard > 0
    }

    /// How often the certificates had been read before it began, once it has.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.session.as_ref().map(|_| self.generation)
    }

    /// What who dialled says first.
    pub(crate) fn begin(&mut self) -> io::Result<Vec<u8>> {
        let current = self.credentials.current();
        let dialled = ClientConnection::new(current.client.clone(), current.name.clone());
        Ok(self.session(current.generation, dialled.map_err(io::Error::other)?.into()))
    }

    /// A session begins. What it says first.
    fn session(&mut self, generation: u64, connection: Connection) -> Vec<u8> {
        let session = Session::new(connection);
        let mut say = Vec::new();
        speak(&mut session.lock(), &mut say);
        (self.generation, self.session) = (generation, Some(session));
        say
    }

    /// Takes what has come.
    pub(crate) fn shake(&mut self, bytes: &[u8]) -> Result<Shaken, Denial> {
        self.heard = self.heard.saturating_add(bytes.len());
        if self.is_tls {
            return self.take(bytes);
        }
        let room = tunnel::FOREIGN_BYTES_MAX.saturating_sub(self.looked_at.len());
        self.looked_at.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let Some(begin) = self.looked_at.first_chunk() else { return Ok(Shaken::More(Vec::new())) };
        if !RECORDS.contains(begin) {
            return match tunnel::foreign(&self.looked_at) {
                Some(denial) => Err(denial),
                None => Ok(Shaken::More(Vec::new())),
            };
        }
        self.is_tls = true;
        let mut all = std::mem::take(&mut self.looked_at);
        all.extend_from_slice(&bytes[bytes.len().min(room)..]);
        self.take(&all)
    }

    /// Takes what has come of TLS, a record at a time, since what stands behind the handshake is no part of it.
    fn take(&mut self, mut bytes: &[u8]) -> Result<Shaken, Denial> {
        let session = self.answering()?;
        let mut session = session.lock();
        let mut say = Vec::new();
        while !bytes.is_empty() {
            if self.heard - bytes.len() > SHAKE_BYTES_MAX {
                return Err(Denial::Garbage);
            }
            let record;
            (record, bytes) = bytes.split_at(self.border.step(bytes));
            match hear(&mut session, record, |_| {}) {
                Ok(true) => {}
                Ok(false) => return Err(Denial::Garbage),
                Err(error) => return Err(denial(&error)),
            }
            speak(&mut session, &mut say);
            if !session.is_handshaking() {
                // Who says nothing of the version speaks another one.
                if session.alpn_protocol() != Some(&protocol()) {
                    return Err(Denial::Garbage);
                }
                drop(session);
                return Ok(self.done(say, bytes));
            }
        }
        Ok(Shaken::More(say))
    }

    /// The session; of who was dialled it begins with the first bytes that come.
    fn answering(&mut self) -> Result<Session, Denial> {
        if self.session.is_none() {
            let current = self.credentials.current();
            let answering = ServerConnection::new(current.server.clone()).map_err(|_| Denial::Garbage)?;
            self.session(current.generation, answering.into());
        }
        self.session.clone().ok_or(Denial::Garbage)
    }

    fn done(&self, say: Vec<u8>, early: &[u8]) -> Shaken {
        match &self.session {
            None => Shaken::More(say),
            Some(session) => {
                let opening = Opening::new(session.clone(), early, self.generation);
                Shaken::Done(say, Box::new(Sealing::new(session.clone())), Box::new(opening))
            }
        }
    }

    /// What the other end is told of why this fails, by an alert.
    pub(crate) fn alert(&self) -> Vec<u8> {
        let mut say = Vec::new();
        if let Some(session) = &self.session {
            speak(&mut session.lock(), &mut say);
        }
        say
    }
}

fn denial(error: &Error) -> Denial {
    let theirs = Flaw::of_theirs(error).map(Denial::Certificate);
    theirs.or_else(|| Flaw::of_ours(error).map(Denial::OurCertificate)).unwrap_or(Denial::Garbage)
}
