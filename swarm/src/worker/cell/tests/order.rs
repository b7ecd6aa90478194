//! What runs where and in which order: nothing lost, nothing overtaken, nobody waiting for himself.

use super::*;
use crate::call::wait::wait;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_callers_lose_nothing_and_overtake_nothing() {
    const CALLERS: u64 = 16;
    const EACH: u64 = 20_000;
    let bench = Arc::new(Bench::new());
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (bench, cell) = (bench.clone(), cell.clone());
            tokio::spawn(async move {
                for n in 0..EACH {
                    match n % 16 {
                        0 => assert_eq!(call(&bench, &cell, Slow(caller, n)).await.expect("it answers").0, n),
                        1..8 => {
                            assert_eq!(call(&bench, &cell, Ask(caller, n)).await.expect("it answers").0, n)
                        }
                        _ => cell.cast(Note(caller, n)).expect("there is room"),
                    }
                }
                call(&bench, &cell, Count(0)).await.expect("it answers");
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("no caller fails");
    }
    let mut next = vec![0; CALLERS as usize];
    for (caller, n) in shared.log().drain(..) {
        assert_eq!(n, next[caller as usize], "of caller {caller}");
        next[caller as usize] += 1;
    }
    assert_eq!(next, vec![EACH; CALLERS as usize]);
    assert!(bench.node.pending.is_empty());
}

#[tokio::test]
async fn an_idle_worker_runs_on_its_caller_without_a_slot() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(cell.call(Count(3), bench.deadline().limit(), &mut cx), Called::Done(Ok(Count(3)))));
    cell.cast(Note(1, 2)).expect("there is room");
    assert_eq!(*shared.log(), [(1, 2)]);
    assert!(bench.node.pending.is_empty());
    assert!(cell.lock().is_lean());
}

