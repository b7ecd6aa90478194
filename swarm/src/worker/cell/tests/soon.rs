//! What a thread that reads from the network runs itself, and what may happen to a cell before it does.

use swarm_net::time::{Clock, Instant, Now};
use tokio::runtime::Runtime;

use super::*;
use crate::worker::pace::{Keeps, Paces};
use crate::worker::soon;

const QUICK: Duration = Duration::from_micros(50);

/// A runtime without threads, a node on it all of whose methods are known to be quick, and an idle worker there.
fn quick() -> (Runtime, Bench, Arc<Shared>, Arc<Cell<Probe>>) {
    let paces = Paces::of([(Probe::KIND, Probe::METHODS.len())].into_iter(), QUICK, Keeps::Nothing);
    for row in 0..Probe::METHODS.len() {
        let pace = paces.method(Probe::KIND, row).expect("there is a row for each");
        while !pace.is_quick() {
            pace.ran(Duration::ZERO, Instant::START);
        }
    }
    on(paces)
}

/// On a clock that stands still, so that nothing takes long.
fn on(paces: Paces) -> (Runtime, Bench, Arc<Shared>, Arc<Cell<Probe>>) {
    Clock::set(Some(Now::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let within = runtime.enter();
    let bench = Bench { paces: Arc::new(paces), ..Bench::new() };
    drop(within);
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    (runtime, bench, shared, cell)
}

/// Lets tokio do all that it can.
fn work(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn what_is_quick_runs_when_all_is_read_and_in_the_order_in_which_it_came() {
    let (runtime, mut bench, shared, cell) = quick();
    soon::open(Clock::instant);
    for n in 1..=3 {
        assert!(cell.clone().deliver(bench.parcel(&Note(1, n), None)).is_ok());
    }
    assert!(cell.clone().deliver(bench.parcel(&Count(0), Some(7))).is_ok());
    assert!(shared.log().is_empty(), "nothing runs while it is read");
    assert!(soon::run(runtime.handle(), Clock::instant));
    soon::close(runtime.handle());
    assert_eq!(*shared.log(), [(1, 1), (1, 2), (1, 3)]);
    assert!(bench.replies.try_recv().is_ok_and(|(request, reply)| request == 7 && reply.is_ok()));
    assert!(cell.lock().is_lean());
}

#[test]
fn what_waits_for_something_goes_on_as_a_task() {
    let (runtime, mut bench, shared, cell) = quick();
    soon::open(Clock::instant);
    assert!(cell.clone().deliver(bench.parcel(&Hold(1), Some(7))).is_ok());
    assert!(soon::run(runtime.handle(), Clock::instant));
    soon::close(runtime.handle());
    work(&runtime);
    assert!(bench.replies.try_recv().is_err(), "it is held");
    shared.gate.add_permits(1);
    work(&runtime);
    assert!(bench.replies.try_recv().is_ok_and(|(request, reply)| request == 7 && reply.is_ok()));
}

#[test]
fn what_nobody_knows_to_be_quick_runs_on_tokio_also_if_a_quick_one_sends_it() {
    let (runtime, bench, shared, cell) =
        on(Paces::of([(Probe::KIND, Probe::METHODS.len())].into_iter(), QUICK, Keeps::Nothing));
    soon::open(Clock::instant);
    assert!(cell.clone().deliver(bench.parcel(&Note(1, 1), None)).is_ok());
    cell.cast(Note(1, 2)).expect("there is room");
    assert!(!soon::run(runtime.handle(), Clock::instant), "nothing is left to this thread");
    soon::close(runtime.handle());
    assert!(shared.log().is_empty());
    work(&runtime);
    assert_eq!(*shared.log(), [(1, 1), (1, 2)]);
}

#[test]
fn a_task_that_begins_much_runs_itself_what_was_not_long_the_last_time() {
    let (runtime, bench, shared, cell) =
        on(Paces::of([(Probe::KIND, Probe::METHODS.len())].into_iter(), QUICK, Keeps::Nothing));
    let tell = |n| {
        runtime.block_on(async {
            let _gathering = soon::open_here(runtime.handle(), Clock::instant);
            assert!(cell.clone().deliver(bench.parcel(&Note(1, n), None)).is_ok());
            soon::run_here(runtime.handle(), Clock::instant);
        });
        shared.log().len()
    };
    assert_eq!(tell(1), 1, "nobody knows it, and other threads are there for the rest");
    cell.pace_of(Note::ID).expect("it is counted").ran(2 * QUICK, Instant::START);
    assert_eq!(tell(2), 1, "it goes to tokio");
    work(&runtime);
    assert_eq!(tell(3), 3, "where it was quick");
    assert_eq!(*shared.log(), [(1, 1), (1, 2), (1, 3)]);
}

#[test]
fn a_message_of_a_cell_that_ends_before_it_runs_is_the_one_in_hand() {
    let (runtime, mut bench, shared, cell) = quick();
    soon::open(Clock::instant);
    assert!(cell.clone().deliver(bench.parcel(&Ask(1, 1), Some(7))).is_ok());
    assert!(cell.close().is_empty(), "it does not stand in the queue");
    let within = runtime.enter();
    let dying = cell.clone().die(Die::Unregistered);
    drop(within);
    assert!(soon::run(runtime.handle(), Clock::instant));
    soon::close(runtime.handle());
    assert!(bench.replies.try_recv().is_ok_and(|(request, reply)| request == 7 && reply.is_ok()));
    runtime.block_on(dying);
    assert_eq!(*shared.died.lock().expect("unpoisoned"), [Die::Unregistered], "after it the worker has its last words");
}

#[test]
fn a_message_of_a_cell_that_is_sealed_before_it_runs_moves_with_the_queue() {
    let (runtime, bench, shared, cell) = quick();
    soon::open(Clock::instant);
    for n in 1..=2 {
        assert!(cell.clone().deliver(bench.parcel(&Note(1, n), None)).is_ok());
    }
    let sealing = cell.clone().seal(false);
    assert!(soon::run(runtime.handle(), Clock::instant));
    soon::close(runtime.handle());
    assert_eq!(runtime.block_on(sealing), crate::worker::Sealing::Sealed);
    assert!(shared.log().is_empty());
    let moved: Vec<Parcel> = cell.close();
    let numbers = moved.iter().map(|parcel| decode::<Note>(&parcel.payload).expect("it was encoded above").1);
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_thread_that_runs_handlers_cannot_wait_for_a_future_there() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let handle = runtime.handle().clone();
    soon::open(Clock::instant);
    let blocks = async move {
        let blocked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handle.block_on(async {})));
        assert!(blocked.is_err(), "as on a thread of tokio's");
    };
    assert!(soon::add(blocks).is_ok());
    assert!(soon::run(runtime.handle(), Clock::instant));
    soon::close(runtime.handle());
}

#[test]
fn who_always_has_more_to_do_leaves_it_to_tokio() {
    fn again(left: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { assert!(left == 0 || soon::add(again(left - 1)).is_ok()) })
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    soon::open(Clock::instant);
    assert!(soon::add(again(u64::MAX)).is_ok());
    assert!(soon::run(runtime.handle(), Clock::instant), "and comes back");
    soon::close(runtime.handle());
}

/// Its `init` takes a millisecond up to where it would first wait.
struct Slowly;

impl Worker for Slowly {
    const NAME: &'static str = "Slowly";
    const ARGS: Fingerprint = Key::FINGERPRINT;
    const METHODS: &'static [Method<Self>] = &[];
    type Client = <Probe as Worker>::Client;

    fn boot(_: Context<Self>, _: Payload) -> Boot<Self> {
        Boot::Later(Box::pin(async {
            let now = Clock::now();
            Clock::set(Some(Now { instant: now.instant + Duration::from_millis(1), ..now }));
            Ok(Self)
        }))
    }
}

#[test]
fn an_init_is_timed_up_to_where_it_waits() {
    let (runtime, bench, _, _) = on(Paces::of([(Slowly::KIND, 0)].into_iter(), QUICK, Keeps::Nothing));
    let init = bench.paces.init(Slowly::KIND).expect("it is counted");
    while !init.is_quick() {
        init.ran(Duration::ZERO, Instant::START);
    }
    let cell = Cell::<Slowly>::starting("slowly".into(), epoch(1), bench.home());
    let start = crate::worker::Start { args: encode(&Key(0))[..].into(), bundle: None };
    assert_eq!(runtime.block_on(async { AnyCell::boot(cell, start).await }), Ok(()));
    assert!(!init.is_quick());
}
