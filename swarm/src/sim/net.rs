//! Owns the bytes between simulated nodes, and what happens to them on their way. Knows addresses and bytes, never what they
//! mean. A connection behaves as TCP does: what was cut is delivered later, in order, or the connection ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use swarm_net::transport::{Ready, Sockets, Stream, Token};

use crate::dice::Dice;
use crate::sim::fault::{Counts, Fault};
use crate::sim::time::{MS, Time, US};

/// What the buffers of a connection hold in one direction.
const PIPE_BYTES: usize = 256 << 10;

/// The first repetition of what a cut has held up.
const RETRANSMISSION: Time = 20 * MS;

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

struct Inner {
    now: Time,
    dice: Dice,
    agenda: BTreeMap<(Time, u64), Arrival>,
    order: u64,
    hosts: BTreeMap<SocketAddr, Host>,
    connections: BTreeMap<u64, Connection>,
    opened: u64,
    /// Ways that are cut, from the first to the second.
    cuts: BTreeSet<(SocketAddr, SocketAddr)>,
    weather: Weather,
    counts: Counts,
}

/// A process that has the address now.
#[derive(Default)]
struct Host {
    life: u32,
    runs: bool,
    /// The machine is on: who has no process here answers that.
    answers: bool,
    ready: BTreeMap<Token, bool>,
    packets: VecDeque<(SocketAddr, Vec<u8>)>,
    backlog: VecDeque<u64>,
}

