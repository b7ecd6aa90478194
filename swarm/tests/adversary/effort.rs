//! Owns how much the nodes under attack have to do, and on what: the attackers run in the same process, and what these take of the
//! processor is nothing that an attack has cost the nodes. So where rates are wanted the attackers have a core of their own.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};

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

/// What this does, and what the threads do that it begins, is an attacker's.
pub(crate) fn apart<T>(attacker: impl FnOnce() -> T) -> T {
    cores::stay_on(cores::Whose::Attackers);
    let done = attacker();
    cores::stay_on(cores::Whose::Nodes);
    done
}

/// From now on all threads that there are, and those that they begin, are the nodes' and their callers'.
pub(crate) fn settle() {
    cores::keep_all();
}

/// Which threads run where. Nothing is changed where no rates are wanted, or there is but one core.
#[cfg(target_os = "linux")]
mod cores {
    use std::fs;

    use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

    use super::peace;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) enum Whose {
        Nodes,
        Attackers,
    }

    /// The attackers have the last of the cores, the nodes have the others.
    fn cores(whose: Whose) -> Option<CpuSet> {
        if peace().is_zero() {
            return None;
        }
        // The first thread stays where it was, so it tells which there are.
        let all = sched_getaffinity(Some(Pid::from_raw(std::process::id() as i32)?)).ok()?;
        let last = (0..CpuSet::MAX_CPU).rev().find(|core| all.is_set(*core)).filter(|_| all.count() > 1)?;
        let mut cores = CpuSet::new();
        (0..CpuSet::MAX_CPU)
            .filter(|core| all.is_set(*core) && (*core == last) == (whose == Whose::Attackers))
            .for_each(|core| cores.set(core));
        Some(cores)
    }

    pub(super) fn stay_on(whose: Whose) {
        if let Some(cores) = cores(whose) {
            sched_setaffinity(None, &cores).expect("these cores are this process's");
        }
    }

    pub(super) fn keep_all() {
        let Some(cores) = cores(Whose::Nodes) else { return };
        let tasks = fs::read_dir("/proc/self/task").expect("this is Linux");
        let tasks = tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse::<u32>().ok());
        for thread in tasks.filter(|task| *task != std::process::id()) {
            // It may have ended.
            let _ = sched_setaffinity(Pid::from_raw(thread as i32), &cores);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod cores {
    pub(super) enum Whose {
        Nodes,
        Attackers,
    }

    pub(super) fn stay_on(_: Whose) {}

    pub(super) fn keep_all() {}
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
