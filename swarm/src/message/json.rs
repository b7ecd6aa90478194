//! Owns messages as JSON: how they are read, and how replies are written. Never trusts a text: it is only as long and as deep as it may be,
//! and what is wrong with it is told with the field.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};

/// The longest JSON text of a message or of init arguments that is read, and of a reply that is written.
pub const JSON_BYTES_MAX: usize = 1 << 20;

/// How deep such a text is nested: more than people write, and what a thread has for its stack holds many times this.
pub const JSON_NESTING_MAX: usize = 64;

/// What is wrong with a JSON text, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if field.is_empty() { String::new() } else { format!("`{field}`: ") })]
#[non_exhaustive]
pub struct JsonError {
    /// Where, as `lines[2].cents`; empty if it is about the whole.
    pub field: String,
    /// What.
    pub problem: String,
}

/// What may stand in the JSON of a worker marked `#[swarm::worker(json)]`: a type with `#[swarm::message(json)]`, or one that implements
/// serde's `Serialize` and `Deserialize` in another way. Type parameters of such a worker have it as a bound.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given and answered as JSON",
    label = "this cannot be JSON",
    note = "write `#[swarm::message(json)]` above each type of yours in it, or implement serde's `Serialize` and `Deserialize` for it",
    note = "a type parameter needs the bound `swarm::Json`; an array has at most 32 elements"
)]
pub trait Json: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Json for T {}

/// Reads what has no fields: `{}`, or `null`.
#[doc(hidden)]
pub fn no_fields<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    from.deserialize_any(NoFields)
}

struct NoFields;

