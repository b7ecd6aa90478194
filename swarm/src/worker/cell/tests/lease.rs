//! Cells whose node loses its lease: nothing begins after it, and nothing that began before is answered.

use super::*;
use crate::error::Executed;

const LEASE: Duration = Duration::from_millis(100);

fn leased() -> (Bench, Lease) {
    let lease = Lease::until(swarm_net::time::Instant::START + LEASE);
    (Bench::under(lease.clone()), lease)
}

fn refused<R: std::fmt::Debug>(result: Result<R, CallError>) -> Executed {
    match result {
        Err(error @ CallError::NoQuorum { .. }) => error.executed(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_waits_is_not_run_and_what_runs_is_not_answered_once_the_lease_is_over() {
    let (mut bench, lease) = leased();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let mut held = Box::pin(call(&bench, &cell, Hold(1)));
    waits(&mut held).await;
    let mut queued = Box::pin(call(&bench, &cell, Count(1)));
    waits(&mut queued).await;
    cell.clone().deliver(bench.parcel(&Count(1), Some(9))).expect("there is room");
    assert!(lease.extend(bench.node.timers.now() + LEASE * 2, || bench.node.timers.now()), "it lasts");
    bench.advance(LEASE * 2);
    shared.gate.add_permits(1);
    assert_eq!(refused(held.await), Executed::Yes, "it had begun");
    assert_eq!(refused(queued.await), Executed::No);
    let (request, answer) = bench.replies.recv().await.expect("an answer");
    assert_eq!((request, refused(answer)), (9, Executed::No));
    assert_eq!(refused(call(&bench, &cell, Count(1)).await), Executed::No, "and nothing begins anew");
    assert!(!lease.extend(bench.node.timers.now() + LEASE, || bench.node.timers.now()), "it is over for good");
    assert!(cell.cast(Note(7, 7)).is_ok(), "a cast is queued");
    tokio::task::yield_now().await;
    assert!(!shared.log().contains(&(7, 7)), "and not run");
}

#[tokio::test]
async fn no_worker_starts_once_the_lease_is_over_and_the_last_words_are_heard() {
    let (bench, _lease) = leased();
    let shared = Shared::new();
    let running = bench.booted(&shared).await;
    let late = Cell::<Probe>::starting("late".into(), epoch(1), bench.home());
    bench.advance(LEASE);
    let start = crate::worker::Start { args: shared.args()[..].into(), bundle: None };
    let failed = AnyCell::boot(late, start).await.expect_err("it is too late");
    assert!(failed.contains("quorum"), "{failed}");
    AnyCell::die(running, Die::NoQuorum).await;
    assert_eq!(shared.boots.load(Ordering::SeqCst), 1);
    let deaths = shared.died.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(deaths, [Die::NoQuorum]);
}
