//! Moves: seal, queue, bundle, unseal, absorb, close and die.

use super::*;
use crate::worker::{Bundle, Phase, Sealing, Start, Undelivered};

#[tokio::test]
async fn a_move_takes_state_timers_and_queue_along_in_order() {
    let bench = Bench::new();
    let shared = Shared::new();
    let old = bench.booted(&shared).await;
    call(&bench, &old, Count(5)).await.expect("it answers");
    call(&bench, &old, Every(10)).await.expect("it answers");
    assert!(!old.lock().seen(77) && old.lock().seen(77));
    let mut held = Box::pin(call(&bench, &old, Hold(1)));
    waits(&mut held).await;
    let sealing = AnyCell::seal(old.clone(), false);
    assert_eq!(old.phase(), Phase::Sealing);
    old.cast(Note(1, 1)).expect("it queues");
    // Published while it is busy, twice, and not heard before it moves.
    let published = || Parcel { publish: 88, ..bench.parcel(&Note(1, 2), None) };
    AnyCell::deliver(old.clone(), published()).expect("it queues");
    assert!(matches!(AnyCell::deliver(old.clone(), published()), Err((_, Undelivered::Repeated))));
    let mut waiting = Box::pin(call(&bench, &old, Ask(1, 3)));
    waits(&mut waiting).await;
    shared.gate.add_permits(1);
    assert_eq!(sealing.await, Sealing::Sealed);
    held.await.expect("the message in hand is answered");
    old.cast(Note(1, 4)).expect("it queues");
    bench.advance(Duration::from_secs(1));
    assert_eq!(*shared.log(), [(u64::MAX, 1)], "a sealed worker runs nothing, and its timers stand still");

    let bundle = old.bundle().expect("it is sealed");
    assert_eq!((bundle.timers.len(), &*bundle.publishes), (2, &[77][..]));
    let bundle = Bundle::decode(bundle.encode()).expect("it is well formed");
    assert_eq!(bundle, **old.bundle().expect("it is sealed"));

    let new: Arc<Cell<Probe>> = Cell::starting("probe".into(), epoch(2), bench.home());
    let start = Start { args: shared.args()[..].into(), bundle: Some(bundle) };
    AnyCell::boot(new.clone(), start).await.expect("it starts");
    for parcel in old.close() {
        AnyCell::deliver(new.clone(), parcel).expect("there is room");
    }
    assert!(matches!(old.cast(Note(9, 9)), Err((_, Undelivered::Moved))));
    assert_eq!(waiting.await.expect("the new one answers through the slot").0, 3);
    AnyCell::die(old, Die::Moved).await;
    assert_eq!(*shared.died.lock().expect("unpoisoned"), [Die::Moved]);
    assert_eq!(call(&bench, &new, Count(1)).await.expect("it answers").0, 6);
    assert!(new.lock().seen(77) && new.lock().seen(88));
    assert_eq!(shared.log().split_off(1), [(1, 1), (1, 2), (1, 3), (1, 4)]);

    shared.log().clear();
    for _ in 0..10 {
        bench.advance(Duration::from_millis(10));
        call(&bench, &new, Count(0)).await.expect("it answers");
    }
    let log = shared.log();
    assert_eq!(log.iter().filter(|(who, _)| *who == 7).count(), 10);
    assert_eq!(log.iter().filter(|(who, _)| *who == 8).count(), 1);
}

#[tokio::test]
async fn unsealed_it_goes_on_as_it_was() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    call(&bench, &cell, Count(5)).await.expect("it answers");
    assert_eq!(AnyCell::seal(cell.clone(), false).await, Sealing::Sealed);
    assert_eq!(AnyCell::seal(cell.clone(), false).await, Sealing::Ended);
    let mut waiting = Box::pin(call(&bench, &cell, Count(1)));
    waits(&mut waiting).await;
    assert!(AnyCell::unseal(cell.clone(), epoch(3)));
    assert_eq!(waiting.await.expect("it answers").0, 6);
    assert_eq!((cell.epoch(), cell.phase()), (epoch(3), Phase::Running));
    assert!(cell.bundle().is_none());
}

#[tokio::test]
async fn halted_it_runs_nothing_until_it_goes_on() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    call(&bench, &cell, Every(10)).await.expect("it answers");
    let mut held = Box::pin(call(&bench, &cell, Hold(1)));
    waits(&mut held).await;
    AnyCell::halt(&*cell);
    let mut waiting = Box::pin(call(&bench, &cell, Count(1)));
    waits(&mut waiting).await;
    shared.gate.add_permits(1);
    held.await.expect("the message in hand is answered");
    bench.advance(Duration::from_secs(1));
    waits(&mut waiting).await;
    assert_eq!(shared.log().len(), 1, "the message in hand, and no timer's");
    assert!(AnyCell::unseal(cell.clone(), epoch(1)));
    assert_eq!(waiting.await.expect("it answers").0, 1);
    assert_eq!((cell.epoch(), cell.phase()), (epoch(1), Phase::Running));
    assert_eq!(call(&bench, &cell, Count(1)).await.expect("it answers").0, 2);
}

#[tokio::test]
async fn halted_it_can_be_moved() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    AnyCell::halt(&*cell);
    let mut waiting = Box::pin(call(&bench, &cell, Count(1)));
    waits(&mut waiting).await;
    assert_eq!(AnyCell::seal(cell.clone(), false).await, Sealing::Sealed);
    assert!(cell.bundle().is_some());
    assert!(AnyCell::unseal(cell.clone(), epoch(3)));
    assert_eq!(waiting.await.expect("it answers").0, 1);
}

