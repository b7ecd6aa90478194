//! Owns how long the runs of one method have taken that were timed anyway, in buckets. Never reads a clock itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The first bucket takes what is below this, in nanoseconds, as a power of two: reading a clock takes a tenth of it.
const FIRST: u32 = 8;
/// So many powers of two are told apart: up to 68 seconds.
const OCTAVES: u32 = 28;
/// So many buckets divide each, as a power of two: what is told is at most an eighth too much.
const FINE: u32 = 3;
const BUCKETS: usize = (OCTAVES as usize) << FINE;

/// The times of one method: two kilobytes.
#[derive(Debug)]
pub(crate) struct Times {
    counts: [AtomicU64; BUCKETS],
    longest_ns: AtomicU64,
    sum_ns: AtomicU64,
}

/// The same in full, for who shows how they are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    counts: Vec<u64>,
    /// How long all of them took together, in nanoseconds.
    pub(crate) sum_ns: u64,
}

/// What is told of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(crate) struct Told {
    /// How many runs were timed.
    pub(crate) count: u64,
    /// Half of them took no longer, in nanoseconds.
    pub(crate) p50_ns: u64,
    /// Of a hundred, ninety-nine took no longer.
    pub(crate) p99_ns: u64,
    /// The longest.
    pub(crate) max_ns: u64,
}

impl Default for Times {
    fn default() -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self { counts, longest_ns: AtomicU64::new(0), sum_ns: AtomicU64::new(0) }
    }
}

impl Times {
    /// A run took so long.
    pub(crate) fn note(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
        // Nearly always it is not, and then nothing is written that other threads read.
        if self.longest_ns.load(Ordering::Relaxed) < ns {
            self.longest_ns.fetch_max(ns, Ordering::Relaxed);
        }
    }

    /// How they are spread.
    pub(crate) fn spread(&self) -> Spread {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Spread { counts, sum_ns: self.sum_ns.load(Ordering::Relaxed) }
    }

    /// What they were like.
    pub(crate) fn told(&self) -> Told {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        told(&counts, self.longest_ns.load(Ordering::Relaxed))
    }
}

/// What runs were like that are so many in each bucket, none longer than this.
fn told(counts: &[u64], max_ns: u64) -> Told {
    let count = counts.iter().sum();
    let rank = |percent: u64| {
        let wanted = (u128::from(count) * u128::from(percent)).div_ceil(100);
        let mut sum = 0;
        let reached = counts.iter().position(|count| {
            sum += u128::from(*count);
            sum >= wanted
        });
        // What is in the last bucket may be longer than its end.
        reached.filter(|at| *at + 1 < BUCKETS).map_or(max_ns, |at| end_ns(at).min(max_ns))
    };
    Told { count, p50_ns: rank(50), p99_ns: rank(99), max_ns }
}

impl Spread {
    /// No runs.
    pub(crate) fn none() -> Self {
        Self { counts: vec![0; BUCKETS], sum_ns: 0 }
    }

    /// Adds the runs of another.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
    }

    /// What those runs were like that have come since it was `before`. The longest is told as the end of its bucket.
    pub(crate) fn since(&self, before: &Self) -> Told {
        let counts: Vec<u64> =
            self.counts.iter().zip(&before.counts).map(|(now, then)| now.saturating_sub(*then)).collect();
        let longest = counts.iter().rposition(|count| *count > 0).map_or(0, end_ns);
        told(&counts, longest)
    }
}

#[cfg(feature = "metrics")]
impl Spread {
    /// How many runs there were.
    #[cfg(feature = "prometheus")]
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many took less than this power of two, in nanoseconds.
    #[cfg(feature = "prometheus")]
    pub(crate) fn below(&self, power: u32) -> u64 {
        let octaves = power.saturating_sub(FIRST).min(OCTAVES) as usize;
        self.counts[..octaves << FINE].iter().sum()
    }

