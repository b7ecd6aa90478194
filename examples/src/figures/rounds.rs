//! Owns what is done in which order to get each figure, and how often. Never prints anything.

use std::io;
use std::thread;
use std::time::Duration;

use super::process::{Cluster, Process};
use super::worker::unix_us;

/// How often each figure is taken; the median is told.
const ROUNDS: usize = 5;

/// How many names are registered in a round: half a second or so.
const REGISTERED: u64 = 50_000;

/// How many callers register at a time, as with Elixir's Swarm.
pub const CALLERS: u64 = 64;

/// How many names are there when the cluster changes, as with Elixir's Swarm.
pub const NAMES: u64 = 10_000;

/// How many clients then call them at a pace, as with Elixir's Swarm.
pub const CLIENTS: u64 = 16;

/// How many members are told and asked at once, as with Elixir's Swarm.
pub const MEMBERS: u64 = 1_000;

/// How many idle workers are weighed: enough that the process itself does not count.
const IDLE: u64 = 300_000;

/// How many workers are there before it is weighed.
const WARM: u64 = 10_000;

/// How long clients call before and after a change.
const CALM: Duration = Duration::from_millis(500);

/// How long the kernel and the allocators are given to settle before memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// The middle one.
pub fn median<T: Copy + Ord>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// One round of registering.
pub struct Registered {
    /// How many names were registered a second.
    pub names_s: u64,
    /// How many could not be.
    pub failed: u64,
}

/// Registers from one node of three, again and again.
pub(super) fn register() -> io::Result<Vec<Registered>> {
    let mut cluster = Cluster::start(3)?;
    (0..ROUNDS).map(|round| register_once(&mut cluster, &format!("r{round}"), REGISTERED, CALLERS)).collect()
}

/// Registers so many names of a prefix that has not been used, from so many callers of one node.
///
/// # Errors
/// If a process of the cluster does not do what it should.
pub fn register_once(cluster: &mut Cluster, prefix: &str, count: u64, callers: u64) -> io::Result<Registered> {
    let done = cluster.nodes[0].ask(&format!("register {prefix} 0 {count} {callers}"))?;
    let [us, failed] = numbers(&done)?;
    Ok(Registered { names_s: count * 1_000_000 / us.max(1), failed })
}

/// How many calls are made in a round, and to how many names.
const CALLS: u64 = 200_000;
const CALLED: u64 = 1_000;

/// Calls from so many callers of one node, to workers there or elsewhere.
pub(super) struct Called {
    pub(super) home: bool,
    pub(super) callers: u64,
    pub(super) calls_s: Vec<u64>,
    pub(super) p50_ns: Vec<u64>,
    pub(super) p99_ns: Vec<u64>,
    pub(super) failed: u64,
}

/// Calls workers of a cluster of two from one node.
pub(super) fn call() -> io::Result<Vec<Called>> {
    let mut cluster = Cluster::start(2)?;
    cluster.nodes[0].ask(&format!("register c 0 {CALLED} {CALLERS}"))?;
    let mut all = Vec::new();
    for home in [false, true] {
        for callers in [1, CALLERS, 16 * CALLERS] {
            let calls = if callers == 1 { CALLS / 4 } else { CALLS };
            let mut called =
                Called { home, callers, calls_s: Vec::new(), p50_ns: Vec::new(), p99_ns: Vec::new(), failed: 0 };
            for _ in 0..ROUNDS {
                let place = if home { "home" } else { "away" };
                let done = cluster.nodes[0].ask(&format!("call {place} {callers} {calls} c 0 {CALLED} {CALLERS}"))?;
                let [us, failed, p50, p99] = numbers(&done)?;
                called.calls_s.push(calls * 1_000_000 / us.max(1));
                called.p50_ns.push(p50);
                called.p99_ns.push(p99);
                called.failed += failed;
            }
            all.push(called);
        }
    }
    Ok(all)
}

/// One round of a join, and of the crash after it.
pub struct Changed {
    /// From the beginning of the third node's start until the last worker was where it belongs.
    pub join_us: u64,
    /// The same until the first worker was.
    pub first_us: u64,
    /// How many workers moved with their state.
    pub moved: u64,
    /// What paced clients saw of the join.
    pub join_calls: Calls,
    /// State that is not what the calls that were answered had made of it.
    pub off: u64,
    /// From SIGKILL until every name answered.
    pub crash_us: u64,
    /// How many workers were on the node that was killed.
    pub crashed: u64,
    /// What paced clients saw of the crash.
    pub crash_calls: Calls,
    /// How many names never answered again.
    pub lost: u64,
}

/// What the paced clients saw.
pub struct Calls {
    /// How many calls they made.
    pub made: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The one that took longest.
    pub longest_us: u64,
}

/// A third node joins two with workers, and is killed, again and again.
pub(super) fn change() -> io::Result<Vec<Changed>> {
    (0..ROUNDS).map(|_| change_once(NAMES)).collect()
}

