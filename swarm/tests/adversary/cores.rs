//! Owns which threads run where. The attackers run in the process of the nodes, and what they take of the processor is nothing that an
//! attack has cost these, so where rates are wanted they have the last of the cores, and the nodes and their callers have the others.
//! Nothing is changed where no rates are wanted, where there is but one core, and where the system is not Linux.

use tokio::task::{JoinHandle, spawn_blocking};

/// Has somebody attack.
pub(crate) fn attack<T: Send + 'static>(attacker: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    spawn_blocking(move || apart(attacker))
}

/// What this does, and what the threads do that it begins, is an attacker's.
pub(crate) fn apart<T>(attacker: impl FnOnce() -> T) -> T {
    system::stay_on(system::Whose::Attackers);
    let done = attacker();
    system::stay_on(system::Whose::Nodes);
    done
}

/// From now on all threads that there are, and those that they begin, are the nodes' and their callers'.
pub(crate) fn settle() {
    system::keep_all();
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

    use crate::pace::peace;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) enum Whose {
        Nodes,
        Attackers,
    }

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
mod system {
    pub(super) enum Whose {
        Nodes,
        Attackers,
    }

    pub(super) fn stay_on(_: Whose) {}

    pub(super) fn keep_all() {}
}
