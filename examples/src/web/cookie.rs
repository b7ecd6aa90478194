//! Owns the cookie that names a session. Never takes a name that this service cannot have given.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use rand::TryRng;
use rand::rngs::SysRng;

use super::session::IDLE_MINUTES_MAX;

const NAME: &str = "session";

/// What names a session: who knows it is its visitor, so nobody can guess it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(u128);

impl SessionId {
    /// One that nobody has had before.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(super) fn random() -> Result<Self, rand::rngs::SysError> {
        let mut bytes = [0; 16];
        SysRng.try_fill_bytes(&mut bytes)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    /// The one that a request names.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == NAME).and_then(|(_, value)| Self::read(value))
    }

    fn read(text: &str) -> Option<Self> {
        let ours = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        u128::from_str_radix(text, 16).ok().filter(|_| ours).map(Self)
    }

    /// Its worker's name.
    pub(super) fn worker(self) -> String {
        format!("session/{:032x}", self.0)
    }

    /// The cookie, which scripts and other sites do not get. Behind TLS it would be `Secure` as well.
    pub(super) fn cookie(self) -> String {
        let age_s = IDLE_MINUTES_MAX * 60;
        format!("{NAME}={:032x}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax", self.0)
    }
}

/// The cookie that takes the other one away.
pub(super) fn none() -> String {
    format!("{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_session() {
        let id = SessionId(0xab);
        let (named, _) = id.cookie().split_once(';').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("it has parts");
        let in_headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, value.parse().expect("it is a header"));
            SessionId::of(&headers)
        };
        assert_eq!(in_headers(&named), Some(id));
        assert_eq!(in_headers(&format!("a=b; {named}; c=d")), Some(id));
        for other in ["", "session=", "session=ab", "session=+0000000000000000000000000000ab", "sessions=1"] {
            assert_eq!(in_headers(other), None, "{other}");
        }
        assert_eq!(in_headers(&named.to_uppercase()), None);
        assert_eq!(SessionId::of(&HeaderMap::new()), None);
    }

    #[test]
    fn names_are_not_given_twice() {
        let id = || SessionId::random().expect("the system has random bytes");
        assert_ne!(id(), id());
    }
}
