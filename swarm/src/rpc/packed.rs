//! Owns how requests and answers are written that carry bytes: as MessagePack with the names of all fields. Never lets a deadline through
//! that no clock can count to, nor anything that is nested without end.

use std::fmt;
use std::io;
#[cfg(feature = "gateway")]
use std::time::Duration;

#[cfg(feature = "gateway")]
use serde::de::IgnoredAny;
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tarpc::tokio_util::bytes;

use super::Format;

/// How deep a message is nested. Ours have six floors; what is new may have some more.
const NESTING_MAX: usize = 32;

/// MessagePack.
pub(crate) struct Packed;

impl Format for Packed {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
        unpack(frame)
    }

    fn write<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
        rmp_serde::to_vec_named(message).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

fn unpack<'a, T: Deserialize<'a>>(frame: &'a [u8]) -> io::Result<T> {
    let invalid = |error: rmp_serde::decode::Error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut reader = rmp_serde::Deserializer::from_read_ref(frame);
    reader.set_max_depth(NESTING_MAX);
    T::deserialize(&mut reader).map_err(invalid)
}

/// The same, as requests are read.
#[cfg(feature = "gateway")]
pub(crate) struct PackedRequests;

#[cfg(feature = "gateway")]
impl Format for PackedRequests {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
        // tarpc adds the deadline to its clock as it reads it, so it has to be looked at before.
        if let Glance::Request(GlanceAtRequest { context, .. }) = unpack(frame)?
            && context.deadline > Duration::from_secs(super::DEADLINE_MAX_S)
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a deadline beyond an hour"));
        }
        unpack(frame)
    }

    fn write<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
        Packed::write(message)
    }
}

/// As much of tarpc's `ClientMessage` as is looked at before. It has the same fields in the same order, so that what it reads is what
/// tarpc reads, however the request is written.
#[cfg(feature = "gateway")]
#[derive(Deserialize)]
enum Glance {
    Request(GlanceAtRequest),
    Cancel {
        #[serde(default, rename = "trace_context")]
        _trace: IgnoredAny,
        #[serde(rename = "request_id")]
        _request: IgnoredAny,
    },
}

#[cfg(feature = "gateway")]
#[derive(Deserialize)]
struct GlanceAtRequest {
    context: GlanceAtContext,
    #[serde(rename = "id")]
    _id: IgnoredAny,
    #[serde(rename = "message")]
    _message: IgnoredAny,
}

#[cfg(feature = "gateway")]
#[derive(Deserialize)]
struct GlanceAtContext {
    #[serde(default)]
    deadline: Duration,
    #[serde(rename = "trace_context")]
    _trace: IgnoredAny,
}

/// Bytes in a message: written as they are, and cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(bytes::Bytes);

impl Bytes {
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        Self(bytes::Bytes::copy_from_slice(bytes))
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} B)", self.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(AsTheyAre)
    }
}

struct AsTheyAre;

impl Visitor<'_> for AsTheyAre {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes::copy_of(bytes))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }
}

#[cfg(all(test, feature = "gateway"))]
mod tests {
    use std::time::{Duration, Instant};

    use tarpc::{ClientMessage, Request, context};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Ask {
        name: String,
        payload: Bytes,
    }

    #[derive(Serialize)]
    struct Later<'a> {
        payload: &'a Bytes,
        moon: &'a str,
        name: &'a str,
    }

    #[test]
    fn fields_are_found_by_their_names_and_unknown_ones_passed_over() {
        let payload = Bytes::from(vec![7; 300]);
        let frame = Packed::write(&Later { payload: &payload, moon: "full", name: "a" }).expect("it is written");
        assert!(frame.len() < 300 + 40, "bytes are written as they are");
        assert_eq!(Packed::read::<Ask>(&frame).expect("it is read"), Ask { name: "a".to_owned(), payload });
    }

    #[test]
    fn a_deadline_that_no_clock_can_count_to_is_refused() {
        let request = |seconds| {
            let mut context = context::current();
            context.deadline = Instant::now() + Duration::from_secs(seconds);
            let message = ClientMessage::Request(Request { context, id: 1, message: "hello".to_owned() });
            let mut frame = Packed::write(&message).expect("it is written");
            frame.shrink_to_fit();
            frame
        };
        let good = PackedRequests::read::<ClientMessage<String>>(&request(60)).expect("it is read");
        assert!(matches!(good, ClientMessage::Request(request) if request.message == "hello"));
        let late = PackedRequests::read::<ClientMessage<String>>(&request(2 * 3600)).expect_err("it is too late");
        assert!(late.to_string().contains("a deadline beyond an hour"), "{late}");
        // The greatest number of seconds there is, in the place of those that a request has.
        let good = request(60);
        let at = good.windows(5).position(|bytes| bytes == b"\xa4secs").expect("a deadline has seconds") + 5;
        let mut endless = good[..at].to_vec();
        endless.extend_from_slice(&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        endless.extend_from_slice(&good[at + 1..]);
        assert!(PackedRequests::read::<ClientMessage<String>>(&endless).is_err());
    }

    #[test]
    fn what_is_nested_without_end_is_refused() {
        // Arrays of one element, one in the other.
        assert!(unpack::<IgnoredAny>(&[0x91; 100_000]).is_err());
        assert!(unpack::<Ask>(&[0xdf, 0xff, 0xff, 0xff, 0xff]).is_err(), "a map that announces much has nothing of it");
    }
}
