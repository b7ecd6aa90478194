//! Owns what fuzz targets and the replay of their corpora call: each decoder of this crate as a function of bytes alone, and
//! bytes to begin with. Never decodes anything itself: it only asks the production code, and what must hold of its answers.

mod frames;
mod talk;
mod tunnel;

use crate::member::Profile;
use crate::node::NodeId;
use crate::wire::{ClusterHash, ENVELOPE_BYTES, Frame, FrameRef, Greeting, Packet, PacketKind, Reason, Reject, kind};

pub use crate::membership::fuzz::{gossip, gossip_seeds};
pub use crate::secret::fuzz::{sealed, sealed_seeds};
pub use frames::{frames, frames_seeds};
pub use talk::{connection, connection_seeds};
pub use tunnel::{tunnel, tunnel_seeds};

/// How many steps one input may have: enough for a story, few enough that a run stays short.
const STEPS_MAX: usize = 64;

/// The steps that an input consists of: a kind, a length of two bytes, so many bytes. What is missing at the end is not
/// there.
pub fn steps(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let steps = std::iter::from_fn(move || {
        let ([kind, low, high], rest) = bytes.split_first_chunk()?;
        let (step, rest) = rest.split_at(rest.len().min(u16::from_le_bytes([*low, *high]).into()));
        bytes = rest;
        Some((*kind, step))
    });
    steps.take(STEPS_MAX)
}

/// Appends a step to an input.
///
/// # Panics
///
/// If it is longer than 64 KiB.
pub fn put_step(input: &mut Vec<u8>, kind: u8, step: &[u8]) {
    let len = u16::try_from(step.len()).expect("seeds are short");
    input.push(kind);
    input.extend_from_slice(&len.to_le_bytes());
    input.extend_from_slice(step);
}

/// A datagram, as it is and under a seal that fits: no fuzzer finds one by itself.
pub fn udp_packet(bytes: &[u8]) {
    let cluster = ClusterHash::new("fuzz");
    let _ = Packet::decode(cluster, bytes);
    let [kind, rest @ ..] = bytes else { return };
    let Some(kind) = [PacketKind::Gossip, PacketKind::Ping, PacketKind::Pong].get(usize::from(*kind) % 3) else {
        return;
    };
    let Some((head, body)) = rest.split_first_chunk::<{ ENVELOPE_BYTES - 12 }>() else { return };
    let packet = Packet { kind: *kind, sender: node(1), body };
    let mut sealed = Vec::new();
    packet.encode(cluster, &mut sealed);
    assert_eq!(Packet::decode(cluster, &sealed), Some(packet), "what was encoded comes back");
    // The rest of the envelope as the input has it.
    sealed[12..ENVELOPE_BYTES].copy_from_slice(head);
    cluster.reseal(&mut sealed);
    if let Some(packet) = Packet::decode(cluster, &sealed) {
        let mut again = Vec::new();
        packet.encode(cluster, &mut again);
        assert_eq!(Packet::decode(cluster, &again), Some(packet), "what was decoded can be encoded");
    }
}

/// Inputs of [`udp_packet`].
pub fn udp_packet_seeds() -> Vec<Vec<u8>> {
    let packets = [node(1), NodeId::new(([0xfd, 0, 0, 0, 0, 0, 0, 7], 9).into(), 5)].map(|sender| {
        let mut bytes = Vec::new();
        Packet { kind: PacketKind::Gossip, sender, body: b"body" }.encode(ClusterHash::new("fuzz"), &mut bytes);
        [&[0], &bytes[12..]].concat()
    });
    packets.into()
}

/// What two nodes tell each other at the beginning, with a head that is ours or the input's.
pub fn greeting(bytes: &[u8]) {
    let [choice, rest @ ..] = bytes else { return };
    let good = Reject { reason: Reason::Crossed, node: node(1) }.frame();
    let (mut head, mut body) = (*good.head(), rest);
    if choice & 4 != 0
        && let Some((theirs, rest)) = rest.split_first_chunk()
    {
        (head, body) = (*theirs, rest);
    }
    let kind = [kind::HELLO, kind::WELCOME, kind::REJECT, kind::REJECT][usize::from(choice & 3)];
    // Frames are aligned, as all that rkyv reads.
    let frame = Frame::new(kind, head, &[body]);
    if kind == kind::REJECT {
        if let Ok(Ok(reject)) = Reject::read(frame.as_ref()) {
            assert!(matches!(Reject::read(reject.frame().as_ref()), Ok(Ok(again)) if again == reject));
        }
    } else if let Ok(Ok(greeting)) = Greeting::read(frame.as_ref()) {
        assert!(matches!(Greeting::read(greeting.frame(kind).as_ref()), Ok(Ok(again)) if again == greeting));
    }
}

/// Inputs of [`greeting`].
pub fn greeting_seeds() -> Vec<Vec<u8>> {
    let with_head = |choice: u8, frame: FrameRef<'_>| [&[choice | 4], &frame.head[..], frame.body].concat();
    let plain = |choice: u8, frame: FrameRef<'_>| [&[choice], frame.body].concat();
    let reject = Reject { reason: Reason::SameTag, node: node(1) }.frame();
    vec![
        plain(0, hello(1).frame(kind::HELLO).as_ref()),
        with_head(1, hello(2).frame(kind::WELCOME).as_ref()),
        plain(2, reject.as_ref()),
    ]
}

fn node(i: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], 1000 + i).into(), u64::from(i))
}

fn profile() -> Profile {
    Profile { version: 1, weight: 100, leaving: false, abilities: vec![3, 5], extra: b"extra".to_vec() }
}

fn hello(i: u16) -> Greeting {
    Greeting {
        cluster: "fuzz".into(),
        partitions: 8,
        rules: "Placement::Ring".into(),
        node: node(i),
        profile: profile(),
        joined: true,
        bulk: false,
        expects: Some(node(3 - i)),
        links: 2,
    }
}
