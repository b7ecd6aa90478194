//! Owns how long attacks last, and how fast they come.

use std::time::{Duration, Instant};

/// For so long calls are counted before an attack, and those attacks that can go on do, at the least: `SIEGE_PEACE_MS`. Rates are told and
/// never asserted, so a test needs none.
pub(crate) fn peace() -> Duration {
    let ms = std::env::var("SIEGE_PEACE_MS").ok().and_then(|ms| ms.parse().ok());
    Duration::from_millis(ms.unwrap_or(0))
}

/// The blows of an attack by their numbers: at least so many. Where rates are wanted there are as many more as there is time for, and
/// so many a second, as come over a line of 1 Gbit/s: what loopback takes is no measure.
pub(crate) fn blows(least: u64, a_second: u32) -> impl Iterator<Item = u64> {
    let (began, peace) = (Instant::now(), peace());
    (0..).take_while(move |blow| {
        let due = Duration::from_secs(*blow) / a_second;
        if !peace.is_zero() && due > began.elapsed() {
            std::thread::sleep(Duration::from_millis(1));
        }
        *blow < least || began.elapsed() < peace
    })
}
