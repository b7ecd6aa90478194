//! Owns the fuzzing of a membership by what comes from the network: packets, lists, and the time between. Never looks into
//! the machine but by what it reports.

use std::sync::Arc;
use std::time::Duration;

use foca::{Header, Message, State};

use super::codec::{Codec, Member, put_member};
use super::identity::Identity;
use super::sync::{self, Head, Kind};
use super::{Input, Membership, MembershipConfig, Output};
use crate::fuzz::{put_step, steps};
use crate::member::Profile;
use crate::node::NodeId;
use crate::time::Now;

const CLUSTER: &str = "fuzz";

/// A step of an input: a packet, a list, or time that passes.
const PACKET: u8 = 0;
const LIST: u8 = 1;
const TIME: u8 = 2;

/// A node that is connected to another hears packets and lists, and waits. Packets come from where they say they do, since
/// others are refused before anything is believed.
pub fn gossip(bytes: &[u8]) {
    let codec = Codec::new(CLUSTER);
    let mut now = Now { unix_ms: 1_700_000_000_000, ..Now::default() };
    let mut membership = Membership::new(node(0), profile(), CLUSTER, MembershipConfig::lan(), 1, now);
    let mut out = Vec::new();
    membership.handle(now, Input::Connected { node: node(1), profile: profile(), joined: true }, &mut out);
    for (kind, step) in steps(bytes) {
        let mut data = Vec::new();
        codec.put_preamble(&mut data);
        data.extend_from_slice(step);
        match kind % 3 {
            PACKET => {
                let from = codec.read_packet(&data).map_or(node(1).addr(), |packet| packet.sender.node.addr());
                membership.handle(now, Input::Packet { from, bytes: &data }, &mut out);
            }
            LIST => {
                if let Ok(part) = sync::read(&codec, &data) {
                    comes_back(&codec, &part);
                }
                membership.handle(now, Input::Sync { from: node(1), bytes: &data }, &mut out);
            }
            _ => {
                now.instant = now.instant + Duration::from_millis(100) * u32::from(step.first().copied().unwrap_or(1));
                membership.handle(now, Input::Timeout, &mut out);
            }
        }
        assert!(out.len() <= 64 + 16 * bytes.len(), "{} outputs", out.len());
        assert!(membership.view().len() <= 2 + bytes.len() / 16, "{} members", membership.view().len());
        out.retain(|output| matches!(output, Output::Fatal(_)));
    }
}

/// Inputs of [`gossip`].
pub fn gossip_seeds() -> Vec<Vec<u8>> {
    let members = [(1, State::Alive), (2, State::Alive), (3, State::Suspect), (4, State::Down), (0, State::Suspect)]
        .map(|(i, state)| Member::new(identity(i), i, state));
    let mut packets = Vec::new();
    for message in [
        Message::Announce,
        Message::Ping(7),
        Message::PingReq { target: identity(2), probe_number: 3 },
        Message::IndirectPing { origin: identity(2), probe_number: 3 },
        Message::Gossip,
        Message::Feed,
        Message::TurnUndead,
    ] {
        put_step(&mut packets, PACKET, &packet(message, &members));
        put_step(&mut packets, TIME, &[5]);
    }
    let mut lists = Vec::new();
    for kind in [Kind::Push, Kind::Request, Kind::Reply] {
        let profiles: Vec<_> = (1..4).map(|i| (node(i), Arc::new(profile()))).collect();
        let profiles = profiles.iter().map(|(node, profile)| (*node, profile));
        let head = Head { kind, joined: true, round: 1 };
        for frame in sync::write(&Codec::new(CLUSTER), head, members.iter(), profiles) {
            put_step(&mut lists, LIST, &frame[5..]);
            put_step(&mut lists, TIME, &[100]);
        }
    }
    vec![packets, lists]
}

/// What was read and is written again is read as the same.
fn comes_back(codec: &Codec, part: &sync::Part) {
    let profiles: Vec<_> = part.profiles.iter().map(|(node, profile)| (*node, Arc::new(profile.clone()))).collect();
    let profiles = profiles.iter().map(|(node, profile)| (*node, profile));
    let frames = sync::write(codec, part.head, part.members.iter(), profiles);
    let parts = frames.iter().map(|frame| sync::read(codec, frame).expect("it was written above"));
    let (members, profiles): (Vec<_>, Vec<_>) = parts.map(|part| (part.members, part.profiles)).unzip();
    assert!(members.concat() == part.members, "members come back");
    // What is too large for a frame is not written.
    assert!(profiles.iter().flatten().all(|profile| part.profiles.contains(profile)), "profiles come back");
}

fn packet(message: Message<Identity>, members: &[Member]) -> Vec<u8> {
    let header = Header { src: identity(1), src_incarnation: 1, dst: identity(0), message };
    let mut bytes = Vec::new();
    let written = foca::Codec::encode_header(&mut Codec::new(CLUSTER), &header, &mut bytes);
    written.expect("a vector has room");
    bytes.extend_from_slice(&(members.len() as u16).to_be_bytes());
    members.iter().for_each(|member| put_member(member, &mut bytes));
    bytes.split_off(5)
}

fn identity(i: u16) -> Identity {
    Identity::first(node(i), 1_700_000_000_000)
}

fn node(i: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], 1000 + i).into(), u64::from(i) + 1)
}

fn profile() -> Profile {
    Profile { version: 1, weight: 100, leaving: false, abilities: vec![3, 5], extra: b"extra".to_vec() }
}
