//! Owns an answer by HTTP, as it is read from a connection. Never asks anything.

use std::collections::BTreeMap;

use serde_json::Value;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By their names in small letters.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    /// All of it from its bytes.
    pub(crate) fn whole(bytes: &[u8]) -> Self {
        let text = || String::from_utf8_lossy(bytes).into_owned();
        let (answer, body) = Self::head(bytes).unwrap_or_else(|| panic!("no answer: {:?}", text()));
        let body = String::from_utf8_lossy(body).into_owned();
        let chunked = answer.field("transfer-encoding") == "chunked";
        Self { body: if chunked { unchunked(&body) } else { body }, ..answer }
    }

    /// Its head, as soon as that is there, and what follows it.
    pub(crate) fn head(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("there is a status");
        let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let fields = lines.filter_map(field).collect();
        Some((Self { status, fields, body: String::new() }, &bytes[end + 4..]))
    }
}

/// The content of chunks, as far as there is any.
pub(crate) fn unchunked(mut body: &str) -> String {
    let mut content = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a length");
        let Some(chunk) = rest.get(..length).filter(|_| length > 0) else { break };
        content.push_str(chunk);
        body = rest[length..].strip_prefix("\r\n").unwrap_or_default();
    }
    content
}
