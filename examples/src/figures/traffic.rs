//! Owns callers that call as fast as they can, and what each of their calls took, so that it can be asked afterwards how they
//! did at a certain time. Never decides what that time was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use swarm::Swarm;

use super::worker::{Tally, unix_us};

/// How many calls each caller remembers: some ten seconds of them with 64 callers, and 3 MB.
const CALLS_MAX: usize = 1 << 17;

/// Callers in a closed loop. They end when it is dropped.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    /// One a caller, so that they do not wait for each other.
    told: Vec<Arc<Mutex<Vec<Told>>>>,
}

/// One call.
#[derive(Clone, Copy)]
struct Told {
    /// When it ended, in microseconds since 1970.
    ended_us: u64,
    took_ns: u64,
    failed: bool,
}

/// How the calls of a time did.
pub struct Seen {
    /// How many there were.
    pub calls: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The median, in nanoseconds.
    pub p50_ns: u64,
    /// What one in a hundred exceeded, in nanoseconds.
    pub p99_ns: u64,
}

impl Traffic {
    /// Has so many callers call the names in turn.
    #[must_use]
    pub fn start(swarm: &Swarm, names: Vec<String>, callers: u64) -> Self {
        let (stop, names) = (Arc::new(AtomicBool::new(false)), Arc::new(names));
        let mut all = Vec::new();
        let (began_us, began) = (unix_us(), Instant::now());
        for caller in 0..usize::try_from(callers).unwrap_or_default() {
            let told = Arc::new(Mutex::new(Vec::new()));
            all.push(told.clone());
            let (swarm, stop, names) = (swarm.clone(), stop.clone(), names.clone());
            tokio::spawn(async move {
                let at = swarm.at::<Tally>(names[caller % names.len()].as_str());
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let failed = at.hit(1).await.is_err();
                    let took_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    let since = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    if told.len() < CALLS_MAX {
                        told.push(Told { ended_us: began_us + since, took_ns, failed });
                    }
                }
            });
        }
        Self { stop, told: all }
    }

    /// How the calls did that were under way at some moment between the two, in microseconds since 1970.
    #[must_use]
    pub fn window(&self, from_us: u64, to_us: u64) -> Seen {
        let (mut took, mut failed) = (Vec::new(), 0);
        for told in &self.told {
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            let within = |told: &&Told| told.ended_us >= from_us && told.ended_us - told.took_ns / 1_000 <= to_us;
            for call in told.iter().filter(within) {
                took.push(call.took_ns);
                failed += u64::from(call.failed);
            }
        }
        took.sort_unstable();
        let at = |percent: usize| took.get(took.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default();
        Seen { calls: took.len() as u64, failed, p50_ns: at(50), p99_ns: at(99) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
