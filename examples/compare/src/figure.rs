//! Owns what one measurement gave, and the line in which a process tells it. Never knows what was measured.

use std::io;
use std::time::Duration;

/// What was seen in one measured time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) ops: u64,
    pub(crate) failed: u64,
    pub(crate) took: Duration,
    pub(crate) p50_ns: u64,
    pub(crate) p99_ns: u64,
}

impl Seen {
    pub(crate) fn line(&self) -> String {
        let Self { ops, failed, took, p50_ns, p99_ns } = self;
        format!("end {ops} {failed} {} {p50_ns} {p99_ns}", took.as_nanos())
    }

    pub(crate) fn parse(words: &[String]) -> io::Result<Self> {
        let strange = || io::Error::other(format!("`{}` is no measurement", words.join(" ")));
        let ["end", numbers @ ..] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
            return Err(strange());
        };
        let numbers: Vec<u64> = numbers.iter().map_while(|number| number.parse().ok()).collect();
        let [ops, failed, took, p50_ns, p99_ns] = numbers[..] else { return Err(strange()) };
        Ok(Self { ops, failed, took: Duration::from_nanos(took), p50_ns, p99_ns })
    }

    /// What a table says of it, given the CPU time of all processes in the same time.
    pub(crate) fn figure(&self, cpu: Duration) -> Figure {
        let ops = self.ops.max(1) as f64;
        Figure {
            per_s: Some(self.ops as f64 / self.took.as_secs_f64()),
            p50_us: Some(self.p50_ns as f64 / 1e3),
            p99_us: Some(self.p99_ns as f64 / 1e3),
            cpu_us: Some(cpu.as_secs_f64() * 1e6 / ops),
            failed: self.failed,
            ..Figure::default()
        }
    }
}

/// One row of one round; what does not apply is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure {
    pub(crate) per_s: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) cpu_us: Option<f64>,
    /// How long a whole event took.
    pub(crate) ms: Option<f64>,
    /// What one worker weighs beyond its own value.
    pub(crate) bytes: Option<f64>,
    /// The resident memory of all processes, in megabytes.
    pub(crate) mb: Option<f64>,
    /// p99 of the calls beside an event, over theirs before it.
    pub(crate) p99_ratio: Option<f64>,
    pub(crate) failed: u64,
}

impl Figure {
    /// The middle of each of several rounds' figures, and all that failed.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let middle = |of: fn(&Self) -> Option<f64>| {
            let mut all: Vec<f64> = rounds.iter().filter_map(of).collect();
            all.sort_unstable_by(f64::total_cmp);
            let upper = all.get(all.len() / 2).copied()?;
            let lower = all[(all.len() - 1) / 2];
            Some(f64::midpoint(lower, upper))
        };
        Self {
            per_s: middle(|one| one.per_s),
            p50_us: middle(|one| one.p50_us),
            p99_us: middle(|one| one.p99_us),
            cpu_us: middle(|one| one.cpu_us),
            ms: middle(|one| one.ms),
            bytes: middle(|one| one.bytes),
            mb: middle(|one| one.mb),
            p99_ratio: middle(|one| one.p99_ratio),
            failed: rounds.iter().map(|one| one.failed).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_seen() {
        let seen = Seen { ops: 7, failed: 1, took: Duration::from_millis(3), p50_ns: 11, p99_ns: 13 };
        let words: Vec<String> = seen.line().split_whitespace().map(str::to_owned).collect();
        let read = Seen::parse(&words).expect("it was written by its own line()");
        assert_eq!(format!("{read:?}"), format!("{seen:?}"));
        assert!(Seen::parse(&words[1..]).is_err());
        assert!(Seen::parse(&words[..4]).is_err());
    }

    #[test]
    fn the_median_is_of_the_rounds_that_have_a_figure() {
        let rate = |per_s| Figure { per_s, failed: 1, ..Figure::default() };
        let median = Figure::median(&[rate(Some(5.0)), rate(Some(1.0)), rate(None), rate(Some(2.0))]);
        assert_eq!((median.per_s, median.p50_us, median.failed), (Some(2.0), None, 4));
        assert_eq!(Figure::median(&[rate(Some(4.0)), rate(Some(2.0))]).per_s, Some(3.0));
    }
}
