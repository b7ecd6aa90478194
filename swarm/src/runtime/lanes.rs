//! Owns the tracks of everything that this node sends and passes on: one for each partition and calling node, and one
//! more for each name that takes another way than its partition. Never decides which way that is.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::Instant;

use crate::name::Name;
use crate::runtime::lane::{Key, Lane, Passenger, Way};
use crate::runtime::track::{Passage, Rank, Stuck, Track, Turn, Unconfirmed};
use crate::runtime::tracks::Tracks;

/// How many letters may wait in all lanes of a node together: some seconds of a busy one.
const WAITING_MAX: usize = 65_536;

/// All lanes of one node.
pub(crate) struct Lanes<L> {
    own: Box<[Own<L>]>,
    /// Only lanes that are not idle stand here.
    relayed: Mutex<BTreeMap<Lane, Tracks<L>>>,
    /// How many of these there are of each partition.
    relayed_count: Box<[AtomicUsize]>,
    /// Which track waits for which flush.
    flushes: Mutex<BTreeMap<u64, (NodeId, Key)>>,
    flushes_made: AtomicU64,
    /// When a wait ends by itself. An entry whose wait has ended otherwise does nothing.
    alarms: Mutex<BTreeSet<(Instant, Key)>>,
    /// Is told when there is something to do sooner than before.
    sooner: Box<dyn Fn(Instant) + Send + Sync>,
    waiting: AtomicUsize,
}

/// How much the lanes of a node keep.
#[cfg(any(test, feature = "sim"))]
pub(crate) struct Kept {
    /// Lanes of other nodes.
    pub(crate) relayed: usize,
    /// The most names of one lane that have tracks of their own.
    pub(crate) apart: usize,
    /// Flushes that are not answered.
    pub(crate) flushes: usize,
    /// Times at which waits end, of waits that may have ended otherwise.
    pub(crate) alarms: usize,
}

struct Own<L> {
    /// Something may be on its way by another node: calls to workers of this node must not overtake it.
    away: AtomicBool,
    tracks: Mutex<Tracks<L>>,
}

