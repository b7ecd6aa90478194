//! Three nodes whose letters go through lanes, relays and upstreams as in production, over channels that deliver in any
//! order between pairs, while rings, hints and workers move at random and queues are full at random. The letters of one
//! caller to one name must run once each and in the order sent, and nothing may be stuck at the end. Only where nodes
//! disagreed for so long that a letter came back to a node that it had left, order is not promised; and what then waits in
//! a circle goes on after a while.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::Instant;
use swarm_net::transport::FrameNo;

use crate::name::Name;
use crate::call::frame::Path;
use crate::runtime::lanes::{Key, Lane, LaneId, Lanes, Passenger, Way};
use crate::runtime::relays::{self, Relays};
use crate::runtime::track::{Passage, Rank, Stuck, Turn};
use crate::runtime::upstream::{Unconfirmed, Upstream};

const NODES: usize = 3;
const PARTITION: PartitionId = PartitionId(0);
const STEPS: usize = 400;
const CHANGES: usize = 1;
const STALL: Duration = Duration::from_millis(1);
const ROUND: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct Letter {
    name: Name,
    caller: usize,
    number: u64,
    from: Option<usize>,
    path: Path,
    from_queue: bool,
    token: Option<Unconfirmed>,
}

impl Passenger for Letter {
    fn name(&self) -> &Name {
        &self.name
    }
}

#[derive(Debug)]
enum Frame {
    Letter { name: Name, caller: usize, number: u64, path: Path, from_queue: bool },
    Flush(LaneId, u64),
    Flushed(LaneId, u64),
    QueueEnd(Name),
}

enum Place {
    Cell { queue: VecDeque<Letter>, gate: Option<Gate>, sealed: bool },
    Redirect(usize),
    Held(VecDeque<Letter>),
}

struct Gate {
    source: usize,
    waiting: VecDeque<Letter>,
}

struct Node {
    lanes: Lanes<Letter>,
    relays: Relays<Unconfirmed, ()>,
    upstreams: Vec<Arc<Upstream>>,
    places: BTreeMap<Name, Place>,
    hints: BTreeMap<Name, usize>,
    /// How many of the changes of the ring have reached this node.
    changes: usize,
    frames: u64,
}

type Wires = Arc<Vec<Mutex<VecDeque<Frame>>>>;

struct World {
    nodes: Vec<Node>,
    wires: Wires,
    now: Instant,
    random: u64,
    /// Where each worker is, and where it is going.
    hosts: BTreeMap<Name, (usize, Option<(usize, bool)>)>,
    sent: BTreeMap<(usize, Name), u64>,
    ran: BTreeMap<(usize, Name), Vec<u64>>,
    /// Whose letters to whom have come round to a node, so that their order is not promised.
    round: BTreeSet<(usize, Name)>,
    calm: bool,
    /// Who owns the partition, change after change. All nodes see all of them, each in its time.
    owners: Vec<usize>,
    history: Vec<String>,
}

fn id(node: usize) -> NodeId {
    // Tags are never zero.
    NodeId::new(([127, 0, 0, 1], 1).into(), node as u64 + 1)
}

/// The lane that a letter is in on the node `me`.
fn lane(me: usize, letter: &Letter) -> Lane {
    Lane { caller: Some(letter.caller).filter(|caller| *caller != me).map(id), partition: PARTITION }
}

fn was_on(me: usize, letter: &Letter) -> bool {
    letter.from.is_some() && (letter.caller == me || letter.path.has(id(me)))
}

fn index(node: NodeId) -> usize {
    usize::try_from(node.boot() - 1).expect("the ids of this test are small")
}

fn send(wires: &Wires, from: usize, to: usize, frame: Frame) {
    wires[from * NODES + to].lock().expect("no panic holds it").push_back(frame);
}

