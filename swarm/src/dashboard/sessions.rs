//! Owns who is logged in. Never keeps more sessions than a few, nor one for longer than a day's work.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use swarm_net::secret::KeyId;
use swarm_net::time::Instant;

/// How many may be logged in at once: with one more the oldest is logged out.
const SESSIONS_MAX: usize = 64;

/// How long a login lasts.
pub(super) const SESSION: Duration = Duration::from_secs(12 * 3600);

/// What a browser shows that is logged in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass([u8; 32]);

impl Pass {
    /// One that nobody can guess. `None` if the system has no chance to give.
    fn new() -> Option<Self> {
        let mut bytes = [0; 32];
        SysRng.try_fill_bytes(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// What a text says, if it says one.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// It as a text.
    pub(super) fn text(self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // A string takes all that is written to it.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// In a time that says nothing about either.
    fn is(self, other: Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |bits, (a, b)| bits | (a ^ b)) == 0
    }
}

/// A login.
#[derive(Clone, Copy, Debug)]
struct Session {
    pass: Pass,
    /// The token that was shown.
    token: KeyId,
    end: Instant,
}

/// Who is logged in, in the order of their logins.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Vec<Session>>);

impl Sessions {
    /// Somebody has logged in with this token.
    pub(super) fn open(&self, token: KeyId, now: Instant) -> Option<Pass> {
        let pass = Pass::new()?;
        let mut open = self.lock();
        open.retain(|session| session.end > now);
        if open.len() == SESSIONS_MAX {
            open.remove(0);
        }
        open.push(Session { pass, token, end: now + SESSION });
        Some(pass)
    }

    /// With which token this one is logged in, if he is. All are looked at to the end.
    pub(super) fn token(&self, pass: Pass, now: Instant) -> Option<KeyId> {
        let is = |session: &Session| session.pass.is(pass) & (session.end > now);
        self.lock().iter().fold(None, |found, session| if is(session) { Some(session.token) } else { found })
    }

    /// This one logs out.
    pub(super) fn close(&self, pass: Pass) {
        self.lock().retain(|session| !session.pass.is(pass));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(0) + Duration::from_secs(seconds)
    }

    fn token() -> KeyId {
        swarm_net::secret::Keyring::new(["a token of some bytes".into()]).expect("it is a good one").ids()[0]
    }

    #[test]
    fn a_pass_reads_as_it_is_written() {
        let pass = Pass::new().expect("the system has chance");
        assert!(Pass::read(&pass.text()).is_some_and(|read| read.is(pass)));
        for text in ["", "00", &"g".repeat(64), &"ü".repeat(32), &"+1".repeat(32)[..63], &"0".repeat(65)] {
            assert!(Pass::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_session_ends_by_itself_and_by_its_owner() {
        let sessions = Sessions::default();
        let (one, other) =
            (sessions.open(token(), at(1)).expect("there is chance"), sessions.open(token(), at(2)).expect("as above"));
        assert!(sessions.token(one, at(3)).is_some() && sessions.token(other, at(3)).is_some());
        sessions.close(other);
        assert!(sessions.token(one, at(3)).is_some() && sessions.token(other, at(3)).is_none());
        assert!(sessions.token(one, at(1) + SESSION).is_none());
    }

    #[test]
    fn there_are_never_more_than_a_few() {
        let sessions = Sessions::default();
        let first = sessions.open(token(), at(1)).expect("there is chance");
        (0..SESSIONS_MAX).for_each(|_| assert!(sessions.open(token(), at(2)).is_some()));
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
        assert!(sessions.token(first, at(3)).is_none(), "the oldest has gone");
    }
}
