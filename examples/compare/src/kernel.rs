//! Owns what is asked of the kernel: to keep processes on one core, to end them with their parent, and what CPU time and memory
//! they took. Never guesses: where the kernel does not say, it is an error.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

#[cfg(feature = "murmer")]
use nix::sched::{CloneFlags, setns, unshare};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::{Pid, getppid};

/// The size of a page on every machine that this is measured on.
const PAGE_BYTES: u64 = 4096;

/// The variable by which a process knows who started it.
pub(crate) const PARENT: &str = "COMPARE_PARENT";

/// Keeps this process, and all that it starts from now on, on the first core that it may use.
pub(crate) fn pin() -> io::Result<usize> {
    let this = Pid::from_raw(0);
    let may = sched_getaffinity(this)?;
    let core = (0..CpuSet::count()).find(|core| may.is_set(*core).unwrap_or(false));
    let core = core.ok_or_else(|| io::Error::other("this process may use no core"))?;
    let mut only = CpuSet::new();
    only.set(core)?;
    sched_setaffinity(this, &only)?;
    Ok(core)
}

/// Has this process killed when its parent's first thread ends, which is the one that starts processes.
pub(crate) fn die_with_parent() -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    // It may have ended before that was said, and another have taken its place.
    let parent = std::env::var(PARENT).ok().and_then(|pid| pid.parse().ok());
    match parent {
        Some(parent) if getppid() != Pid::from_raw(parent) => Err(io::Error::other("the parent has ended")),
        _ => Ok(()),
    }
}

/// Becomes another program, which dies with its parent as well.
pub(crate) fn become_program(words: &[&str]) -> io::Error {
    match words {
        [program, arguments @ ..] => Command::new(program).args(arguments).exec(),
        [] => io::Error::other("there is no program to become"),
    }
}

/// Puts this process, and the threads that it starts from now on, into a network of its own, of which only the loopback interface
/// is there. Linux wants root for it.
#[cfg(feature = "murmer")]
pub(crate) fn leave_network() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status()?;
    if up.success() { Ok(()) } else { Err(io::Error::other("`ip link set lo up` failed")) }
}

/// Goes into the network of another process.
#[cfg(feature = "murmer")]
pub(crate) fn join_network(pid: u32) -> io::Result<()> {
    Ok(setns(fs::File::open(format!("/proc/{pid}/ns/net"))?, CloneFlags::CLONE_NEWNET)?)
}

/// The CPU time of a process until now, its own and the kernel's for it.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    Ok(clock_gettime(clock_getcpuclockid(Pid::from_raw(pid))?)?.into())
}

/// The resident memory of a process in bytes.
pub(crate) fn resident(pid: u32) -> io::Result<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.map(|pages| pages * PAGE_BYTES).ok_or_else(|| io::Error::other("/proc/PID/statm is not understood"))
}