/// Its `init` had begun before its node stood still.
#[tokio::test]
async fn halted_while_it_starts_it_does_not_run_when_it_has_started() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell: Arc<Cell<Probe>> = Cell::starting("probe".into(), epoch(1), bench.home());
    let mut waiting = Box::pin(call(&bench, &cell, Count(1)));
    waits(&mut waiting).await;
    AnyCell::halt(&*cell);
    AnyCell::boot(cell.clone(), Start { args: shared.args()[..].into(), bundle: None }).await.expect("it starts");
    waits(&mut waiting).await;
    assert!(AnyCell::unseal(cell.clone(), epoch(2)));
    assert_eq!(waiting.await.expect("it answers").0, 1);
}

#[tokio::test]
async fn one_that_ignores_is_pinned_unless_forced() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    shared.moves(Moves::Ignore);
    assert_eq!(AnyCell::seal(cell.clone(), false).await, Sealing::Ignored);
    assert!(cell.pinned());
    assert_eq!(call(&bench, &cell, Count(1)).await.expect("it runs on").0, 1);
    assert_eq!(AnyCell::seal(cell.clone(), true).await, Sealing::Sealed);
    assert_eq!(cell.bundle().expect("it is sealed").state, None);
}

#[tokio::test]
async fn a_hook_that_takes_too_long_seals_nothing() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    shared.moves(Moves::Wait);
    let mut sealing = AnyCell::seal(cell.clone(), false);
    tokio::select! {
        biased;
        () = shared.entered() => {}
        sealing = &mut sealing => panic!("{sealing:?}"),
    }
    let mut waiting = Box::pin(call(&bench, &cell, Count(1)));
    waits(&mut waiting).await;
    assert_eq!((settle(&bench, &mut sealing).await, cell.phase()), (Sealing::TimedOut, Phase::Running));
    shared.gate.add_permits(1);
    assert_eq!(waiting.await.expect("it runs on").0, 1);
    assert_eq!(cell.epoch(), epoch(1));
}

/// Else its worker would never do anything again, and a conflict that it lost would never end.
#[tokio::test]
async fn a_hook_that_never_ends_fails_its_worker() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    call(&bench, &cell, Count(5)).await.expect("it answers");
    shared.moves(Moves::Wait);
    let mut sealing = AnyCell::seal(cell.clone(), false);
    let mut waiting = Box::pin(call(&bench, &cell, Count(1)));
    waits(&mut waiting).await;
    assert_eq!(settle(&bench, &mut sealing).await, Sealing::TimedOut);
    assert_eq!(settle(&bench, &mut waiting).await.expect("it runs again").0, 1, "from its init arguments");
    assert_eq!((cell.epoch(), shared.boots.load(Ordering::SeqCst)), (epoch(1), 2));
}

#[tokio::test]
async fn a_hook_that_panics_restarts_the_worker_in_place() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    shared.moves(Moves::Panic);
    assert_eq!(AnyCell::seal(cell.clone(), false).await, Sealing::Panicked);
    assert_eq!(call(&bench, &cell, Count(1)).await.expect("it runs again").0, 1);
    assert_eq!((cell.epoch(), shared.boots.load(Ordering::SeqCst)), (epoch(1), 2));
}

/// What another instance left: a count of 40, of a type with this schema.
fn left(schema: u32) -> Bundle {
    Bundle { state: Some(encode(&Count(40))), schema, timers: Vec::new(), publishes: vec![4] }
}

#[tokio::test]
async fn a_state_of_another_version_is_not_read() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    let strange = Count::FINGERPRINT.low() ^ 1;
    let absorbed = AnyCell::absorb(cell.clone(), left(strange)).await;
    assert!(absorbed.is_err_and(|text| text.contains("another version")));
    assert_eq!(call(&bench, &cell, Count(2)).await.expect("it runs on").0, 2);

    let target = Cell::<Probe>::starting("probe".into(), epoch(2), bench.home());
    let started = AnyCell::boot(target, Start { args: shared.args()[..].into(), bundle: Some(left(strange)) }).await;
    assert!(started.is_err_and(|text| text.contains("another version")));
    let target = Cell::<Probe>::starting("probe".into(), epoch(3), bench.home());
    let bundle = Some(left(Count::FINGERPRINT.low()));
    assert_eq!(AnyCell::boot(target.clone(), Start { args: shared.args()[..].into(), bundle }).await, Ok(()));
    assert_eq!(call(&bench, &target, Count(2)).await.expect("it runs").0, 42);
}

#[tokio::test]
async fn what_it_absorbs_comes_between_two_messages() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    let other = left(Count::FINGERPRINT.low());
    assert_eq!(AnyCell::absorb(cell.clone(), other).await, Ok(()));
    assert_eq!(call(&bench, &cell, Count(2)).await.expect("it answers").0, 42);
    assert!(cell.lock().seen(4));
}

#[tokio::test]
async fn die_waits_for_the_message_in_hand_and_answers_the_queue() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.booted(&shared).await;
    let mut held = Box::pin(call(&bench, &cell, Hold(1)));
    let mut waiting = Box::pin(call(&bench, &cell, Count(1)));
    poll_fn(|cx| {
        assert!(held.as_mut().poll(cx).is_pending() && waiting.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    let dying = AnyCell::die(cell.clone(), Die::Unregistered);
    let error = waiting.await.expect_err("it never ran");
    assert!(matches!(error, CallError::Ended { .. }), "{error:?}");
    shared.gate.add_permits(1);
    dying.await;
    held.await.expect("the message in hand is answered");
    assert_eq!(*shared.died.lock().expect("unpoisoned"), [Die::Unregistered]);
}
