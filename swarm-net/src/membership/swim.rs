//! Owns the failure detector: foca, its timers, and the guards against what it does wrong. Never reports to the layers
//! above; what it believes comes out as [`Note`]s.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use foca::{Foca, NoCustomBroadcast, Notification, PeriodicParams, State, Timer};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::codec::{Codec, Member};
use super::config::MembershipConfig;
use super::health::Health;
use super::identity::Identity;
use crate::node::NodeId;
use crate::time::Instant;

/// Shorter periods would make a loop of timers that never sleeps.
const PERIOD_MIN: Duration = Duration::from_millis(1);

/// Below this a packet could not carry its header and a few members.
const PACKET_BYTES_MIN: u16 = 512;

/// What the failure detector has come to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Alive now, and was not before.
    Up(Identity),
    /// Down now, and was not before.
    Down(Identity),
    /// Suspected now. It may be said more than once.
    Suspect(Identity),
    /// The claim to an address has passed on; whether the address is alive has not changed by that.
    Renamed(Identity, Identity),
    /// We were held to be down and have renewed our own claim.
    Rejoined,
    /// We are held to be down and cannot renew.
    Defunct,
}

pub(super) struct Swim {
    foca: Foca<Identity, Codec, StdRng, NoCustomBroadcast>,
    config: MembershipConfig,
    effects: Effects,
    timers: BinaryHeap<Reverse<Due>>,
    timers_made: u64,
    /// The suspicions that have a timer. Foca makes one more with each failed probe of a suspect; one is enough.
    suspected: BTreeSet<(Identity, u16, u8)>,
    health: Health,
    sized_for: usize,
}

