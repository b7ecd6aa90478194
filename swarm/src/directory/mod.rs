//! The directory: who decides about which name, where each name runs, and how it moves. A state machine without
//! clocks, threads or sockets: events go in, actions come out. The protocol stands in `protocol.md`.
//!
//! | file | owns |
//! |---|---|
//! | `event`, `action`, `message` | what comes in, what goes out, what nodes say to each other |
//! | `record`, `groups`, `table`, `copy` | what is registered, how it is found, and how two copies become one |
//! | `ability` | what a node must be able to do to start a worker |
//! | `stamp` | the numbers of changes and registrations |
//! | `pool` | what many records have in common |
//! | `few` | maps that nearly always have one entry |
//! | `world`, `turn` | the cluster as this node sees it; what a turn carries along |
//! | `partition` | one slice of the names: whom this node follows there, its copy, cells and office |
//! | `claim`, `office`, `takeover` | how a partition changes hands |
//! | `replica`, `ship` | how changes reach the replicas, and what is known of these |
//! | `reconcile`, `owner` | the one decision about a name, and how it is carried out |
//! | `cell`, `host` | the cells of this node, and what is done about them |
//! | `posts` | where operators want names to live |
//! | `whereabouts` | what a human is told who asks where a name is and why |
//! | `strained` | names whose moves or starts take long or fail |
//! | `stranded` | names that no node can start |
//! | `rest` | names of which the record says everything |
//! | `request`, `asks` | register, unregister, whereis, groups |
//! | `quorum`, `tenure` | under `Placement::Quorum`: the lease of this node, and what it means to lose it |
//! | `sweep`, `leave` | finding what was lost; going away |

mod ability;
mod action;
mod asks;
mod cell;
mod claim;
mod config;
mod copy;
mod event;
mod few;
mod groups;
mod host;
mod leave;
mod message;
mod office;
mod owner;
mod partition;
mod pool;
mod posts;
mod quorum;
mod reconcile;
mod record;
mod replica;
mod request;
mod rest;
mod ship;
mod stamp;
mod strained;
mod stranded;
mod sweep;
mod table;
mod takeover;
mod tenure;
#[cfg(test)]
mod tests;
mod turn;
mod whereabouts;
mod world;

pub use ability::Ability;
pub use action::{Action, Notice, Order, Role, Route, Tenure};
pub use config::DirectoryConfig;
pub use event::{Event, Happened};
pub use groups::GroupKey;
pub use message::Message;
pub use record::{Class, Spec};
#[cfg(any(test, feature = "admin"))]
pub use request::Unmovable;
pub use request::{Answer, Ask, Refusal, RequestId};
pub use stamp::Stamp;
pub use stranded::Stranded;
pub use whereabouts::Whereabouts;

#[cfg(any(test, feature = "sim"))]
pub(crate) use copy::Copy;
#[cfg(test)]
use {
    copy::Op,
    record::{Record, Registration},
    stamp::Rid,
    sweep::Stats,
};

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use swarm_net::node::NodeId;
use swarm_net::ring::{PartitionId, Ring};
use swarm_net::time::{Instant, Now};

use crate::directory::few::Few;
use crate::directory::leave::Departure;
use crate::directory::partition::Partition;
use crate::directory::pool::Pool;
use crate::directory::quorum::Quorum;
use crate::directory::takeover::Promise;
use crate::directory::tenure::Strangers;
use crate::directory::turn::{Moves, Timers, Turn};
use crate::directory::world::World;
use crate::epoch::Term;
use crate::name::Name;
use crate::placement::Placement;

/// One node's part of the directory of all names.
///
/// One mutation, then drain: after each [`handle`](Self::handle) the actions are done in order, and no event is
/// handled in between.
#[derive(Debug)]
pub struct Directory {
    world: World,
    partitions: Vec<Partition>,
    /// Partitions that an event touched, to be settled before the turn ends.
    touched: Few<PartitionId, ()>,
    inbox: VecDeque<(PartitionId, Message)>,
    timers: Timers,
    moves: Moves,
    pool: Pool,
    departure: Departure,
    sweep_at: Option<Instant>,
    swept: u32,
    sweeps: u32,
    /// The lease, if a quorum has to grant one.
    quorum: Option<Box<Quorum>>,
    strangers: Strangers,
}

impl Directory {
    /// The directory of the node `me`, which can start these workers.
    pub fn new(me: NodeId, abilities: BTreeSet<Ability>, config: DirectoryConfig) -> Self {
        let quorum = match config.placement {
            Placement::Ring => None,
            Placement::Quorum { size } => Some(Box::new(Quorum::new(me, size as usize, config.lease))),
        };
        let ids = (0..config.partitions).map(|id| PartitionId(u16::try_from(id).expect("P is at most 65,536")));
        Self {
            partitions: ids.map(Partition::new).collect(),
            world: World::new(me, abilities, config),
            touched: Few::default(),
            inbox: VecDeque::new(),
            timers: Timers::default(),
            moves: Moves::default(),
            pool: Pool::default(),
            departure: Departure::default(),
            sweep_at: None,
            swept: 0,
            sweeps: 0,
            quorum,
            strangers: Strangers::new(),
        }
    }

