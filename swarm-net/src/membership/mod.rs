//! Owns who is a member: failure detection, dissemination, member lists and profiles, as a state machine.
//! Never touches a socket, a thread or a clock.
//!
//! | part | owns |
//! |---|---|
//! | `swim` | foca, its timers, the guards against false suspicion |
//! | `candidates` | addresses that discovery found |
//! | `peers` | connections, as evidence of life |
//! | `sync`, `codec` | the bytes of frames and packets |
//! | `profiles` | what nodes say of themselves |
//! | `joining` | whether we are part of a cluster |
//! | `rival` | other processes at our address |
//! | `roster` | what is reported, and when |
//!
//! # Sync frames
//!
//! | frame | sent | the receiver |
//! |---|---|---|
//! | push | when connected; to all when our profile or claim changes or we have joined | learns the sender's claim and profile, and what the sender holds of the receiver; if it holds the sender to be down, pushes back, which makes the sender renew |
//! | request | to a joined node by a joiner; a while after the join; every `sync_period` to a random peer; to one that is back | takes the list in and sends its own as a reply |
//! | reply | for a request | takes the list in; coming from a joined node, it completes the join |

mod candidates;
mod codec;
mod config;
mod event;
mod health;
mod identity;
mod joining;
mod peers;
mod profiles;
mod rival;
mod roster;
mod swim;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foca::State;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::member::{Gone, Member, MemberEvent, Profile, View};
use crate::node::NodeId;
use crate::time::{Instant, Now};
use candidates::Candidates;
use codec::Codec;
use identity::Identity;
use joining::{Joining, Step};
use peers::Peers;
use profiles::Profiles;
use rival::Rival;
use roster::Roster;
use swim::{Note, Swim};
use sync::{Head, Kind};

pub use config::MembershipConfig;
pub use event::{Input, Output};

/// Foca keeps the nodes that are down for a day; beyond so many known ones, unknown ones are refused.
const MEMBERS_MAX: usize = 16_384;

/// Foca tells three members that we leave, once; so many more rounds make it certain.
const FAREWELLS: u32 = 4;

/// The membership of one node. Feed it [`Input`]s, do its [`Output`]s, call it again at [`Membership::next_timeout`].
///
/// The node itself is in the view from the beginning and is never reported as [`MemberEvent::Up`].
pub struct Membership {
    me: NodeId,
    config: MembershipConfig,
    codec: Codec,
    rng: StdRng,
    swim: Swim,
    candidates: Candidates,
    peers: Peers,
    profiles: Profiles,
    joining: Joining,
    rival: Rival,
    roster: Roster,
    /// When to dial the members again that are not connected, if there are any.
    redial_at: Option<Instant>,
    exchange: Exchange,
    phase: Phase,
}

/// The next exchange of whole lists.
struct Exchange {
    at: Instant,
    /// With whom; a random peer if nobody.
    with: Option<NodeId>,
    round: u32,
}

/// Whether we still take part.
enum Phase {
    Present,
    /// We have said that we leave, and say it so many times more.
    Leaving {
        at: Instant,
        rounds: u32,
    },
    Over,
}

impl Membership {
    /// A node that knows nobody yet. `seed` decides everything that is random.
    pub fn new(me: NodeId, mut profile: Profile, cluster: &str, config: MembershipConfig, seed: u64, now: Now) -> Self {
        profile.version = profile.version.max(1);
        let codec = Codec::new(cluster);
        let mut profiles = Profiles::default();
        profiles.learn(me, profile.clone());
        let member = Member { id: me, profile: profile.into() };
        let Now { instant, unix_ms } = now;
        Self {
            me,
            codec,
            rng: StdRng::seed_from_u64(seed.rotate_left(32)),
            swim: Swim::new(Identity::first(me, unix_ms), codec, &config, seed, instant),
            candidates: Candidates::new(config.retry_period(), config.announce_period()),
            peers: Peers::default(),
            profiles,
            joining: Joining::new(instant, config.form_wait(), config.settle_quiet(), config.retry_period()),
            rival: Rival::default(),
            roster: Roster::new(member, config.settle_quiet(), config.settle_max()),
            redial_at: None,
            exchange: Exchange { at: instant, with: None, round: 0 },
            phase: Phase::Present,
            config,
        }
    }

