//! Owns a simulated world: its processes, their network, and what happens to them. One thread, one source of chance.

mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use swarm_net::node::NodeId;
use swarm_net::time::Clock;

use crate::config::Config;
use crate::dice::Dice;
use crate::placement::Placement;
use crate::registration::Entry;
use crate::runtime::Kinds;
use crate::sim::client::{Errand, Manner};
use crate::sim::fault::Fault;
use crate::sim::finding::Finding;
use crate::sim::journal::{self, What};
use crate::sim::ledger::Ledger;
use crate::sim::net::Net;
use crate::sim::site::{Part, Site};
use crate::sim::time::{LocalClock, MS, S, Time};

/// How long the others take to make new copies of what a lost node had: to notice it, to claim, to install. With a quorum
/// they first wait until its lease is surely over.
const RECOVERY: Time = 3 * S;

/// How often parts of nodes may run without any time passing.
const SPINS_MAX: u32 = 100_000;

/// All parts of a node.
const PARTS: [Part; 4] = [Part::Io, Part::Control, Part::Tasks, Part::Timers];

/// The host part of the first address.
const FIRST_HOST: u32 = 0x0A00_0001;

/// Something that happens by the world's will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A node looks for others.
    Search(usize, u32),
    /// A node that stood still goes on.
    Resume(usize, u32),
    /// A process starts where one was, with its wall clock so many milliseconds behind.
    Restart(usize, u32),
    /// All ways are free again.
    Heal,
    /// Whoever runs the world wanted to be told.
    Told,
}

/// An address at which processes come and go.
pub(super) struct Slot {
    pub(super) addr: SocketAddr,
    pub(super) site: Option<Site>,
    life: u32,
    since: Time,
    due: [Option<Time>; 4],
    pub(super) paused: bool,
    leaving: bool,
    knows: bool,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) net: Net,
    pub(super) config: Config,
    seed: u64,
    now: Time,
    pub(super) slots: Vec<Slot>,
    queue: BTreeSet<(Time, usize, Part)>,
    steps: BTreeMap<(Time, u64), Step>,
    order: u64,
    drifts: bool,
    pub(super) finding: Finding,
    /// How often a part has run since it had last let time pass, and what became too much.
    spins: u32,
    spun: Option<String>,
    /// Until when which copies are missing, or may be: nodes that crashed or stand still.
    missing: Vec<Time>,
    /// Nodes that were not able to do what they had to, so that nobody can expect it of them.
    excused: BTreeSet<NodeId>,
}

impl World {
    pub(super) fn new(seed: u64, config: Config, drifts: bool, finding: Finding) -> Self {
        Self {
            dice: Dice::new(seed),
            net: Net::new(seed.rotate_left(17)),
            config,
            seed,
            now: 0,
            slots: Vec::new(),
            queue: BTreeSet::new(),
            steps: BTreeMap::new(),
            order: 0,
            drifts,
            finding,
            spins: 0,
            spun: None,
            missing: Vec::new(),
            excused: BTreeSet::new(),
        }
    }

    pub(super) fn now(&self) -> Time {
        self.now
    }

    /// A thread that never sleeps again, if there is one.
    pub(super) fn spun(&self) -> Option<&str> {
        self.spun.as_deref()
    }

    pub(super) fn excused(&self) -> &BTreeSet<NodeId> {
        &self.excused
    }

    // --- who is there

    /// The processes that run, with their slots.
    pub(super) fn sites(&self) -> impl Iterator<Item = (usize, &Site)> {
        self.slots.iter().enumerate().filter_map(|(i, slot)| Some((i, slot.site.as_ref()?)))
    }

    /// Those that take part, and do not leave or stand still.
    pub(super) fn working(&self) -> Vec<usize> {
        let joined = |slot: &Slot| slot.site.as_ref().is_some_and(Site::has_joined);
        let works = |slot: &Slot| joined(slot) && !slot.leaving && !slot.paused;
        (0..self.slots.len()).filter(|slot| works(&self.slots[*slot])).collect()
    }

    /// How many nodes are missing that had copies.
    pub(super) fn missing(&mut self) -> usize {
        let now = self.now;
        self.missing.retain(|until| *until > now);
        self.missing.len()
    }

    /// How many nodes stay that have been there for long enough to have copies.
    pub(super) fn settled(&self) -> usize {
        self.working().into_iter().filter(|slot| self.slots[*slot].since + self.recovery() <= self.now).count()
    }

    /// How many nodes must stay when another leaves or crashes, so that something can go on.
    pub(super) fn least(&self) -> usize {
        match self.config.placement {
            Placement::Ring => 2,
            Placement::Quorum { size } => size as usize,
        }
    }

    /// Whether one more process may run: with a quorum there are never so many that two sides have one.
    pub(super) fn has_room(&self) -> bool {
        match self.config.placement {
            Placement::Ring => true,
            Placement::Quorum { size } => self.sites().count() < 2 * size as usize - 1,
        }
    }

    fn recovery(&self) -> Time {
        match self.config.placement {
            Placement::Ring => RECOVERY,
            Placement::Quorum { .. } => RECOVERY + 2 * self.config.lease_ms as Time * MS,
        }
    }

