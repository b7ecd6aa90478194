//! Owns numbered places that never move, each with a lock and a due time. Never knows what stands in one.
//!
//! The due times stand apart in flat arrays of atomics: looking through a hundred thousand takes microseconds, so no
//! wheel of timers is needed.

use std::ops::Range;
use std::sync::{OnceLock, PoisonError};

use crate::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering};

/// Slots are allocated in chunks that never move, so they are found without a lock. (A model makes each of them.)
const CHUNK: usize = if cfg!(loom) { 2 } else { 1 << 10 };
/// A million slots are there at most; a node that needs more of them is lost anyway.
const CHUNKS: usize = if cfg!(loom) { 1 } else { 1 << 10 };
/// Free slots are kept apart by thread, so that two threads seldom want the same lock.
const SHARDS: usize = if cfg!(loom) { 1 } else { 8 };

/// How many slots there may be.
pub(super) const SLOTS_MAX: usize = CHUNK * CHUNKS;
/// "No due time" in the arrays.
pub(super) const NEVER: u64 = u64::MAX;

/// Slots with a state each.
pub(super) struct Slots<S> {
    chunks: Box<[OnceLock<Chunk<S>>]>,
    free: [Mutex<Vec<u32>>; SHARDS],
    /// Slots below this index exist.
    grown: AtomicU32,
}

struct Chunk<S> {
    slots: Box<[Mutex<Slot<S>>]>,
    dues: Box<[AtomicU64]>,
}

/// One of them.
#[derive(Default)]
pub(super) struct Slot<S> {
    /// Tells apart those who have had it one after another.
    pub(super) generation: u32,
    pub(super) state: S,
}

impl<S: Default> Slots<S> {
    pub(super) fn new() -> Self {
        Self {
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            free: Default::default(),
            grown: AtomicU32::new(0),
        }
    }

    /// A slot that nobody has; `None` if there are as many as may be.
    pub(super) fn take(&self) -> Option<u32> {
        let own = shard_of_thread();
        for step in 0..SHARDS {
            if let Some(index) = self.shard((own + step) % SHARDS).pop() {
                return Some(index);
            }
        }
        let index = self
            .grown
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |grown| {
                let index = grown as usize;
                (index < SLOTS_MAX).then(|| {
                    self.chunks[index / CHUNK].get_or_init(Chunk::new);
                    grown + 1
                })
            })
            .ok()?;
        Some(index)
    }

    /// The slot is nobody's any more.
    pub(super) fn give_back(&self, index: u32) {
        self.shard(shard_of_thread()).push(index);
    }

    /// Those that exist, taken or not.
    pub(super) fn indices(&self) -> Range<u32> {
        0..self.grown.load(Ordering::SeqCst)
    }

    /// The slot of an index that exists.
    pub(super) fn at(&self, index: u32) -> MutexGuard<'_, Slot<S>> {
        self.chunk(index).slots[index as usize % CHUNK].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its due time. It is changed only while its slot is locked: who has the slot next has another.
    pub(super) fn due(&self, index: u32) -> &AtomicU64 {
        &self.chunk(index).dues[index as usize % CHUNK]
    }

    fn chunk(&self, index: u32) -> &Chunk<S> {
        self.chunks[index as usize / CHUNK].get().expect("a chunk is made before one of its indices is handed out")
    }

    fn shard(&self, shard: usize) -> MutexGuard<'_, Vec<u32>> {
        self.free[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Default> Chunk<S> {
    fn new() -> Self {
        Self {
            slots: (0..CHUNK).map(|_| Mutex::default()).collect(),
            dues: (0..CHUNK).map(|_| AtomicU64::new(NEVER)).collect(),
        }
    }
}

fn shard_of_thread() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    MINE.with(|mine| *mine)
}
