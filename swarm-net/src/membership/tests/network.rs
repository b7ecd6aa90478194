//! Owns a network in memory: packets that may be lost, connections that may be cut, and a clock that only the test moves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::member::{Gone, MemberEvent, Profile};
use crate::membership::{Input, Membership, MembershipConfig, Output};
use crate::node::NodeId;
use crate::time::{Instant, Now};

/// Well above what any script needs: a storm ends the test instead of hanging it.
const STEPS_MAX: u64 = 20_000_000;

pub(super) struct Net {
    pub(super) now: Instant,
    pub(super) nodes: BTreeMap<SocketAddr, Node>,
    pub(super) packets_sent: u64,
    /// Packets lost, in percent.
    pub(super) loss_percent: u32,
    unix_ms: u64,
    config: MembershipConfig,
    coming: BTreeMap<(Instant, u64), Delivery>,
    sent: u64,
    /// Both directions of each connection.
    links: BTreeSet<(NodeId, NodeId)>,
    cuts: BTreeSet<(SocketAddr, SocketAddr)>,
    rng: StdRng,
}

pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) membership: Membership,
    pub(super) events: Vec<(Instant, MemberEvent)>,
    pub(super) fatal: Option<String>,
    pub(super) profile: Profile,
    /// Its machine's next timeout, as it was after the last input.
    timeout: Option<Instant>,
}

enum Delivery {
    Packet { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Sync { from: NodeId, to: NodeId, bytes: Vec<u8> },
    Goodbye { from: NodeId, to: NodeId },
    Dial { from: NodeId, to: SocketAddr },
    Lost { to: NodeId, node: NodeId, refused: bool },
}

pub(super) fn addr(i: u32) -> SocketAddr {
    let [_, a, b, c] = i.to_be_bytes();
    SocketAddr::from(([10, a, b, c], 7000))
}

pub(super) fn profile() -> Profile {
    Profile { version: 1, weight: 100, leaving: false, abilities: vec![1, 2], extra: vec![7; 40] }
}

impl Net {
    pub(super) fn new(config: MembershipConfig, seed: u64) -> Self {
        Self {
            now: Instant::START + Duration::from_secs(1),
            nodes: BTreeMap::new(),
            packets_sent: 0,
            loss_percent: 0,
            unix_ms: 1_700_000_000_000,
            config,
            coming: BTreeMap::new(),
            sent: 0,
            links: BTreeSet::new(),
            cuts: BTreeSet::new(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn start(&mut self, i: u32) -> NodeId {
        self.start_as(i, u64::from(i) + 1000, "cluster")
    }

    pub(super) fn start_as(&mut self, i: u32, boot: u64, cluster: &str) -> NodeId {
        let id = NodeId::new(addr(i), boot);
        let membership =
            Membership::new(id, profile(), cluster, self.config.clone(), boot ^ u64::from(i) << 20, self.time());
        let timeout = membership.next_timeout();
        let node = Node { id, membership, events: Vec::new(), fatal: None, profile: profile(), timeout };
        self.nodes.insert(addr(i), node);
        id
    }

    /// The wall clock jumps to `unix_ms`, for nodes that start from now on.
    pub(super) fn set_wall_clock(&mut self, unix_ms: u64) {
        self.unix_ms = unix_ms;
    }

    pub(super) fn input(&mut self, i: u32, input: Input<'_>) {
        self.feed(addr(i), input);
    }

    pub(super) fn discover(&mut self, i: u32, other: u32) {
        self.feed(addr(i), Input::Discovered(addr(other)));
    }

    /// The process dies. With `refused`, its host lives on and refuses connections; without, nothing is heard of it again.
    pub(super) fn crash(&mut self, i: u32, refused: bool) -> NodeId {
        let id = self.nodes.remove(&addr(i)).expect("the node runs").id;
        for other in self.unlink(|a, b| a == id || b == id).into_iter().filter_map(|(a, b)| (a == id).then_some(b)) {
            if refused {
                self.send(Delivery::Lost { to: other, node: id, refused });
            }
        }
        id
    }

    /// No packet and no connection passes between the two sides.
    pub(super) fn cut(&mut self, left: &[u32], right: &[u32]) {
        for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (addr(*a), addr(*b)))) {
            self.cuts.extend([(a, b), (b, a)]);
        }
        let cuts = self.cuts.clone();
        for (a, b) in self.unlink(|a, b| cuts.contains(&(a.addr(), b.addr()))) {
            self.send(Delivery::Lost { to: a, node: b, refused: false });
        }
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(super) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        for _ in 0..STEPS_MAX {
            let delivery = self.coming.first_key_value().map(|((at, _), _)| *at);
            let timeout = self.nodes.values().filter_map(|node| Some((node.timeout?, node.id.addr()))).min();
            let next = delivery.into_iter().chain(timeout.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            match timeout {
                Some((at, addr)) if delivery.is_none_or(|delivery| at < delivery) => self.feed(addr, Input::Timeout),
                Some(_) | None => {
                    if let Some((_, delivery)) = self.coming.pop_first() {
                        self.deliver(delivery);
                    }
                }
            }
        }
        panic!("the nodes never rest");
    }

    /// Runs until `done` or for at most `span`. Says how long it took.
    pub(super) fn run_while(&mut self, span: Duration, done: impl Fn(&Self) -> bool) -> Duration {
        let (start, until) = (self.now, self.now + span);
        while !done(self) {
            assert!(self.now < until, "not done in {span:?}");
            self.run(Duration::from_millis(1));
        }
        self.now.since(start)
    }

    pub(super) fn node(&self, i: u32) -> &Node {
        &self.nodes[&addr(i)]
    }

    /// All running nodes see exactly each other and are joined.
    pub(super) fn all_see_all(&self) -> bool {
        let all: Vec<_> = self.nodes.values().map(|node| node.id).collect();
        self.nodes.values().all(|node| node.membership.joined() && node.sees(&all))
    }

    pub(super) fn downs(&self) -> Vec<(NodeId, NodeId, Gone)> {
        let downs = |node: &Node| node.downs().into_iter().map(|(gone, why)| (node.id, gone, why)).collect::<Vec<_>>();
        self.nodes.values().flat_map(downs).collect()
    }

    fn time(&self) -> Now {
        Now { instant: self.now, unix_ms: self.unix_ms + self.now.as_nanos() / 1_000_000 }
    }

    fn feed(&mut self, addr: SocketAddr, input: Input<'_>) {
        let now = self.time();
        let Some(node) = self.nodes.get_mut(&addr) else {
            return;
        };
        let mut out = Vec::new();
        node.membership.handle(now, input, &mut out);
        node.timeout = node.membership.next_timeout();
        let from = node.id;
        for output in out {
            self.perform(from, output);
        }
    }

    fn perform(&mut self, from: NodeId, output: Output) {
        match output {
            Output::Packet { to, bytes } => {
                self.packets_sent += 1;
                if self.rng.random_range(0..100) >= self.loss_percent {
                    self.send(Delivery::Packet { from: from.addr(), to, bytes });
                }
            }
            Output::Sync { to, bytes } => self.send(Delivery::Sync { from, to, bytes }),
            Output::Goodbye { to } => self.send(Delivery::Goodbye { from, to }),
            Output::Dial(to) => self.send(Delivery::Dial { from, to }),
            Output::Hangup(node) => {
                self.unlink(|a, b| (a, b) == (from, node) || (a, b) == (node, from));
                self.send(Delivery::Lost { to: node, node: from, refused: false });
            }
            // Its connections end at once when they are cut.
            Output::Suspect(_) => {}
            Output::Event(event) => self.record(from, event),
            Output::Fatal(why) => {
                if let Some(node) = self.nodes.get_mut(&from.addr()) {
                    node.fatal = Some(why);
                }
            }
        }
    }

    fn record(&mut self, node: NodeId, event: MemberEvent) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(&node.addr()) {
            node.events.push((now, event));
        }
    }

    fn send(&mut self, delivery: Delivery) {
        self.sent += 1;
        // Connections keep the order of what they carry; packets may overtake each other.
        let latency = match &delivery {
            Delivery::Packet { .. } => Duration::from_micros(self.rng.random_range(200..2000)),
            Delivery::Sync { .. } | Delivery::Goodbye { .. } | Delivery::Dial { .. } | Delivery::Lost { .. } => {
                Duration::from_millis(1)
            }
        };
        self.coming.insert((self.now + latency, self.sent), delivery);
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Packet { from, to, bytes } => {
                if !self.cuts.contains(&(from, to)) {
                    self.feed(to, Input::Packet { from, bytes: &bytes });
                }
            }
            Delivery::Sync { from, to, bytes } => {
                if self.links.contains(&(from, to)) {
                    self.feed(to.addr(), Input::Heard(from));
                    self.feed(to.addr(), Input::Sync { from, bytes: &bytes });
                }
            }
            Delivery::Goodbye { from, to } => self.feed(to.addr(), Input::Goodbye { from }),
            Delivery::Dial { from, to } => self.connect(from, to),
            Delivery::Lost { to, node, refused } => {
                if self.nodes.get(&to.addr()).is_some_and(|running| running.id == to) {
                    self.feed(to.addr(), Input::Lost { node, refused });
                }
            }
        }
    }

