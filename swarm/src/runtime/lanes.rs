//! Owns the tracks of everything that this node sends and passes on: one for each partition and calling node, and one
//! more for each name that takes another way than its partition. Never decides which way that is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::Instant;

use crate::name::Name;
use crate::runtime::track::{Passage, Rank, Stuck, Track, Turn, Unconfirmed};

/// How many letters may wait in all lanes of a node together: some seconds of a busy one.
const WAITING_MAX: usize = 65_536;

/// How many names of one lane may have tracks of their own; further ones share their partition's, and wait more often.
const APART_MAX: usize = 64;

/// Whose letters of which partition: those that this node has written, or another. What one node has written must not
/// wait for another's, or nodes that pass letters on to each other would wait for each other in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    /// `None`: this node.
    pub(crate) caller: Option<NodeId>,
    pub(crate) partition: PartitionId,
}

/// A lane as nodes name it to each other: the tag of the caller above, the partition below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LaneId(pub(crate) u64);

impl Lane {
    /// Its name in the words of other nodes.
    pub(crate) fn id(self, me: NodeId) -> LaneId {
        LaneId(u64::from(self.caller.unwrap_or(me).tag().0) << 32 | u64::from(self.partition.0))
    }
}

/// One track: a lane's, or that of one of its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    lane: Lane,
    name: Option<Name>,
}

/// Where a letter goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The next node; `None`: it stays on this one.
    pub(crate) hop: Option<NodeId>,
    /// It is the way of this name, not of its partition.
    pub(crate) apart: bool,
}

/// What waits in lanes.
pub(crate) trait Passenger {
    /// Whom it is for.
    fn name(&self) -> &Name;
}

/// All lanes of one node.
pub(crate) struct Lanes<L> {
    own: Box<[Own<L>]>,
    /// Only lanes that are not idle stand here.
    relayed: Mutex<BTreeMap<Lane, Tracks<L>>>,
    relayed_count: AtomicUsize,
    /// Which track waits for which flush.
    flushes: Mutex<BTreeMap<u64, (NodeId, Key)>>,
    flushes_made: AtomicU64,
    /// When a wait ends by itself. An entry whose wait has ended otherwise does nothing.
    alarms: Mutex<BTreeSet<(Instant, Key)>>,
    /// Is told when there is something to do sooner than before.
    sooner: Box<dyn Fn(Instant) + Send + Sync>,
    waiting: AtomicUsize,
}

struct Own<L> {
    /// Something may be on its way by another node: calls to workers of this node must not overtake it.
    away: AtomicBool,
    tracks: Mutex<Tracks<L>>,
}

struct Tracks<L> {
    common: Track<L>,
    /// The names that take another way, or took one and may still have something there.
    apart: BTreeMap<Name, Track<L>>,
}

impl<L> Default for Tracks<L> {
    fn default() -> Self {
        Self { common: Track::default(), apart: BTreeMap::new() }
    }
}