/// A third node joins two with so many workers of 64 bytes of state, and is killed.
///
/// # Errors
/// If a process of the cluster does not do what it should.
pub fn change_once(count: u64) -> io::Result<Changed> {
    let mut cluster = Cluster::start(2)?;
    let names = format!("w 0 {count} {CLIENTS}");
    all_done(&cluster.nodes[0].ask(&format!("register w 0 {count} {CALLERS}"))?)?;
    cluster.rest(count)?;

    let third = Process::spawn()?;
    cluster.nodes[0].ask(&format!("pace {names}"))?;
    thread::sleep(CALM);
    let begun = cluster.grow(third)?;
    cluster.rest(count)?;
    let join_calls = calls(&cluster.nodes[0].ask("rest")?)?;
    let (mut moved, mut first, mut last) = (0, u64::MAX, 0);
    for node in &mut cluster.nodes {
        let [count, one, all] = numbers(&node.ask("arrived")?)?;
        moved += count;
        first = first.min(one);
        last = last.max(all);
    }
    let [_, hits, _, _] = numbers(&cluster.nodes[0].ask(&format!("reach {names}"))?)?;
    let off = hits.abs_diff(join_calls.made - join_calls.failed);

    let crashed = cluster.spread()?[2];
    cluster.nodes[0].ask(&format!("pace {names}"))?;
    thread::sleep(CALM);
    let killed = unix_us();
    cluster.nodes[2].kill()?;
    let [back, _, _, lost] = numbers(&cluster.nodes[0].ask(&format!("reach w 0 {count} {CALLERS}"))?)?;
    thread::sleep(CALM);
    let crash_calls = calls(&cluster.nodes[0].ask("rest")?)?;
    Ok(Changed {
        join_us: last.saturating_sub(begun),
        first_us: first.saturating_sub(begun),
        moved,
        join_calls,
        off,
        crash_us: back.saturating_sub(killed),
        crashed,
        crash_calls,
        lost,
    })
}

fn calls(answer: &[u64]) -> io::Result<Calls> {
    let [made, failed, longest_us] = numbers(answer)?;
    Ok(Calls { made, failed, longest_us })
}

/// One publish to a whole group, or one multicall of it.
pub struct Told {
    /// How long it took until all had acknowledged or answered.
    pub took_us: u64,
    /// How many did.
    pub reached: u64,
}

/// Publishes to a group that is spread over three nodes, and calls it, again and again.
pub(super) fn tell() -> io::Result<Vec<(Told, Told)>> {
    let mut cluster = gathered(MEMBERS)?;
    (0..4 * ROUNDS).map(|_| Ok((publish_once(&mut cluster)?, multicall_once(&mut cluster)?))).collect()
}

/// A cluster of three with a group of so many.
///
/// # Errors
/// If a process of the cluster does not do what it should.
pub fn gathered(members: u64) -> io::Result<Cluster> {
    let mut cluster = Cluster::start(3)?;
    for act in ["register", "join"] {
        all_done(&cluster.nodes[0].ask(&format!("{act} m 0 {members} {CALLERS}"))?)?;
    }
    Ok(cluster)
}

/// Publishes to its group.
///
/// # Errors
/// If a process of the cluster does not do what it should.
pub fn publish_once(cluster: &mut Cluster) -> io::Result<Told> {
    told(&cluster.nodes[0].ask("publish")?)
}

/// Calls all of its group.
///
/// # Errors
/// If a process of the cluster does not do what it should.
pub fn multicall_once(cluster: &mut Cluster) -> io::Result<Told> {
    told(&cluster.nodes[0].ask("multicall")?)
}

fn told(answer: &[u64]) -> io::Result<Told> {
    let [took_us, reached] = numbers(answer)?;
    Ok(Told { took_us, reached })
}

/// What a cluster of so many nodes weighs with idle workers, beyond what it weighs without.
pub struct Weighed {
    /// How many nodes it has.
    pub nodes: usize,
    /// How many idle workers.
    pub workers: u64,
    /// What they weigh.
    pub bytes: u64,
    /// How long it took to register them.
    pub took_us: u64,
}

/// Weighs idle workers on one node and on three.
pub(super) fn memory() -> io::Result<Vec<Weighed>> {
    [1, 3].into_iter().map(|nodes| weigh(nodes, IDLE, CALLERS)).collect()
}

/// Weighs idle workers of eight bytes, registered from so many callers of one node.
///
/// # Errors
/// If a process of the cluster does not do what it should.
pub fn weigh(nodes: usize, workers: u64, callers: u64) -> io::Result<Weighed> {
    let mut cluster = Cluster::start(nodes)?;
    // What the first workers bring along, such as the threads' own heaps, is no worker's.
    cluster.nodes[0].ask(&format!("idle warm 0 {WARM} {CALLERS}"))?;
    let before = resident(&mut cluster)?;
    let took_us = all_done(&cluster.nodes[0].ask(&format!("idle idle 0 {workers} {callers}"))?)?;
    let after = resident(&mut cluster)?;
    Ok(Weighed { nodes, workers, bytes: after.saturating_sub(before), took_us })
}

fn resident(cluster: &mut Cluster) -> io::Result<u64> {
    thread::sleep(SETTLE);
    cluster.nodes.iter_mut().map(|node| node.ask("resident").map(|bytes| bytes.iter().sum::<u64>())).sum()
}

/// How long it took in microseconds, if it was done for every name.
fn all_done(answer: &[u64]) -> io::Result<u64> {
    match numbers(answer)? {
        [took_us, 0] => Ok(took_us),
        [_, failed] => Err(io::Error::other(format!("it could not be done for {failed} of the names"))),
    }
}

/// Exactly so many numbers.
pub(super) fn numbers<const N: usize>(answer: &[u64]) -> io::Result<[u64; N]> {
    answer.try_into().map_err(|_| io::Error::other("a process of the cluster talks nonsense"))
}
