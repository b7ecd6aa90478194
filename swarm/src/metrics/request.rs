//! Owns what is understood of an HTTP request, from bytes that anybody may have sent. Never reads a socket, and never keeps anything of
//! what it is given.

use httparse::{EMPTY_HEADER, Error, Request, Status as Parsed};

/// The longest head of a request: Prometheus sends some hundred bytes.
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;

/// The most header fields in it.
const FIELDS_MAX: usize = 64;

/// Where the metrics are.
const PATH: &str = "/metrics";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The metrics.
    Page,
    /// The head of the answer that would hold them.
    Head,
    /// Something that is not here, or is no request.
    Nothing(Status),
}

/// Why there is nothing to be had, in HTTP's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It cannot be understood.
    BadRequest,
    /// There is nothing of this name.
    NotFound,
    /// Nothing can be done here but to look.
    MethodNotAllowed,
    /// It came too slowly.
    Timeout,
    /// It is too long.
    TooLong,
    /// The metrics could not be told.
    Failed,
}

impl Status {
    /// How HTTP says it.
    pub(super) fn line(self) -> &'static str {
        match self {
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::Timeout => "408 Request Timeout",
            Self::TooLong => "431 Request Header Fields Too Large",
            Self::Failed => "500 Internal Server Error",
        }
    }
}

/// What these bytes ask for, which are all that has come; `None` if more has to come to tell.
pub(super) fn asked(bytes: &[u8]) -> Option<Asked> {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(Parsed::Complete(_)) => {}
        Ok(Parsed::Partial) if bytes.len() < HEAD_BYTES_MAX => return None,
        Ok(Parsed::Partial) | Err(Error::TooManyHeaders) => return Some(Asked::Nothing(Status::TooLong)),
        Err(_) => return Some(Asked::Nothing(Status::BadRequest)),
    }
    let path = request.path.unwrap_or_default().split('?').next();
    Some(match (path, request.method) {
        (Some(PATH), Some("GET")) => Asked::Page,
        (Some(PATH), Some("HEAD")) => Asked::Head,
        (Some(PATH), _) => Asked::Nothing(Status::MethodNotAllowed),
        (_, _) => Asked::Nothing(Status::NotFound),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_understood_when_their_head_is_whole() {
        let check = |bytes: &[u8], expected| assert_eq!(asked(bytes), expected, "{}", bytes.escape_ascii());
        let whole = b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
        check(whole, Some(Asked::Page));
        for end in 0..whole.len() {
            check(&whole[..end], None);
        }
        check(b"HEAD /metrics HTTP/1.0\r\n\r\n", Some(Asked::Head));
        check(b"POST /metrics HTTP/1.1\r\n\r\n", Some(Asked::Nothing(Status::MethodNotAllowed)));
        check(b"GET /metrics/ HTTP/1.1\r\n\r\n", Some(Asked::Nothing(Status::NotFound)));
        check(b"POST / HTTP/1.1\r\n\r\n", Some(Asked::Nothing(Status::NotFound)));
        check(b"GET /metrics HTTP/2.0\r\n\r\n", Some(Asked::Nothing(Status::BadRequest)));
        check(b"\x16\x03\x01\x02\x00\x01\x00", Some(Asked::Nothing(Status::BadRequest)));
    }

    #[test]
    fn a_head_that_is_too_long_or_has_too_many_fields_is_not_waited_for() {
        let long = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &vec![b'x'; HEAD_BYTES_MAX]].concat();
        assert_eq!(asked(&long[..HEAD_BYTES_MAX - 1]), None);
        assert_eq!(asked(&long[..HEAD_BYTES_MAX]), Some(Asked::Nothing(Status::TooLong)));
        let fields = |count: usize| format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(count));
        assert_eq!(asked(fields(FIELDS_MAX).as_bytes()), Some(Asked::Page));
        assert_eq!(asked(fields(FIELDS_MAX + 1).as_bytes()), Some(Asked::Nothing(Status::TooLong)));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_answered_or_waited_for(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            asked(&bytes);
        }
    }
}