    /// Takes one event in and appends what is to be done.
    pub fn handle(&mut self, now: Now, event: Event, out: &mut Vec<Action>) {
        self.tend_lease(now, out);
        match event {
            Event::View(view) => {
                let gained = self.world.see(view);
                if let Some(quorum) = &mut self.quorum {
                    self.world.view.keys().for_each(|node| quorum.settle(node));
                    quorum.see(self.world.view.keys().copied());
                }
                for partition in &mut self.partitions {
                    gained.iter().for_each(|node| partition.welcome(*node));
                }
                self.each(now, out, Partition::view_changed);
            }
            Event::Joined => {
                self.world.joined = true;
                self.sweep_at = Some(now.instant + self.world.config.reconcile_every);
                self.each(now, out, Partition::view_changed);
            }
            Event::Down(node) => self.lose_sight(now, out, node),
            Event::Left(node) => {
                self.world.left.insert(node);
                self.bury(now, out, node);
            }
            Event::Reset(node) => self.each(now, out, |partition, turn| partition.doubt(turn, node)),
            Event::Leave { within } => {
                self.departure.begin(now.instant + within);
                self.world.leaving = true;
                self.world.turn_ring();
                self.each(now, out, Partition::view_changed);
            }
            // A node that was declared dead is heard again only when it is a member again, and then asks anew.
            Event::Messages { from, batch } if self.world.is_lost(&from) => {
                let asks = |message: &Message| matches!(message, Message::Claim { .. } | Message::Survey { .. });
                for (partition, _) in batch.iter().filter(|(_, message)| asks(message)) {
                    if let Some(partition) = self.partitions.get_mut(usize::from(partition.0)) {
                        partition.nudges.insert(from);
                    }
                }
            }
            Event::Messages { from, batch } => {
                for (partition, message) in batch {
                    self.receive(now, out, from, partition, message);
                }
            }
            Event::Ask { from, name, ask } => {
                let (partition, mut turn) = self.enter(now, out, self.partition_of(&name));
                partition.ask(&mut turn, from, name, ask);
            }
            Event::Cell { name, epoch, happened } => {
                let (partition, mut turn) = self.enter(now, out, self.partition_of(&name));
                partition.on_happened(&mut turn, &name, epoch, happened);
            }
            Event::Wanted(name) => {
                let (partition, mut turn) = self.enter(now, out, self.partition_of(&name));
                partition.want(&mut turn, name);
            }
            Event::Rebalance => self.each(now, out, Partition::rebalance),
            // The others may have gone on without this node: it asks them all before it decides anything again.
            Event::Lapsed => self.lapse(now, out),
            Event::Stalled => {
                self.world.stand_still(now.instant);
                self.each(now, out, Partition::stall);
            }
            Event::Timeout => self.time_out(now, out),
        }
        self.tend_lease(now, out);
        self.settle(now, out);
        self.depart(now, out);
    }