impl<L: Passenger> Lanes<L> {
    /// One lane a partition for this node's own letters. `sooner` is told when [`Self::next_due`] has become earlier; it is
    /// called with a lane locked.
    pub(crate) fn new(partitions: u32, sooner: impl Fn(Instant) + Send + Sync + 'static) -> Self {
        let own = || Own { away: AtomicBool::new(false), tracks: Mutex::default() };
        Self {
            own: (0..partitions).map(|_| own()).collect(),
            relayed: Mutex::default(),
            relayed_count: AtomicUsize::new(0),
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
        let tracks = lock(&own.tracks);
        tracks.apart.get(name).unwrap_or(&tracks.common).is_idle()
    }

    /// Whether anything that came from other nodes is under way, so that what comes next may have to wait for it.
    pub(crate) fn relays(&self) -> bool {
        self.relayed_count.load(Ordering::Acquire) > 0
    }

    /// How many letters wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Sends `letter` its way with `go`, or makes it wait.
    pub(crate) fn pass(
        &self,
        now: Instant,
        lane: Lane,
        way: Way,
        letter: L,
        turn: Turn,
        go: impl FnOnce(L) -> Result<(), Stuck<L>>,
    ) -> Passage<L> {
        if lane.caller.is_some() && way.hop.is_none() && !self.relays() {
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

    /// Whether nothing of others is under way, and nothing of this node's waits.
    #[cfg(test)]
    pub(crate) fn is_at_rest(&self) -> bool {
        let (flushes, relayed) = (lock(&self.flushes).is_empty(), lock(&self.relayed).is_empty());
        flushes && relayed && self.waiting() == 0 && !self.relays()
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
        for mut tracks in std::mem::take(&mut *lock(&self.relayed)).into_values() {
            tracks.clear(&mut letters);
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
        let mut relayed = lock(&self.relayed);
        let tracks = relayed.entry(lane).or_default();
        let result = change(tracks);
        if tracks.tidy() {
            relayed.remove(&lane);
        }
        self.relayed_count.store(relayed.len(), Ordering::Release);
        result
    }

    fn own(&self, partition: PartitionId) -> &Own<L> {
        &self.own[usize::from(partition.0) % self.own.len()]
    }
}

#[cfg(test)]
impl<L: Passenger> Tracks<L> {
    fn describe(&self) -> String {
        let apart: Vec<_> = self.apart.iter().map(|(name, track)| (name.clone(), track.describe())).collect();
        format!("common {} apart {apart:?}", self.common.describe())
    }
}

impl<L> Tracks<L> {
    /// The track that a letter of `name` takes, and whether it is the name's own.
    fn of(&mut self, name: &Name, way: Way, turn: Turn) -> (bool, &mut Track<L>) {
        // While others wait here, those of this name may be among them: what comes next stays behind them.
        let parts = way.apart && turn == Turn::New && !self.common.waits();
        let parts = parts && (way.hop.is_some() || !self.common.is_idle());
        if parts && !self.apart.contains_key(name) && self.make_room() {
            self.apart.insert(name.clone(), Track::beside(&self.common));
        }
        self.present(name)
    }

    /// The track of `name` as things are, and whether it is the name's own.
    fn present(&mut self, name: &Name) -> (bool, &mut Track<L>) {
        match self.apart.get_mut(name) {
            Some(track) => (true, track),
            None => (false, &mut self.common),
        }
    }

    fn at(&mut self, key: &Key) -> Option<&mut Track<L>> {
        match &key.name {
            Some(name) => self.apart.get_mut(name),
            None => Some(&mut self.common),
        }
    }

    /// A name that takes its partition's way again needs no track, unless somebody waits.
    fn rejoin(&mut self, name: &Name) {
        if !self.common.waits()
            && self.apart.get(name).is_some_and(|track| !track.waits())
            && let Some(track) = self.apart.remove(name)
        {
            self.common.take_over(&track);
        }
    }

    fn make_room(&mut self) -> bool {
        if self.apart.len() < APART_MAX {
            return true;
        }
        let Some(name) = self.apart.iter().find(|(_, track)| !track.waits()).map(|(name, _)| name.clone()) else {
            return false;
        };
        self.rejoin(&name);
        true
    }

    /// Forgets what says nothing. Whether nothing is left.
    fn tidy(&mut self) -> bool {
        if self.common.is_idle() {
            // A name without anything under way is as its partition is.
            self.apart.retain(|_, track| !track.is_idle());
        }
        self.common.is_idle() && self.apart.is_empty()
    }

    fn lost(&mut self, lane: Lane, node: NodeId) -> Vec<Key> {
        // The order of what a lost node has sent cannot be kept, since nobody knows what is missing.
        let upstream = lane.caller == Some(node);
        let lose = |track: &mut Track<L>| if upstream { track.forget() } else { track.lost(node) };
        self.all(lane).filter_map(|(key, track)| lose(track).then_some(key)).collect()
    }

    fn all(&mut self, lane: Lane) -> impl Iterator<Item = (Key, &mut Track<L>)> {
        let apart = self.apart.iter_mut().map(move |(name, track)| (Key { lane, name: Some(name.clone()) }, track));
        [(Key { lane, name: None }, &mut self.common)].into_iter().chain(apart)
    }

    fn clear(&mut self, letters: &mut Vec<L>) {
        letters.extend(self.common.clear());
        for (_, mut track) in std::mem::take(&mut self.apart) {
            letters.extend(track.clear());
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
