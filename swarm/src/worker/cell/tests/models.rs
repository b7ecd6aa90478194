//! Models of threads that meet at one cell: loom tries every order in which they may do so. Tokio takes no part in that:
//! what is spawned runs when they are done.

use loom::thread;
use tokio::runtime::Runtime;

use super::*;
use crate::worker::Phase;

/// A node, its runtime, and a cell on it whose worker is idle.
fn idle() -> (Runtime, Bench, Arc<Shared>, Arc<Cell<Probe>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let within = runtime.enter();
    let (bench, shared) = (Bench::new(), Shared::new());
    drop(within);
    let cell = bench.cell(&shared);
    (runtime, bench, shared, cell)
}

fn work(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    });
}

/// What comes while another thread runs the worker is run after it, and nothing twice.
#[test]
fn what_comes_while_the_worker_is_out_is_neither_lost_nor_doubled() {
    loom::model(|| {
        let (runtime, bench, shared, cell) = idle();
        let other = thread::spawn({
            let cell = cell.clone();
            move || cell.cast(Note(1, 1)).expect("there is room")
        });
        cell.cast(Note(2, 1)).expect("there is room");
        let parcel = bench.parcel(&Note(2, 2), None);
        assert!(cell.clone().deliver(parcel).is_ok());
        other.join().expect("it ends");
        work(&runtime);
        let mut ran = shared.log().clone();
        let in_order = ran.iter().position(|note| *note == (2, 1)) < ran.iter().position(|note| *note == (2, 2));
        ran.sort_unstable();
        assert!(in_order && ran == [(1, 1), (2, 1), (2, 2)], "{ran:?}");
        assert!(cell.lock().is_lean(), "it is idle again");
    });
}

/// What one caller sends is run in its order, also if the worker is just brought back behind a message of its own that waits.
#[test]
fn a_caller_does_not_overtake_itself() {
    let mut model = loom::model::Builder::new();
    // All orders take minutes; the one that did harm, when nobody looked whether the slot was open, has no more switches.
    model.preemption_bound = Some(5);
    model.check(|| {
        let (runtime, _bench, shared, cell) = idle();
        let other = thread::spawn({
            let cell = cell.clone();
            move || cell.cast(Note(1, 1)).expect("there is room")
        });
        cell.cast(Note(2, 1)).expect("there is room");
        cell.cast(Note(2, 2)).expect("there is room");
        other.join().expect("it ends");
        work(&runtime);
        let ran = shared.log().clone();
        let mine: Vec<_> = ran.iter().filter(|note| note.0 == 2).collect();
        assert!(ran.len() == 3 && mine == [&(2, 1), &(2, 2)], "{ran:?}");
    });
}

/// A worker that is asked to end by another thread, just when it is brought back, ends.
#[test]
fn who_is_asked_to_end_while_it_is_brought_back_ends() {
    loom::model(|| {
        let (runtime, mut bench, shared, cell) = idle();
        let asking = thread::spawn({
            let cell = cell.clone();
            move || cell.request_stop()
        });
        // If it has ended already it takes nothing.
        let taken = cell.cast(Note(1, 1)).is_ok();
        asking.join().expect("it ends");
        work(&runtime);
        assert!(shared.log().len() <= usize::from(taken));
        assert_eq!(cell.phase(), Phase::Dead);
        assert!(bench.ended.try_recv().is_ok(), "its node was told");
    });
}

/// A seal that begins while the worker is out gets it when it is back; what came meanwhile has run, or stands in the queue.
#[test]
fn who_wants_a_worker_that_is_out_gets_it_next() {
    loom::model(|| {
        let (runtime, _bench, shared, cell) = idle();
        let casting = thread::spawn({
            let cell = cell.clone();
            move || cell.cast(Note(1, 1)).expect("there is room")
        });
        cell.lock().begin_seal();
        let claimed = cell.lock().claim();
        casting.join().expect("it ends");
        work(&runtime);
        let worker = claimed.or_else(|mut claim| claim.try_recv());
        assert_eq!(worker.expect("it was brought back").shared.number, shared.number);
        let (ran, waits) = (shared.log().len(), AnyCell::close(&*cell).len());
        assert_eq!(ran + waits, 1);
    });
}
