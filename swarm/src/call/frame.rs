//! Owns the bytes of calls, casts and their answers inside a frame. Never sends one.
//!
//! ```text
//! head of a call or cast (24 bytes, little-endian)          body
//!   0  u64  request: the caller's slot; for a publish its id   0  u16 bytes of the name
//!   8  u64  id of the message                                  2  u8  hops made so far
//!  16  u32  milliseconds left until the deadline               3  u8  flags: 1 origin, 2 moved with its worker's queue, 4 path,
//!  20  u32  low half of the fingerprint of the message,               8 multicall, 16 trace
//!           in a call of message and reply                     4  u32 bytes of the payload
//!                                                              8  u64 the kind that the worker must have, 0 for any
//! head of an answer                                           16  origin (32 bytes), if flagged
//!                                                                 path (32 bytes), if flagged
//!                                                                 u64 id of the multicall, if flagged
//!                                                                 trace context (`call::traced`), if flagged
//!                                                                 name, zeros up to a multiple of 16, payload
//!   0  u64  request
//!   8  u64  0 the reply · 1 a `CallError`
//!
//! head of a word that a call was passed on                   body
//!   0  u64  request, 0 for a cast                            rkyv of (name, node)
//!   8  u64  1 if the name lives there, 0 if that node only knows better
//! ```

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use rkyv::util::AlignedVec;
use swarm_net::node::NodeId;
use swarm_net::wire::{Frame, ends_in_zeros};

use crate::call::traced;
use crate::message::Payload;
use crate::name::Name;
use crate::trace::TraceContext;

/// Kinds of frames that this crate sends; swarm-net's own are below 16.
pub(crate) mod kind {
    /// A request with an answer.
    pub(crate) const CALL: u8 = 16;
    /// A request without.
    pub(crate) const CAST: u8 = 17;
    /// The answer to a call.
    pub(crate) const REPLY: u8 = 18;
    /// Directory messages, many in one frame.
    pub(crate) const DIRECTORY: u8 = 20;
    /// Requests to a directory owner, many in one frame.
    pub(crate) const ASK: u8 = 21;
    /// Their answers, many in one frame.
    pub(crate) const ANSWER: u8 = 22;
    /// "Tell me when everything I sent you until now has found its place."
    pub(crate) const FLUSH: u8 = 23;
    /// "It has."
    pub(crate) const FLUSHED: u8 = 24;
    /// The last frame of a moved worker's queue.
    pub(crate) const QUEUE_END: u8 = 25;
    /// A question to every node that may have an answer: publish, multicall, lists.
    pub(crate) const SURVEY: u8 = 26;
    /// A node's answer to it, in one or several parts.
    pub(crate) const FINDINGS: u8 = 27;
    /// "Give me this piece of a sealed worker's state."
    pub(crate) const FETCH: u8 = 28;
    /// The piece.
    pub(crate) const STATE: u8 = 29;
    /// "I have passed your message on to that node."
    pub(crate) const PASSED: u8 = 30;
    /// "The name that you sent me a message for does not live here."
    pub(crate) const NOT_HERE: u8 = 31;
    /// "I am leaving: tell me when you send no more calls by me."
    pub(crate) const LET_GO: u8 = 32;
    /// "I send no more."
    pub(crate) const LET_GONE: u8 = 33;
    /// "Of this group somebody is here now: ask me again, and tell me that you know."
    pub(crate) const RECALL: u8 = 34;
    /// "I know."
    pub(crate) const RECALLED: u8 = 35;
}

/// What an answer is.
pub(crate) mod verdict {
    /// The handler's reply.
    pub(crate) const REPLY: u64 = 0;
    /// A `CallError`.
    pub(crate) const ERROR: u64 = 1;
    /// The handler's reply is too large to travel. The head ends with its bytes.
    pub(crate) const TOO_LARGE: u64 = 3;
}

