//! Owns what the frames of one connection were worth lately. Of one that brings much that is refused not much more is read than would be
//! worked off beside all else. Never knows why a frame was refused.

use std::time::Duration;

use crate::time::Instant;

/// After so many frames it is said anew what they were worth.
const JUDGED: u64 = 64;
/// One refused frame of so many is too many: in good faith there are none, but where two versions of a program meet.
const REFUSED_IN: u64 = 4;
/// So many frames a poor connection may bring in each [`PERIOD`]. It is a small part of what the I/O thread does in that time.
const FRAMES_POOR: u64 = 32;
const PERIOD: Duration = Duration::from_millis(1);

/// What one connection's frames were worth.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    /// Frames and refused ones when it was judged last.
    judged: (u64, u64),
    /// If it is poor: since when it has brought what, of what it may bring in one period.
    poor: Option<(Instant, u64)>,
}

impl Credit {
    /// As many frames may come now over a connection that has brought so many, of which so many were refused; `None` if any number may.
    pub(crate) fn left(&mut self, (frames, refused): (u64, u64), now: Instant) -> Option<u64> {
        let (new, bad) = (frames - self.judged.0, refused - self.judged.1);
        if new >= JUDGED || bad >= JUDGED {
            self.judged = (frames, refused);
            let poor = bad * REFUSED_IN >= new;
            self.poor = poor.then(|| self.poor.unwrap_or((now, frames)));
        }
        let (since, before) = self.poor.as_mut()?;
        if now.since(*since) >= PERIOD {
            (*since, *before) = (now, frames);
        }
        Some(FRAMES_POOR.saturating_sub(frames - *before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many frames are read in such a time over a connection that always has more, of which one in `bad` is refused in the first
    /// half of it. It is looked at twice in each millisecond, and without a limit 100 are read then.
    fn read(ms: u64, bad: u64) -> [u64; 2] {
        let (mut credit, mut frames, mut refused) = (Credit::default(), 0, 0);
        [false, true].map(|late| {
            let before = frames;
            for half in 0..ms {
                let us = 500 * (half + u64::from(late) * ms);
                let now = Instant::START + Duration::from_micros(us);
                let new = credit.left((frames, refused), now).unwrap_or(u64::MAX).min(100);
                frames += new;
                refused += if late || bad == 0 { 0 } else { new / bad };
            }
            frames - before
        })
    }

    #[test]
    fn whoever_brings_nothing_bad_or_little_of_it_brings_as_much_as_there_is() {
        assert_eq!(read(100, 0), [10_000; 2]);
        assert_eq!(read(100, 10), [10_000; 2]);
    }

    #[test]
    fn who_brings_much_that_is_refused_brings_little_until_it_is_better() {
        for bad in [1, 2, 4] {
            let [poor, rich] = read(100, bad);
            assert!((50 * FRAMES_POOR..=51 * FRAMES_POOR + 200).contains(&poor), "{poor} with one in {bad}");
            assert!(rich > 9_000, "{rich} after one in {bad}");
        }
    }

    #[test]
    fn what_was_refused_late_counts_as_well() {
        let mut credit = Credit::default();
        assert_eq!(credit.left((1_000, 0), Instant::START), None);
        assert_eq!(
            credit.left((1_000, 64), Instant::START),
            Some(FRAMES_POOR),
            "those of before have been looked at now"
        );
        assert_eq!(credit.left((1_000 + FRAMES_POOR, 64), Instant::START), Some(0));
        assert_eq!(credit.left((1_000 + FRAMES_POOR, 64), Instant::START + PERIOD), Some(FRAMES_POOR));
    }
}
