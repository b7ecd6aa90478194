//! Owns how a large state is moved beside running calls, and what becomes of both. Never compares them.

use std::io;
use std::thread;
use std::time::Duration;

use super::process::Cluster;
use super::rounds::{CALLERS, numbers};
use super::worker::unix_us;

/// How much state the large worker has.
pub const BULK_BYTES: u64 = 64 << 20;

/// How long callers call before they are watched.
const WARM: Duration = Duration::from_millis(500);

/// How long they are watched before it moves.
const WATCHED: Duration = Duration::from_secs(1);

/// How many names are called, so that each caller has its own, and one node surely has some.
const BESIDE: u64 = 500;

/// A large state that moved beside running calls.
pub struct Hauled {
    /// From when its worker was asked for it until its successor had it.
    pub took_us: u64,
    /// The calls' median before.
    pub calm_p50_ns: u64,
    /// What one call in a hundred exceeded before.
    pub calm_p99_ns: u64,
    /// What one call in a hundred exceeded meanwhile.
    pub p99_ns: u64,
    /// How many calls there were meanwhile.
    pub calls: u64,
    /// How many failed, before or meanwhile.
    pub failed: u64,
}

/// One of three nodes leaves and hands over 64 MiB, while callers of the first call workers of the second.
///
/// # Errors
/// If a process of the cluster does not do what it should.
pub fn haul_once(callers: u64) -> io::Result<Hauled> {
    let mut cluster = Cluster::start(3)?;
    cluster.nodes[2].ask(&format!("bulk {BULK_BYTES}"))?;
    cluster.nodes[0].ask(&format!("register b 0 {BESIDE} {CALLERS}"))?;
    cluster.nodes[1].say("who")?;
    let second = cluster.nodes[1].hear()?.join(" ");
    cluster.nodes[0].ask(&format!("traffic {second} b 0 {BESIDE} {callers}"))?;
    thread::sleep(WARM);
    let calm = unix_us();
    thread::sleep(WATCHED);
    let end = unix_us();
    let [asked] = numbers(&cluster.nodes[2].ask("leave")?)?;
    let mut arrived = 0;
    for node in &mut cluster.nodes[..2] {
        let [at] = numbers(&node.ask("hauled")?)?;
        arrived = arrived.max(at);
    }
    if arrived < asked {
        return Err(io::Error::other("the large worker did not come with its state"));
    }
    let [_, failed_before, calm_p50_ns, calm_p99_ns] =
        numbers(&cluster.nodes[0].ask(&format!("window {calm} {end}"))?)?;
    let [calls, failed_meanwhile, _, p99_ns] = numbers(&cluster.nodes[0].ask(&format!("window {asked} {arrived}"))?)?;
    let failed = failed_before + failed_meanwhile;
    Ok(Hauled { took_us: arrived.saturating_sub(asked), calm_p50_ns, calm_p99_ns, p99_ns, calls, failed })
}
