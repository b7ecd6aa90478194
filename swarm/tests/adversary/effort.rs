//! Owns how long attacks last and what they cost the nodes. Never asserts a rate.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};

use crate::cores::apart;

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

/// Has somebody attack.
pub(crate) fn attack<T: Send + 'static>(attacker: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    spawn_blocking(move || apart(attacker))
}

/// The threads of this process at one moment, with how long each has run. Where the system does not tell, there are none.
#[derive(Default)]
pub(crate) struct Effort(BTreeMap<String, Duration>);

impl Effort {
    pub(crate) fn now() -> Self {
        let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Self::default() };
        let ran = |task: fs::DirEntry| {
            let figures = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let ran = figures.split_whitespace().next()?.parse().ok()?;
            Some((task.file_name().to_string_lossy().into_owned(), Duration::from_nanos(ran)))
        };
        Self(tasks.flatten().filter_map(ran).collect())
    }

    /// How long these threads have run since, and no others.
    pub(crate) fn since(&self) -> Duration {
        let now = Self::now().0;
        self.0.iter().filter_map(|(thread, before)| Some(now.get(thread)?.saturating_sub(*before))).sum()
    }
}