impl World {
    fn new(seed: u64) -> Self {
        let wires: Wires = Arc::new((0..NODES * NODES).map(|_| Mutex::default()).collect());
        let node = |me: usize| {
            let upstream = |of: usize| {
                let wires = wires.clone();
                Upstream::new(Box::new(move |lane, flush| send(&wires, me, of, Frame::Flushed(lane, flush))))
            };
            Node {
                lanes: Lanes::new(1),
                relays: Relays::default(),
                upstreams: (0..NODES).map(upstream).collect(),
                places: BTreeMap::new(),
                hints: BTreeMap::new(),
                changes: 0,
                frames: 0,
            }
        };
        let nodes = (0..NODES).map(node).collect();
        let mut world = Self {
            nodes,
            wires: wires.clone(),
            now: Instant::START,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            hosts: BTreeMap::new(),
            sent: BTreeMap::new(),
            ran: BTreeMap::new(),
            round: BTreeSet::new(),
            calm: false,
            owners: vec![1],
            history: Vec::new(),
        };
        for _ in 0..CHANGES {
            let owner = world.below(NODES);
            world.owners.push(owner);
        }
        for (name, host) in [("x", 1), ("y", 2)] {
            let cell = Place::Cell { queue: VecDeque::new(), gate: None, sealed: false };
            world.nodes[host].places.insert(name.into(), cell);
            world.hosts.insert(name.into(), (host, None));
        }
        world
    }

    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn name(&mut self) -> Name {
        if self.below(2) == 0 { "x".into() } else { "y".into() }
    }

    /// Who owns the partition, as a node sees it.
    fn owner(&self, me: usize) -> usize {
        self.owners[self.nodes[me].changes]
    }

    // --- what a node does, as in `post`

    fn way(&self, me: usize, letter: &Letter) -> Way {
        let node = &self.nodes[me];
        match node.places.get(&letter.name) {
            Some(Place::Redirect(to)) => Way { hop: Some(id(*to)), apart: true },
            Some(Place::Cell { .. } | Place::Held(_)) => Way { hop: None, apart: true },
            None => match node.hints.get(&letter.name) {
                Some(host) if *host != me && Some(*host) != letter.from => Way { hop: Some(id(*host)), apart: true },
                Some(_) | None if self.owner(me) == me => Way { hop: None, apart: false },
                Some(_) | None => Way { hop: Some(id(self.owner(me))), apart: false },
            },
        }
    }

    fn keep(&self, me: usize, mut letter: Letter, waits: bool) -> Letter {
        if let (true, None, Some(from)) = (waits && !was_on(me, &letter), &letter.token, letter.from) {
            let lane = lane(me, &letter).id(id(me));
            letter.token = Some(self.nodes[me].upstreams[from].keep(lane));
        }
        letter
    }

    fn route(&mut self, me: usize, mut letter: Letter, turn: Turn) {
        if letter.from_queue {
            match self.nodes[me].places.get(&letter.name) {
                Some(Place::Cell { .. }) => return self.place(me, letter),
                Some(Place::Redirect(_)) => return self.overtake(me, None, [letter]),
                Some(Place::Held(_)) | None => letter.from_queue = false,
            }
        }
        if turn == Turn::New && was_on(me, &letter) {
            self.round.insert((letter.caller, letter.name.clone()));
            return self.overtake_with(me, None, letter, Turn::New);
        }
        let way = self.way(me, &letter);
        let lane = lane(me, &letter);
        let letter = self.keep(me, letter, way.hop.is_some() || self.nodes[me].lanes.relays());
        let full = self.is_full();
        let mut stays = None;
        let mut goes = None;
        let passage = self.nodes[me].lanes.pass(self.now, lane, way, letter, turn, |letter| match way.hop {
            None => {
                stays = Some(letter);
                Ok(())
            }
            Some(_) if full => Err((letter, STALL)),
            Some(to) => {
                goes = Some((index(to), letter));
                Ok(())
            }
        });
        if let Some(letter) = stays {
            self.place(me, letter);
        }
        if let Some((to, letter)) = goes {
            self.write(me, to, letter);
        }
        self.after(me, lane, passage);
    }