impl<L: Passenger> Lanes<L> {
    /// One lane a partition for this node's own letters. `sooner` is told when [`Self::next_due`] has become earlier; it is
    /// called with a lane locked.
    pub(crate) fn new(partitions: u32, sooner: impl Fn(Instant) + Send + Sync + 'static) -> Self {
        let own = || Own { away: AtomicBool::new(false), tracks: Mutex::default() };
        Self {
            own: (0..partitions).map(|_| own()).collect(),
            relayed: Mutex::default(),
            relayed_count: (0..partitions).map(|_| AtomicUsize::new(0)).collect(),
            flushes: Mutex::default(),
            flushes_made: AtomicU64::new(0),
            alarms: Mutex::default(),
            sooner: Box::new(sooner),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether this node's own calls to the name may run on this node at once.
    pub(crate) fn is_home(&self, partition: PartitionId, name: &Name) -> bool {
        let own = self.own(partition);
        if !own.away.load(Ordering::Acquire) {
            return true;
        }
        lock(&own.tracks).present(name).1.is_idle()
    }

    /// Whether anything of a partition that came from other nodes is under way, so that what comes next may have to wait for it. To be asked
    /// with the place of a name locked: all that is under way of this name is known then.
    pub(crate) fn relays(&self, partition: PartitionId) -> bool {
        self.relayed_count(partition).load(Ordering::Acquire) > 0
    }

    /// How many letters wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Sends `letter` its way with `go`, or makes it wait. Said is whether its partition [relays](Self::relays).
    pub(crate) fn pass(
        &self,
        now: Instant,
        lane: Lane,
        way: Way,
        letter: L,
        (turn, relays): (Turn, bool),
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        if lane.caller.is_some() && way.hop.is_none() && !relays {
            return match go(letter) {
                Ok(()) => Passage::Gone,
                Err(_) => unreachable!("what stays on this node is never stuck"),
            };
        }
        if turn == Turn::New && self.waiting() >= WAITING_MAX {
            return Passage::Full(letter);
        }
        let name = letter.name().clone();
        let passage = self.with(lane, |tracks| {
            let (apart, track) = tracks.of(&name, way, turn);
            let key = Key { lane, name: apart.then(|| name.clone()) };
            let passage = track.pass(now, way.hop, letter, (Rank::NEXT, turn), || self.number(), go);
            self.note(track, key, &passage);
            if !way.apart {
                tracks.rejoin(&name);
            }
            passage
        });
        self.count(&passage);
        passage
    }

    /// Sends a letter of this node's own with `go` by `hop`, if all of its partition that is under way takes that hop, too, and nothing
    /// waits, as nearly always: [`Self::pass`] would do the same. Else gives it back, as `go` does if it cannot.
    pub(crate) fn go_freely<M, T>(
        &self,
        partition: PartitionId,
        hop: NodeId,
        letter: M,
        go: impl FnOnce(M) -> Result<T, M>,
    ) -> Result<T, M> {
        let own = self.own(partition);
        let mut tracks = lock(&own.tracks);
        let Some(track) = tracks.free(hop) else { return Err(letter) };
        let gone = go(letter)?;
        track.went(hop);
        own.away.store(true, Ordering::Release);
        Ok(gone)
    }

    /// Sends what is older than all that waits in its lane, since it waited elsewhere on this node or has come round to it,
    /// or makes it wait before all that.
    pub(crate) fn overtake(
        &self,
        now: Instant,
        lane: Lane,
        hop: Option<NodeId>,
        letter: L,
        (rank, turn): (Rank, Turn),
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        let name = letter.name().clone();
        let passage = self.with(lane, |tracks| {
            let (apart, track) = tracks.present(&name);
            let passage = track.pass(now, hop, letter, (rank, turn), || self.number(), go);
            self.note(track, Key { lane, name: apart.then_some(name) }, &passage);
            passage
        });
        self.count(&passage);
        passage
    }

    /// Sends with `go` by `hop` what is older than all that has to do with its lane: it waits for nothing here, and what
    /// follows it by another hop waits for it.
    pub(crate) fn precede<E>(
        &self,
        lane: Lane,
        name: &Name,
        hop: NodeId,
        go: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        self.with(lane, |tracks| {
            let (apart, track) = tracks.present(name);
            go()?;
            track.went(hop);
            self.note(track, Key { lane, name: apart.then(|| name.clone()) }, &Passage::Gone);
            Ok(())
        })
    }

    /// `by` has confirmed what it was sent before this flush. The track to drain, if it is to be drained.
    pub(crate) fn confirmed(&self, by: NodeId, flush: u64) -> Option<Key> {
        let (_, key) = lock(&self.flushes).remove(&flush)?;
        self.with(key.lane, |tracks| tracks.at(&key)?.confirmed(by, flush).then_some(()))?;
        Some(key)
    }

    /// A relay's next hop has confirmed everything of a lane that it was sent, if `all` still says so with the lane locked.
    /// So a lane that only passes on does not stay here when nothing more comes.
    pub(crate) fn passed_on(&self, lane: Lane, hop: NodeId, all: impl FnOnce() -> bool) {
        if lane.caller.is_some() {
            self.with(lane, |tracks| {
                if all() {
                    for (key, track) in tracks.all(lane) {
                        track.arrived(hop);
                        // Who waited for this is free to go.
                        self.note(track, key, &Passage::Gone);
                    }
                }
            });
        }
    }

    /// What it keeps, whether or not letters wait.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn kept(&self) -> Kept {
        let apart = self.own.iter().map(|own| lock(&own.tracks).apart()).max().unwrap_or(0);
        let (relayed, flushes) = (lock(&self.relayed).len(), lock(&self.flushes).len());
        Kept { relayed, apart, flushes, alarms: lock(&self.alarms).len() }
    }

    /// Whether nothing of others is under way, and nothing of this node's waits.
    #[cfg(test)]
    pub(crate) fn is_at_rest(&self) -> bool {
        let (flushes, relayed) = (lock(&self.flushes).is_empty(), lock(&self.relayed).is_empty());
        let none = self.relayed_count.iter().all(|count| count.load(Ordering::Acquire) == 0);
        flushes && relayed && none && self.waiting() == 0
    }

    /// Whose wait takes too long, and whether for lack of a confirmation: to be drained.
    pub(crate) fn overdue(&self, now: Instant) -> Option<(Key, Unconfirmed)> {
        loop {
            let (_, key) = {
                let mut alarms = lock(&self.alarms);
                if alarms.first().is_none_or(|(at, _)| *at > now) {
                    return None;
                }
                alarms.pop_first()?
            };
            if let Some(unconfirmed) = self.with(key.lane, |tracks| tracks.at(&key)?.time_out(now)) {
                return Some((key, unconfirmed));
            }
        }
    }

    /// When [`Self::overdue`] has something to give.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        lock(&self.alarms).first().map(|(at, _)| *at)
    }

    /// The name of the letter that waited longest in a track that is drained.
    pub(crate) fn front(&self, key: &Key) -> Option<Name> {
        self.with(key.lane, |tracks| {
            let track = tracks.at(key)?;
            let front = track.front().map(|(letter, _)| letter.name().clone());
            if front.is_none() {
                // What still waits may have had its alarm while others went first.
                self.note(track, key.clone(), &Passage::Gone);
            }
            front
        })
    }