#[tokio::test]
async fn a_dropped_caller_cancels_nothing() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let mut begun = Box::pin(call(&bench, &cell, Hold(1)));
    let mut queued = Box::pin(call(&bench, &cell, Ask(5, 5)));
    poll_fn(|cx| {
        assert!(begun.as_mut().poll(cx).is_pending() && queued.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    drop((begun, queued));
    assert!(bench.node.pending.is_empty());
    shared.gate.add_permits(1);
    call(&bench, &cell, Count(0)).await.expect("it answers");
    assert_eq!(*shared.log(), [(u64::MAX, 1), (5, 5)]);
    assert!(cell.lock().is_lean(), "an idle worker has given back its queue");
}

#[tokio::test]
async fn a_worker_that_calls_itself_is_told_so() {
    let bench = Bench::new();
    let cell = bench.cell(&Shared::new());
    assert_eq!(call(&bench, &cell, Own(1)).await.expect("it answers").0, 1);
    assert_eq!(call(&bench, &cell, Count(0)).await.expect("the self-call was not queued").0, 0);
}

#[tokio::test]
async fn sixty_workers_call_each_other_in_a_row() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cells: Vec<_> = (0..=60).map(|_| bench.cell(&shared)).collect();
    *shared.peers.lock().expect("unpoisoned") = cells.clone();
    assert_eq!(call(&bench, &cells[60], Deep(60)).await.expect("it answers").0, 60);
    shared.peers.lock().expect("unpoisoned").clear();
}

#[tokio::test]
async fn a_call_that_is_due_in_the_queue_never_runs() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let mut held = Box::pin(call(&bench, &cell, Hold(1)));
    let soon = Deadline::after(bench.node.timers.now(), Duration::from_millis(50));
    let mut late = Box::pin(call_within(&cell, Ask(1, 1), soon.limit()));
    poll_fn(|cx| {
        assert!(held.as_mut().poll(cx).is_pending() && late.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    let mut parcel = bench.parcel(&Ask(2, 2), Some(9));
    parcel.deadline = soon;
    AnyCell::deliver(cell.clone(), parcel).expect("there is room");
    bench.advance(Duration::from_millis(50));
    let error = late.await.expect_err("it is due");
    assert!(matches!(error, CallError::Timeout { executed: crate::Executed::No, .. }), "{error:?}");
    shared.gate.add_permits(1);
    held.await.expect("it answers");
    call(&bench, &cell, Count(0)).await.expect("it answers");
    assert_eq!(*shared.log(), [(u64::MAX, 1)]);
    let mut bench = bench;
    let (request, result) = bench.replies.recv().await.expect("a reply");
    assert_eq!(request, 9);
    assert!(matches!(result, Err(CallError::Timeout { executed: crate::Executed::No, .. })));
}

#[tokio::test]
async fn a_call_that_is_due_in_its_handler_says_that_it_began() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let mut held = Box::pin(call_within(&cell, Hold(1), Duration::from_millis(50)));
    waits(&mut held).await;
    bench.advance(Duration::from_secs(1));
    let error = held.await.expect_err("it is due");
    assert!(matches!(error, CallError::Timeout { executed: crate::Executed::Yes, .. }), "{error:?}");
    shared.gate.add_permits(1);
}

#[tokio::test]
async fn bytes_are_run_checked_and_answered() {
    let mut bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let token = Arc::new(());
    let mut parcel = bench.parcel(&Ask(1, 11), Some(1));
    parcel.unconfirmed = Some(Box::new(token.clone()));
    AnyCell::deliver(cell.clone(), parcel).expect("there is room");
    assert_eq!(Arc::strong_count(&token), 1, "it stands in the queue");
    assert!(shared.log().is_empty(), "nothing runs on the thread that delivers");
    let (_, result) = bench.replies.recv().await.expect("a reply");
    assert_eq!(decode::<Count>(&result.expect("it answers")).expect("a count").0, 11);

    AnyCell::deliver(cell.clone(), bench.parcel(&Unknown(1), Some(2))).expect("there is room");
    let (_, result) = bench.replies.recv().await.expect("a reply");
    assert!(matches!(result, Err(CallError::Unhandled { .. })), "{result:?}");

    let mut parcel = bench.parcel(&Ask(1, 12), Some(3));
    parcel.fingerprint ^= 1;
    AnyCell::deliver(cell.clone(), parcel).expect("there is room");
    let (_, result) = bench.replies.recv().await.expect("a reply");
    assert!(matches!(result, Err(CallError::SchemaMismatch { .. })), "{result:?}");

    let mut parcel = bench.parcel(&Ask(1, 13), Some(4));
    parcel.payload = Payload::copy_of(&[1]);
    AnyCell::deliver(cell.clone(), parcel).expect("there is room");
    let (_, result) = bench.replies.recv().await.expect("a reply");
    assert!(matches!(result, Err(CallError::SchemaMismatch { .. })), "{result:?}");
    assert_eq!(*shared.log(), [(1, 11)]);
}

#[tokio::test]
async fn a_full_queue_gives_the_message_and_its_token_back() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let mut held = Box::pin(call(&bench, &cell, Hold(1)));
    waits(&mut held).await;
    for n in 0..Probe::OPTIONS.mailbox as u64 {
        cell.cast(Note(1, n)).expect("there is room");
    }
    let token = Arc::new(());
    let mut parcel = bench.parcel(&Ask(1, 11), Some(1));
    parcel.unconfirmed = Some(Box::new(token.clone()));
    let (parcel, why) = AnyCell::deliver(cell.clone(), parcel).expect_err("it is full");
    assert_eq!((why, Arc::strong_count(&token)), (crate::worker::Undelivered::Full, 2));
    drop(parcel);
    let (Note(_, n), why) = cell.cast(Note(2, 5)).expect_err("it is full");
    assert_eq!((n, why), (5, crate::worker::Undelivered::Full));
    shared.gate.add_permits(1);
    held.await.expect("it answers");
}

#[test]
fn a_thread_without_a_runtime_calls_and_casts() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let bench = runtime.block_on(async { Bench::new() });
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    assert_eq!(wait(call(&bench, &cell, Slow(1, 1))).expect("it answers").0, 1);
    cell.cast(Note(1, 2)).expect("there is room");
    assert_eq!(wait(call(&bench, &cell, Ask(1, 3))).expect("it answers").0, 3);
    assert_eq!(*shared.log(), [(1, 1), (1, 2), (1, 3)]);
}