/// A call or cast as it travels, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) name: Name,
    pub(crate) request: u64,
    pub(crate) message: u64,
    pub(crate) remaining: Duration,
    pub(crate) fingerprint: u32,
    /// The kind that the worker must have, 0 for any.
    pub(crate) kind: u64,
    pub(crate) hops: u8,
    /// The node that it was written on, if it is not the one that sent the frame.
    pub(crate) origin: Option<NodeId>,
    /// The nodes that have passed it on.
    pub(crate) path: Path,
    /// The id of the multicall that a call is part of, 0 if of none.
    pub(crate) multicall: u64,
    /// It stood in a moved worker's queue: it goes before what waits at the gate.
    pub(crate) from_queue: bool,
    /// Where its caller stands in a trace, if that is sampled.
    pub(crate) trace: Option<Box<TraceContext>>,
}

/// How often a message has been on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Visits(pub(crate) u8);

impl Visits {
    /// So often, or more often.
    pub(crate) const MAX: Self = Self(u8::MAX);

    pub(crate) fn and_one(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The last nodes that have passed a message on, by their tags, each with how often it has. Zero stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path([(u32, u8); PATH_NODES]);

impl Path {
    /// With one more at its beginning; the one that is longest ago is forgotten if there are too many.
    pub(crate) fn with(self, node: NodeId) -> Self {
        let mut nodes = self.0;
        let at = nodes.iter().position(|(tag, _)| *tag == node.tag().0).unwrap_or(PATH_NODES - 1);
        let Visits(visits) = self.visits(node).and_one();
        nodes[..=at].rotate_right(1);
        nodes[0] = (node.tag().0, visits);
        Self(nodes)
    }

    /// How often this node has passed it on.
    pub(crate) fn visits(self, node: NodeId) -> Visits {
        let here = self.0.iter().find(|(tag, _)| *tag == node.tag().0 && *tag != 0);
        here.map_or(Visits(0), |(_, visits)| Visits(*visits))
    }

    /// Whether nobody has passed it on.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether it leads over this node.
    pub(crate) fn has(self, node: NodeId) -> bool {
        self.visits(node) > Visits(0)
    }

    fn write(self) -> [u8; PATH] {
        let mut bytes = [0; PATH];
        for (bytes, (tag, visits)) in bytes.chunks_exact_mut(5).zip(self.0) {
            bytes[..4].copy_from_slice(&tag.to_le_bytes());
            bytes[4] = visits;
        }
        bytes
    }

    fn read(body: &[u8], at: usize) -> Option<Self> {
        let bytes: [u8; PATH] = array(body, at)?;
        let mut nodes = [(0, 0); PATH_NODES];
        for (bytes, node) in bytes.chunks_exact(5).zip(&mut nodes) {
            *node = (u32::from_le_bytes(array(bytes, 0)?), bytes[4]);
        }
        is_zero(&bytes[PATH_NODES * 5..]).then_some(Self(nodes))
    }
}

const PRELUDE: usize = 16;
/// Where in it the payload's length stands.
const PAYLOAD_BYTES_AT: usize = 4;
/// As many nodes as a message may pass while the views of all differ; it is seldom more than two.
const PATH_NODES: usize = 6;
const PATH: usize = 32;
const ORIGIN: usize = 32;
const FLAG_ORIGIN: u8 = 1;
const FLAG_QUEUE: u8 = 2;
const FLAG_PATH: u8 = 4;
const FLAG_MULTICALL: u8 = 8;
const FLAG_TRACE: u8 = 16;
const FLAGS: u8 = FLAG_ORIGIN | FLAG_QUEUE | FLAG_PATH | FLAG_MULTICALL | FLAG_TRACE;
const MULTICALL: usize = 8;

impl Envelope {
    /// Of a call or cast that is written on the node that sends it, to a worker of a kind. Its message is told by id and fingerprint.
    pub(crate) fn own(
        name: Name,
        (kind, message, fingerprint): (u64, u64, u32),
        request: u64,
        remaining: Duration,
    ) -> Self {
        Self {
            name,
            request,
            message,
            remaining,
            fingerprint,
            kind,
            hops: 1,
            origin: None,
            path: Path::default(),
            multicall: 0,
            from_queue: false,
            trace: None,
        }
    }

    /// The frame's head.
    pub(crate) fn head(&self) -> [u8; 24] {
        let mut head = [0; 24];
        head[0..8].copy_from_slice(&self.request.to_le_bytes());
        head[8..16].copy_from_slice(&self.message.to_le_bytes());
        // Rounded up, so that the last hop never has less than its caller.
        let ms = u32::try_from(self.remaining.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX);
        head[16..20].copy_from_slice(&ms.to_le_bytes());
        head[20..24].copy_from_slice(&self.fingerprint.to_le_bytes());
        head
    }

    /// A frame of it and the payload that `write` appends to the frame's bytes. Those are a multiple of 16 by then.
    pub(crate) fn frame<E>(
        &self,
        kind: u8,
        payload_bytes_guess: usize,
        write: impl FnOnce(AlignedVec) -> Result<AlignedVec, E>,
    ) -> Result<Frame, E> {
        let trace = self.trace.as_deref().map_or(0, traced::bytes_of);
        let guess = PRELUDE + ORIGIN + trace + self.name.as_str().len().next_multiple_of(16) + payload_bytes_guess;
        Frame::encode(kind, self.head(), guess, |mut bytes| {
            let begin = bytes.len();
            self.write_prelude(&mut bytes);
            let payload = bytes.len();
            let mut bytes = write(bytes)?;
            let payload_bytes = u32::try_from(bytes.len() - payload).unwrap_or(u32::MAX);
            bytes[begin + PAYLOAD_BYTES_AT..][..4].copy_from_slice(&payload_bytes.to_le_bytes());
            Ok(bytes)
        })
    }

    /// Appends the body up to the payload, whose length is not known yet. It is a multiple of 16 bytes long.
    fn write_prelude(&self, bytes: &mut AlignedVec) {
        let name = self.name.as_str().as_bytes();
        let origin = if self.origin.is_some() { FLAG_ORIGIN } else { 0 };
        let path = if self.path.is_empty() { 0 } else { FLAG_PATH };
        let multicall = if self.multicall == 0 { 0 } else { FLAG_MULTICALL };
        let trace = if self.trace.is_none() { 0 } else { FLAG_TRACE };
        let mut prelude = [0; PRELUDE];
        prelude[..2].copy_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        prelude[2] = self.hops;
        prelude[3] = origin | path | multicall | trace | if self.from_queue { FLAG_QUEUE } else { 0 };
        prelude[8..].copy_from_slice(&self.kind.to_le_bytes());
        bytes.extend_from_slice(&prelude);
        if let Some(origin) = self.origin {
            bytes.extend_from_slice(&write_node(origin));
        }
        if path != 0 {
            bytes.extend_from_slice(&self.path.write());
        }
        if multicall != 0 {
            bytes.extend_from_slice(&self.multicall.to_le_bytes());
        }
        if let Some(trace) = &self.trace {
            traced::write(trace, bytes);
        }
        bytes.extend_from_slice(name);
        bytes.resize(bytes.len().next_multiple_of(16), 0);
    }

    /// Reads a frame: the envelope, and where the payload stands in the body. `None` if anything does not add up.
    pub(crate) fn read(head: &[u8; 24], body: &[u8]) -> Option<(Self, std::ops::Range<usize>)> {
        let name_bytes = usize::from(u16::from_le_bytes(array(body, 0)?));
        let hops = *body.get(2)?;
        let flags = *body.get(3)?;
        let payload_bytes = usize::try_from(u32::from_le_bytes(array(body, 4)?)).ok()?;
        if flags & !FLAGS != 0 || name_bytes > Name::BYTES_MAX {
            return None;
        }
        let mut at = PRELUDE;
        let origin = if flags & FLAG_ORIGIN != 0 {
            at += ORIGIN;
            Some(read_node(&array(body, PRELUDE)?)?)
        } else {
            None
        };
        let path = if flags & FLAG_PATH != 0 {
            at += PATH;
            Path::read(body, at - PATH)?
        } else {
            Path::default()
        };
        let multicall = if flags & FLAG_MULTICALL != 0 {
            at += MULTICALL;
            u64::from_le_bytes(array(body, at - MULTICALL)?)
        } else {
            0
        };
        let trace = if flags & FLAG_TRACE != 0 {
            let trace = traced::read(body.get(at..)?)?;
            at += traced::bytes_of(&trace);
            Some(Box::new(trace))
        } else {
            None
        };
        let name = std::str::from_utf8(body.get(at..at + name_bytes)?).ok()?;
        let start = (at + name_bytes).next_multiple_of(16);
        if start + payload_bytes != body.len() || !ends_in_zeros(&body[..start], start - at - name_bytes) {
            return None;
        }
        let envelope = Self {
            name: Name::from(name),
            request: u64::from_le_bytes(array(head, 0)?),
            message: u64::from_le_bytes(array(head, 8)?),
            remaining: Duration::from_millis(u64::from(u32::from_le_bytes(array(head, 16)?))),
            fingerprint: u32::from_le_bytes(array(head, 20)?),
            kind: u64::from_le_bytes(array(body, 8)?),
            hops,
            origin,
            path,
            multicall,
            from_queue: flags & FLAG_QUEUE != 0,
            trace,
        };
        Some((envelope, start..body.len()))
    }
}

/// The head of an answer.
pub(crate) fn answer_head(request: u64, verdict: u64) -> [u8; 24] {
    let mut head = [0; 24];
    head[0..8].copy_from_slice(&request.to_le_bytes());
    head[8..16].copy_from_slice(&verdict.to_le_bytes());
    head
}

/// The `i`-th 64-bit word of a head.
pub(crate) fn word(head: &[u8; 24], i: usize) -> u64 {
    array(head, i * 8).map_or(0, u64::from_le_bytes)
}

/// How long the payload of a call or cast is.
pub(crate) fn payload_bytes(frame: &Frame) -> u32 {
    array(frame.body(), PAYLOAD_BYTES_AT).map_or(0, u32::from_le_bytes)
}

/// The payload that stands in `body` at `range`.
pub(crate) fn payload(body: &[u8], range: std::ops::Range<usize>) -> Payload {
    body.get(range).map_or_else(Payload::empty, Payload::copy_of)
}

/// Whether what only fills up does no more.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// A node id in 32 bytes: boot, address as IPv6, port, family, scope.
fn write_node(node: NodeId) -> [u8; ORIGIN] {
    let mut bytes = [0; ORIGIN];
    bytes[0..8].copy_from_slice(&node.boot().to_le_bytes());
    let (ip, family, scope) = match node.addr() {
        SocketAddr::V4(v4) => (v4.ip().to_ipv6_mapped(), 4, 0),
        SocketAddr::V6(v6) => (*v6.ip(), 6, v6.scope_id()),
    };
    bytes[8..24].copy_from_slice(&ip.octets());
    bytes[24..26].copy_from_slice(&node.addr().port().to_le_bytes());
    bytes[26] = family;
    bytes[28..32].copy_from_slice(&scope.to_le_bytes());
    bytes
}

fn read_node(bytes: &[u8; ORIGIN]) -> Option<NodeId> {
    let ip = std::net::Ipv6Addr::from(array::<16>(bytes, 8)?);
    let port = u16::from_le_bytes(array(bytes, 24)?);
    let scope = u32::from_le_bytes(array(bytes, 28)?);
    if bytes[27] != 0 {
        return None;
    }
    let addr = match bytes[26] {
        4 if scope != 0 => return None,
        4 => SocketAddr::new(IpAddr::V4(ip.to_ipv4_mapped()?), port),
        6 => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)),
        _ => return None,
    };
    Some(NodeId::new(addr, u64::from_le_bytes(array(bytes, 0)?)))
}

#[cfg(test)]
mod tests;
