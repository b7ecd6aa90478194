//! Owns what two nodes tell each other at the beginning of a connection, byte by byte. Never decides whether it fits.

use std::sync::OnceLock;

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::frame::{Frame, FrameRef};
use super::header::{HEAD_BYTES, WireError};
use crate::member::Profile;
use crate::node::NodeId;

/// The version of everything that goes over connections. Nodes of different versions refuse each other.
pub const PROTOCOL_VERSION: u16 = 1;
/// Longest body of a frame of the handshake: a stranger can make us hold no more than this.
pub const GREETING_BYTES_MAX: u32 = 64 << 10;

/// Kinds of the frames that are this crate's own.
pub(crate) mod kind {
    /// The first frame, by the node that dialled.
    pub(crate) const HELLO: u8 = 0;
    /// The answer.
    pub(crate) const WELCOME: u8 = 1;
    /// The other answer; then the connection ends.
    pub(crate) const REJECT: u8 = 2;
    /// The node that dialled uses this connection. Both may send from now on.
    pub(crate) const CONFIRM: u8 = 3;
    /// A member list.
    pub(crate) const SYNC: u8 = 4;
    /// The sender leaves.
    pub(crate) const GOODBYE: u8 = 5;
    /// Asks for a pong.
    pub(crate) const PING: u8 = 6;
    /// Answers a ping.
    pub(crate) const PONG: u8 = 7;
    /// How far the sender has counted its packets. Only where a secret protects them.
    pub(crate) const COUNTED: u8 = 8;
}

const MAGIC: [u8; 8] = *b"swarmnet";

type Writer<'a> = HighSerializer<AlignedVec, ArenaHandle<'a>, rancor::Error>;

/// What a node says at the beginning of a connection: in the hello if it dialled, else in the welcome.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Greeting {
    /// The cluster's name.
    pub cluster: String,
    /// P, the number of partitions.
    pub partitions: u32,
    /// What all nodes of the cluster must have alike beside it, in words.
    pub rules: String,
    /// Who it is.
    pub node: NodeId,
    /// What it says of itself.
    pub profile: Profile,
    /// It is part of a cluster already.
    pub joined: bool,
    /// The connection is for bulk.
    pub bulk: bool,
    /// Whom it expects at the other end, if anybody: after a restart another process may be there.
    pub expects: Option<NodeId>,
    /// How many connections of this lane it has had with the one that it expects. Tells a dial that replaces a lost
    /// connection from one that has crossed another.
    pub links: u64,
}

/// Why a node refuses a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Reason {
    /// Another cluster's name. Nothing is wrong.
    Cluster,
    /// Another version of the protocol.
    Version,
    /// Another format of rkyv: built with other features or for another byte order.
    Format,
    /// Another number of partitions.
    Partitions,
    /// Other rules.
    Rules,
    /// The node filter does not admit the node.
    Filtered,
    /// The node dialled itself.
    Myself,
    /// The rejecting node, or a member that it knows, advertises the same address and is the older one.
    DuplicateAddress,
    /// The rejecting node, or a member that it knows, has the same tag.
    SameTag,
    /// The two are connected already, or about to be.
    Crossed,
    /// A bulk connection before the one for calls is up. Try again.
    TooEarly,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Reject {
    /// Why.
    pub reason: Reason,
    /// The node in the way: the rejecting one, or the member that it knows.
    pub node: NodeId,
}

impl Greeting {
    /// The greeting as a frame of that kind.
    pub(crate) fn frame(&self, kind: u8) -> Frame {
        encode(kind, self)
    }

    /// Reads a hello or a welcome. The inner error is what to answer to a hello.
    pub(crate) fn read(frame: FrameRef<'_>) -> Result<Result<Self, Reason>, WireError> {
        match read_head(frame.head)? {
            Some(reason) => Ok(Err(reason)),
            None => decode(frame).map(Ok),
        }
    }
}

impl Reject {
    pub(crate) fn frame(&self) -> Frame {
        encode(kind::REJECT, self)
    }

    /// Reads a refusal. That of another version is understood by its head alone.
    pub(crate) fn read(frame: FrameRef<'_>) -> Result<Result<Self, Reason>, WireError> {
        match read_head(frame.head)? {
            Some(reason) => Ok(Err(reason)),
            None => decode(frame).map(Ok),
        }
    }
}

/// The heads of all three begin alike, in every version: magic (8), version (2), zero (6), format (8).
fn head() -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&MAGIC);
    head[8..10].copy_from_slice(&PROTOCOL_VERSION.to_le_bytes());
    head[16..].copy_from_slice(&format().to_le_bytes());
    head
}