    /// Takes out the first letter if it is for `name`, and says how it waited. To be called with the name's place locked,
    /// so that nothing can come between the letters of one name.
    pub(crate) fn pop(&self, key: &Key, name: &Name) -> Option<(L, Rank)> {
        let popped = self.with(key.lane, |tracks| {
            let track = tracks.at(key)?;
            if track.front()?.0.name() != name {
                return None;
            }
            track.pop()
        });
        self.waiting.fetch_sub(usize::from(popped.is_some()), Ordering::Relaxed);
        popped
    }

    /// `node` is lost: nothing that was sent by it can be confirmed any more. The tracks to drain.
    pub(crate) fn lost(&self, node: NodeId) -> Vec<Key> {
        lock(&self.flushes).retain(|_, (hop, _)| *hop != node);
        let mut drain = Vec::new();
        for (i, own) in self.own.iter().enumerate() {
            if own.away.load(Ordering::Acquire) {
                let lane = Lane { caller: None, partition: PartitionId(u16::try_from(i).unwrap_or(u16::MAX)) };
                self.with(lane, |tracks| drain.extend(tracks.lost(lane, node)));
            }
        }
        let lanes: Vec<Lane> = lock(&self.relayed).keys().copied().collect();
        for lane in lanes {
            self.with(lane, |tracks| drain.extend(tracks.lost(lane, node)));
        }
        drain
    }

    /// Takes out everything that waits, for a node that stops.
    pub(crate) fn clear(&self) -> Vec<L> {
        let mut letters = Vec::new();
        for own in &self.own {
            lock(&own.tracks).clear(&mut letters);
        }
        for (lane, mut tracks) in std::mem::take(&mut *lock(&self.relayed)) {
            tracks.clear(&mut letters);
            self.relayed_count(lane.partition).fetch_sub(1, Ordering::Release);
        }
        self.waiting.store(0, Ordering::Relaxed);
        letters
    }

    /// What is not idle, in words.
    #[cfg(test)]
    pub(crate) fn describe(&self) -> String {
        let own = self.own.iter().map(|own| lock(&own.tracks).describe());
        let relayed: Vec<_> = lock(&self.relayed).iter().map(|(lane, of)| (*lane, of.describe())).collect();
        format!("own {:?}, relayed {relayed:?}, alarms {:?}", own.collect::<Vec<_>>(), lock(&self.alarms))
    }

    /// Notes which flushes the track waits for, and until when.
    fn note(&self, track: &Track<L>, key: Key, passage: &Passage<L>) {
        if let Passage::Asks(asks) = passage {
            let mut flushes = lock(&self.flushes);
            flushes.extend(asks.iter().map(|(hop, flush)| (*flush, (*hop, key.clone()))));
        }
        let Some(until) = track.until() else { return };
        let sooner = {
            let mut alarms = lock(&self.alarms);
            let sooner = alarms.first().is_none_or(|(first, _)| until < *first);
            alarms.insert((until, key));
            sooner
        };
        if sooner {
            (self.sooner)(until);
        }
    }

    fn count(&self, passage: &Passage<L>) {
        match passage {
            Passage::Waits | Passage::Asks(_) | Passage::Stalled => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
            }
            Passage::Gone | Passage::Full(_) => {}
        }
    }

    fn number(&self) -> u64 {
        self.flushes_made.fetch_add(1, Ordering::Relaxed)
    }

    fn with<T>(&self, lane: Lane, change: impl FnOnce(&mut Tracks<L>) -> T) -> T {
        if lane.caller.is_none() {
            let own = self.own(lane.partition);
            let mut tracks = lock(&own.tracks);
            let result = change(&mut tracks);
            own.away.store(!tracks.tidy(), Ordering::Release);
            return result;
        }
        let (mut relayed, count) = (lock(&self.relayed), self.relayed_count(lane.partition));
        let mut tracks = match relayed.entry(lane) {
            Entry::Occupied(tracks) => tracks,
            Entry::Vacant(place) => {
                count.fetch_add(1, Ordering::Release);
                place.insert_entry(Tracks::default())
            }
        };
        let result = change(tracks.get_mut());
        if tracks.get_mut().tidy() {
            tracks.remove();
            count.fetch_sub(1, Ordering::Release);
        }
        result
    }

    fn relayed_count(&self, partition: PartitionId) -> &AtomicUsize {
        &self.relayed_count[usize::from(partition.0) % self.relayed_count.len()]
    }

    fn own(&self, partition: PartitionId) -> &Own<L> {
        &self.own[usize::from(partition.0) % self.own.len()]
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
