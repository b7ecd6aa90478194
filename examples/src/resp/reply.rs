//! Owns how a reply is written in RESP2. Never lets a text end its line early.

use std::io::Write;

/// A reply to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A word of ours.
    Simple(&'static str),
    /// What went wrong, with its code as the first word.
    Error(String),
    /// A number.
    Number(i64),
    /// Any bytes.
    Bulk(Vec<u8>),
    /// Nothing.
    Nil,
    /// Several replies.
    Array(Vec<Self>),
}

impl Reply {
    /// Done, without anything to tell.
    pub(super) const OK: Self = Self::Simple("OK");

    /// A text as bytes.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Bulk(text.into().into_bytes())
    }

    /// Appends it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Simple(word) => line(out, '+', word),
            Self::Error(text) => line(out, '-', text.replace(['\r', '\n'], " ")),
            Self::Number(number) => line(out, ':', number),
            Self::Bulk(bytes) => {
                line(out, '$', bytes.len());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::Nil => line(out, '$', -1),
            Self::Array(replies) => {
                line(out, '*', replies.len());
                replies.iter().for_each(|reply| reply.write(out));
            }
        }
    }
}

fn line(out: &mut Vec<u8>, kind: char, text: impl std::fmt::Display) {
    write!(out, "{kind}{text}\r\n").expect("there is always room in memory");
}

#[cfg(test)]
mod tests {
    use super::Reply;

    #[test]
    fn every_kind() {
        let reply = Reply::Array(vec![
            Reply::OK,
            Reply::Error("ERR two\r\nlines".into()),
            Reply::Number(-7),
            Reply::text("a\r\nb"),
            Reply::Nil,
            Reply::Array(vec![]),
        ]);
        let mut out = Vec::new();
        reply.write(&mut out);
        let expected = "*6\r\n+OK\r\n-ERR two  lines\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n*0\r\n";
        assert_eq!(String::from_utf8(out).expect("all of it is text"), expected);
    }
}
