//! Owns what is done in which order to get each figure, and how often.

use std::io;
use std::thread;
use std::time::Duration;

use crate::process::{Cluster, Process};
use crate::worker::unix_us;

/// How often each figure is taken; the median is told.
const ROUNDS: usize = 5;

/// How many names are registered in a round: half a second or so.
const REGISTERED: u64 = 50_000;

/// How many callers register at a time, as with Elixir's Swarm.
const CALLERS: u64 = 64;

/// How many names are there when the cluster changes, and how many clients call them at a pace, as with Elixir's Swarm.
const NAMES: u64 = 10_000;
const CLIENTS: u64 = 16;

/// How many members are told and asked at once, as with Elixir's Swarm.
const MEMBERS: u64 = 1_000;

/// How many idle workers are weighed: enough that the process itself does not count.
const IDLE: u64 = 300_000;

/// How long clients call before and after a change.
const CALM: Duration = Duration::from_millis(500);

/// How long the kernel and the allocators are given to settle before memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// The middle one.
pub(crate) fn median<T: Copy + Ord>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// One round of registering.
pub(crate) struct Registered {
    pub(crate) names_s: u64,
    pub(crate) failed: u64,
}

/// Registers from one node of three.
pub(crate) async fn register() -> io::Result<Vec<Registered>> {
    let mut cluster = Cluster::start(3)?;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let done = cluster.nodes[0].ask(&format!("register r{round} 0 {REGISTERED} {CALLERS}"))?;
        let [us, failed] = numbers(&done)?;
        rounds.push(Registered { names_s: REGISTERED * 1_000_000 / us.max(1), failed });
    }
    Ok(rounds)
}

/// How many calls are made in a round, and to how many names.
const CALLS: u64 = 200_000;
const CALLED: u64 = 1_000;

/// Calls from so many callers of one node, to workers there or elsewhere.
pub(crate) struct Called {
    pub(crate) home: bool,
    pub(crate) callers: u64,
    pub(crate) calls_s: Vec<u64>,
    pub(crate) p50_ns: Vec<u64>,
    pub(crate) p99_ns: Vec<u64>,
    pub(crate) failed: u64,
}

/// Calls workers of a cluster of two from one node.
pub(crate) async fn call() -> io::Result<Vec<Called>> {
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
pub(crate) struct Changed {
    /// From the beginning of the third node's start until the last worker was where it belongs, and until the first was.
    pub(crate) join_us: u64,
    pub(crate) first_us: u64,
    pub(crate) moved: u64,
    pub(crate) join_calls: Calls,
    /// State that is not what the calls that were answered had made of it.
    pub(crate) off: u64,
    /// From SIGKILL until every name answered.
    pub(crate) crash_us: u64,
    pub(crate) crashed: u64,
    pub(crate) crash_calls: Calls,
    pub(crate) lost: u64,
}

/// What the paced clients saw.
pub(crate) struct Calls {
    pub(crate) made: u64,
    pub(crate) failed: u64,
    pub(crate) longest_us: u64,
}

/// A third node joins two with workers, and is killed.
pub(crate) async fn change() -> io::Result<Vec<Changed>> {
    (0..ROUNDS).map(|_| change_once()).collect()
}

fn change_once() -> io::Result<Changed> {
    let mut cluster = Cluster::start(2)?;
    let names = format!("w 0 {NAMES} {CLIENTS}");
    cluster.nodes[0].ask(&format!("register w 0 {NAMES} {CALLERS}"))?;
    cluster.rest(NAMES)?;

    let third = Process::spawn()?;
    cluster.nodes[0].ask(&format!("pace {names}"))?;
    thread::sleep(CALM);
    let begun = cluster.grow(third)?;
    cluster.rest(NAMES)?;
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
    let [back, _, _, lost] = numbers(&cluster.nodes[0].ask(&format!("reach w 0 {NAMES} {CALLERS}"))?)?;
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

/// One round of telling and asking a whole group.
pub(crate) struct Told {
    pub(crate) publish_us: u64,
    pub(crate) delivered: u64,
    pub(crate) multicall_us: u64,
    pub(crate) answered: u64,
}

/// Publishes to a group that is spread over three nodes, and calls it.
pub(crate) async fn tell() -> io::Result<Vec<Told>> {
    let mut cluster = Cluster::start(3)?;
    let node = &mut cluster.nodes[0];
    node.ask(&format!("register m 0 {MEMBERS} {CALLERS}"))?;
    node.ask(&format!("join m 0 {MEMBERS} {CALLERS}"))?;
    let mut rounds = Vec::new();
    for _ in 0..4 * ROUNDS {
        let [publish_us, delivered] = numbers(&node.ask("publish")?)?;
        let [multicall_us, answered] = numbers(&node.ask("multicall")?)?;
        rounds.push(Told { publish_us, delivered, multicall_us, answered });
    }
    Ok(rounds)
}

/// What a cluster of so many nodes weighs with idle workers, beyond what it weighs without.
pub(crate) struct Weighed {
    pub(crate) nodes: usize,
    pub(crate) workers: u64,
    pub(crate) bytes: u64,
}

/// Weighs idle workers on one node and on three.
pub(crate) async fn memory() -> io::Result<Vec<Weighed>> {
    [1, 3].into_iter().map(weigh).collect()
}

fn weigh(nodes: usize) -> io::Result<Weighed> {
    let mut cluster = Cluster::start(nodes)?;
    // What the first workers bring along, such as the threads' own heaps, is no worker's.
    cluster.nodes[0].ask(&format!("idle warm 0 10000 {CALLERS}"))?;
    let before = resident(&mut cluster)?;
    cluster.nodes[0].ask(&format!("idle idle 0 {IDLE} {CALLERS}"))?;
    let after = resident(&mut cluster)?;
    Ok(Weighed { nodes, workers: IDLE, bytes: after.saturating_sub(before) })
}

fn resident(cluster: &mut Cluster) -> io::Result<u64> {
    thread::sleep(SETTLE);
    cluster.nodes.iter_mut().map(|node| node.ask("resident").map(|bytes| bytes.iter().sum::<u64>())).sum()
}

fn numbers<const N: usize>(answer: &[u64]) -> io::Result<[u64; N]> {
    answer.try_into().map_err(|_| io::Error::other("a process of the cluster talks nonsense"))
}
