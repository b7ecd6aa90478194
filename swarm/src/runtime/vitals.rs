//! Owns what a node tells of its process and of how it does just now: memory, processor time, how long runs have taken lately, which workers
//! have most to do. Nothing is counted for it: it is looked up when somebody asks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::time::{Clock, Instant};

use crate::name::Name;
use crate::runtime::Node;
use crate::worker::cell::Glance;
use crate::worker::times::{Spread, Told};

/// The least span of which the runs are told. Who asks more often is told of the last one, so that several who ask do not cut it to pieces.
const WINDOW: Duration = Duration::from_secs(1);

/// How many busy workers one node tells.
const BUSY_TOLD_MAX: usize = 64;

/// How the process of a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Vitals {
    /// The memory that it occupies, in bytes; 0 where the system does not say.
    pub(crate) memory_bytes: u64,
    /// The processor time that it has used, in milliseconds; 0 where the system does not say.
    pub(crate) cpu_ms: u64,
    /// How long runs took of which nothing was told before, if the node keeps times.
    pub(crate) lately: Option<Told>,
}

/// A worker that has something to do.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Busy {
    pub(crate) name: Name,
    pub(crate) worker: String,
    /// How many messages wait, of how many that may.
    pub(crate) queue: u64,
    pub(crate) mailbox: u64,
    /// A message is in hand.
    pub(crate) busy: bool,
    pub(crate) panics: u32,
}

/// The runs that were told last.
#[derive(Default)]
pub(crate) struct Lately(Mutex<Option<Window>>);

struct Window {
    /// When it ended, and what all runs had taken by then.
    end: Instant,
    spread: Spread,
    told: Told,
}

impl Lately {
    /// What the runs were like that have come since this was asked last.
    fn told(&self, now: Instant, spread: Spread) -> Told {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(window) if now.since(window.end) < WINDOW => window.told,
            window => {
                let told = spread.since(&window.as_ref().map_or_else(Spread::none, |window| window.spread.clone()));
                *last = Some(Window { end: now, spread, told });
                told
            }
        }
    }
}

impl Node {
    pub(crate) fn vitals(&self) -> Vitals {
        let lately = self.tenancy.paces().spread().map(|spread| self.lately.told(Clock::instant(), spread));
        Vitals { memory_bytes: memory_bytes(), cpu_ms: cpu_ms(), lately }
    }

    /// The workers that have most to do, in no order. It looks at each.
    pub(crate) fn busiest(&self, count: usize) -> Vec<Busy> {
        let busy = |glance: &Glance| glance.busy || glance.queue > 0 || glance.panics > 0;
        let cells = self.places.cells().map(|cell| (cell.glance(), cell));
        let mut found: Vec<_> = cells.filter(|(glance, _)| busy(glance)).collect();
        let count = count.min(BUSY_TOLD_MAX);
        if found.len() > count {
            let rank = |glance: &Glance| (glance.queue, glance.busy, glance.panics);
            found.sort_by_key(|(glance, _)| std::cmp::Reverse(rank(glance)));
            found.truncate(count);
        }
        let told = found.into_iter().map(|(glance, cell)| Busy {
            name: cell.name().clone(),
            worker: cell.worker().to_owned(),
            queue: glance.queue as u64,
            mailbox: glance.mailbox as u64,
            busy: glance.busy,
            panics: glance.panics,
        });
        told.collect()
    }
}

/// The resident set of this process, as Linux tells it (proc(5)).
fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or_default().saturating_mul(1024)
}

/// How many of its ticks make a second: Linux tells times in these, whatever its clock (`USER_HZ`).
const TICKS_PER_S: u64 = 100;

/// The processor time of this process, in user and kernel mode (proc(5)).
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program may have blanks; what follows its closing parenthesis begins with the third field.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks.saturating_mul(1000 / TICKS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::times::Times;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_uses_time() {
        assert!(memory_bytes() > 1 << 20);
        let before = cpu_ms();
        while cpu_ms() < before + 20 {
            std::hint::black_box((0..100_000).sum::<u64>());
        }
    }

    #[test]
    fn who_asks_too_soon_is_told_of_the_last_window() {
        let (lately, times) = (Lately::default(), Times::default());
        let at = |ms| Instant::START + Duration::from_millis(ms);
        times.note(Duration::from_micros(10));
        assert_eq!(lately.told(at(0), times.spread()).count, 1);
        times.note(Duration::from_micros(10));
        times.note(Duration::from_micros(10));
        assert_eq!(lately.told(at(500), times.spread()).count, 1, "it is the same window");
        assert_eq!(lately.told(at(1000), times.spread()).count, 2);
        assert_eq!(lately.told(at(2000), times.spread()).count, 0);
    }
}
