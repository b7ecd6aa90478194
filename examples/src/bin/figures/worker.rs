//! Owns the workers that are measured: one that counts and keeps its count when it moves, and one that only sits there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use swarm::prelude::*;

/// How many workers came to this process with their state, and when the first and the last one did (microseconds since
/// 1970, which all processes of a machine count alike).
pub(crate) static ARRIVED: AtomicU64 = AtomicU64::new(0);
pub(crate) static FIRST_ARRIVAL: AtomicU64 = AtomicU64::new(u64::MAX);
pub(crate) static LAST_ARRIVAL: AtomicU64 = AtomicU64::new(0);

/// The time by which processes of one machine can be compared.
pub(crate) fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What moves with a [`Tally`].
#[swarm::message]
pub(crate) struct Saved {
    pub(crate) hits: u64,
}

/// Counts calls.
pub(crate) struct Tally {
    hits: u64,
}

#[swarm::worker]
impl Tally {
    #[init]
    fn init() -> Self {
        Self { hits: 0 }
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
        Handoff::Resume(Saved { hits: self.hits })
    }

    #[end_handoff]
    fn end_handoff(&mut self, saved: Saved) {
        self.hits = saved.hits;
        ARRIVED.fetch_add(1, Ordering::Relaxed);
        let now = unix_us();
        FIRST_ARRIVAL.fetch_min(now, Ordering::Relaxed);
        LAST_ARRIVAL.fetch_max(now, Ordering::Relaxed);
    }
}

/// Those that are told and asked all at once.
#[derive(swarm::Group)]
#[group(worker = Tally)]
pub(crate) struct Listening;

/// Has eight bytes of its own and nothing to do.
pub(crate) struct Idle {
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
