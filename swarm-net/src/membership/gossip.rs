//! Owns what comes by gossip and what goes out by it: packets, and what foca makes of them. Never sends a list.

use std::net::SocketAddr;

use super::codec::{Member, Packet};
use super::identity::Identity;
use super::swim::Note;
use super::{Membership, Output, Phase, same_place};
use crate::member::Gone;
use crate::node::NodeId;
use crate::time::Instant;

/// Foca keeps the nodes that are down for a day; beyond so many known ones, unknown ones are refused.
const MEMBERS_MAX: usize = 16_384;

impl Membership {
    pub(super) fn packet(&mut self, now: Instant, from: SocketAddr, bytes: &[u8], out: &mut Vec<Output>) {
        let mut packet = match self.codec.read_packet(bytes) {
            Ok(read) => read,
            Err(error) => return tracing::debug!(%from, %error, "gossip packet refused"),
        };
        // Answers go to the claimed sender; a claim that the network does not confirm would aim them at others.
        if !same_place(packet.sender.node.addr(), from) {
            return tracing::debug!(%from, sender = %packet.sender.node, "gossip packet with a false sender");
        }
        let Packet { sender, members, .. } = &mut packet;
        let claims = members.iter().map(foca::Member::id).chain([&*sender]);
        if self.crowded() && claims.clone().any(|claim| self.swim.at(claim.node.addr()).is_none()) {
            return tracing::debug!(%from, "too many members are known: strangers are refused");
        }
        let (rivals, told): (Vec<_>, _) = (claims.copied().collect(), members.len());
        for doubtful in self.sift(sender.node, members) {
            self.discovered(now, doubtful.node.addr());
        }
        if packet.members.len() == told {
            self.swim.packet(now, bytes, &packet.members);
        } else {
            self.swim.packet(now, &packet.again(), &packet.members);
        }
        self.face_rivals(now, &rivals, out);
    }

    /// Takes out what is not believed of others when `from` tells of it: claims above all clocks, unless they are as their makers have
    /// told them. Gives those of the living, who are to be asked themselves.
    pub(super) fn sift(&self, from: NodeId, members: &mut Vec<Member>) -> Vec<Identity> {
        let doubtful = members.extract_if(.., |member| {
            let claim = member.id();
            let first_hand =
                claim.node == from || self.swim.at(claim.node.addr()).is_some_and(|known| known.id() == claim);
            claim.generation > Identity::TOLD_MAX && !first_hand
        });
        doubtful.filter(|member| member.state() != foca::State::Down).map(|member| *member.id()).collect()
    }

    /// Claims to our address that are not ours: ours must be above all of them, or nobody would talk to us. Also what others say that
    /// we claim.
    pub(super) fn face_rivals(&mut self, now: Instant, claims: &[Identity], out: &mut Vec<Output>) {
        for claim in claims.iter().filter(|claim| claim.node.addr() == self.me.addr()) {
            if claim.node != self.me && self.rival.seen(claim, now) {
                return self.fatal(claim.node, out);
            }
            if claim.beats(&self.swim.identity()) {
                self.swim.rise_above(now, claim);
            }
        }
    }

    pub(super) fn take_notes(&mut self, now: Instant, out: &mut Vec<Output>) {
        // Handling notes sends packets at most, so the second turn finds the last of them.
        for note in self.send_packets(out) {
            self.note(now, note, out);
        }
        self.send_packets(out);
    }

    pub(super) fn send_packets(&mut self, out: &mut Vec<Output>) -> Vec<Note> {
        let (packets, notes) = self.swim.take();
        out.extend(packets.into_iter().map(|(to, bytes)| Output::Packet { to, bytes }));
        notes
    }

    fn note(&mut self, now: Instant, note: Note, out: &mut Vec<Output>) {
        let about = match &note {
            Note::Up(id) | Note::Down(id) | Note::Renamed(id, _) | Note::Suspect(id) => Some(id.node.addr()),
            Note::Rejoined | Note::Defunct => None,
        };
        // Whatever others claim of our address: we are here.
        if about.is_some_and(|addr| same_place(addr, self.me.addr())) {
            return;
        }
        match note {
            Note::Up(id) => self.note_alive(now, id.node, out),
            Note::Down(id) => self.note_down(now, id.node, out),
            Note::Suspect(id) => out.push(Output::Suspect(id.node)),
            Note::Renamed(old, new) if old.node == new.node => {}
            Note::Renamed(old, new) => {
                let alive = self.roster.is_live(old.node);
                self.roster.gone(old.node, Gone::Replaced, now);
                if alive {
                    self.note_alive(now, new.node, out);
                }
            }
            Note::Rejoined => self.push_to_all(out),
            Note::Defunct => {
                out.push(Output::Fatal("held to be down by the cluster, and unable to renew".into()));
                self.phase = Phase::Over;
            }
        }
    }

    fn note_alive(&mut self, now: Instant, node: NodeId, out: &mut Vec<Output>) {
        self.candidates.known(node.addr());
        if !self.peers.is_connected(node) {
            out.push(Output::Dial(node.addr()));
            self.redial_at = self.redial_at.or(Some(now + self.config.retry_period()));
        }
        if !self.joining.joined() {
            self.joining.found(now);
        }
        let back = self.roster.alive(node, now);
        if back && self.joining.joined() {
            // It was on the other side of a partition and knows of others there.
            self.exchange.with = Some(node);
            self.exchange.at = self.exchange.at.min(now + self.config.settle_quiet());
        }
    }

    fn note_down(&mut self, now: Instant, node: NodeId, out: &mut Vec<Output>) {
        // One that leaves may as well have been cut off before it had left: that it has gone only it can say.
        self.roster.gone(node, Gone::Silent, now);
        if !self.roster.view().contains_key(&node) {
            out.push(Output::Hangup(node));
        }
    }

    pub(super) fn crowded(&self) -> bool {
        self.swim.members().len() >= MEMBERS_MAX
    }
}