    fn is_full(&mut self) -> bool {
        !self.calm && self.below(8) == 0
    }

    fn write(&mut self, me: usize, to: usize, letter: Letter) {
        let lane = lane(me, &letter).id(id(me));
        let path = if letter.from.is_some() { letter.path.with(id(me)) } else { letter.path };
        let Letter { name, caller, number, from_queue, token, .. } = letter;
        send(&self.wires, me, to, Frame::Letter { name, caller, number, path, from_queue });
        let node = &mut self.nodes[me];
        node.frames += 1;
        if let Some(flush) = node.relays.passed_on(self.now, (id(to), FrameNo(node.frames)), lane, token, None) {
            send(&self.wires, me, to, Frame::Flush(lane, flush));
        }
    }

    fn place(&mut self, me: usize, letter: Letter) {
        let letter = match self.nodes[me].places.get(&letter.name) {
            Some(Place::Cell { gate: Some(gate), .. }) if letter.from_queue && letter.from == Some(gate.source) => letter,
            Some(Place::Cell { gate: None, .. }) => letter,
            Some(_) | None => self.keep(me, letter, true),
        };
        let name = letter.name.clone();
        match self.nodes[me].places.get_mut(&name) {
            Some(Place::Cell { gate: Some(gate), .. }) if !(letter.from_queue && letter.from == Some(gate.source)) => {
                gate.waiting.push_back(letter);
            }
            Some(Place::Cell { queue, .. }) => queue.push_back(Letter { token: None, ..letter }),
            Some(Place::Held(waiting)) => waiting.push_back(letter),
            Some(Place::Redirect(_)) | None => {
                self.nodes[me].places.insert(name, Place::Held(VecDeque::from([letter])));
            }
        }
    }

    fn overtake(&mut self, me: usize, host: Option<usize>, letters: impl IntoIterator<Item = Letter>) {
        for letter in letters {
            self.overtake_with(me, host, letter, Turn::New);
        }
    }

    fn overtake_with(&mut self, me: usize, host: Option<usize>, letter: Letter, turn: Turn) {
        let rank = if was_on(me, &letter) { Rank::Round } else { Rank::Older };
        let lane = lane(me, &letter);
        let way = match host {
            Some(host) => Way { hop: Some(id(host)), apart: true },
            None => self.way(me, &letter),
        };
        let letter = self.keep(me, letter, true);
        let full = self.is_full();
        let mut goes = None;
        let go = |letter| -> Result<(), Stuck<Letter>> {
            if full && way.hop.is_some() {
                return Err((letter, STALL));
            }
            if (rank, turn, way.apart) == (Rank::Round, Turn::New, false) && way.hop.is_some() {
                return Err((letter, ROUND));
            }
            goes = Some(letter);
            Ok(())
        };
        let passage = self.nodes[me].lanes.overtake(self.now, lane, way.hop, letter, (rank, turn), go);
        match (goes, way.hop) {
            (Some(letter), Some(to)) => self.write(me, index(to), letter),
            (Some(letter), None) => self.place(me, letter),
            (None, _) => {}
        }
        self.after(me, lane, passage);
    }

    fn after(&mut self, me: usize, lane: Lane, passage: Passage<Letter>) {
        match passage {
            Passage::Gone | Passage::Waits | Passage::Stalled => {}
            Passage::Asks(flushes) => {
                for (of, flush) in flushes {
                    send(&self.wires, me, index(of), Frame::Flush(lane.id(id(me)), flush));
                }
            }
            Passage::Full(letter) => panic!("a lane is full: {letter:?}"),
        }
    }

    fn drain(&mut self, me: usize, key: &Key) {
        while let Some(name) = self.nodes[me].lanes.front(key) {
            match self.nodes[me].lanes.pop(key, &name) {
                Some((letter, Rank::Round | Rank::Older)) => self.overtake_with(me, None, letter, Turn::Drained),
                Some((letter, Rank::Next)) => self.route(me, letter, Turn::Drained),
                None => {}
            }
        }
    }

