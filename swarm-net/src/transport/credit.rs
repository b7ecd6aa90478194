//! Owns what the frames of one connection were worth lately. Of one that brings much that is refused not much more is read than would be
//! worked off beside all else. Never knows why a frame was refused.

use std::time::Duration;

use crate::time::Instant;

/// After so many frames it is said anew what they were worth.
const JUDGED: u64 = 64;
/// One refused frame of so many is too many: in good faith there are none, but where two versions of a program meet.
const REFUSED_IN: u64 = 4;
/// So many frames a poor connection may bring in each [`PERIOD`]. It is a small part of what the I/O thread does in that time.
const FRAMES_POOR: u64 = 16;
/// A frame counts once more for each so many of its bytes.
const FRAME_BYTES: u64 = 2 << 10;
const PERIOD: Duration = Duration::from_millis(1);
/// For so long the next connections of a lane are poor when one had to be ended since its peer did not read: until its socket is full
/// again it would have as much done for nothing as before.
const DISTRUST: Duration = Duration::from_secs(5);

/// What has come over a connection so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Brought {
    pub(crate) frames: u64,
    /// Those of them that were refused.
    pub(crate) refused: u64,
    pub(crate) bytes: u64,
}

/// What one connection's frames were worth.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    /// What it had brought when it was judged last.
    judged: Brought,
    /// If it is poor: until when it has been given how much, counted from its beginning.
    poor: Option<(Instant, u64)>,
    /// Until when it is, whatever it brings.
    distrusted: Option<Instant>,
}

impl Brought {
    fn counted(&self) -> u64 {
        self.frames + self.bytes / FRAME_BYTES
    }
}

impl Credit {
    /// That of a connection whose lane was last cut at such a time, if it ever was.
    pub(crate) fn after_cut(cut: Option<Instant>) -> Self {
        Self { distrusted: cut.map(|at| at + DISTRUST), ..Self::default() }
    }

    /// As many frames may come now over a connection that has brought this; `None` if any number may.
    pub(crate) fn left(&mut self, brought: Brought, now: Instant) -> Option<u64> {
        let (new, bad) = (brought.frames - self.judged.frames, brought.refused - self.judged.refused);
        let distrusted = self.distrusted.is_some_and(|until| now < until);
        if new >= JUDGED || bad >= JUDGED || distrusted {
            self.judged = brought;
            let poor = distrusted || bad * REFUSED_IN >= new;
            self.poor = poor.then(|| self.poor.unwrap_or((now, brought.counted())));
        }
        let (until, given) = self.poor.as_mut()?;
        let periods = now.since(*until).as_millis() as u64;
        if periods > 0 {
            // What it did not bring before it does not bring at once now.
            *given = brought.counted().min(*given + periods * FRAMES_POOR);
            *until = *until + PERIOD * u32::try_from(periods).unwrap_or(u32::MAX);
        }
        Some((*given + FRAMES_POOR).saturating_sub(brought.counted()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many frames of so many bytes are read in such a time over a connection that always has more, of which one in `bad` is refused in
    /// the first half of it. It is looked at twice in each millisecond, and without a limit 100 are read then.
    fn read(ms: u64, bad: u64, bytes: u64) -> [u64; 2] {
        let (mut credit, mut brought) = (Credit::default(), Brought::default());
        [false, true].map(|late| {
            let before = brought.frames;
            for half in 0..ms {
                let us = 500 * (half + u64::from(late) * ms);
                let now = Instant::START + Duration::from_micros(us);
                let new = credit.left(brought, now).unwrap_or(u64::MAX).min(100);
                brought.frames += new;
                brought.bytes += new * bytes;
                brought.refused += if late || bad == 0 { 0 } else { new.div_ceil(bad) };
            }
            brought.frames - before
        })
    }

    #[test]
    fn whoever_brings_nothing_bad_or_little_of_it_brings_as_much_as_there_is() {
        assert_eq!(read(100, 0, 64), [10_000; 2]);
        assert_eq!(read(100, 10, 64), [10_000; 2]);
    }

    #[test]
    fn who_brings_much_that_is_refused_brings_little_until_it_is_better() {
        for bad in [1, 2, 4] {
            let [poor, rich] = read(100, bad, 0);
            assert!((50 * FRAMES_POOR..=51 * FRAMES_POOR + 200).contains(&poor), "{poor} with one in {bad}");
            assert!(rich > 8_000, "{rich} after one in {bad}");
        }
    }

    #[test]
    fn large_frames_count_for_more() {
        let [poor, _] = read(1_000, 1, 32 * FRAME_BYTES);
        // Half a second. A period's frames are let in at once, and it pays for them with its next periods.
        let least = 500 * FRAMES_POOR / 33;
        assert!((least..=least + 2 * FRAMES_POOR + 200).contains(&poor), "{poor}: about one in two milliseconds");
    }

    #[test]
    fn who_did_not_read_brings_little_over_its_next_connections() {
        let cut = Instant::START + PERIOD;
        let opened = cut + PERIOD;
        let mut credit = Credit::after_cut(Some(cut));
        let good = |frames| Brought { frames, ..Brought::default() };
        assert_eq!(credit.left(good(0), opened), Some(FRAMES_POOR));
        assert_eq!(credit.left(good(FRAMES_POOR), opened), Some(0));
        assert_eq!(credit.left(good(FRAMES_POOR), opened + PERIOD), Some(FRAMES_POOR));
        // So much was good.
        assert_eq!(credit.left(good(2 * JUDGED), cut + DISTRUST - PERIOD), Some(FRAMES_POOR));
        assert_eq!(credit.left(good(3 * JUDGED), cut + DISTRUST), None);
        assert_eq!(Credit::after_cut(None).left(good(0), opened), None);
    }

    #[test]
    fn what_was_refused_late_counts_as_well() {
        let (mut credit, now) = (Credit::default(), Instant::START);
        let brought = |frames, refused| Brought { frames, refused, bytes: 0 };
        assert_eq!(credit.left(brought(1_000, 0), now), None);
        assert_eq!(credit.left(brought(1_000, 64), now), Some(FRAMES_POOR), "those of before have been looked at now");
        assert_eq!(credit.left(brought(1_000 + FRAMES_POOR, 64), now), Some(0));
        assert_eq!(credit.left(brought(1_000 + FRAMES_POOR, 64), now + PERIOD), Some(FRAMES_POOR));
        assert_eq!(
            credit.left(brought(1_000 + FRAMES_POOR, 64), now + 9 * PERIOD),
            Some(FRAMES_POOR),
            "nothing is saved"
        );
    }
}
