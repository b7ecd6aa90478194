//! Owns what is known of how long the methods of a worker type take on this node, and so where they run: what is quick is
//! run by whoever has its message at hand, since a hop to another thread costs more; what is slow would hold that thread up.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use swarm_net::time::Instant;

use crate::worker::KindId;
use crate::worker::times::{Spread, Times, Told};

/// So many quick runs in a row make a method quick.
const PROBATION: u32 = 32;

/// Of the runs of quick methods by their callers, one in so many is timed.
const SAMPLED: u32 = 32;

/// A run of a quick method that took so long has held others up. If that happens again and again, more and more quick runs in a row are
/// wanted before it counts as quick.
const HARMFUL: Duration = Duration::from_millis(2);

/// Twice as many for each time, up to this.
const PROBATION_MAX: u32 = 1 << 20;

/// For each time that passes like this without harm, half as many: on a busy machine a thread stands still now and then in the midst of
/// any run, and in a process of many days no method would be quick any more.
const CALM: Duration = Duration::from_secs(60);

/// How one method, or `init`, has done lately.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The longest run that is quick.
    quick_max: Duration,
    /// How many quick runs in a row are wanted before it counts as quick.
    wanted: AtomicU32,
    /// How many it will be after its next long run.
    probation: AtomicU32,
    /// The last run that was counted was long.
    long: AtomicBool,
    /// It was long twice in a row, and not quick since.
    slow: AtomicBool,
    /// When it has held others up last, in nanoseconds of the node's clock.
    harmed: AtomicU64,
    /// How long its runs took, if anybody may ask.
    times: Option<Box<Times>>,
}

/// What is kept for who asks, beside what the node needs itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Nothing.
    #[default]
    Nothing,
    /// The times of runs, at the price of two more counters a timed run.
    #[cfg_attr(not(feature = "admin"), expect(dead_code, reason = "only operators ask"))]
    Times,
    /// Those, and calls are counted by worker type.
    Tallies,
}

/// What a run has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// It is run on the spot from now on.
    ToSpot,
    /// It is run on tokio from now on.
    ToPool,
}

impl Pace {
    fn new(quick_max: Duration, keeps: Keeps) -> Self {
        let times = match keeps {
            Keeps::Nothing => None,
            Keeps::Times | Keeps::Tallies => Some(Box::default()),
        };
        Self {
            times,
            quick_max,
            wanted: AtomicU32::new(PROBATION),
            probation: AtomicU32::new(PROBATION),
            long: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            harmed: AtomicU64::new(0),
        }
    }