    // --- what happens

    fn call(&mut self, caller: usize, name: Name) {
        let number = self.sent.entry((caller, name.clone())).or_default();
        *number += 1;
        let number = *number;
        let letter = Letter { name, caller, number, from: None, path: Path::default(), from_queue: false, token: None };
        self.route(caller, letter, Turn::New);
    }

    fn deliver(&mut self, from: usize, me: usize) -> bool {
        let frame = self.wires[from * NODES + me].lock().expect("no panic holds it").pop_front();
        let Some(frame) = frame else { return false };
        match frame {
            Frame::Letter { name, caller, number, path, from_queue } => {
                let letter = Letter { name, caller, number, from: Some(from), path, from_queue, token: None };
                let way = self.way(me, &letter);
                if !from_queue && way.hop.is_some() && !way.apart {
                    // As NOT_HERE does, only sooner.
                    self.nodes[from].hints.remove(&letter.name);
                }
                self.route(me, letter, Turn::New);
            }
            Frame::Flush(lane, flush) => self.nodes[me].upstreams[from].flush(lane, flush),
            Frame::Flushed(lane, flush) if relays::is_relayed(flush) => {
                let (tokens, next) = self.nodes[me].relays.confirmed(id(from), lane, flush);
                drop(tokens);
                if let Some(flush) = next {
                    send(&self.wires, me, from, Frame::Flush(lane, flush));
                }
            }
            Frame::Flushed(_, flush) => {
                if let Some(key) = self.nodes[me].lanes.confirmed(id(from), flush) {
                    self.drain(me, &key);
                }
            }
            Frame::QueueEnd(name) => {
                if let Some(Place::Cell { gate, queue, .. }) = self.nodes[me].places.get_mut(&name)
                    && let Some(gate) = gate.take_if(|gate| gate.source == from)
                {
                    queue.extend(gate.waiting.into_iter().map(|letter| Letter { token: None, ..letter }));
                }
            }
        }
        true
    }

    /// The directory says where the letters go that a node holds.
    fn settle(&mut self, me: usize, name: &Name) -> bool {
        let (host, to) = self.hosts[name];
        let owner = self.owner(me);
        let Some(Place::Held(waiting)) = self.nodes[me].places.get_mut(name) else { return false };
        // While a move is under way the source queues.
        let to = if owner != me {
            None
        } else if host == me || to.is_some_and(|(to, started)| to == me && started) {
            return false;
        } else {
            Some(host)
        };
        let waiting = std::mem::take(waiting);
        self.nodes[me].places.remove(name);
        self.overtake(me, to, waiting);
        true
    }

    fn run(&mut self, me: usize, name: &Name) -> bool {
        let Some(Place::Cell { queue, sealed: false, .. }) = self.nodes[me].places.get_mut(name) else { return false };
        let Some(letter) = queue.pop_front() else { return false };
        self.ran.entry((letter.caller, name.clone())).or_default().push(letter.number);
        true
    }

    /// The next step of a worker's move.
    fn advance(&mut self, name: &Name, target: usize) -> bool {
        let (host, to) = self.hosts[name];
        match to {
            None if target == host || self.calm => return false,
            None => {
                let Some(Place::Cell { sealed, gate: None, .. }) = self.nodes[host].places.get_mut(name) else {
                    return false;
                };
                *sealed = true;
                self.hosts.insert(name.clone(), (host, Some((target, false))));
            }
            Some((to, false)) => {
                let waiting = match self.nodes[to].places.remove(name) {
                    Some(Place::Held(waiting)) => waiting,
                    Some(Place::Redirect(_)) | None => VecDeque::new(),
                    Some(Place::Cell { .. }) => panic!("two cells of {name} on one node"),
                };
                let gate = Some(Gate { source: host, waiting });
                self.nodes[to].places.insert(name.clone(), Place::Cell { queue: VecDeque::new(), gate, sealed: false });
                self.nodes[to].hints.remove(name);
                self.hosts.insert(name.clone(), (host, Some((to, true))));
            }
            Some((to, true)) => {
                let place = self.nodes[host].places.insert(name.clone(), Place::Redirect(to));
                let Some(Place::Cell { queue, gate: None, .. }) = place else { panic!("{name} is not on {host}") };
                let queue: Vec<_> =
                    queue.into_iter().map(|letter| Letter { from: None, from_queue: true, ..letter }).collect();
                // Frames of a moved queue find room in full queues.
                for letter in queue {
                    self.write(host, to, letter);
                }
                send(&self.wires, host, to, Frame::QueueEnd(name.clone()));
                self.hosts.insert(name.clone(), (to, None));
            }
        }
        true
    }

