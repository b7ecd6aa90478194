//! Owns how requests and answers are written: as JSON, which names every field, so that both sides may know others than they
//! are sent. Never lets a deadline through that no clock can count to.

use std::io;
use std::marker::PhantomData;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tarpc::tokio_serde::{Deserializer, Serializer};
use tarpc::tokio_util::bytes::{Bytes, BytesMut};
use tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use tokio::io::{AsyncRead, AsyncWrite};

/// The longest frame: a page of the longest names, each letter of which needs an escape.
pub(super) const FRAME_BYTES_MAX: usize = 4 << 20;

/// The longest deadline in seconds: more than anything takes that can be asked. tarpc adds it to its clock without looking.
const DEADLINE_MAX_S: u64 = 3600;

/// Reads `Item`s and writes `SinkItem`s.
pub(super) struct Json<Item, SinkItem>(PhantomData<fn(SinkItem) -> Item>);

/// What tarpc reads from and writes to.
pub(super) type Wire<S, Item, SinkItem> = tarpc::serde_transport::Transport<S, Item, SinkItem, Json<Item, SinkItem>>;

/// A stream of bytes as a stream of messages, each a frame of four bytes of length and so much JSON.
pub(super) fn wire<S, Item, SinkItem>(stream: S) -> Wire<S, Item, SinkItem>
where
    S: AsyncRead + AsyncWrite,
    Item: DeserializeOwned,
    SinkItem: Serialize,
{
    let mut codec = LengthDelimitedCodec::new();
    codec.set_max_frame_length(FRAME_BYTES_MAX);
    tarpc::serde_transport::new(Framed::new(stream, codec), Json(PhantomData))
}

impl<Item: DeserializeOwned, SinkItem> Deserializer<Item> for Json<Item, SinkItem> {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> io::Result<Item> {
        let mut value: Value = serde_json::from_slice(frame)?;
        if let Some(seconds) = value.pointer_mut("/Request/context/deadline/secs")
            && seconds.as_u64().is_none_or(|seconds| seconds > DEADLINE_MAX_S)
        {
            *seconds = DEADLINE_MAX_S.into();
        }
        Ok(serde_json::from_value(value)?)
    }
}

impl<Item, SinkItem: Serialize> Serializer<SinkItem> for Json<Item, SinkItem> {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, item: &SinkItem) -> io::Result<Bytes> {
        Ok(serde_json::to_vec(item)?.into())
    }
}