    fn connect(&mut self, from: NodeId, to: SocketAddr) {
        let Some(there) = self.nodes.get(&to).map(|node| node.id) else {
            return;
        };
        let here = self.nodes.get(&from.addr()).is_some_and(|node| node.id == from);
        if !here || self.cuts.contains(&(from.addr(), to)) || !self.links.insert((from, there)) {
            return;
        }
        self.links.insert((there, from));
        for (node, other) in [(from, there), (there, from)] {
            let other = &self.nodes[&other.addr()];
            let (node_id, profile, joined) = (other.id, other.profile.clone(), other.membership.joined());
            self.feed(node.addr(), Input::Connected { node: node_id, profile, joined });
        }
    }

    fn unlink(&mut self, which: impl Fn(NodeId, NodeId) -> bool) -> Vec<(NodeId, NodeId)> {
        let gone: Vec<_> = self.links.iter().copied().filter(|(a, b)| which(*a, *b)).collect();
        gone.iter().for_each(|link| {
            self.links.remove(link);
        });
        gone
    }
}

impl Node {
    /// Its view is exactly these nodes.
    pub(super) fn sees(&self, all: &[NodeId]) -> bool {
        let view = self.membership.view();
        view.len() == all.len() && all.iter().all(|id| view.contains_key(id))
    }

    pub(super) fn downs(&self) -> Vec<(NodeId, Gone)> {
        self.reported(|event| match event {
            MemberEvent::Down(node, why) => Some((*node, *why)),
            MemberEvent::Up(_) | MemberEvent::Changed(_) | MemberEvent::Joined => None,
        })
    }

    pub(super) fn ups(&self) -> Vec<NodeId> {
        self.reported(|event| match event {
            MemberEvent::Up(member) => Some(member.id),
            MemberEvent::Down(..) | MemberEvent::Changed(_) | MemberEvent::Joined => None,
        })
    }

    fn reported<T>(&self, pick: impl Fn(&MemberEvent) -> Option<T>) -> Vec<T> {
        self.events.iter().filter_map(|(_, event)| pick(event)).collect()
    }
}
