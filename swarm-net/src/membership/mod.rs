//! Owns who is a member: failure detection, dissemination, member lists and profiles, as a state machine.
//! Never touches a socket, a thread or a clock.
//!
//! | part | owns |
//! |---|---|
//! | `swim` | foca, its timers, the guards against false suspicion |
//! | `candidates` | addresses that discovery found |
//! | `peers` | connections, as evidence of life |
//! | `gossip` | what comes and goes by packets |
//! | `exchange` | what comes and goes by sync frames |
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
//! | push | when connected; to all when our profile or claim changes or we have joined | learns the sender's claim and profile, and what the sender holds of the receiver; if it holds the sender to be down, or knows a higher claim to its address, pushes back, which makes the sender renew |
//! | request | to a joined node by a joiner; a while after the join; every `sync_period` to a random peer; to one that is back | takes the list in and sends its own as a reply |
//! | reply | for a request | takes the list in; coming from a joined node, it completes the join |

mod candidates;
mod codec;
mod config;
mod event;
mod exchange;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod gossip;
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

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::member::{Gone, Member, MemberEvent, Profile, View};
use crate::node::NodeId;
use crate::time::{Instant, Now};
use candidates::Candidates;
use codec::Codec;
use exchange::Exchange;
use identity::Identity;
use joining::{Joining, Step};
use peers::Peers;
use profiles::Profiles;
use rival::Rival;
use roster::Roster;
use swim::Swim;

pub use config::MembershipConfig;
pub use event::{Input, Output};

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

    /// How many members are suspected to be gone.
    pub fn suspected(&self) -> usize {
        self.swim.suspected()
    }

    /// How late this node's own timers have been lately, from 0 (well) to 8.
    pub fn lateness(&self) -> u32 {
        self.swim.lateness()
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
                self.swim.timeout(now, |node| peers.last_heard(node));
            }
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
        if node == self.me {
            return;
        }
        let lived = self.roster.is_live(node);
        // Gossip may have been faster than the proof, while the report of the death still waits; or slower than the node,
        // which came and went before anybody told of it.
        self.roster.gone(node, why, now);
        if lived {
            self.swim.declare_down(now, node);
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
            self.report_changed(self.me, &profile, out);
        }
        self.push_to_all(out);
    }

    fn learn_profile(&mut self, now: Instant, node: NodeId, profile: Profile, out: &mut Vec<Output>) {
        if node != self.me && self.profiles.learn(node, profile) {
            if let Some(profile) = self.profiles.get(node).map(Arc::clone) {
                self.report_changed(node, &profile, out);
            }
            self.roster.touch(node, now);
            let roster = &self.roster;
            self.profiles.prune(|node| roster.is_live(node) || roster.view().contains_key(&node));
        }
    }

    /// Tells what a member says anew of itself. Before one is told of that leaves, so are all who are held back: they are its
    /// heirs, and until they are known there may be no second copy of what it leaves behind.
    fn report_changed(&mut self, node: NodeId, profile: &Arc<Profile>, out: &mut Vec<Output>) {
        let mut events = Vec::new();
        if profile.leaving && self.joining.joined() && self.roster.view().contains_key(&node) {
            self.roster.report_all(&self.profiles, &mut events);
        }
        events.extend(self.roster.changed(node, profile));
        out.extend(events.into_iter().map(Output::Event));
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
        match self.joining.step(now, self.me, &self.peers, self.roster.live()) {
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
        // Who has long been dead is told of first: to who is not joined yet it is of no concern.
        self.roster.passed(&mut events);
        self.roster.report_all(&self.profiles, &mut events);
        events.push(MemberEvent::Joined);
        out.extend(events.into_iter().map(Output::Event));
        // Those who are joined as well have no use for this.
        self.peers.unjoined().for_each(|node| self.push(node, out));
    }

    fn report(&mut self, now: Instant, out: &mut Vec<Output>) {
        let mut events = Vec::new();
        self.roster.proven(&mut events);
        let speaks_since = now - self.config.heard_veto();
        let peers = &self.peers;
        let speaks = |node| peers.last_heard(node).is_some_and(|at| at > speaks_since);
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
}

/// The same host and port, however the address is written.
fn same_place(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical() == b.ip().to_canonical() && a.port() == b.port()
}