impl Swim {
    pub(super) fn new(me: Identity, codec: Codec, config: &MembershipConfig, seed: u64, now: Instant) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            foca: Foca::new(me, foca_config(config, 1), rng, codec),
            effects: Effects::default(),
            timers: BinaryHeap::new(),
            timers_made: 0,
            suspected: BTreeSet::new(),
            health: Health::new(config.probe_rtt(), config.probe_period(), now),
            config: config.clone(),
            sized_for: 1,
        }
    }

    /// Our own present claim.
    pub(super) fn identity(&self) -> Identity {
        *self.foca.identity()
    }

    /// All members that are known, down ones too.
    pub(super) fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.foca.iter_membership_state()
    }

    /// How many members are suspected.
    pub(super) fn suspected(&self) -> usize {
        self.members().filter(|member| member.state() == State::Suspect).count()
    }

    /// How late our own timers have been lately.
    pub(super) fn lateness(&self) -> u32 {
        self.health.extra()
    }

    /// What is known of the claims to an address.
    pub(super) fn at(&self, addr: SocketAddr) -> Option<&Member> {
        self.members().find(|member| member.id().node.addr() == addr)
    }

    /// Takes in a packet that tells of these members. The packets that it refuses change nothing.
    pub(super) fn packet(&mut self, now: Instant, bytes: &[u8], members: &[Member]) {
        let (passed, suspects) = (self.unknown_and_down(members), self.alive_and_suspect(members));
        if let Err(error) = self.foca.handle_data(bytes, &mut self.effects) {
            tracing::debug!(%error, "gossip packet refused");
        }
        self.note_passed(passed);
        self.note_suspects(suspects);
        self.settle(now);
    }

    /// Asks whoever is at `addr` to take us in.
    pub(super) fn announce(&mut self, now: Instant, addr: SocketAddr) {
        self.logged("announce", |foca, effects| foca.announce(Identity::whoever(addr), effects));
        self.settle(now);
    }

    /// Takes in what another node knows; `tell` passes on what is new.
    pub(super) fn learn(&mut self, now: Instant, members: Vec<Member>, tell: bool) {
        let (passed, suspects) = (self.unknown_and_down(&members), self.alive_and_suspect(&members));
        self.logged("learn", |foca, effects| foca.apply_many(members.into_iter(), tell, effects));
        self.note_passed(passed);
        self.note_suspects(suspects);
        self.settle(now);
    }

    /// Those of whom nothing is known, and who are down already. Foca keeps them, and says nothing of it.
    fn unknown_and_down(&self, members: &[Member]) -> Vec<Identity> {
        let mut down: Vec<_> = members.iter().filter(|member| member.state() == State::Down).map(Member::id).collect();
        if !down.is_empty() {
            let known: BTreeSet<NodeId> = self.members().map(|member| member.id().node).collect();
            down.retain(|id| !known.contains(&id.node));
        }
        down.into_iter().copied().collect()
    }

    /// Notes that these are down, as far as they were taken in so.
    fn note_passed(&mut self, passed: Vec<Identity>) {
        for id in passed {
            if self.stands(&id, State::Down) {
                self.effects.notes.push(Note::Down(id));
            }
        }
    }

    /// Those that others suspect and we do not. Foca says nothing of it, and only who has probed in vain has a timer.
    fn alive_and_suspect(&self, members: &[Member]) -> Vec<Identity> {
        let suspected = members.iter().filter(|member| member.state() == State::Suspect).map(|member| *member.id());
        suspected.filter(|id| self.stands(id, State::Alive)).collect()
    }

    /// Notes that these are suspected, as far as they were taken in so.
    fn note_suspects(&mut self, suspects: Vec<Identity>) {
        let suspects: Vec<_> = suspects.into_iter().filter(|id| self.stands(id, State::Suspect)).collect();
        self.effects.notes.extend(suspects.into_iter().map(Note::Suspect));
    }

    fn stands(&self, id: &Identity, state: State) -> bool {
        self.at(id.node.addr()).is_some_and(|known| known.id() == id && known.state() == state)
    }

    /// A node is gone for certain: everyone hears of it at once.
    pub(super) fn declare_down(&mut self, now: Instant, node: NodeId) {
        let known = self.at(node.addr()).filter(|member| member.id().node == node).cloned();
        if let Some(member) = known.filter(|member| member.state() != State::Down) {
            let down = Member::new(*member.id(), member.incarnation(), State::Down);
            self.logged("declare down", |foca, effects| {
                foca.apply_many(std::iter::once(down), true, &mut *effects)?;
                foca.gossip(effects)
            });
            self.settle(now);
        }
    }

    /// Raises our claim above a rival's.
    pub(super) fn rise_above(&mut self, now: Instant, rival: &Identity) {
        let claim = self.identity().above(rival);
        self.logged("rise", |foca, effects| {
            foca.change_identity(claim, &mut *effects)?;
            // A change of identity stops the probes until the state is looked at again.
            foca.apply_many(std::iter::empty(), false, effects)
        });
        self.effects.notes.push(Note::Rejoined);
        self.settle(now);
    }

    /// Tells a few members what is new.
    pub(super) fn gossip(&mut self, now: Instant) {
        self.logged("gossip", |foca, effects| foca.gossip(effects));
        self.settle(now);
    }

    /// Declares ourselves down. Nothing more is taken in after this.
    pub(super) fn leave(&mut self, now: Instant) {
        self.logged("leave", |foca, effects| foca.leave_cluster(effects));
        self.settle(now);
    }

    /// When [`Swim::timeout`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse(due)| due.at)
    }

    /// Fires what is due. `heard` says when a node last spoke over its connection.
    pub(super) fn timeout(&mut self, now: Instant, heard: impl Fn(NodeId) -> Option<Instant>) {
        // Timers made meanwhile are due later, so that the loop ends: no period may be zero.
        let Some(first) = self.next_timeout().filter(|first| *first <= now) else {
            return;
        };
        let late = self.health.fired(first, now);
        let mut due_now = Vec::new();
        while self.timers.peek().is_some_and(|Reverse(due)| due.at <= now) {
            due_now.extend(self.timers.pop().map(|Reverse(due)| due));
        }
        // Late timers of different instants must still fire in foca's order.
        due_now.sort_by(|a, b| (&a.timer, a.at, a.number).cmp(&(&b.timer, b.at, b.number)));
        for due in due_now {
            self.fire(now, due, late, &heard);
        }
        self.settle(now);
    }

    /// What is to be sent and what has changed since the last call.
    pub(super) fn take(&mut self) -> (Vec<(SocketAddr, Vec<u8>)>, Vec<Note>) {
        (std::mem::take(&mut self.effects.packets), std::mem::take(&mut self.effects.notes))
    }

    fn fire(&mut self, now: Instant, due: Due, late: bool, heard: &impl Fn(NodeId) -> Option<Instant>) {
        if let Timer::ChangeSuspectToDown { member_id, incarnation, token } = &due.timer {
            let key = (*member_id, *incarnation, *token);
            match self.verdict(now, &due, late, heard) {
                Verdict::Wait { at, extended } => return self.arm(at, due.timer, extended),
                Verdict::Drop => {
                    self.suspected.remove(&key);
                    return;
                }
                Verdict::Convict => {
                    self.suspected.remove(&key);
                }
            }
        }
        self.logged("timer", |foca, effects| foca.handle_timer(due.timer, effects));
    }

    /// What becomes of a suspicion whose time is up.
    fn verdict(&self, now: Instant, due: &Due, late: bool, heard: &impl Fn(NodeId) -> Option<Instant>) -> Verdict {
        let Timer::ChangeSuspectToDown { member_id, incarnation, .. } = &due.timer else {
            return Verdict::Convict;
        };
        // Foca 2.0.0 tells a member that has long refuted that it is down, which makes it renew for nothing.
        let suspect = |member: &&Member| {
            member.id() == member_id && member.incarnation() == *incarnation && member.state() == State::Suspect
        };
        if self.members().find(suspect).is_none() && sifts() {
            return Verdict::Drop;
        }
        // Whoever speaks over its connection lives, even if its datagrams are lost on the way.
        let vetoed = heard(member_id.node).map(|at| at + self.config.heard_veto()).filter(|until| *until > now);
        if let Some(until) = vetoed {
            return Verdict::Wait { at: until, extended: due.extended };
        }
        // We were not run ourselves: the refutation may lie unread in our socket. Once only, or a node that is always
        // late would never notice a death.
        if !due.extended && (late || self.health.extra() > 0) {
            let patience = suspicion(&self.config, self.sized_for) * self.health.extra();
            return Verdict::Wait { at: now + patience.max(self.config.probe_period()), extended: true };
        }
        Verdict::Convict
    }

    fn arm(&mut self, at: Instant, timer: Timer<Identity>, extended: bool) {
        self.timers_made += 1;
        self.timers.push(Reverse(Due { at, timer, number: self.timers_made, extended }));
    }

    /// Arms the timers that foca asked for, and fits it to the size of the cluster.
    fn settle(&mut self, now: Instant) {
        for (after, timer) in std::mem::take(&mut self.effects.timers) {
            if let Timer::ChangeSuspectToDown { member_id, incarnation, token } = &timer {
                if !self.suspected.insert((*member_id, *incarnation, *token)) {
                    continue;
                }
                self.effects.notes.push(Note::Suspect(*member_id));
            }
            self.arm(now + after, timer, false);
        }
        let size = self.foca.num_members() + 1;
        if size != self.sized_for {
            self.sized_for = size;
            let config = foca_config(&self.config, size);
            self.logged("resize", |foca, _| foca.set_config(config));
        }
    }

    fn logged(
        &mut self,
        what: &str,
        act: impl FnOnce(&mut Foca<Identity, Codec, StdRng, NoCustomBroadcast>, &mut Effects) -> Result<(), foca::Error>,
    ) {
        if let Err(error) = act(&mut self.foca, &mut self.effects) {
            tracing::debug!(%error, what, "gossip failed");
        }
    }
}

