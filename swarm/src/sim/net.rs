//! Owns the packets between simulated nodes, what happens to all bytes on their way, and which ways are cut. Knows addresses and bytes,
//! never what they mean.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use swarm_net::transport::Token;

use crate::dice::Dice;
use crate::sim::connection::{Connection, End};
use crate::sim::fault::{Counts, Fault};
use crate::sim::time::{MS, Time, US};

/// What the buffers of a connection hold in one direction.
pub(super) const PIPE_BYTES: usize = 256 << 10;

/// The first repetition of what a cut has held up. Each takes twice as long as the one before.
const RETRANSMISSION: Time = 200 * MS;

/// How likely what is to happen to a packet or a connection; out of 10,000.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) lost: usize,
    pub(super) doubled: usize,
    pub(super) late: usize,
    pub(super) corrupted: usize,
    /// How much longer than the usual way a late packet takes at most.
    pub(super) latest: Time,
}

/// The network of one simulated world. Cheap to clone.
#[derive(Clone)]
pub(super) struct Net(Arc<Mutex<Inner>>);

pub(super) struct Inner {
    pub(super) now: Time,
    dice: Dice,
    agenda: BTreeMap<(Time, u64), Arrival>,
    order: u64,
    pub(super) hosts: BTreeMap<SocketAddr, Host>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) opened: u64,
    /// Ways that are cut, from the first to the second.
    pub(super) cuts: BTreeSet<(SocketAddr, SocketAddr)>,
    weather: Weather,
    counts: Counts,
    pub(super) traffic: Traffic,
    /// Processes that may have something to do since [`Net::take_busy`] was asked last.
    pub(super) busy: BTreeSet<SocketAddr>,
}

/// What nodes have sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) packets: u64,
    pub(super) packet_bytes: u64,
    /// Writes to connections: what a system call takes.
    pub(super) writes: u64,
    pub(super) written_bytes: u64,
}

/// A process that has the address now.
#[derive(Default)]
pub(super) struct Host {
    pub(super) life: u32,
    pub(super) runs: bool,
    /// The machine is on: who has no process here answers that.
    pub(super) answers: bool,
    pub(super) ready: BTreeMap<Token, bool>,
    pub(super) packets: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(super) backlog: VecDeque<u64>,
}