    /// When to come back with [`Event::Timeout`] at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        let lease = self.quorum.as_ref().map(|quorum| quorum.next());
        [self.timers.next(), self.sweep_at, self.departure.due(), lease].into_iter().flatten().min()
    }

    /// The partitions of which this node is the owner, and knows all that it has to know to decide.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn decided(&self) -> impl Iterator<Item = PartitionId> {
        let decides = |partition: &&Partition| {
            partition.office.as_ref().is_some_and(|office| office.owner && office.complete && !office.blocked)
        };
        self.partitions.iter().filter(decides).map(|partition| partition.id)
    }

    /// What this node is to a partition.
    #[cfg(test)]
    pub(crate) fn role(&self, partition: PartitionId) -> Role {
        self.partitions[usize::from(partition.0)].role()
    }

    /// How many registrations of the past its copies remember one by one.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn tombstones(&self) -> usize {
        self.partitions.iter().filter_map(|partition| partition.copy.as_ref()).map(|copy| copy.removed.len()).sum()
    }

    /// The ring of the members that it has seen.
    pub fn ring(&self) -> Arc<Ring> {
        self.world.ring.clone()
    }

    /// The most terms that the context of one of its copies has.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn context_terms(&self) -> usize {
        self.partitions.iter().filter_map(|partition| partition.copy.as_ref()).map(Copy::terms).max().unwrap_or(0)
    }

    /// The partition of a name.
    pub fn partition_of(&self, name: &Name) -> PartitionId {
        self.world.ring.partition_of(name.hash64().0)
    }

    /// A partition that is to be settled before the turn ends.
    fn enter<'a>(&'a mut self, now: Now, out: &'a mut Vec<Action>, id: PartitionId) -> (&'a mut Partition, Turn<'a>) {
        self.touched.insert(id, ());
        self.open(now, out, id)
    }

    fn open<'a>(&'a mut self, now: Now, out: &'a mut Vec<Action>, id: PartitionId) -> (&'a mut Partition, Turn<'a>) {
        let turn = Turn {
            now,
            world: &self.world,
            out,
            inbox: &mut self.inbox,
            timers: &mut self.timers,
            moves: &mut self.moves,
            pool: &mut self.pool,
        };
        (&mut self.partitions[usize::from(id.0)], turn)
    }

    fn each(&mut self, now: Now, out: &mut Vec<Action>, mut act: impl FnMut(&mut Partition, &mut Turn<'_>)) {
        for id in 0..self.partitions.len() {
            let (partition, mut turn) = self.enter(now, out, PartitionId(id as u16));
            act(partition, &mut turn);
        }
    }

    /// Ends the turn: what this node says to itself is heard, and every touched partition is brought up to date. Whatever a
    /// decision has caused here at once is known before the next.
    fn settle(&mut self, now: Now, out: &mut Vec<Action>) {
        loop {
            if let Some((id, message)) = self.inbox.pop_front() {
                self.receive(now, out, self.world.me, id, message);
            } else if let Some((id, ())) = self.touched.pop_first() {
                let (partition, mut turn) = self.open(now, out, id);
                partition.settle(&mut turn);
            } else if let Some((id, name)) = self.moves.next(self.world.config.move_rate) {
                self.mark(id, name);
            } else {
                break;
            }
        }
    }

    /// Has a name reconciled at the end of the turn.
    fn mark(&mut self, id: PartitionId, name: Name) {
        if let Some(office) = &mut self.partitions[usize::from(id.0)].office {
            office.dirty.insert(name, ());
            self.touched.insert(id, ());
        }
    }

    fn receive(&mut self, now: Now, out: &mut Vec<Action>, from: NodeId, id: PartitionId, message: Message) {
        // A term that nobody can outbid would end all ownership of the partition.
        if usize::from(id.0) >= self.partitions.len() || message.counter_max() > Term::COUNTER_MAX {
            return;
        }
        if let Message::Ask { round, missing } = message {
            return self.on_ask(now, out, from, round, missing);
        }
        if let Message::Grant { round, clear } = message {
            return self.on_grant(now, from, round, &clear);
        }
        if let Message::Promise { view, .. } | Message::Disagree { view, .. } = &message {
            self.doubt_deaths(now, out, view);
        }
        if let Message::Digest { marks } = message {
            return self.on_digest(now, out, from, marks);
        }
        let (partition, mut turn) = self.enter(now, out, id);
        let turn = &mut turn;
        match message {
            Message::Claim { term, sees } => partition.on_claim(turn, from, (term, sees)),
            Message::Promise { term, copy, cells, view, inherit } => {
                partition.on_promise(turn, from, term, Promise { copy, cells, view, inherit });
            }
            Message::Disagree { term, view } => partition.on_disagree(from, term, &view, turn),
            Message::Refuse { promised } | Message::Nack { promised } => partition.on_outbid(turn, promised),
            Message::Nudge => partition.on_nudge(turn, from),
            Message::Known { term } => partition.on_known(turn, from, term),
            Message::Install { term, seq, copy } => partition.on_install(turn, from, Stamp { term, seq }, copy),
            Message::Update { term, after, seq, ops } => {
                partition.on_update(turn, from, after, Stamp { term, seq }, ops);
            }
            Message::Ack { term, seq } => partition.on_ack(from, term, seq),
            Message::Gap { term } => partition.on_gap(from, term),
            Message::Retire { term } => partition.on_retire(turn, from, term),
            Message::Do { term, id, name, directive } => partition.on_do(turn, from, (term, id), name, directive),
            Message::Report { term, id, name, cell, failure } => {
                partition.on_report(turn, from, (term, id), &name, cell, failure);
            }
            // They concern the node, not a partition, and were heard above.
            Message::Ask { .. } | Message::Grant { .. } | Message::Digest { .. } => {}
            Message::Survey { term, id } => partition.on_survey(turn, from, (term, id), None),
            Message::Cells { term, id, cells } => partition.on_cells(from, term, id, cells),
        }
    }

    fn time_out(&mut self, now: Now, out: &mut Vec<Action>) {
        while let Some((id, name)) = self.timers.pop(now.instant) {
            match name {
                Some(name) => self.mark(id, name),
                None => {
                    self.partitions[usize::from(id.0)].stale = true;
                    self.touched.insert(id, ());
                }
            }
        }
        self.sweep(now, out);
    }
}
