//! Owns the talk of member lists by TCP: what is pushed, asked and answered, and when. Never decides who is a member.

use std::time::Duration;

use foca::State;
use rand::RngExt;

use super::identity::Identity;
use super::sync::{self, Head, Kind};
use super::{Membership, Output};
use crate::node::NodeId;
use crate::time::Instant;

/// The next exchange of whole lists.
pub(super) struct Exchange {
    pub(super) at: Instant,
    /// With whom; a random peer if nobody.
    pub(super) with: Option<NodeId>,
    pub(super) round: u32,
}

impl Membership {
    pub(super) fn sync(&mut self, now: Instant, from: NodeId, bytes: &[u8], out: &mut Vec<Output>) {
        if !self.peers.is_connected(from) {
            return;
        }
        let mut part = match sync::read(&self.codec, bytes) {
            Ok(part) => part,
            Err(error) => return tracing::debug!(%from, %error, "sync frame refused"),
        };
        let whole = self.peers.arrived(from, &part);
        if self.crowded() {
            part.members.retain(|member| self.swim.at(member.id().node.addr()).is_some());
        }
        let claims: Vec<_> = part.members.iter().map(|member| *member.id()).collect();
        let rejected = claims.iter().any(|claim| claim.node == from && self.rejects(claim));
        for doubtful in self.sift(from, &mut part.members) {
            self.discovered(now, doubtful.node.addr());
        }
        // A joiner learns what all the others know already.
        self.swim.learn(now, part.members, self.joining.joined());
        self.face_rivals(now, &claims, out);
        for (node, profile) in part.profiles {
            self.learn_profile(now, node, profile, out);
        }
        if rejected {
            self.push(from, out);
        }
        if whole {
            self.exchanged(now, from, part.head, out);
        }
    }

    /// The whole list of another node has arrived.
    fn exchanged(&mut self, now: Instant, from: NodeId, head: Head, out: &mut Vec<Output>) {
        match head.kind {
            Kind::Push => return,
            Kind::Request => {
                if self.peers.may_answer(from, now, self.config.retry_period()) {
                    self.send_list(from, Kind::Reply, head.round, out);
                }
            }
            Kind::Reply => {}
        }
        if head.joined && !self.joining.joined() {
            self.complete_join(now, out);
        }
    }

    pub(super) fn exchange(&mut self, now: Instant, out: &mut Vec<Output>) {
        if !self.joining.joined() || now < self.exchange.at {
            return;
        }
        let period = self.config.sync_period().max(Duration::from_millis(1));
        // Spread out, so that nodes that started together do not ask together for ever.
        self.exchange.at = now + period.mul_f64(self.rng.random_range(0.8..1.2));
        let wanted = self.exchange.with.take().filter(|node| self.peers.is_connected(*node));
        let count = self.peers.len();
        let random = || {
            if count == 0 { None } else { self.peers.nodes().nth(self.rng.random_range(0..count)) }
        };
        if let Some(node) = wanted.or_else(random) {
            self.request(node, out);
        }
    }

    pub(super) fn request(&mut self, node: NodeId, out: &mut Vec<Output>) {
        self.exchange.round = self.exchange.round.wrapping_add(1);
        self.send_list(node, Kind::Request, self.exchange.round, out);
    }

    /// Sends all that we know.
    fn send_list(&self, to: NodeId, kind: Kind, round: u32, out: &mut Vec<Output>) {
        let head = Head { kind, joined: self.joining.joined(), round };
        let me = foca::Member::alive(self.swim.identity());
        let members = std::iter::once(&me).chain(self.swim.members());
        let profiles = self.profiles.iter().filter(|(node, _)| *node == self.me || self.roster.is_live(*node));
        let frames = sync::write(&self.codec, head, members, profiles);
        out.extend(frames.into_iter().map(|bytes| Output::Sync { to, bytes }));
    }

    /// Sends our claim and profile, and what we hold of the receiver.
    pub(super) fn push(&self, to: NodeId, out: &mut Vec<Output>) {
        let head = Head { kind: Kind::Push, joined: self.joining.joined(), round: 0 };
        let me = foca::Member::alive(self.swim.identity());
        let members = std::iter::once(&me).chain(self.swim.at(to.addr()));
        let profiles = self.profiles.get(self.me).map(|profile| (self.me, profile)).into_iter();
        let frames = sync::write(&self.codec, head, members, profiles);
        out.extend(frames.into_iter().map(|bytes| Output::Sync { to, bytes }));
    }

    pub(super) fn push_to_all(&self, out: &mut Vec<Output>) {
        self.peers.nodes().for_each(|node| self.push(node, out));
    }

    /// Whether a claim is to be renewed: it is held to be down, or we know a higher one to its address.
    fn rejects(&self, claim: &Identity) -> bool {
        let down = |known: &foca::Member<Identity>| known.id() == claim && known.state() == State::Down;
        self.swim.at(claim.node.addr()).is_some_and(|known| down(known) || known.id().beats(claim))
    }
}