    /// For each bucket a span in it, in nanoseconds, and how many runs took about as long.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let middle = |bucket: usize| {
            let begin = bucket.checked_sub(1).map_or(0, end_ns);
            begin + (end_ns(bucket) - begin) / 2
        };
        self.counts.iter().enumerate().map(move |(bucket, count)| (middle(bucket), *count))
    }
}

/// The bucket of a span.
fn bucket(ns: u64) -> usize {
    let Some(octave) = (ns | 1).ilog2().checked_sub(FIRST) else { return 0 };
    let fine = (ns >> (octave + FIRST - FINE)) & ((1 << FINE) - 1);
    ((u64::from(octave) << FINE | fine) as usize).min(BUCKETS - 1)
}

/// Where a bucket ends.
fn end_ns(bucket: usize) -> u64 {
    let (octave, fine) = (bucket as u64 >> FINE, bucket as u64 & ((1 << FINE) - 1));
    let step = 1 << (octave + u64::from(FIRST - FINE));
    ((1 << FINE) + fine + 1) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_never_too_little_and_an_eighth_too_much_at_most() {
        for exponent in FIRST..FIRST + OCTAVES - 1 {
            for ns in [1_u64 << exponent, (1 << exponent) + 1, (3 << exponent) / 2, (2 << exponent) - 1] {
                let end = end_ns(bucket(ns));
                assert!(ns < end && end <= ns + ns / 8 + 1, "{ns} is told as {end}");
            }
        }
    }

    #[test]
    fn ranks_are_those_of_the_runs() {
        let times = Times::default();
        assert_eq!(times.told(), Told::default());
        for _ in 0..98 {
            times.note(Duration::from_micros(10));
        }
        times.note(Duration::from_millis(5));
        times.note(Duration::from_secs(500));
        let told = times.told();
        assert_eq!((told.count, told.max_ns), (100, 500_000_000_000));
        assert!((10_000..11_250).contains(&told.p50_ns), "{told:?}");
        assert!((5_000_000..5_625_000).contains(&told.p99_ns), "{told:?}");
    }

    #[test]
    fn what_has_come_since_is_told_by_itself() {
        let times = Times::default();
        times.note(Duration::from_secs(60));
        let before = times.spread();
        assert_eq!(times.spread().since(&before), Told::default());
        for _ in 0..100 {
            times.note(Duration::from_micros(10));
        }
        let told = times.spread().since(&before);
        assert_eq!(told.count, 100);
        assert!((10_000..11_250).contains(&told.p99_ns) && told.max_ns == told.p99_ns, "{told:?}");
    }

    #[cfg(feature = "prometheus")]
    #[test]
    fn a_spread_has_every_run_below_the_next_power_of_two() {
        let times = Times::default();
        for ns in [1, 255, 256, 4_095, 4_096, 5_000_000, u64::MAX >> 2] {
            times.note(Duration::from_nanos(ns));
        }
        let mut spread = times.spread();
        assert_eq!([8, 9, 12, 13, 22, 23, 35, 36].map(|power| spread.below(power)), [0, 3, 4, 5, 5, 6, 6, 7]);
        assert_eq!((spread.count(), spread.below(64)), (7, 7));
        assert_eq!(spread.sum_ns, 1 + 255 + 256 + 4_095 + 4_096 + 5_000_000 + (u64::MAX >> 2));
        for (ns, count) in spread.each() {
            let told = times.counts[bucket(ns)].load(Ordering::Relaxed);
            assert_eq!(count, told, "{ns}");
        }
        spread.add(&spread.clone());
        assert_eq!((spread.count(), spread.below(9)), (14, 6));
    }

    #[test]
    fn what_is_beyond_the_last_bucket_is_told_as_the_longest() {
        let times = Times::default();
        times.note(Duration::MAX);
        assert_eq!(times.told(), Told { count: 1, p50_ns: u64::MAX, p99_ns: u64::MAX, max_ns: u64::MAX });
    }
}