enum Arrival {
    Packet {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// The next segment of a connection, for this side.
    Segment(u64, usize),
}

/// What goes over a connection.
#[derive(Debug)]
enum Segment {
    Dial,
    Accepted,
    Bytes(Vec<u8>),
    End,
    Reset,
}

/// Two ends: who dialled, and who was dialled.
struct Connection {
    ends: [End; 2],
}

/// One end of a connection.
struct End {
    addr: SocketAddr,
    life: u32,
    token: Option<Token>,
    /// Somebody holds it.
    held: bool,
    connected: bool,
    /// It has failed, or was refused.
    failed: Option<ErrorKind>,
    /// Nothing more will come.
    ended: bool,
    /// What has arrived and was not read.
    arrived: VecDeque<u8>,
    /// What is on its way to here, in order.
    coming: VecDeque<(Time, Segment)>,
    /// Bytes on their way to here.
    under_way: usize,
    /// A segment waits for its way to be free again.
    held_up: bool,
    /// The other end waits for room.
    wanted: bool,
}

impl End {
    fn new(addr: SocketAddr, life: u32, token: Option<Token>) -> Self {
        Self {
            addr,
            life,
            token,
            held: token.is_some(),
            connected: false,
            failed: None,
            ended: false,
            arrived: VecDeque::new(),
            coming: VecDeque::new(),
            under_way: 0,
            held_up: false,
            wanted: false,
        }
    }
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
        })))
    }

    /// The sockets of a process that starts at `addr`.
    pub(super) fn open(&self, addr: SocketAddr) -> NodeSockets {
        let mut net = self.lock();
        let host = net.hosts.entry(addr).or_default();
        *host = Host { life: host.life + 1, runs: true, answers: true, ..Host::default() };
        NodeSockets { net: self.clone(), addr, life: host.life }
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
        let (soon, mut freed) = (net.now + RETRANSMISSION, Vec::new());
        for (id, connection) in &mut net.connections {
            for (side, end) in connection.ends.iter_mut().enumerate() {
                if std::mem::take(&mut end.held_up) {
                    freed.push((*id, side));
                }
            }
        }
        for (id, side) in freed {
            net.plan(soon, Arrival::Segment(id, side));
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn plan(&mut self, at: Time, arrival: Arrival) {
        self.order += 1;
        self.agenda.insert((at, self.order), arrival);
    }

    /// How long something takes.
    fn way(&mut self) -> Time {
        50 * US + self.dice.roll(400) as Time * US
    }

    fn chance(&mut self, of_10_000: usize) -> bool {
        of_10_000 > 0 && self.dice.roll(10_000) < of_10_000
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
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
        }
    }

    /// Something can be done at an end.
    fn tell(&mut self, id: u64, side: usize, writable: bool) {
        let Some(end) = self.connections.get(&id).map(|connection| &connection.ends[side]) else { return };
        if let (Some(token), true) = (end.token, end.held)
            && let Some(host) = self.hosts.get_mut(&end.addr).filter(|host| host.runs && host.life == end.life)
        {
            *host.ready.entry(token).or_default() |= writable;
        }
    }

    /// Sends a segment to a side of a connection.
    fn push(&mut self, id: u64, side: usize, segment: Segment) {
        let at = self.now + self.way();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = &mut connection.ends[side];
        let at = end.coming.back().map_or(at, |(last, _)| at.max(*last));
        if let Segment::Bytes(bytes) = &segment {
            end.under_way += bytes.len();
        }
        end.coming.push_back((at, segment));
        if end.coming.len() == 1 && !end.held_up {
            self.plan(at, Arrival::Segment(id, side));
        }
    }

    fn deliver_segment(&mut self, id: u64, side: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (from, to) = (connection.ends[1 - side].addr, connection.ends[side].addr);
        if self.cuts.contains(&(from, to)) {
            connection.ends[side].held_up = true;
            return;
        }
        let end = &mut connection.ends[side];
        let Some((_, segment)) = end.coming.pop_front() else { return };
        let next = end.coming.front().map(|(at, _)| *at);
        self.arrive(id, side, segment);
        if let Some(at) = next {
            let at = at.max(self.now);
            self.plan(at, Arrival::Segment(id, side));
        }
        self.forget(id);
    }

    fn arrive(&mut self, id: u64, side: usize, segment: Segment) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = &mut connection.ends[side];
        let host = self.hosts.get_mut(&end.addr);
        if let Segment::Bytes(bytes) = &segment {
            end.under_way -= bytes.len();
        }
        match segment {
            Segment::Dial => match host {
                Some(host) if host.runs => {
                    end.life = host.life;
                    end.connected = true;
                    host.backlog.push_back(id);
                    host.ready.entry(Token::LISTENER).or_default();
                    self.push(id, 1 - side, Segment::Accepted);
                }
                Some(host) if host.answers => self.push(id, 1 - side, Segment::Reset),
                Some(_) | None => {}
            },
            Segment::Accepted => {
                end.connected = true;
                self.tell(id, side, true);
            }
            Segment::Bytes(bytes) => {
                let lives = host.is_some_and(|host| host.runs && host.life == end.life);
                let open = end.held || end.token.is_none();
                if lives && open && end.failed.is_none() {
                    end.arrived.extend(bytes);
                    self.tell(id, side, false);
                } else if self.hosts.get(&self.connections[&id].ends[side].addr).is_some_and(|host| host.answers) {
                    // Nobody is here for it.
                    self.push(id, 1 - side, Segment::Reset);
                }
            }
            Segment::End => {
                end.ended = true;
                self.tell(id, side, false);
            }
            Segment::Reset => {
                let kind = if end.connected { ErrorKind::ConnectionReset } else { ErrorKind::ConnectionRefused };
                self.fail(id, side, kind);
            }
        }
    }

    fn fail(&mut self, id: u64, side: usize, kind: ErrorKind) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let end = &mut connection.ends[side];
            end.failed.get_or_insert(kind);
            end.arrived.clear();
            self.tell(id, side, true);
        }
    }

    fn crash(&mut self, addr: SocketAddr, silent: bool) {
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

    /// An end is not held any more.
    fn close(&mut self, id: u64, side: usize, silent: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = &mut connection.ends[side];
        end.held = false;
        let unread = !end.arrived.is_empty();
        end.arrived.clear();
        // What was never heard of needs no word.
        let silent = silent || end.failed.is_some();
        if !silent {
            self.push(id, 1 - side, if unread { Segment::Reset } else { Segment::End });
        }
        self.forget(id);
    }

    /// A connection that nobody holds and nothing travels on is no more.
    fn forget(&mut self, id: u64) {
        let over = |end: &End| !end.held && end.coming.is_empty();
        let waits =
            |end: &End| end.token.is_none() && self.hosts.get(&end.addr).is_some_and(|host| host.backlog.contains(&id));
        if self.connections.get(&id).is_some_and(|c| c.ends.iter().all(over) && !waits(&c.ends[1])) {
            self.connections.remove(&id);
        }
    }
}

/// The sockets of one simulated process.
pub(super) struct NodeSockets {
    net: Net,
    addr: SocketAddr,
    life: u32,
}

impl NodeSockets {
    fn host<T>(&self, what: impl FnOnce(&mut Host) -> Option<T>) -> io::Result<T> {
        let mut net = self.net.lock();
        let host = net.hosts.get_mut(&self.addr).filter(|host| host.runs && host.life == self.life);
        host.and_then(what).ok_or_else(|| ErrorKind::WouldBlock.into())
    }
}