    /// Slots without a process.
    pub(super) fn free(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|slot| self.slots[*slot].site.is_none()).collect()
    }

    pub(super) fn site(&self, slot: usize) -> Option<&Site> {
        self.slots[slot].site.as_ref()
    }

    pub(super) fn addr(&self, slot: usize) -> SocketAddr {
        self.slots[slot].addr
    }

    /// Whether a process knows the worker type.
    pub(super) fn knows(&self, slot: usize) -> bool {
        self.slots[slot].knows
    }

    /// Room for one more process.
    pub(super) fn add_slot(&mut self) -> usize {
        let n = self.slots.len();
        self.slots.push(Slot {
            addr: addr_of(n),
            site: None,
            life: 0,
            since: 0,
            due: [None; 4],
            paused: false,
            leaving: false,
            knows: true,
        });
        n
    }

    /// A process starts. It does not know the worker type if `knows` is false.
    pub(super) fn start(&mut self, slot: usize, knows: bool, behind_ms: i64) {
        let drift = if self.drifts { self.dice.roll(40_001) as i64 - 20_000 } else { 0 };
        if drift != 0 {
            journal::with(|journal| journal.fault(Fault::ClockDrift));
        }
        let clock = LocalClock::new(self.now, drift, -behind_ms);
        let mut kinds = Kinds::default();
        if knows {
            kinds.add(Entry::of::<Ledger>()).expect("it is the only one");
        } else {
            journal::with(|journal| journal.fault(Fault::NoKind));
        }
        let place = &mut self.slots[slot];
        place.life += 1;
        place.since = self.now;
        let life = place.life;
        let seed = self.seed ^ ((slot as u64 + 1) << 32 | u64::from(life)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let site = Site::start(place.addr, clock, self.now, seed, &self.net, self.config.clone(), kinds);
        let id = site.id();
        journal::note(|| format!("{id} starts"));
        (place.site, place.paused, place.leaving, place.knows) = (Some(site), false, false, knows);
        self.plan(slot);
        let first = self.dice.roll(50) as Time * MS;
        self.after(first, Step::Search(slot, life));
    }

    /// The process at a slot is no more.
    pub(super) fn end(&mut self, slot: usize) {
        let place = &mut self.slots[slot];
        if let Some(site) = place.site.take() {
            let id = site.id();
            journal::note(|| format!("{id} is gone"));
            Clock::set(Some(site.clock.now(self.now)));
            drop(site);
        }
        self.unplan(slot);
    }

    /// The process ends without a word, or its machine does.
    pub(super) fn crash(&mut self, slot: usize, silent: bool) {
        let Some(site) = &self.slots[slot].site else { return };
        let id = site.id();
        journal::note(|| format!("{id} crashes{}", if silent { " with its machine" } else { "" }));
        self.excused.insert(id);
        self.missing.push(self.now + self.recovery());
        self.net.crash(self.slots[slot].addr, silent);
        self.end(slot);
    }

    /// The process stands still for so long.
    pub(super) fn pause(&mut self, slot: usize, span: Time) {
        let Some(site) = &self.slots[slot].site else { return };
        let id = site.id();
        journal::note(|| format!("{id} stands still"));
        self.excused.insert(id);
        self.missing.push(self.now + span + self.recovery());
        self.slots[slot].paused = true;
        self.unplan(slot);
        let life = self.slots[slot].life;
        self.after(span, Step::Resume(slot, life));
    }

    /// The process leaves in good order.
    pub(super) fn leave(&mut self, slot: usize) {
        let Some(site) = &self.slots[slot].site else { return };
        let (id, swarm) = (site.id(), site.swarm().clone());
        journal::note(|| format!("{id} leaves"));
        journal::with(|journal| journal.leavers.insert(id));
        site.spawn(async move {
            let left = swarm.leave().await;
            journal::note(|| format!("{id} has left: {left:?}"));
        });
        self.slots[slot].leaving = true;
        self.plan(slot);
    }

    /// A new process will start at the slot.
    pub(super) fn restart_after(&mut self, slot: usize, span: Time, behind_ms: u32) {
        self.after(span, Step::Restart(slot, behind_ms));
    }

    pub(super) fn heal_after(&mut self, span: Time) {
        self.after(span, Step::Heal);
    }

    /// A process has been given something to do.
    pub(super) fn wake(&mut self, slot: usize) {
        self.plan(slot);
    }

    /// All processes go on, and all ways are free.
    pub(super) fn mend(&mut self) {
        self.net.heal();
        for slot in 0..self.slots.len() {
            let life = self.slots[slot].life;
            self.resume(slot, life);
        }
    }

    // --- what clients do

    /// A client of a process asks for something.
    pub(super) fn ask(&mut self, slot: usize, what: What, name: &str, manner: Manner) {
        let Some(site) = &self.slots[slot].site else { return };
        let (client, swarm) = (site.id(), site.swarm().clone());
        let id = journal::with(|journal| journal.begin(what, name, client));
        journal::note(|| format!("{id} begins on {client}: {what:?} {name} {manner:?}"));
        let errand = Errand { swarm, id, what, name: name.to_owned(), manner };
        site.spawn(errand.run());
        self.plan(slot);
    }
}

fn addr_of(slot: usize) -> SocketAddr {
    let host = u32::try_from(slot).expect("a world has few nodes");
    (Ipv4Addr::from_bits(FIRST_HOST + host), 45_893).into()
}

fn slot_of(addr: SocketAddr) -> usize {
    match addr.ip() {
        IpAddr::V4(ip) => (ip.to_bits() - FIRST_HOST) as usize,
        IpAddr::V6(_) => unreachable!("all addresses are made by `addr_of`"),
    }
}
