use std::sync::Arc;

use foca::State;
use proptest::prelude::*;

use super::network::{addr, profile};
use crate::member::Profile;
use crate::membership::codec::{Codec, CodecError, Member};
use crate::membership::identity::Identity;
use crate::membership::sync::{self, Head, Kind};
use crate::membership::{Input, Membership, MembershipConfig, Output};
use crate::node::NodeId;
use crate::time::{Instant, Now};

fn node(i: u32) -> NodeId {
    NodeId::new(addr(i), u64::from(i))
}

fn member(i: u32) -> Member {
    Member::new(Identity::first(node(i), 1000), i as u16, if i.is_multiple_of(2) { State::Alive } else { State::Down })
}

fn list(count: u32) -> (Vec<Member>, Vec<(NodeId, Arc<Profile>)>) {
    ((0..count).map(member).collect(), (0..count).map(|i| (node(i), Arc::new(profile()))).collect())
}

const HEAD: Head = Head { kind: Kind::Request, joined: true, round: 7 };

fn frames(count: u32) -> Vec<Vec<u8>> {
    let (members, profiles) = list(count);
    let profiles = profiles.iter().map(|(node, profile)| (*node, profile));
    sync::write(&Codec::new("c"), HEAD, members.iter(), profiles)
}

/// A node that is connected to node 1, and what it says at once.
fn target() -> (Membership, Vec<Output>) {
    let mut membership = Membership::new(node(0), profile(), "c", MembershipConfig::lan(), 1, Now::default());
    let mut out = Vec::new();
    membership.handle(Now::default(), Input::Connected { node: node(1), profile: profile(), joined: true }, &mut out);
    membership.handle(Now::default(), Input::Discovered(addr(1)), &mut out);
    (membership, out)
}

fn bytes_of(output: &Output) -> Option<Vec<u8>> {
    match output {
        Output::Packet { bytes, .. } | Output::Sync { bytes, .. } => Some(bytes.clone()),
        Output::Goodbye { .. }
        | Output::Dial(_)
        | Output::Hangup(_)
        | Output::Suspect(_)
        | Output::Event(_)
        | Output::Fatal(_) => None,
    }
}

#[test]
fn lists_survive_the_wire_in_bounded_frames() {
    for count in [0, 1, 100, 3000] {
        let frames = frames(count);
        assert!(frames.iter().all(|frame| frame.len() <= sync::FRAME_BYTES_MAX));
        let parts: Vec<_> =
            frames.iter().map(|frame| sync::read(&Codec::new("c"), frame).expect("it is ours")).collect();
        let (members, profiles) = list(count);
        assert_eq!(parts.iter().flat_map(|part| part.members.clone()).collect::<Vec<_>>(), members);
        let read = parts.iter().flat_map(|part| part.profiles.clone()).map(|(node, profile)| (node, Arc::new(profile)));
        assert_eq!(read.collect::<Vec<_>>(), profiles);
        assert!(parts.iter().rev().skip(1).all(|part| !part.last) && parts.last().is_some_and(|part| part.last));
    }
}

#[test]
fn strangers_and_torn_frames_are_refused() {
    let codec = Codec::new("c");
    let frame = &frames(3)[0];
    assert_eq!(sync::read(&Codec::new("d"), frame), Err(CodecError::Foreign));
    for end in 0..frame.len() {
        assert!(sync::read(&codec, &frame[..end]).is_err(), "cut at {end}");
    }
    let longer = [frame.as_slice(), &[0]].concat();
    assert_eq!(sync::read(&codec, &longer), Err(CodecError::Bounds));
}

#[test]
fn a_packet_with_a_false_sender_changes_nothing() {
    let (mut liar, out) = target();
    let (mut victim, _) = target();
    let packet = out.iter().filter_map(bytes_of).next_back();
    let packet = packet.expect("it announced itself");
    let mut answers = Vec::new();
    // The packet says that it comes from node 0.
    let mut other = Membership::new(node(1), profile(), "c", MembershipConfig::lan(), 1, Now::default());
    other.handle(Now::default(), Input::Packet { from: addr(5), bytes: &packet }, &mut answers);
    assert_eq!(answers, []);
    other.handle(Now::default(), Input::Packet { from: addr(0), bytes: &packet }, &mut answers);
    assert!(answers.iter().any(|output| matches!(output, Output::Packet { to, .. } if *to == addr(0))));
    // And our own packets, sent back to us, are nothing new.
    answers.clear();
    victim.handle(Now::default(), Input::Packet { from: addr(0), bytes: &packet }, &mut answers);
    liar.handle(Now::default(), Input::Packet { from: addr(0), bytes: &packet }, &mut answers);
    assert!(answers.iter().all(|output| !matches!(output, Output::Event(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        flips in proptest::collection::vec((0usize..2000, any::<u8>()), 1..6),
    ) {
        let (mut membership, out) = target();
        let mut valid: Vec<Vec<u8>> = frames(20);
        valid.extend(out.iter().filter_map(bytes_of));
        for frame in &mut valid {
            for (at, byte) in &flips {
                let at = at % frame.len();
                frame[at] ^= byte;
            }
        }
        let mut out = Vec::new();
        for bytes in valid.iter().chain([&bytes]) {
            membership.handle(Now::default(), Input::Packet { from: addr(1), bytes }, &mut out);
            membership.handle(Now::default(), Input::Sync { from: node(1), bytes }, &mut out);
        }
        for second in 1..5 {
            let now = Now { instant: Instant::from_nanos(second * 1_000_000_000), unix_ms: 0 };
            membership.handle(now, Input::Timeout, &mut out);
        }
        prop_assert!(out.len() < 5000);
    }
}