pub(super) enum Arrival {
    Packet {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// The next segment of a connection, for this side.
    Segment(u64, usize),
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now: 0,
            dice: Dice::new(seed),
            agenda: BTreeMap::new(),
            order: 0,
            hosts: BTreeMap::new(),
            connections: BTreeMap::new(),
            opened: 0,
            cuts: BTreeSet::new(),
            weather: Weather::default(),
            counts: Counts::default(),
            traffic: Traffic::default(),
            busy: BTreeSet::new(),
        })))
    }

    /// A process starts at `addr`. Says which of those that have had the address it is.
    pub(super) fn boot(&self, addr: SocketAddr) -> u32 {
        let mut net = self.lock();
        let host = net.hosts.entry(addr).or_default();
        *host = Host { life: host.life + 1, runs: true, answers: true, ..Host::default() };
        host.life
    }

    /// The process at an address is gone. A silent one went with its machine: nobody is told.
    pub(super) fn crash(&self, addr: SocketAddr, silent: bool) {
        self.lock().crash(addr, silent);
    }

    /// When something arrives next.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.lock().agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Moves the time, and delivers what has arrived by then.
    pub(super) fn advance(&self, now: Time) {
        let mut net = self.lock();
        net.now = net.now.max(now);
        while let Some(entry) = net.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Arrival::Packet { from, to, bytes } => net.deliver(from, to, bytes),
                Arrival::Segment(id, side) => net.deliver_segment(id, side),
            }
        }
    }

    /// Whether the process at an address has something to do.
    pub(super) fn has_work(&self, addr: SocketAddr) -> bool {
        self.lock().hosts.get(&addr).is_some_and(|host| !host.ready.is_empty())
    }

    /// The processes that have something to do, among those to which something has happened.
    pub(super) fn take_busy(&self) -> BTreeSet<SocketAddr> {
        let mut net = self.lock();
        let mut busy = std::mem::take(&mut net.busy);
        busy.retain(|addr| net.hosts.get(addr).is_some_and(|host| !host.ready.is_empty()));
        busy
    }

    /// What all nodes have sent since the beginning.
    pub(super) fn traffic(&self) -> Traffic {
        self.lock().traffic
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Nothing goes from the one to the other any more.
    pub(super) fn cut(&self, from: SocketAddr, to: SocketAddr) {
        self.lock().cuts.insert((from, to));
    }

    pub(super) fn is_cut(&self, from: SocketAddr, to: SocketAddr) -> bool {
        self.lock().cuts.contains(&(from, to))
    }

    /// All ways are free again.
    pub(super) fn heal(&self) {
        let mut net = self.lock();
        net.cuts.clear();
        let (now, mut freed) = (net.now, Vec::new());
        for (id, connection) in &mut net.connections {
            for (side, end) in connection.ends.iter_mut().enumerate() {
                if let Some(since) = end.held_up.take() {
                    freed.push((next_try(since, now), *id, side));
                }
            }
        }
        for (at, id, side) in freed {
            net.plan(at, Arrival::Segment(id, side));
        }
    }

    /// Ends the connections between two addresses, or lets only the one end know. Says whether there was one.
    pub(super) fn reset(&self, a: SocketAddr, b: SocketAddr, half: bool) -> bool {
        let mut net = self.lock();
        let between =
            |ends: &[End; 2]| (ends[0].addr == a && ends[1].addr == b) || (ends[0].addr == b && ends[1].addr == a);
        let ids: Vec<u64> = net.connections.iter().filter(|(_, c)| between(&c.ends)).map(|(id, _)| *id).collect();
        for id in &ids {
            let sides: &[usize] = if half { &[0] } else { &[0, 1] };
            for side in sides {
                net.fail(*id, *side, ErrorKind::ConnectionReset);
            }
        }
        !ids.is_empty()
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(super) fn plan(&mut self, at: Time, arrival: Arrival) {
        self.order += 1;
        self.agenda.insert((at, self.order), arrival);
    }

    /// How long something takes.
    pub(super) fn way(&mut self) -> Time {
        50 * US + self.dice.roll(400) as Time * US
    }

    fn chance(&mut self, of_10_000: usize) -> bool {
        of_10_000 > 0 && self.dice.roll(10_000) < of_10_000
    }

    pub(super) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.traffic.packets += 1;
        self.traffic.packet_bytes += bytes.len() as u64;
        let Weather { lost, doubled, late, corrupted, latest } = self.weather;
        if self.chance(lost) {
            return self.counts.add(Fault::Lost);
        }
        let mut bytes = bytes.to_vec();
        if self.chance(corrupted) && !bytes.is_empty() {
            let (at, bit) = (self.dice.roll(bytes.len()), self.dice.roll(8));
            bytes[at] ^= 1 << bit;
            self.counts.add(Fault::Corrupted);
        }
        if self.chance(doubled) {
            let at = self.now + self.way();
            self.plan(at, Arrival::Packet { from, to, bytes: bytes.clone() });
            self.counts.add(Fault::Doubled);
        }
        let mut at = self.now + self.way();
        if self.chance(late) {
            at += self.dice.roll(1 + usize::try_from(latest / US).unwrap_or(0)) as Time * US;
            self.counts.add(Fault::Late);
        }
        self.plan(at, Arrival::Packet { from, to, bytes });
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if self.cuts.contains(&(from, to)) {
            return;
        }
        if let Some(host) = self.hosts.get_mut(&to).filter(|host| host.runs) {
            host.packets.push_back((from, bytes));
            host.ready.entry(Token::DATAGRAMS).or_default();
            self.busy.insert(to);
        }
    }

    pub(super) fn crash(&mut self, addr: SocketAddr, silent: bool) {
        let Some(host) = self.hosts.get_mut(&addr).filter(|host| host.runs) else { return };
        (host.runs, host.answers) = (false, !silent);
        host.packets.clear();
        let backlog = std::mem::take(&mut host.backlog);
        let life = host.life;
        let held: Vec<(u64, usize)> = self
            .connections
            .iter()
            .flat_map(|(id, connection)| connection.ends.iter().enumerate().map(move |(side, end)| (*id, side, end)))
            .filter(|(id, _, end)| end.addr == addr && end.life == life && (end.held || backlog.contains(id)))
            .map(|(id, side, _)| (id, side))
            .collect();
        for (id, side) in held {
            self.close(id, side, silent);
        }
    }
}

/// When TCP tries again what it has tried in vain since `since`.
fn next_try(since: Time, now: Time) -> Time {
    let (mut at, mut pause) = (since + RETRANSMISSION, RETRANSMISSION);
    while at <= now {
        pause *= 2;
        at += pause;
    }
    at
}