    fn retry(&mut self, me: usize) -> bool {
        self.now = self.now + STALL;
        let Some((key, unconfirmed)) = self.nodes[me].lanes.overdue(self.now) else { return false };
        if unconfirmed.0 {
            // It was given up, with the order of whatever waits.
            self.round.extend(self.sent.keys().cloned());
        }
        self.drain(me, &key);
        true
    }

    fn step(&mut self) {
        let (me, other, name) = (self.below(NODES), self.below(NODES), self.name());
        let what = self.below(20);
        self.history.push(format!("{what} {me} {other} {name}"));
        match what {
            0..4 => self.call(me, name),
            4..12 => drop(self.deliver(other, me)),
            12 | 13 => drop(self.run(me, &name)),
            14 => drop(self.settle(me, &name)),
            15 => drop(self.advance(&name, me)),
            16 | 17 => drop(self.retry(me)),
            18 => self.nodes[me].changes = (self.nodes[me].changes + 1).min(CHANGES),
            _ => match self.nodes[me].places.get(&name) {
                // A redirect ends, or a hint comes that will be stale.
                Some(Place::Redirect(_)) => drop(self.nodes[me].places.remove(&name)),
                Some(Place::Cell { .. } | Place::Held(_)) | None => {
                    let (host, _) = self.hosts[&name];
                    self.nodes[me].hints.insert(name, host);
                }
            },
        }
    }

    /// Nothing changes any more: everything finds its way.
    fn settle_down(&mut self) {
        self.calm = true;
        for node in &mut self.nodes {
            node.changes = CHANGES;
            node.hints.clear();
        }
        self.history.push("calm".to_owned());
        let mut idle = 0;
        for _ in 0..10_000 {
            let mut moved = false;
            for me in 0..NODES {
                for other in 0..NODES {
                    moved |= self.deliver(other, me);
                }
                for name in ["x", "y"].map(Name::from) {
                    moved |= self.settle(me, &name) | self.run(me, &name) | self.advance(&name, me);
                }
                moved |= self.retry(me);
            }
            // A stalled letter is tried again a little later.
            idle = if moved { 0 } else { idle + 1 };
            if idle > 50 {
                let due = self.nodes.iter().filter(|node| node.lanes.waiting() > 0).filter_map(|node| node.lanes.next_due());
                let Some(due) = due.max() else { break };
                self.now = self.now.max(due);
            }
        }
        for (whose, sent) in &self.sent {
            let mut ran = self.ran.remove(whose).unwrap_or_default();
            if self.round.contains(whose) {
                ran.sort_unstable();
            }
            assert_eq!(ran, (1..=*sent).collect::<Vec<_>>(), "{whose:?}:\n{}", self.history.join("\n"));
        }
        for node in &self.nodes {
            assert_eq!(node.lanes.waiting(), 0);
            assert!(node.relays.are_confirmed());
        }
    }
}

#[test]
fn letters_of_one_caller_to_one_name_never_overtake_each_other() {
    let mut ordered = 0;
    for seed in 1..=2_000 {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.settle_down();
        ordered += world.sent.len() - world.round.len();
    }
    assert!(ordered > 8_000, "most of 12,000 orders are promised: {ordered}");
}
