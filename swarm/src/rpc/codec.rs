//! Owns how a stream of bytes becomes one of messages: each is a frame of four bytes of length and so much of some format. Never
//! takes a frame that is longer than it may be.

use std::io;
use std::marker::PhantomData;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::serde_transport::Transport;
use tarpc::tokio_serde::{Deserializer, Serializer};
use tarpc::tokio_util::bytes::{Bytes, BytesMut};
use tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use tokio::io::{AsyncRead, AsyncWrite};

/// How one message is written. Both sides may know other fields than they are sent, so it names every field.
pub(crate) trait Format {
    /// The message that a frame holds. Nothing with a deadline comes through that no clock can count to.
    fn read<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T>;

    /// A message as a frame.
    fn write<T: Serialize>(message: &T) -> io::Result<Vec<u8>>;
}

/// Reads `Item`s and writes `SinkItem`s in a format.
pub(crate) struct Coded<F, Item, SinkItem>(PhantomData<fn(SinkItem) -> (F, Item)>);

/// What tarpc reads from and writes to.
pub(crate) type Wire<F, S, Item, SinkItem> = Transport<S, Item, SinkItem, Coded<F, Item, SinkItem>>;

/// A stream of bytes as a stream of messages.
pub(crate) fn wire<F, S, Item, SinkItem>(stream: S, frame_bytes_max: usize) -> Wire<F, S, Item, SinkItem>
where
    F: Format,
    S: AsyncRead + AsyncWrite,
    Item: DeserializeOwned,
    SinkItem: Serialize,
{
    let mut codec = LengthDelimitedCodec::new();
    codec.set_max_frame_length(frame_bytes_max);
    tarpc::serde_transport::new(Framed::new(stream, codec), Coded(PhantomData))
}

impl<F: Format, Item: DeserializeOwned, SinkItem> Deserializer<Item> for Coded<F, Item, SinkItem> {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> io::Result<Item> {
        F::read(frame)
    }
}

impl<F: Format, Item, SinkItem: Serialize> Serializer<SinkItem> for Coded<F, Item, SinkItem> {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, item: &SinkItem) -> io::Result<Bytes> {
        F::write(item).map(Bytes::from)
    }
}
