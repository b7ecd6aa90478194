//! Owns the queues of workers that have moved away, as far as their successors' nodes have not taken them yet: letter after
//! letter, then the word that it was all. Nothing overtakes what stands here, and none of it is dropped for lack of room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;

use crate::call::frame::kind;
use crate::epoch::Epoch;
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::input::Input;
use crate::runtime::lane::Way;
use crate::runtime::letter::Letter;
use crate::runtime::places::Shard;
use crate::runtime::refusal::Refusal;
use crate::runtime::sending::{FULL_RETRY, Unwritten};

/// The departures of one node that wait for room in a connection's queue.
#[derive(Default)]
pub(crate) struct Departures {
    open: Mutex<BTreeMap<Name, Departure>>,
    /// So that nobody looks for the lock while there are none.
    count: AtomicUsize,
}

/// What one worker has left behind.
pub(crate) struct Departure {
    /// The successor's node.
    pub(crate) to: NodeId,
    /// The activation that is over.
    pub(crate) epoch: Epoch,
    /// Its queue.
    pub(crate) letters: VecDeque<Letter>,
}

impl Departures {
    /// Takes out what has not gone yet.
    pub(crate) fn take(&self, name: &Name) -> Option<Departure> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut open = self.lock();
        let departure = open.remove(name);
        self.count.store(open.len(), Ordering::Release);
        departure
    }

    fn put(&self, name: Name, departure: Departure) {
        let mut open = self.lock();
        open.insert(name, departure);
        self.count.store(open.len(), Ordering::Release);
    }

    /// Takes out everything, for a node that stops.
    pub(crate) fn clear(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.lock()).into_values().flat_map(|departure| departure.letters).collect()
    }

    /// Whether everything has gone.
    pub(crate) fn are_over(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Departure>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Sends a worker's queue after it, as far as there is room; what is left is tried again in a moment. Returns the
    /// letters that nobody takes.
    pub(crate) fn depart(self: &Arc<Self>, shard: &mut Shard, name: &Name, mut departure: Departure) -> Vec<Refusal> {
        let to = departure.to;
        let mut refused = Vec::new();
        while let Some(letter) = departure.letters.pop_front() {
            if letter.overdue(self.now()) {
                refused.push(self.timed_out(letter));
                continue;
            }
            let way = Way { hop: Some(to), apart: true };
            // It is older than all that its lane has to do with, so it waits for nothing there.
            let written = self.lanes.precede(self.lane(&letter), name, to, || self.write(to, letter, way));
            match written {
                Ok(()) => {}
                Err(Unwritten::Refused(refusal)) => refused.push(*refusal),
                Err(Unwritten::Full(letter)) => {
                    departure.letters.push_front(letter);
                    self.depart_later(name, departure);
                    return refused;
                }
                Err(Unwritten::NoWay(letter)) => {
                    // The successor is lost with its node: what it did not get goes where its name goes.
                    departure.letters.push_front(letter);
                    let letters = departure.letters.into_iter().map(|letter| Letter { from_queue: false, ..letter });
                    refused.extend(self.overtake(shard, None, letters));
                    return refused;
                }
            }
        }
        if let Ok(end) = rkyv::to_bytes::<rkyv::rancor::Error>(&(name.clone(), departure.epoch)) {
            self.send_vital(to, kind::QUEUE_END, [0; 24], &end);
        }
        refused
    }

    /// Goes on with a departure that waited for room.
    pub(crate) fn depart_on(self: &Arc<Self>, name: &Name) {
        if self.departures.are_over() {
            return;
        }
        let refused = {
            let mut shard = self.places.write(name);
            let departure = self.departures.take(name);
            departure.map(|departure| self.depart(&mut shard, name, departure)).unwrap_or_default()
        };
        self.refuse_all(refused);
    }

    fn depart_later(&self, name: &Name, departure: Departure) {
        self.departures.put(name.clone(), departure);
        self.waits.until(self.now() + FULL_RETRY, name.clone());
        self.control(Input::Look);
    }
}
