//! The handle of a worker: it keeps nothing that it should not, outlives its worker, and knows on which node it runs.

use super::*;
use crate::error::CastError;
use crate::worker::running::{self, Awaited};

/// What handlers have given away.
static GIVEN: Mutex<Vec<Context<Keeper>>> = Mutex::new(Vec::new());

/// A worker that keeps its own handles.
struct Keeper {
    handles: Vec<Context<Self>>,
    _shared: Arc<Shared>,
}

impl Worker for Keeper {
    const NAME: &'static str = "Keeper";
    const ARGS: Fingerprint = Key::FINGERPRINT;
    const METHODS: &'static [Method<Self>] = &[Method::call::<Count>(), Method::cast::<Stop>()];
    type Client = Handle;

    fn boot(context: Context<Self>, args: Payload) -> Boot<Self> {
        match decode::<Key>(&args) {
            Ok(key) => {
                let shared = ALL.lock().unwrap_or_else(PoisonError::into_inner)[&key.0].clone();
                Boot::Done(Ok(Self { handles: vec![context], _shared: shared }))
            }
            Err(malformed) => Boot::Refused(malformed),
        }
    }
}

impl Call<Count> for Keeper {
    type Reply = Count;

    fn run(mut at: Active<Self>, _: Input<Count>) -> Step<Self, Count> {
        let again = at.worker.handles[0].clone();
        at.worker.handles.extend([at.context.clone(), again]);
        GIVEN.lock().unwrap_or_else(PoisonError::into_inner).push(at.context.clone());
        let kept = at.worker.handles.len() as u64;
        Step::Done(at, Count(kept))
    }
}

impl Cast<Stop> for Keeper {
    fn run(at: Active<Self>, _: Input<Stop>) -> Step<Self, ()> {
        Step::Done(at, ())
    }
}

#[tokio::test]
async fn a_worker_may_keep_its_handle_and_a_handle_may_outlive_its_worker() {
    let bench = Bench::new();
    let shared = Shared::new();
    let before = Arc::strong_count(&shared);
    let cell = Cell::<Keeper>::starting("keeper".into(), epoch(3), bench.home());
    let start = crate::worker::Start { args: shared.args()[..].into(), bundle: None };
    AnyCell::boot(cell.clone(), start).await.expect("it starts");
    assert_eq!(Arc::strong_count(&shared), before + 1, "the worker has it");
    let called = poll_fn(|cx| Poll::Ready(cell.call(Count(1), bench.deadline().limit(), cx))).await;
    assert!(matches!(called, Called::Done(Ok(Count(3)))), "it keeps three handles of its own");
    let given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner).pop().expect("the handler gave one away");
    assert_eq!((given.name().as_str(), given.epoch()), ("keeper", epoch(3)));
    assert!(given.deadline().is_some(), "of the last message");
    given.cast_self(Stop(1)).expect("it takes messages");

    // The cast runs on a task of its own, which has the cell until it is over.
    while Arc::strong_count(&cell) > 1 {
        tokio::task::yield_now().await;
    }
    drop(cell);
    assert_eq!(Arc::strong_count(&shared), before, "nothing keeps a worker whose cell nobody has");
    assert_eq!((given.name().as_str(), given.epoch()), ("keeper", epoch(3)));
    assert_eq!(given.deadline(), None);
    assert!(matches!(given.cast_self(Stop(1)), Err(CastError::Ended { .. })));
    assert!(!given.cancel(given.send_after(Duration::ZERO, Stop(1))), "there is nothing to be told");
    given.stop();
}

#[tokio::test]
async fn the_limit_of_a_call_begins_when_somebody_asks_if_nobody_has_looked_at_the_clock() {
    let bench = Bench::new();
    let shared = Shared::new();
    let cell = bench.cell(&shared);
    let core = cell.core();
    assert_eq!(core.due(), Deadline::NEVER.due, "it runs nothing");
    core.set_limit(Duration::from_millis(50));
    bench.advance(Duration::from_millis(20));
    let due = bench.node.timers.now() + Duration::from_millis(50);
    assert_eq!(core.due(), due);
    bench.advance(Duration::from_millis(20));
    assert_eq!(core.due(), due, "it has begun");
    core.set_limit(Deadline::NEVER.limit());
    assert_eq!(core.due(), Deadline::NEVER.due);
}

#[tokio::test]
async fn a_thread_knows_the_node_of_the_worker_that_it_runs() {
    let benches = [Bench::new(), Bench::new()];
    let shared = Shared::new();
    let cells = benches.each_ref().map(|bench| bench.cell(&shared));
    let runs_on = |n: usize| {
        let host = running::host().expect("a worker runs");
        std::ptr::addr_eq(Arc::as_ptr(&host), Arc::as_ptr(&benches[n].node))
    };
    // Twice, since a thread remembers the last node.
    for _ in 0..2 {
        assert!(running::host().is_none());
        let first = running::enter(cells[0].core(), Awaited::Nobody);
        assert!(runs_on(0));
        let inner = running::enter(cells[1].core(), Awaited::Below);
        assert!(runs_on(1) && running::waits_for(cells[0].core()));
        let innermost = running::enter(cells[1].core(), Awaited::Nobody);
        assert!(runs_on(1) && !running::waits_for(cells[0].core()));
        drop(innermost);
        assert!(runs_on(1));
        drop(inner);
        assert!(runs_on(0) && running::depth() == 1);
        drop(first);
    }
    assert!(running::host().is_none());
}

#[test]
fn a_cell_is_nineteen_words_beside_its_counts() {
    // With its counts 168 bytes: one more would take another 16 of the allocator.
    assert_eq!(size_of::<Cell<Probe>>(), 152);
}
