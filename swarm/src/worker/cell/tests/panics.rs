//! Panics, restarts and their limit, and workers that end by themselves.

use super::*;

#[tokio::test]
async fn a_panic_ends_its_call_and_the_others_wait_for_the_restart() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    call(&bench, &cell, Count(5)).await.expect("it answers");
    let mut held = Box::pin(call(&bench, &cell, Hold(1)));
    let mut boom = Box::pin(call(&bench, &cell, BoomLater(2)));
    let mut next = Box::pin(call(&bench, &cell, Count(1)));
    poll_fn(|cx| {
        assert!(held.as_mut().poll(cx).is_pending());
        assert!(boom.as_mut().poll(cx).is_pending() && next.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    shared.gate.add_permits(1);
    held.await.expect("it answers");
    let error = boom.await.expect_err("it panics");
    assert!(matches!(&error, CallError::Panicked { text, .. } if text == "later 2"), "{error:?}");
    assert_eq!(next.await.expect("the restarted worker answers").0, 1);
    assert_eq!(shared.boots.load(Ordering::SeqCst), 2);
    assert_eq!(cell.epoch(), epoch(1));
}

#[tokio::test]
async fn too_many_panics_end_the_cell() {
    let mut bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    for n in 0..4 {
        let error = match n {
            // From the second on the restart waits.
            0 | 1 => call(&bench, &cell, Boom(n)).await,
            _ => {
                let mut boom = Box::pin(call(&bench, &cell, Boom(n)));
                waits(&mut boom).await;
                settle(&bench, &mut boom).await
            }
        };
        assert!(matches!(error, Err(CallError::Panicked { .. })), "{error:?}");
    }
    let (name, end) = bench.ended.recv().await.expect("it ended");
    assert_eq!((name.as_str(), end), ("probe", End::Failed("boom 3".into())));
    assert_eq!(cell.phase(), crate::worker::Phase::Dead);
    assert!(matches!(cell.cast(Note(0, 0)), Err((_, crate::worker::Undelivered::Moved))));
}

#[tokio::test]
async fn a_start_that_fails_is_tried_again_until_the_limit() {
    let mut bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    shared.failures.store(2, Ordering::SeqCst);
    call(&bench, &cell, Boom(1)).await.expect_err("it panics");
    let mut next = Box::pin(call(&bench, &cell, Count(1)));
    assert_eq!(settle(&bench, &mut next).await.expect("the third start succeeds").0, 1);
    drop(next);
    shared.failures.store(u64::MAX, Ordering::SeqCst);
    call(&bench, &cell, Boom(2)).await.expect_err("it panics");
    let mut next = Box::pin(call(&bench, &cell, Count(1)));
    let error = settle(&bench, &mut next).await.expect_err("it has ended");
    assert!(matches!(error, CallError::Ended { .. } | CallError::Overloaded { .. }), "{error:?}");
    drop(next);
    assert!(matches!(bench.ended.recv().await, Some((_, End::Failed(_)))));
}

#[tokio::test]
async fn without_init_arguments_a_panic_ends_it() {
    let mut bench = Bench::new();
    let cell = bench.cell(&Shared::new());
    call(&bench, &cell, Boom(1)).await.expect_err("it panics");
    assert_eq!(bench.ended.recv().await.expect("it ended").1, End::Failed("boom 1".into()));
}

#[tokio::test]
async fn a_worker_that_stops_itself_says_its_last_words() {
    let mut bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    cell.cast(Stop(1)).expect("there is room");
    assert_eq!(bench.ended.recv().await.expect("it ended").1, End::Stopped);
    assert_eq!(*shared.died.lock().expect("unpoisoned"), [Die::Stopped]);
    assert!(matches!(cell.cast(Note(0, 0)), Err((_, crate::worker::Undelivered::Moved))));
}

#[tokio::test]
async fn a_failing_first_start_leaves_the_queue_to_close() {
    let bench = Bench::new();
    let shared = Shared::new();
    shared.failures.store(1, Ordering::SeqCst);
    let cell: Arc<Cell<Probe>> = Cell::starting("probe".into(), epoch(1), bench.home());
    cell.cast(Note(1, 1)).expect("there is room");
    let start = crate::worker::Start { args: shared.args()[..].into(), bundle: None };
    assert_eq!(AnyCell::boot(cell.clone(), start).await, Err("not today".into()));
    assert_eq!(cell.close().len(), 1);
    AnyCell::die(cell, Die::Unregistered).await;
}