    /// Whether it may run on a thread that has other things to do.
    #[inline]
    pub(crate) fn is_quick(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) == 0
    }

    /// Whether its last run was, as far as anyone knows: enough for a thread that can do other things meanwhile.
    #[inline]
    pub(crate) fn was_quick(&self) -> bool {
        !self.long.load(Ordering::Relaxed)
    }

    /// Whether a run by its caller is to be timed. Reading the clock takes as long as the rest of such a run, so that is done for each only
    /// until something is known of it.
    #[inline]
    pub(crate) fn is_timed(&self) -> bool {
        let wanted = self.wanted.load(Ordering::Relaxed);
        (1..=PROBATION).contains(&wanted) || is_sampled()
    }

    /// Whether it is known to take long.
    #[inline]
    pub(crate) fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    /// How long its runs took that were timed; `None` if nobody keeps that.
    pub(crate) fn times(&self) -> Option<Told> {
        self.times.as_ref().map(|times| times.told())
    }

    /// The same in full.
    pub(crate) fn spread(&self) -> Option<Spread> {
        self.times.as_ref().map(|times| times.spread())
    }

    /// It ran until now, and took so long. Runs at the same time may miss one another, which only delays a switch by a run.
    pub(crate) fn ran(&self, took: Duration, now: Instant) -> Option<Switch> {
        // A run that was given up on has no length.
        if let Some(times) = self.times.as_ref().filter(|_| took != Duration::MAX) {
            times.note(took);
        }
        if took > self.quick_max { self.ran_long(took, now) } else { self.ran_quickly(now) }
    }

    fn ran_long(&self, took: Duration, now: Instant) -> Option<Switch> {
        let mut probation = self.probation.load(Ordering::Relaxed);
        let was_quick = self.is_quick();
        if was_quick && took > HARMFUL {
            let halvings = self.calms(now);
            probation = (2 * probation).checked_shr(halvings).unwrap_or(0).clamp(PROBATION, PROBATION_MAX);
            self.probation.store(probation, Ordering::Relaxed);
            self.harmed.store(now.as_nanos(), Ordering::Relaxed);
        }
        self.wanted.store(probation, Ordering::Relaxed);
        // One alone is often no fault of the method's: its first run of all, or one in which its thread stood still.
        if self.long.swap(true, Ordering::Relaxed) {
            self.slow.store(true, Ordering::Relaxed);
        }
        was_quick.then_some(Switch::ToPool)
    }

    fn ran_quickly(&self, now: Instant) -> Option<Switch> {
        let wanted = self.wanted.load(Ordering::Relaxed);
        if wanted == 0 {
            return None;
        }
        self.long.store(false, Ordering::Relaxed);
        let left = if wanted > PROBATION && self.calms(now) > 0 { PROBATION } else { wanted } - 1;
        let counted = self.wanted.compare_exchange(wanted, left, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if !counted || left > 0 {
            return None;
        }
        self.slow.store(false, Ordering::Relaxed);
        Some(Switch::ToSpot)
    }

    /// For how many times [`CALM`] it has held nobody up.
    fn calms(&self, now: Instant) -> u32 {
        let harmed = Instant::from_nanos(self.harmed.load(Ordering::Relaxed));
        u32::try_from(now.since(harmed).as_secs() / CALM.as_secs()).unwrap_or(u32::MAX)
    }
}

/// Whether this run is the one of so many.
#[inline]
fn is_sampled() -> bool {
    thread_local!(static RUNS: Cell<u32> = const { Cell::new(0) });
    RUNS.set(RUNS.get().wrapping_add(1));
    RUNS.get().is_multiple_of(SAMPLED)
}

/// The paces of all worker types of a node. One that is not in it is not counted, and runs on tokio.
#[derive(Debug, Default)]
pub(crate) struct Paces(Box<[(KindId, Kind)]>);

/// Those of one worker type.
#[derive(Debug)]
struct Kind {
    init: Pace,
    methods: Box<[Pace]>,
}

impl Paces {
    /// Of these types, each with so many methods, where runs that take no longer than this are quick.
    pub(crate) fn of(kinds: impl Iterator<Item = (KindId, usize)>, quick_max: Duration, keeps: Keeps) -> Self {
        let new = || Pace::new(quick_max, keeps);
        let pace = |(kind, methods)| (kind, Kind { init: new(), methods: (0..methods).map(|_| new()).collect() });
        Self(kinds.map(pace).collect())
    }

    /// The times of all methods of all types together; `None` if nobody keeps them.
    pub(crate) fn spread(&self) -> Option<Spread> {
        let mut sum = None;
        for pace in self.0.iter().flat_map(|(_, kind)| &kind.methods) {
            let spread = pace.spread()?;
            sum.get_or_insert_with(Spread::none).add(&spread);
        }
        sum
    }

    /// That of `init`.
    pub(crate) fn init(&self, kind: KindId) -> Option<&Pace> {
        self.kind(kind).map(|kind| &kind.init)
    }

    /// That of a method, by its row in the table.
    #[inline]
    pub(crate) fn method(&self, kind: KindId, row: usize) -> Option<&Pace> {
        self.kind(kind)?.methods.get(row)
    }

