//! Owns our rows of whole clusters: what `examples::figures` measures, under the names of this table. Never measures anything itself.

use std::io;
use std::time::Duration;

use examples::figures::process::Cluster;
use examples::figures::rounds::Told;
use examples::figures::{haul, rounds};

use crate::figure::Figure;
use crate::run::{rate, weight};

/// How often a group is told and asked in a round, since that takes only milliseconds, or a second if it is very large.
const TELLS: usize = 9;

/// Idle workers, registered one after the other on a cluster of one.
pub(crate) fn idle(count: u64) -> io::Result<(Figure, Figure)> {
    let weighed = rounds::weigh(1, count, 1)?;
    Ok((rate(count, Duration::from_micros(weighed.took_us)), weight(count, weighed.bytes)))
}

/// Registers names on a cluster of so many.
pub(crate) fn register(nodes: u64, count: u64, callers: u64) -> io::Result<Figure> {
    let mut cluster = Cluster::start(usize::try_from(nodes).map_err(io::Error::other)?)?;
    // The first names find empty tables, and no connection.
    rounds::register_once(&mut cluster, "warm", count / 10, callers)?;
    let registered = rounds::register_once(&mut cluster, "names", count, callers)?;
    Ok(Figure { per_s: Some(registered.names_s as f64), failed: registered.failed, ..Figure::default() })
}

/// A third node joins two with so many names, and is killed.
pub(crate) fn change(names: u64) -> io::Result<(Figure, Figure)> {
    let changed = rounds::change_once(names)?;
    // Calls beside a join must all be answered and counted; beside a kill, some cannot be.
    let failed = changed.join_calls.failed + changed.off;
    let joined = Figure { failed, ..event(changed.join_us) };
    Ok((joined, Figure { failed: changed.lost, ..event(changed.crash_us) }))
}

/// A group of so many on three nodes.
pub(crate) fn gathered(members: u64) -> io::Result<Cluster> {
    rounds::gathered(members)
}

/// A group of so many is told.
pub(crate) fn publish(cluster: &mut Cluster, members: u64) -> io::Result<Figure> {
    tell(members, || rounds::publish_once(cluster))
}

/// A group of so many is asked.
pub(crate) fn multicall(cluster: &mut Cluster, members: u64) -> io::Result<Figure> {
    tell(members, || rounds::multicall_once(cluster))
}

fn tell(members: u64, mut once: impl FnMut() -> io::Result<Told>) -> io::Result<Figure> {
    let figure = |told: Told| Figure { failed: members.saturating_sub(told.reached), ..event(told.took_us) };
    let told = (0..TELLS).map(|_| once().map(figure)).collect::<io::Result<Vec<_>>>()?;
    Ok(Figure::median(&told))
}

/// 64 MiB move beside running calls.
pub(crate) fn haul(callers: u64) -> io::Result<Figure> {
    let hauled = haul::haul_once(callers)?;
    Ok(Figure {
        p50_us: Some(hauled.calm_p50_ns as f64 / 1e3),
        p99_us: Some(hauled.p99_ns as f64 / 1e3),
        p99_ratio: Some(hauled.p99_ns as f64 / hauled.calm_p99_ns.max(1) as f64),
        failed: hauled.failed,
        ..event(hauled.took_us)
    })
}

fn event(took_us: u64) -> Figure {
    Figure { ms: Some(took_us as f64 / 1e3), ..Figure::default() }
}
