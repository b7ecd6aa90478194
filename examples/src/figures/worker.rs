//! Owns the workers that are measured: one that counts and keeps its count when it moves, one that is large, and one that
//! only sits there. Never reads what it measures: that is `load`'s.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use swarm::prelude::*;

/// How many workers came to this process with their state, and when the first and the last one did (microseconds since
/// 1970, which all processes of a machine count alike).
pub static ARRIVED: AtomicU64 = AtomicU64::new(0);
/// When the first one came.
pub static FIRST_ARRIVAL: AtomicU64 = AtomicU64::new(u64::MAX);
/// When the last one came.
pub static LAST_ARRIVAL: AtomicU64 = AtomicU64::new(0);
/// When the last large worker of this process was asked for its state.
pub static BULK_ASKED: AtomicU64 = AtomicU64::new(0);

/// When the last large worker came to this process with its state.
pub static BULK_ARRIVED: AtomicU64 = AtomicU64::new(0);

/// The time by which processes of one machine can be compared.
pub fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What moves with a [`Tally`]: 64 bytes.
#[swarm::message]
pub struct Saved {
    /// Its count.
    pub hits: u64,
    /// What else a worker may have.
    pub rest: [u64; 7],
}

/// Counts calls.
pub struct Tally {
    hits: u64,
    rest: [u64; 7],
}

#[swarm::worker]
impl Tally {
    #[init]
    fn init() -> Self {
        Self { hits: 0, rest: [0; 7] }
    }

    #[call]
    fn hit(&mut self, by: u64) -> u64 {
        self.hits += by;
        self.hits
    }

    #[cast]
    fn told(&mut self, by: u64) {
        self.hits += by;
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Saved> {
        Handoff::Resume(Saved { hits: self.hits, rest: self.rest })
    }

    #[end_handoff]
    fn end_handoff(&mut self, saved: Saved) {
        self.hits = saved.hits;
        self.rest = saved.rest;
        ARRIVED.fetch_add(1, Ordering::Relaxed);
        let now = unix_us();
        FIRST_ARRIVAL.fetch_min(now, Ordering::Relaxed);
        LAST_ARRIVAL.fetch_max(now, Ordering::Relaxed);
    }
}

/// Those that are told and asked all at once.
#[derive(swarm::Group)]
#[group(worker = Tally)]
pub struct Listening;

/// Has eight bytes of its own and nothing to do.
pub struct Idle {
    value: u64,
}

#[swarm::worker]
impl Idle {
    #[init]
    fn init(value: u64) -> Self {
        Self { value }
    }

    #[call]
    fn value(&self) -> u64 {
        self.value
    }
}

/// What moves with a [`Bulk`].
#[swarm::message]
pub struct Heap {
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Has as much state as it is told to have.
pub struct Bulk {
    bytes: Vec<u8>,
}

#[swarm::worker]
impl Bulk {
    #[init]
    fn init() -> Self {
        Self { bytes: Vec::new() }
    }

    #[call]
    fn fill(&mut self, count: u64) -> u64 {
        self.bytes = vec![0x5a; usize::try_from(count).unwrap_or_default()];
        count
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Heap> {
        BULK_ASKED.store(unix_us(), Ordering::Relaxed);
        // Taken, not cloned: a copy of 64 MiB would be half of what is measured. If the move fails, no arrival tells of one.
        Handoff::Resume(Heap { bytes: std::mem::take(&mut self.bytes) })
    }

    #[end_handoff]
    fn end_handoff(&mut self, heap: Heap) {
        self.bytes = heap.bytes;
        BULK_ARRIVED.store(unix_us(), Ordering::Relaxed);
    }
}