fn read_head(theirs: &[u8; HEAD_BYTES]) -> Result<Option<Reason>, WireError> {
    let ours = head();
    if theirs[..8] != ours[..8] {
        return Err(WireError::Magic);
    }
    if theirs[8..10] != ours[8..10] {
        return Ok(Some(Reason::Version));
    }
    Ok((theirs[16..] != ours[16..]).then_some(Reason::Format))
}

/// A fingerprint of how rkyv lays things out here: byte order, width of pointers, alignment.
fn format() -> u64 {
    #[derive(Archive, Serialize)]
    struct Sample {
        byte: u8,
        long: u64,
        text: String,
        list: Vec<u32>,
        option: Option<u16>,
    }
    static FORMAT: OnceLock<u64> = OnceLock::new();
    *FORMAT.get_or_init(|| {
        let sample = Sample { byte: 1, long: 2, text: "longer than inline".into(), list: vec![3, 4], option: Some(5) };
        let bytes = rkyv::to_bytes::<rancor::Error>(&sample).expect("a small value is written to memory");
        xxh3_64(&bytes)
    })
}

fn encode<T: for<'a> Serialize<Writer<'a>>>(kind: u8, value: &T) -> Frame {
    let write = |bytes| rkyv::api::high::to_bytes_in::<_, rancor::Error>(value, bytes);
    Frame::encode(kind, head(), 256, write).expect("writing to memory does not fail")
}

/// Reads a body that must be what [`encode`] writes, to the last byte: rkyv alone would take a longer one.
fn decode<T>(frame: FrameRef<'_>) -> Result<T, WireError>
where
    T: for<'a> Serialize<Writer<'a>>,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, rancor::Error>> + Deserialize<T, HighDeserializer<rancor::Error>>,
{
    match rkyv::from_bytes::<T, rancor::Error>(frame.body) {
        Ok(value) if encode(frame.kind, &value).body().len() == frame.body.len() => Ok(value),
        Ok(_) | Err(_) => Err(WireError::Malformed { kind: frame.kind }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting {
        Greeting {
            cluster: "swarm".into(),
            partitions: 4096,
            rules: "all alike".into(),
            node: NodeId::new(([127, 0, 0, 1], 7).into(), 9),
            profile: Profile { version: 1, weight: 100, leaving: false, abilities: vec![1, 2], extra: vec![3; 100] },
            joined: true,
            bulk: false,
            expects: None,
            links: 2,
        }
    }

    #[test]
    fn greetings_and_refusals_come_back() {
        let frame = greeting().frame(kind::HELLO);
        assert_eq!(Greeting::read(frame.as_ref()), Ok(Ok(greeting())));
        let reject = Reject { reason: Reason::Crossed, node: greeting().node };
        assert_eq!(Reject::read(reject.frame().as_ref()), Ok(Ok(reject)));
    }

    #[test]
    fn other_protocols_versions_and_formats_are_told_apart_before_the_body_is_read() {
        let read = |byte: usize| {
            let mut frame = greeting().frame(kind::HELLO);
            let mut head = *frame.head();
            head[byte] ^= 1;
            frame.set_head(head);
            Greeting::read(frame.as_ref())
        };
        assert_eq!(read(0), Err(WireError::Magic));
        assert_eq!(read(8), Ok(Err(Reason::Version)));
        assert_eq!(read(16), Ok(Err(Reason::Format)));
    }

    #[test]
    fn any_prefix_or_flipped_byte_of_a_body_is_refused_or_read_but_never_panics() {
        let good = greeting().frame(kind::HELLO);
        for length in 0..good.body().len() {
            let short = Frame::new(kind::HELLO, *good.head(), &[&good.body()[..length]]);
            assert!(Greeting::read(short.as_ref()).is_err(), "{length} bytes");
        }
        for byte in 0..good.body().len() {
            let mut body = good.body().to_vec();
            body[byte] ^= 0xff;
            drop(Greeting::read(Frame::new(kind::HELLO, *good.head(), &[&body]).as_ref()));
        }
    }

    #[test]
    fn a_longer_body_is_refused() {
        let good = greeting().frame(kind::HELLO);
        let long = Frame::new(kind::HELLO, *good.head(), &[&[0; 16], good.body()]);
        assert_eq!(Greeting::read(long.as_ref()), Err(WireError::Malformed { kind: kind::HELLO }));
    }
}
