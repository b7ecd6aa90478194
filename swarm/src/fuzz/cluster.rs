//! Owns the directories that fuzzed messages are told to, and those whose messages are the seeds. Never looks into them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rkyv::rancor::Error;
use swarm_net::member::{Member, Profile, View};
use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::{Instant, Now};

use super::node;
use crate::directory::{
    Ability, Action, Ask, Class, Directory, DirectoryConfig, Event, GroupKey, Happened, Message, Order, RequestId, Spec,
};
use crate::name::Name;
use crate::worker::KindId;

pub(super) const KIND: KindId = KindId(5);

/// Few, so that messages for any partition often concern one that has something to do.
const PARTITIONS: u32 = 4;

/// A second after the other: enough for claims, copies and comparisons.
const ROUNDS: u64 = 12;

pub(super) fn spec() -> Spec {
    let class = Class { kind: KIND, worker: "counter".into(), schema: 0, local: false };
    Spec { class: Arc::new(class), args: [1, 2, 3][..].into() }
}

/// A directory that has what one of three has hears a batch of another, and is asked.
pub(super) fn hear(batch: Vec<(u16, Message)>) {
    let batch = batch.into_iter().map(|(p, message)| (PartitionId(p % PARTITIONS as u16), message)).collect();
    with_guest(Event::Messages { from: node(1), batch });
}

/// A directory is asked.
pub(super) fn ask(asks: Vec<(u64, Name, Ask)>) {
    let mut cluster = Cluster::formed(1);
    for (seq, name, ask) in asks {
        cluster.feed(0, Event::Ask { from: RequestId { node: node(1), seq }, name, ask });
    }
    (0..3).for_each(|_| cluster.round());
}

fn with_guest(event: Event) {
    // The others are members that are silent.
    let mut cluster = Cluster::formed(2);
    cluster.feed(0, event);
    (0..3).for_each(|_| cluster.round());
    cluster.feed(0, Event::Ask { from: RequestId { node: node(0), seq: 1 }, name: "x".into(), ask: Ask::Whereis });
    (0..3).for_each(|_| cluster.round());
}

/// Batches of directory messages as they are sent while names are registered, join groups, move and end.
pub fn directory_seeds() -> Vec<Vec<u8>> {
    let mut cluster = Cluster::formed(2);
    let mut seq = 0;
    let mut ask = |cluster: &mut Cluster, name: &str, ask: Ask| {
        seq += 1;
        cluster.feed(0, Event::Ask { from: RequestId { node: node(0), seq }, name: name.into(), ask });
        cluster.round();
    };
    for n in 0..6 {
        ask(&mut cluster, &format!("name {n}"), Ask::Register(spec()));
    }
    ask(&mut cluster, "name 0", Ask::Join { group: GroupKey { tag: 7, key: "eu".into() }, kind: None });
    cluster.joins();
    (0..ROUNDS).for_each(|_| cluster.round());
    ask(&mut cluster, "name 1", Ask::Unregister);
    (0..ROUNDS).for_each(|_| cluster.round());
    let all: Vec<_> = cluster.heard.into_values().collect();
    let half = all.len() / 2;
    let encoded = [&all[..half], &all[half..]]
        .map(|batch| rkyv::to_bytes::<Error>(&batch.to_vec()).expect("writing to memory does not fail").to_vec());
    encoded.into()
}

/// Directories that hear each other at once, and whose cells do at once what they are ordered.
struct Cluster {
    nodes: Vec<Directory>,
    now: Duration,
    /// What is under way.
    wire: Vec<(usize, Event)>,
    /// The last message of each sort and of each sort of directive.
    heard: BTreeMap<String, (u16, Message)>,
}

impl Cluster {
    fn formed(nodes: u16) -> Self {
        let mut cluster =
            Self { nodes: Vec::new(), now: Duration::from_secs(1), wire: Vec::new(), heard: BTreeMap::new() };
        (0..nodes).for_each(|_| cluster.joins());
        (0..3).for_each(|_| cluster.round());
        cluster
    }

    /// One more node that all see.
    fn joins(&mut self) {
        let i = self.nodes.len() as u16;
        let config = DirectoryConfig { partitions: PARTITIONS, replicas: 2, ..DirectoryConfig::LAN };
        let abilities = BTreeSet::from([Ability::new(KIND, 0)]);
        self.nodes.push(Directory::new(node(i), abilities, config));
        let view: View = (0..=i).map(|i| (node(i), member(node(i)))).collect();
        let view = Arc::new(view);
        for i in 0..self.nodes.len() {
            self.feed(i, Event::View(view.clone()));
        }
        self.feed(usize::from(i), Event::Joined);
    }

    /// A second passes.
    fn round(&mut self) {
        self.now += Duration::from_secs(1);
        for i in 0..self.nodes.len() {
            self.feed(i, Event::Timeout);
        }
    }

    /// An event, and all that follows from it.
    fn feed(&mut self, i: usize, event: Event) {
        self.wire.push((i, event));
        // Bounded, in case two nodes go on answering each other.
        for _ in 0..10_000 {
            if self.wire.is_empty() {
                return;
            }
            let (i, event) = self.wire.remove(0);
            let ms = self.now.as_millis() as u64;
            let now = Now { instant: Instant::from_nanos(ms * 1_000_000), unix_ms: 1_700_000_000_000 + ms };
            let mut out = Vec::new();
            if let Some(directory) = self.nodes.get_mut(i) {
                directory.handle(now, event, &mut out);
            }
            out.into_iter().for_each(|action| self.act(i, action));
        }
        self.wire.clear();
    }

    fn act(&mut self, from: usize, action: Action) {
        match action {
            Action::Send { to, partition, message } => {
                let to = (0..self.nodes.len()).find(|i| node(*i as u16) == to);
                self.heard.insert(sort(&message), (partition.0, message.clone()));
                let event = Event::Messages { from: node(from as u16), batch: vec![(partition, message)] };
                self.wire.extend(to.map(|to| (to, event)));
            }
            Action::Order { name, order } => {
                let happened = match order {
                    Order::Start { epoch, .. } => Some((epoch, Happened::Started)),
                    Order::Seal { epoch, .. } => Some((epoch, Happened::Sealed)),
                    Order::Absorb { epoch, loser, .. } => Some((epoch, Happened::Absorbed { from: loser })),
                    Order::Groups { epoch, turn, .. } => Some((epoch, Happened::Indexed { turn })),
                    Order::Halt { .. } | Order::Unseal { .. } | Order::Drop { .. } => None,
                };
                self.wire.extend(happened.map(|(epoch, happened)| (from, Event::Cell { name, epoch, happened })));
            }
            Action::Answer { .. }
            | Action::Route { .. }
            | Action::Role { .. }
            | Action::Lease(_)
            | Action::Notice(_)
            | Action::Drained => {}
        }
    }
}

/// The first words of how a message is told.
fn sort(message: &Message) -> String {
    let text = format!("{message:?}");
    let directive = text.split_once("directive: ").map_or("", |(_, directive)| directive);
    let word = |text: &str| text.split([' ', '(']).next().unwrap_or_default().to_owned();
    word(&text) + &word(directive)
}

fn member(id: NodeId) -> Member {
    let abilities = vec![Ability::new(KIND, 0).0];
    let profile = Profile { version: 1, weight: 100, leaving: false, abilities, extra: Vec::new() };
    Member { id, profile: Arc::new(profile) }
}