impl<'de> Visitor<'de> for NoFields {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{}`, since it has no fields")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let more = map.next_key::<String>()?;
        more.map_or(Ok(()), |field| Err(A::Error::custom(format_args!("unknown field `{field}`, there are no fields"))))
    }
}

#[cfg(feature = "http")]
pub(crate) use text::parse;
#[cfg(feature = "json")]
pub(crate) use text::{read, read_as, write};

/// What needs a reader and a writer of JSON.
#[cfg(feature = "json")]
mod text {
    use std::fmt;
    use std::io;

    use serde::de::{Deserialize, DeserializeOwned};

    use super::{JSON_BYTES_MAX, JSON_NESTING_MAX, Json, JsonError};
    use crate::message::bounded::{Bounded, Budget};
    use crate::message::{Checked, Payload, Wire, decode, encode};

    /// The encoded form of the value that a text tells.
    pub(crate) fn read<T: Wire + Json>(text: &[u8]) -> Result<Payload, JsonError> {
        read_as(text, |value: T| value)
    }

    /// The value that a text tells.
    pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, JsonError> {
        check(text)?;
        let mut json = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(Bounded::new(&mut json, &Budget::default())).map_err(|error| {
            let field = Some(error.path().to_string()).filter(|path| path != ".");
            JsonError { field: field.unwrap_or_default(), problem: error.into_inner().to_string() }
        })?;
        json.end().map_err(whole)?;
        Ok(value)
    }

    /// The encoded form of what is made of the value that a text tells.
    pub(crate) fn read_as<J: DeserializeOwned, T: Wire>(
        text: &[u8],
        make: impl FnOnce(J) -> T,
    ) -> Result<Payload, JsonError> {
        let value = parse(text)?;
        // JSON counts its nesting in another way than what travels, whose limit is looked at where it arrives.
        Ok(Checked::<T>::new(encode(&make(value))).map_err(whole)?.into_payload())
    }

    /// The text that tells an encoded value.
    pub(crate) fn write<T: Wire + Json>(payload: &Payload) -> Result<String, JsonError> {
        let mut text = Limited(Vec::new());
        serde_json::to_writer(&mut text, &decode::<T>(payload).map_err(whole)?).map_err(whole)?;
        String::from_utf8(text.0).map_err(whole)
    }

    fn whole(problem: impl fmt::Display) -> JsonError {
        JsonError { field: String::new(), problem: problem.to_string() }
    }

    /// Looks at the length and the nesting of a text, before anything is made of it.
    fn check(text: &[u8]) -> Result<(), JsonError> {
        if text.len() > JSON_BYTES_MAX {
            return Err(whole(format_args!(
                "it has {} bytes, more than the {JSON_BYTES_MAX} that are read",
                text.len()
            )));
        }
        let (mut depth, mut quoted, mut escaped) = (0, false, false);
        for byte in text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'[' | b'{' if !quoted => depth += 1,
                b']' | b'}' if !quoted => depth -= 1,
                _ => {}
            }
            if depth > JSON_NESTING_MAX as isize {
                return Err(whole(format_args!("it is nested deeper than the {JSON_NESTING_MAX} that are read")));
            }
        }
        Ok(())
    }

    /// A text that does not grow beyond its limit.
    struct Limited(Vec<u8>);

    impl io::Write for Limited {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.len() + bytes.len() > JSON_BYTES_MAX {
                return Err(io::Error::other(format!("it has more than the {JSON_BYTES_MAX} bytes that are written")));
            }
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::message::{Schema, decode};

    fn problem<T: super::super::Wire + Json>(text: &str) -> String {
        read::<T>(text.as_bytes()).expect_err("it is wrong").to_string()
    }

    #[test]
    fn a_value_survives_both_ways() {
        type Value = (u64, Vec<(String, Option<bool>)>, BTreeMap<String, i128>, f64);
        let text =
            r#"[18446744073709551615,[["a\n",null],["b",true]],{"x":-170141183460469231731687303715884105728},0.1]"#;
        let payload = read::<Value>(text.as_bytes()).expect("it is right");
        assert_eq!(decode::<Value>(&payload).expect("it is encoded").0, u64::MAX);
        assert_eq!(write::<Value>(&payload).expect("it is written"), text);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(
            problem::<Vec<(u64, u8)>>("[[1,2],[3,256]]"),
            "`[1][1]`: invalid value: integer `256`, expected u8 at line 1 column 13"
        );
        assert_eq!(problem::<u64>("1 2"), "trailing characters at line 1 column 3");
        assert_eq!(problem::<u64>(""), "EOF while parsing a value at line 1 column 0");
        assert!(problem::<String>("\"\u{1}\"").starts_with("control character"));
        assert!(read::<String>(b"\"\xff\"").is_err());
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_refused() {
        let long = format!("\"{}\"", "a".repeat(JSON_BYTES_MAX));
        assert_eq!(problem::<String>(&long), "it has 1048578 bytes, more than the 1048576 that are read");
        let deep = "[".repeat(1_000_000);
        assert_eq!(problem::<Vec<u64>>(&deep), "it is nested deeper than the 64 that are read");
        assert!(read::<String>(b"\"\\\"[[[[[\\\\\"").is_ok(), "what is in a string is no nesting");
        let much = crate::message::encode(&"\u{1}".repeat(JSON_BYTES_MAX / 2));
        assert_eq!(
            write::<String>(&much).expect_err("it grows").to_string(),
            "it has more than the 1048576 bytes that are written"
        );
    }

    /// As deep as JSON may be, in a type that contains itself, on a thread with as little room as tokio's have.
    #[derive(Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
    #[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source))]
    #[rkyv(deserialize_bounds(__D::Error: rkyv::rancor::Source))]
    #[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rkyv::rancor::Source)))]
    struct Tree {
        #[rkyv(omit_bounds)]
        branches: Vec<Tree>,
    }

    impl Schema for Tree {
        const FINGERPRINT: crate::message::Fingerprint = crate::message::Fingerprint::of("Tree");
    }

    #[test]
    fn the_deepest_text_takes_no_more_room_than_a_thread_has() {
        let depth = JSON_NESTING_MAX / 2;
        let text = r#"{"branches":["#.repeat(depth) + &"]}".repeat(depth);
        let payload = read::<Tree>(text.as_bytes()).expect("it is as deep as it may be");
        assert_eq!(write::<Tree>(&payload).expect("it is written"), text);
    }
}