    #[inline]
    fn kind(&self, kind: KindId) -> Option<&Kind> {
        // They are a few, side by side.
        self.0.iter().find(|(known, _)| *known == kind).map(|(_, paces)| paces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::START;
    const QUICK: Duration = Duration::from_micros(50);
    const LONG: Duration = Duration::from_micros(51);

    #[test]
    fn so_many_quick_runs_in_a_row_make_it_quick_and_two_long_ones_slow() {
        let pace = Pace::new(QUICK, Keeps::Nothing);
        assert!(!pace.is_quick() && !pace.is_slow(), "nothing is known of it");
        for _ in 1..PROBATION {
            assert_eq!(pace.ran(QUICK, NOW), None);
        }
        assert!(!pace.is_quick());
        assert_eq!(pace.ran(QUICK, NOW), Some(Switch::ToSpot));
        assert!(pace.is_quick());
        assert_eq!(pace.ran(QUICK, NOW), None, "it is already");
        assert_eq!(pace.ran(LONG, NOW), Some(Switch::ToPool));
        assert!(!pace.is_slow(), "its thread may have stood still");
        assert_eq!(pace.ran(LONG, NOW), None, "it is already");
        assert!(pace.is_slow());
    }

    #[test]
    fn a_long_run_in_between_begins_the_count_again() {
        let pace = Pace::new(QUICK, Keeps::Nothing);
        for _ in 1..PROBATION {
            pace.ran(Duration::ZERO, NOW);
        }
        assert_eq!(pace.ran(LONG, NOW), None, "it was not quick yet");
        for _ in 1..PROBATION {
            assert_eq!(pace.ran(Duration::ZERO, NOW), None);
        }
        assert_eq!(pace.ran(Duration::ZERO, NOW), Some(Switch::ToSpot));
        assert!(!pace.is_slow());
    }

    #[test]
    fn one_long_run_of_a_method_that_nobody_knows_makes_it_slow_only_with_another() {
        let pace = Pace::new(QUICK, Keeps::Nothing);
        pace.ran(LONG, NOW);
        assert!(!pace.is_slow());
        pace.ran(Duration::ZERO, NOW);
        pace.ran(LONG, NOW);
        assert!(!pace.is_slow());
        pace.ran(LONG, NOW);
        assert!(pace.is_slow());
    }

    #[test]
    fn who_holds_others_up_again_and_again_has_to_be_quick_for_longer_each_time() {
        let pace = Pace::new(QUICK, Keeps::Nothing);
        let until_quick = || (1..).find(|_| pace.ran(Duration::ZERO, NOW).is_some());
        assert_eq!(until_quick(), Some(PROBATION));
        pace.ran(LONG, NOW);
        assert_eq!(until_quick(), Some(PROBATION), "nobody has waited for that");
        for times in 1..4 {
            pace.ran(2 * HARMFUL, NOW);
            assert_eq!(until_quick(), Some(PROBATION << times));
        }
    }

    #[test]
    fn who_has_held_nobody_up_for_long_is_taken_for_quick_as_soon_as_before() {
        let pace = Pace::new(QUICK, Keeps::Nothing);
        let until_quick = |now| (1..).find(|_| pace.ran(Duration::ZERO, now).is_some());
        until_quick(NOW);
        for _ in 0..5 {
            pace.ran(2 * HARMFUL, NOW);
            until_quick(NOW);
        }
        pace.ran(2 * HARMFUL, NOW);
        assert_eq!(until_quick(NOW + CALM), Some(PROBATION), "once it was calm, not so many are wanted any more");
        pace.ran(2 * HARMFUL, NOW + 2 * CALM);
        assert_eq!(until_quick(NOW + 2 * CALM), Some(PROBATION << 5), "it was 6 times, and once more, less two");
        pace.ran(2 * HARMFUL, NOW + 100 * CALM);
        assert_eq!(until_quick(NOW + 100 * CALM), Some(PROBATION));
    }
}