/// Whether a suspicion is looked at before foca hears that its time is up. Tests do without, to see what foca does then.
#[cfg(not(test))]
const fn sifts() -> bool {
    true
}

#[cfg(test)]
fn sifts() -> bool {
    SIFTS.get()
}

#[cfg(test)]
thread_local!(static SIFTS: std::cell::Cell<bool> = const { std::cell::Cell::new(true) });

enum Verdict {
    Convict,
    Wait { at: Instant, extended: bool },
    Drop,
}

/// A timer of foca's.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    at: Instant,
    timer: Timer<Identity>,
    number: u64,
    /// A suspicion that has been given more time already.
    extended: bool,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What foca wants done.
#[derive(Default)]
struct Effects {
    packets: Vec<(SocketAddr, Vec<u8>)>,
    timers: Vec<(Duration, Timer<Identity>)>,
    notes: Vec<Note>,
}

impl foca::Runtime<Identity> for Effects {
    fn notify(&mut self, notification: Notification<'_, Identity>) {
        self.notes.extend(match notification {
            Notification::MemberUp(id) => Some(Note::Up(*id)),
            Notification::MemberDown(id) => Some(Note::Down(*id)),
            Notification::Rename(old, new) => Some(Note::Renamed(*old, *new)),
            Notification::Rejoin(_) => Some(Note::Rejoined),
            Notification::Defunct => Some(Note::Defunct),
            Notification::Active | Notification::Idle => None,
        });
    }

    fn send_to(&mut self, to: Identity, data: &[u8]) {
        self.packets.push((to.node.addr(), data.to_vec()));
    }

    fn submit_after(&mut self, event: Timer<Identity>, after: Duration) {
        self.timers.push((after, event));
    }
}

fn suspicion(config: &MembershipConfig, members: usize) -> Duration {
    let decades = (members as f64).log10();
    config.suspicion_min().max(config.suspicion_per_decade().mul_f64(decades))
}

fn foca_config(config: &MembershipConfig, members: usize) -> foca::Config {
    let at_least = |count: usize| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
    let every = |frequency: Duration, count: u8| {
        Some(PeriodicParams { frequency: frequency.max(PERIOD_MIN), num_members: at_least(count.into()) })
    };
    let rounds = 4 * (members + 1).ilog10().saturating_add(1);
    let transmissions = u32::from(config.transmissions_min).max(rounds).clamp(1, 255) as u8;
    foca::Config {
        probe_period: config.probe_period().max(PERIOD_MIN * 2),
        // The indirect probe must begin before the next period does.
        probe_rtt: config.probe_rtt().clamp(PERIOD_MIN, config.probe_period().max(PERIOD_MIN * 2) / 2),
        num_indirect_probes: at_least(config.indirect_probes.into()),
        max_transmissions: NonZeroU8::new(transmissions).unwrap_or(NonZeroU8::MIN),
        suspect_to_down_after: suspicion(config, members),
        remove_down_after: Some(config.forget_down_after()),
        max_packet_size: at_least(config.packet_bytes_max.max(PACKET_BYTES_MIN).into()),
        notify_down_members: true,
        periodic_announce: every(config.announce_period(), 1),
        periodic_announce_to_down_members: every(config.announce_to_down_period(), config.announce_to_down_fanout),
        periodic_gossip: every(config.gossip_period(), config.gossip_fanout),
    }
}

#[cfg(test)]
mod tests;
