//! Rounds on a runtime that runs only when a test has it run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use swarm_net::node::NodeId;
use swarm_net::transport::Transport;
use tokio::runtime::Runtime;

use super::*;
use crate::config::Config;

/// Counts those that were woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

/// Runs all that is ready, and what comes of it.
fn run(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    });
}

/// A read brings answers for so many callers.
fn read(rounds: &Arc<Rounds>, runtime: &Runtime, woken: &Arc<Woken>, callers: usize) {
    wakes::collect();
    (0..callers).for_each(|_| wakes::wake(Waker::from(woken.clone())));
    rounds.hand_over(runtime.handle());
}

fn peer() -> Arc<Peer> {
    let node = |port| NodeId::new(([127, 0, 0, 1], port).into(), 1);
    let (_, manual) = Transport::manual(node(1), Config::default().net);
    manual.open(node(2))
}

/// How many peers the round is to write to.
fn promised(rounds: &Rounds) -> usize {
    rounds.lock().todo.peers.len()
}

#[test]
fn a_few_are_woken_at_once_and_many_by_a_round() {
    let (rounds, runtime, woken) = (Arc::<Rounds>::default(), runtime(), Arc::<Woken>::default());
    read(&rounds, &runtime, &woken, FEW);
    assert_eq!((woken.count(), rounds.due()), (FEW, None));
    read(&rounds, &runtime, &woken, FEW + 1);
    assert_eq!(woken.count(), FEW, "they are the round's");
    read(&rounds, &runtime, &woken, FEW + 2);
    assert_eq!(woken.count(), FEW, "these, too");
    assert!(rounds.due().is_some());
    run(&runtime);
    assert_eq!((woken.count(), rounds.due()), (3 * FEW + 3, None));
}

#[test]
fn a_thread_that_does_not_collect_wakes_at_once() {
    let woken = Arc::<Woken>::default();
    wakes::wake(Waker::from(woken.clone()));
    assert_eq!(woken.count(), 1);
}

#[test]
fn what_a_round_is_late_for_is_done_without_it_until_it_shows() {
    let (rounds, runtime, woken) = (Arc::<Rounds>::default(), runtime(), Arc::<Woken>::default());
    read(&rounds, &runtime, &woken, 10);
    let (early, late) = (peer(), peer());
    rounds.announce(&early);
    assert_eq!((woken.count(), promised(&rounds)), (0, 1));
    rounds.overdue();
    assert_eq!((woken.count(), promised(&rounds), rounds.due()), (10, 0, None));
    read(&rounds, &runtime, &woken, 10);
    rounds.announce(&late);
    assert_eq!((woken.count(), promised(&rounds)), (20, 0));
    run(&runtime);
    read(&rounds, &runtime, &woken, 10);
    assert_eq!(woken.count(), 20, "there are rounds again");
    run(&runtime);
    assert_eq!(woken.count(), 30);
}

#[test]
fn without_its_runtime_nobody_is_left_asleep() {
    let (rounds, runtime, woken) = (Arc::<Rounds>::default(), runtime(), Arc::<Woken>::default());
    read(&rounds, &runtime, &woken, 10);
    let handle = runtime.handle().clone();
    drop(runtime);
    assert_eq!(woken.count(), 10);
    for _ in 0..2 {
        wakes::collect();
        (0..10).for_each(|_| wakes::wake(Waker::from(woken.clone())));
        rounds.hand_over(&handle);
    }
    assert_eq!(woken.count(), 30);
}

#[test]
fn a_waker_that_panics_leaves_nobody_else_asleep() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("a waker of somebody's");
        }
    }
    let (rounds, runtime, woken) = (Arc::<Rounds>::default(), runtime(), Arc::<Woken>::default());
    wakes::collect();
    (0..10).for_each(|_| wakes::wake(Waker::from(woken.clone())));
    wakes::wake(Waker::from(Arc::new(Bad)));
    (0..10).for_each(|_| wakes::wake(Waker::from(woken.clone())));
    rounds.hand_over(runtime.handle());
    run(&runtime);
    assert_eq!((woken.count(), rounds.due()), (20, None));
    read(&rounds, &runtime, &woken, 10);
    assert_eq!(woken.count(), 20, "there are rounds again");
    run(&runtime);
    assert_eq!(woken.count(), 30);
}

#[test]
fn frames_are_left_to_the_round_that_is_under_way_once_for_each_peer() {
    let (rounds, runtime, woken) = (Arc::<Rounds>::default(), runtime(), Arc::<Woken>::default());
    let (first, second) = (peer(), peer());
    rounds.announce(&first);
    assert_eq!(promised(&rounds), 0, "there is no round");
    assert!(!first.promise(Lane::Calls), "the I/O thread was told");
    read(&rounds, &runtime, &woken, 10);
    rounds.announce(&first);
    assert_eq!(promised(&rounds), 0, "it need not be told twice");
    rounds.announce(&second);
    rounds.announce(&second);
    assert_eq!(promised(&rounds), 1);
    run(&runtime);
    assert_eq!((promised(&rounds), rounds.due()), (0, None));
}