    /// Takes in one input and appends what is to be done.
    pub fn handle(&mut self, now: Now, input: Input<'_>, out: &mut Vec<Output>) {
        let now = now.instant;
        match self.phase {
            Phase::Present => {
                self.take_in(now, input, out);
                if matches!(self.phase, Phase::Present) {
                    self.work(now, out);
                }
            }
            Phase::Leaving { at, rounds } if now >= at => self.farewell(now, rounds, out),
            Phase::Leaving { .. } | Phase::Over => {}
        }
    }

    /// When to call again with [`Input::Timeout`], if nothing happens before.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Present => {
                let exchange = self.joining.joined().then_some(self.exchange.at);
                let all = [
                    self.swim.next_timeout(),
                    self.candidates.next_timeout(),
                    self.joining.next_timeout(),
                    self.roster.next_timeout(),
                    self.redial_at,
                    exchange,
                ];
                all.into_iter().flatten().min()
            }
            Phase::Leaving { at, .. } => Some(at),
            Phase::Over => None,
        }
    }

    /// All members as last reported by events, this node included.
    pub fn view(&self) -> &View {
        self.roster.view()
    }

    /// Whether this node has the whole member list of its cluster, or has formed one alone. Goes into the handshake.
    pub fn joined(&self) -> bool {
        self.joining.joined()
    }

    fn take_in(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Packet { from, bytes } => self.packet(now, from, bytes, out),
            Input::Sync { from, bytes } => self.sync(now, from, bytes, out),
            Input::Discovered(addr) => self.discovered(now, addr),
            Input::Connected { node, profile, joined } => self.connected(now, node, profile, joined, out),
            Input::Lost { node, refused } => self.lost(now, node, refused),
            Input::Heard(node) => self.peers.heard(node, now),
            Input::Profile(profile) => self.own_profile(profile, out),
            Input::Goodbye { from } => self.gone(now, from, Gone::Left),
            Input::Exchange(node) => (self.exchange.with, self.exchange.at) = (Some(node), now),
            Input::Leave => self.leave(now, out),
            Input::Timeout => {
                let peers = &self.peers;
                self.swim.timeout(now, |node| peers.0.get(&node)?.heard);
            }
        }
    }

    fn packet(&mut self, now: Instant, from: SocketAddr, bytes: &[u8], out: &mut Vec<Output>) {
        let (sender, members) = match self.codec.read_packet(bytes) {
            Ok(read) => read,
            Err(error) => return tracing::debug!(%from, %error, "gossip packet refused"),
        };
        // Answers go to the claimed sender; a claim that the network does not confirm would aim them at others.
        if !same_place(sender.node.addr(), from) {
            return tracing::debug!(%from, sender = %sender.node, "gossip packet with a false sender");
        }
        let claims = members.iter().map(foca::Member::id).chain([&sender]);
        if self.crowded() && claims.clone().any(|claim| self.swim.at(claim.node.addr()).is_none()) {
            return tracing::debug!(%from, "too many members are known: strangers are refused");
        }
        let rivals: Vec<_> = claims.copied().collect();
        self.swim.packet(now, bytes);
        self.face_rivals(now, &rivals, out);
    }

    fn sync(&mut self, now: Instant, from: NodeId, bytes: &[u8], out: &mut Vec<Output>) {
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
        let rejected = claims.iter().any(|claim| claim.node == from && self.holds_down(claim));
        // A joiner learns what all the others know already.
        self.swim.learn(now, part.members.into_iter(), self.joining.joined());
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

    fn discovered(&mut self, now: Instant, addr: SocketAddr) {
        if same_place(addr, self.me.addr()) {
            return;
        }
        if !self.roster.is_live_at(addr) {
            self.candidates.found(addr, now);
            if !self.joining.joined() {
                self.joining.found(now);
            }
        }
    }

    fn connected(&mut self, now: Instant, node: NodeId, profile: Profile, joined: bool, out: &mut Vec<Output>) {
        if node == self.me {
            return;
        }
        if node.addr() == self.me.addr() {
            return self.fatal(node, out);
        }
        self.peers.connected(node, joined);
        self.joining.found(now);
        self.learn_profile(now, node, profile, out);
        self.push(node, out);
    }

    fn lost(&mut self, now: Instant, node: NodeId, refused: bool) {
        self.peers.lost(node);
        self.redial_at = self.redial_at.or(Some(now));
        if refused {
            self.gone(now, node, Gone::Refused);
        }
    }

    /// A proven death or a goodbye.
    fn gone(&mut self, now: Instant, node: NodeId, why: Gone) {
        if node != self.me && self.roster.is_live(node) {
            self.roster.gone(node, why, now);
            self.swim.declare_down(now, node);
        } else if self.roster.view().contains_key(&node) {
            // Gossip was faster than the proof, and the report of the death still waits.
            self.roster.gone(node, why, now);
        }
    }

    fn own_profile(&mut self, mut profile: Profile, out: &mut Vec<Output>) {
        let version = self.profiles.get(self.me).map_or(0, |known| known.version);
        profile.version = version + 1;
        if codec::profile_bytes(&profile) > codec::PROFILE_BYTES_MAX {
            tracing::warn!("our profile is too large to be told to those who are not connected to us");
        }
        self.profiles.learn(self.me, profile);
        if let Some(profile) = self.profiles.get(self.me).map(Arc::clone) {
            out.extend(self.roster.changed(self.me, &profile).map(Output::Event));
        }
        self.push_to_all(out);
    }

    fn learn_profile(&mut self, now: Instant, node: NodeId, profile: Profile, out: &mut Vec<Output>) {
        if node != self.me && self.profiles.learn(node, profile) {
            if let Some(profile) = self.profiles.get(node).map(Arc::clone) {
                out.extend(self.roster.changed(node, &profile).map(Output::Event));
            }
            self.roster.touch(node, now);
            let roster = &self.roster;
            self.profiles.prune(|node| roster.is_live(node) || roster.view().contains_key(&node));
        }
    }

    /// Claims of other processes to our address: ours must be above all of them, or nobody would talk to us.
    fn face_rivals(&mut self, now: Instant, claims: &[Identity], out: &mut Vec<Output>) {
        let rivals = claims.iter().filter(|claim| claim.node.addr() == self.me.addr() && claim.node != self.me);
        for claim in rivals {
            if self.rival.seen(claim, now) {
                return self.fatal(claim.node, out);
            }
            if claim.beats(&self.swim.identity()) {
                self.swim.rise_above(now, claim);
            }
        }
    }

    fn fatal(&mut self, double: NodeId, out: &mut Vec<Output>) {
        let me = self.me;
        out.push(Output::Fatal(format!(
            "duplicate address: another live process ({double}) advertises the address of this one ({me})"
        )));
        self.phase = Phase::Over;
    }

    fn leave(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.swim.leave(now);
        self.send_packets(out);
        out.extend(self.peers.nodes().map(|to| Output::Goodbye { to }));
        self.phase = Phase::Leaving { at: now + self.config.gossip_period(), rounds: FAREWELLS };
    }

    fn farewell(&mut self, now: Instant, rounds: u32, out: &mut Vec<Output>) {
        self.swim.gossip(now);
        self.send_packets(out);
        self.phase = match rounds {
            0 | 1 => Phase::Over,
            _ => Phase::Leaving { at: now + self.config.gossip_period(), rounds: rounds - 1 },
        };
    }

    /// Does everything whose time has come. Looks at states, not at what has just changed.
    fn work(&mut self, now: Instant, out: &mut Vec<Output>) {
        for addr in self.candidates.due(now) {
            self.swim.announce(now, addr);
            out.push(Output::Dial(addr));
        }
        self.take_notes(now, out);
        if !matches!(self.phase, Phase::Present) {
            return;
        }
        self.redial(now, out);
        self.join(now, out);
        self.exchange(now, out);
        self.report(now, out);
    }

    fn take_notes(&mut self, now: Instant, out: &mut Vec<Output>) {
        // Handling notes sends packets at most, so the second turn finds the last of them.
        for note in self.send_packets(out) {
            self.note(now, note, out);
        }
        self.send_packets(out);
    }

    fn send_packets(&mut self, out: &mut Vec<Output>) -> Vec<Note> {
        let (packets, notes) = self.swim.take();
        out.extend(packets.into_iter().map(|(to, bytes)| Output::Packet { to, bytes }));
        notes
    }

    fn note(&mut self, now: Instant, note: Note, out: &mut Vec<Output>) {
        match note {
            Note::Up(id) => self.note_alive(now, id.node, out),
            Note::Down(id) => self.note_down(now, id.node, out),
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
        if node.addr() == self.me.addr() {
            return;
        }
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
        if node.addr() == self.me.addr() {
            return;
        }
        let leaving = self.profiles.get(node).is_some_and(|profile| profile.leaving);
        self.roster.gone(node, if leaving { Gone::Left } else { Gone::Silent }, now);
        if !self.roster.view().contains_key(&node) {
            out.push(Output::Hangup(node));
        }
    }

    /// Every member wants a connection.
    fn redial(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.redial_at.is_some_and(|at| at <= now) {
            let unconnected = self.roster.live().filter(|node| !self.peers.is_connected(*node));
            let dials: Vec<_> = unconnected.map(|node| Output::Dial(node.addr())).collect();
            let pause = self.config.retry_period().max(Duration::from_millis(1));
            self.redial_at = (!dials.is_empty()).then(|| now + pause);
            out.extend(dials);
        }
    }

    fn join(&mut self, now: Instant, out: &mut Vec<Output>) {
        let live: BTreeSet<_> = if self.joining.joined() { BTreeSet::new() } else { self.roster.live().collect() };
        match self.joining.step(now, self.me, &self.peers, &live) {
            Step::Wait => {}
            Step::Ask(node) => self.request(node, out),
            Step::Form => self.complete_join(now, out),
        }
    }

    fn complete_join(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.take_notes(now, out);
        self.joining.complete();
        self.exchange.at = now + self.config.sync_again_after();
        let mut events = Vec::new();
        self.roster.report_all(&self.profiles, &mut events);
        events.push(MemberEvent::Joined);
        out.extend(events.into_iter().map(Output::Event));
        // Those who are joined as well have no use for this.
        self.peers.unjoined().for_each(|node| self.push(node, out));
    }

    fn exchange(&mut self, now: Instant, out: &mut Vec<Output>) {
        if !self.joining.joined() || now < self.exchange.at {
            return;
        }
        let period = self.config.sync_period().max(Duration::from_millis(1));
        // Spread out, so that nodes that started together do not ask together for ever.
        self.exchange.at = now + period.mul_f64(self.rng.random_range(0.8..1.2));
        let wanted = self.exchange.with.take().filter(|node| self.peers.is_connected(*node));
        let count = self.peers.0.len();
        let random = || {
            if count == 0 { None } else { self.peers.nodes().nth(self.rng.random_range(0..count)) }
        };
        if let Some(node) = wanted.or_else(random) {
            self.request(node, out);
        }
    }

    fn report(&mut self, now: Instant, out: &mut Vec<Output>) {
        let mut events = Vec::new();
        self.roster.proven(&mut events);
        let speaks_since = now - self.config.heard_veto();
        let peers = &self.peers;
        let speaks = |node| peers.0.get(&node).and_then(|peer| peer.heard).is_some_and(|at| at > speaks_since);
        self.roster.settle(now, &self.profiles, speaks, &mut events);
        for event in events {
            let hangup = match &event {
                MemberEvent::Down(node, _) => Some(*node),
                MemberEvent::Up(_) | MemberEvent::Changed(_) | MemberEvent::Joined => None,
            };
            out.push(Output::Event(event));
            if let Some(node) = hangup {
                self.peers.lost(node);
                out.push(Output::Hangup(node));
            }
        }
    }

    fn request(&mut self, node: NodeId, out: &mut Vec<Output>) {
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
    fn push(&self, to: NodeId, out: &mut Vec<Output>) {
        let head = Head { kind: Kind::Push, joined: self.joining.joined(), round: 0 };
        let me = foca::Member::alive(self.swim.identity());
        let members = std::iter::once(&me).chain(self.swim.at(to.addr()));
        let profiles = self.profiles.iter().filter(|(node, _)| *node == self.me);
        let frames = sync::write(&self.codec, head, members, profiles);
        out.extend(frames.into_iter().map(|bytes| Output::Sync { to, bytes }));
    }

    fn push_to_all(&self, out: &mut Vec<Output>) {
        self.peers.nodes().for_each(|node| self.push(node, out));
    }

    fn holds_down(&self, claim: &Identity) -> bool {
        self.swim.at(claim.node.addr()).is_some_and(|known| known.id() == claim && known.state() == State::Down)
    }

    fn crowded(&self) -> bool {
        self.swim.members().len() >= MEMBERS_MAX
    }
}

/// The same host and port, however the address is written.
fn same_place(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical() == b.ip().to_canonical() && a.port() == b.port()
}
