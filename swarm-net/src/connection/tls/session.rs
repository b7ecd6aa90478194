//! Owns one session of TLS, for who reads and who writes, and what seals the bytes that go out. Never seals anything before the other end has shown
//! its certificate, as far as that is known here.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{Connection, Error};

/// Content of one record, in whole units of what frames are aligned to: as much as TLS allows.
const CONTENT_BYTES_MAX: usize = 16 << 10;

/// A session, for the two halves of a connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Session(Arc<Mutex<Connection>>);

/// Seals what goes out.
#[derive(Debug)]
pub(crate) struct Sealing {
    session: Session,
    /// What is sealed next, in one piece.
    content: Vec<u8>,
    /// The key is old enough.
    renew: bool,
}

impl Session {
    pub(super) fn new(mut connection: Connection) -> Self {
        // What is sealed is taken out at once, so nothing ever waits in there.
        connection.set_buffer_limit(None);
        Self(Arc::new(Mutex::new(connection)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        // Whatever a panic has left of it is an error of its next use, which ends the connection.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives these bytes to a session, and what they hold of content to `heard`. False if the other end has said that it says no more.
pub(super) fn hear(session: &mut Connection, mut bytes: &[u8], mut heard: impl FnMut(&[u8])) -> Result<bool, Error> {
    while !bytes.is_empty() {
        // It takes some KiB at a time, and what comes of them is taken out before the next.
        let taken = session.read_tls(&mut bytes).map_err(|_| Error::PeerSentOversizedRecord)?;
        let state = session.process_new_packets()?;
        let mut reader = session.reader();
        while let Ok(content @ [_, ..]) = reader.fill_buf() {
            heard(content);
            let bytes = content.len();
            reader.consume(bytes);
        }
        if state.peer_has_closed() || taken == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Appends to `out` what a session has to say.
pub(super) fn speak(session: &mut Connection, out: &mut Vec<u8>) {
    while session.wants_write() {
        session.write_tls(out).expect("a vector takes all");
    }
}

impl Sealing {
    pub(super) fn new(session: Session) -> Self {
        Self { session, content: Vec::new(), renew: false }
    }

    /// The key is changed with the next record.
    pub(crate) fn renew(&mut self) {
        self.renew = true;
    }

    /// Appends a record to `out` with what `fill` appends, which is told for how many bytes there is room.
    ///
    /// # Errors
    /// If the session is over. Nothing was appended then.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>, usize)) -> io::Result<()> {
        self.content.clear();
        fill(&mut self.content, CONTENT_BYTES_MAX);
        let mut session = self.session.lock();
        if std::mem::take(&mut self.renew) {
            session.refresh_traffic_keys().map_err(io::Error::other)?;
        }
        session.writer().write_all(&self.content)?;
        speak(&mut session, out);
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}