impl Sockets for NodeSockets {
    fn wait(&mut self, _longest: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        let told = self.host(|host| Some(std::mem::take(&mut host.ready))).unwrap_or_default();
        ready.extend(told.into_iter().map(|(token, writable)| Ready { token, writable }));
        Ok(())
    }

    fn dial(&mut self, to: SocketAddr, token: Token) -> io::Result<Arc<dyn Stream>> {
        let mut net = self.net.lock();
        net.opened += 1;
        let id = net.opened;
        let ends = [End::new(self.addr, self.life, Some(token)), End::new(to, 0, None)];
        net.connections.insert(id, Connection { ends });
        net.push(id, 1, Segment::Dial);
        Ok(Arc::new(NodeStream { net: self.net.clone(), id, side: 0 }))
    }

    fn accept(&mut self, token: Token) -> io::Result<(Arc<dyn Stream>, SocketAddr)> {
        let id = self.host(|host| host.backlog.pop_front())?;
        let mut net = self.net.lock();
        let connection = net.connections.get_mut(&id).ok_or(ErrorKind::ConnectionAborted)?;
        (connection.ends[1].token, connection.ends[1].held) = (Some(token), true);
        let from = connection.ends[0].addr;
        Ok((Arc::new(NodeStream { net: self.net.clone(), id, side: 1 }), from))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (from, bytes) = self.host(|host| host.packets.pop_front())?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok((bytes.len(), from))
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.host(|_| Some(()))?;
        self.net.lock().send(self.addr, to, bytes);
        Ok(())
    }

    fn close(&mut self) {
        // The end of a process closes all that it had.
        let mut net = self.net.lock();
        if net.hosts.get(&self.addr).is_some_and(|host| host.life == self.life) {
            net.crash(self.addr, false);
        }
    }
}

/// One end of a simulated connection.
struct NodeStream {
    net: Net,
    id: u64,
    side: usize,
}

impl NodeStream {
    fn end<T>(&self, what: impl FnOnce(&mut End) -> io::Result<T>) -> io::Result<T> {
        let mut net = self.net.lock();
        let end = net.connections.get_mut(&self.id).map(|connection| &mut connection.ends[self.side]);
        match end.filter(|end| end.held) {
            Some(end) => end.failed.map_or_else(|| what(end), |kind| Err(kind.into())),
            None => Err(ErrorKind::ConnectionReset.into()),
        }
    }
}

impl Stream for NodeStream {
    fn connected(&self) -> io::Result<Option<SocketAddr>> {
        let connected = self.end(|end| Ok(end.connected))?;
        let net = self.net.lock();
        Ok(net.connections.get(&self.id).filter(|_| connected).map(|connection| connection.ends[1 - self.side].addr))
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (read, wanted) = self.end(|end| {
            if end.arrived.is_empty() {
                return if end.ended { Ok((0, false)) } else { Err(ErrorKind::WouldBlock.into()) };
            }
            let count = buffer.len().min(end.arrived.len());
            for (to, byte) in buffer.iter_mut().zip(end.arrived.drain(..count)) {
                *to = byte;
            }
            Ok((count, std::mem::take(&mut end.wanted)))
        })?;
        if wanted {
            self.net.lock().tell(self.id, 1 - self.side, true);
        }
        Ok(read)
    }

    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.end(|end| if end.connected { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) })?;
        let mut net = self.net.lock();
        let Some(connection) = net.connections.get_mut(&self.id) else {
            return Err(ErrorKind::ConnectionReset.into());
        };
        let other = &mut connection.ends[1 - self.side];
        let room = PIPE_BYTES.saturating_sub(other.under_way + other.arrived.len());
        let mut bytes = Vec::new();
        for slice in slices {
            let left = room - bytes.len();
            bytes.extend_from_slice(&slice[..slice.len().min(left)]);
        }
        if bytes.is_empty() {
            other.wanted = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = bytes.len();
        net.push(self.id, 1 - self.side, Segment::Bytes(bytes));
        Ok(count)
    }
}

impl Drop for NodeStream {
    fn drop(&mut self) {
        let mut net = self.net.lock();
        if net.connections.get(&self.id).is_some_and(|connection| connection.ends[self.side].held) {
            net.close(self.id, self.side, false);
        }
    }
}

impl fmt::Debug for NodeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {} side {}", self.id, self.side)
    }
}
