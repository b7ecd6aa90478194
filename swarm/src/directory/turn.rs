//! Owns what one turn of the machine carries along: time, the world, and the places where its results go.
//! Never outlives the turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::{Instant, Now};

use crate::directory::action::{Action, Notice};
use crate::directory::message::Message;
use crate::directory::pool::Pool;
use crate::directory::request::{Answer, RequestId};
use crate::directory::world::World;
use crate::name::Name;

/// The surroundings of a partition while it handles something.
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    pub(super) world: &'a World,
    pub(super) out: &'a mut Vec<Action>,
    /// What this node says to itself, in order.
    pub(super) inbox: &'a mut VecDeque<(PartitionId, Message)>,
    pub(super) timers: &'a mut Timers,
    pub(super) moves: &'a mut Moves,
    pub(super) pool: &'a mut Pool,
}

impl Turn<'_> {
    pub(super) fn send(&mut self, to: NodeId, partition: PartitionId, message: Message) {
        if to == self.world.me {
            self.inbox.push_back((partition, message));
        } else {
            self.out.push(Action::Send { to, partition, message });
        }
    }

    pub(super) fn answer(&mut self, to: RequestId, answer: Answer) {
        self.out.push(Action::Answer { to, answer });
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.out.push(Action::Notice(notice));
    }

    /// Comes back to a name, or to the partition as a whole, after `wait`. Returns when.
    pub(super) fn wake(&mut self, wait: Duration, partition: PartitionId, name: Option<&Name>) -> Instant {
        let at = self.now.instant + wait;
        self.timers.set(at, partition, name);
        at
    }
}

/// When to look at what again.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, PartitionId, Option<Name>)>,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, partition: PartitionId, name: Option<&Name>) {
        self.due.insert((at, partition, name.cloned()));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// The next one that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(PartitionId, Option<Name>)> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, partition, name)| (partition, name))
    }
}

/// Which workers this node, as owner, is moving: never more than `move_rate`, and who waits for a place.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Each with when it began.
    running: BTreeMap<(PartitionId, Name), Instant>,
    queue: BTreeSet<(PartitionId, Name)>,
}

impl Moves {
    /// Whether the move may begin now; if not, its turn comes by [`next`](Self::next).
    pub(super) fn begin(&mut self, now: Instant, partition: PartitionId, name: &Name, limit: usize) -> bool {
        let key = (partition, name.clone());
        if self.running.contains_key(&key) {
            return true;
        }
        if self.running.len() >= limit {
            self.queue.insert(key);
            return false;
        }
        self.queue.remove(&key);
        self.running.insert(key, now);
        true
    }

    /// How many moves run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// When the move of this name began, if it is one that runs.
    pub(super) fn since(&self, partition: PartitionId, name: &Name) -> Option<Instant> {
        self.running.get(&(partition, name.clone())).copied()
    }

    /// Whether this name waits for a place.
    pub(super) fn is_queued(&self, partition: PartitionId, name: &Name) -> bool {
        self.queue.contains(&(partition, name.clone()))
    }

    /// The move is over, or no longer wanted.
    pub(super) fn end(&mut self, partition: PartitionId, name: &Name) {
        if self.running.is_empty() && self.queue.is_empty() {
            return;
        }
        let key = (partition, name.clone());
        self.running.remove(&key);
        self.queue.remove(&key);
    }

    /// One that waits, if there is a place.
    pub(super) fn next(&mut self, limit: usize) -> Option<(PartitionId, Name)> {
        if self.running.len() < limit { self.queue.pop_first() } else { None }
    }
}
