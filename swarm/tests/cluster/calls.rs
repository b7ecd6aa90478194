//! Calls while the cluster changes under them, and how they end when they cannot be answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use swarm::Swarm;
use swarm::prelude::*;

use crate::fixture::{PATIENCE, TallyClient, all_know, begin, cluster, join, placed, until};
use crate::workers::{Ledger, LedgerClient, Sloth, SlothClient, begun, release, sloth};

const WORKERS: usize = 200;
const CALLERS: u32 = 16;

/// So many that some are about to send when a node dies: then there are seldom less than two.
const CALLERS_OF_A_CRASH: u32 = 300;

/// What one caller did: by worker how many calls were acknowledged; and those that were not.
struct Diary {
    acknowledged: Vec<u64>,
    failed: Vec<CallError>,
}

/// Callers that call until they are told to stop, each through one node, each worker with ascending numbers.
struct Hammer {
    stop: Arc<AtomicBool>,
    callers: Vec<tokio::task::JoinHandle<Diary>>,
}

impl Hammer {
    async fn start(nodes: &[Swarm], callers: u32) -> Self {
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..WORKERS {
            let node = nodes[i % nodes.len()].clone();
            tasks.spawn(async move { LedgerClient::register(ledger(i), ()).on(&node).await });
        }
        while let Some(registered) = tasks.join_next().await {
            registered.expect("no task panics").expect("the name is free");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let caller = |id: u32| {
            let node = nodes[id as usize % nodes.len()].clone();
            tokio::spawn(call_all(node, id, stop.clone()))
        };
        let callers = (0..callers).map(caller).collect();
        Self { stop, callers }
    }

    async fn stop(self) -> Vec<Diary> {
        self.stop.store(true, Ordering::Relaxed);
        let mut diaries = Vec::new();
        for caller in self.callers {
            diaries.push(caller.await.expect("no caller panics"));
        }
        diaries
    }
}

fn ledger(i: usize) -> String {
    format!("ledger-{i}")
}

/// Calls one worker after the other, and starts again.
async fn call_all(node: Swarm, id: u32, stop: Arc<AtomicBool>) -> Diary {
    let mut diary = Diary { acknowledged: vec![0; WORKERS], failed: Vec::new() };
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        for i in 0..WORKERS {
            // Each caller begins elsewhere, so that they meet at all workers.
            let i = (i + id as usize * 13) % WORKERS;
            match node.at::<Ledger>(ledger(i)).note(id, number).timeout(PATIENCE).await {
                Ok(_) => diary.acknowledged[i] += 1,
                Err(error) => diary.failed.push(error),
            }
        }
    }
    diary
}

/// What the workers have seen, by worker and caller.
async fn seen(node: &Swarm) -> Vec<BTreeMap<u32, (u64, u64)>> {
    let mut all = Vec::new();
    for i in 0..WORKERS {
        let seen = node.at::<Ledger>(ledger(i)).seen().timeout(PATIENCE).await.expect("it runs");
        assert_eq!(seen.violations, 0, "{} saw numbers out of order, or twice", ledger(i));
        all.push(seen.callers);
    }
    all
}

/// Every call is answered, runs exactly once, and in the order of its caller; whatever joins and leaves.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_and_each_runs_once_while_nodes_join_and_leave() {
    let mut nodes = cluster("hammer", 3).await;
    let hammer = Hammer::start(&nodes, CALLERS).await;
    nodes.push(join("hammer", &[&nodes[0]]).await);
    placed(&nodes, WORKERS).await;
    // One that no caller uses, since callers of a leaving node are told that it stops.
    nodes.remove(3).leave().await.expect("everything is handed over");
    placed(&nodes, WORKERS).await;
    let (one, other) = ([&nodes[0]], [&nodes[1]]);
    let newcomers = tokio::join!(join("hammer", &one), join("hammer", &other));
    nodes.extend([newcomers.0, newcomers.1]);
    placed(&nodes, WORKERS).await;
    let (first, second) = (nodes.remove(3), nodes.remove(3));
    let (first, second) = tokio::join!(first.leave(), second.leave());
    first.expect("everything is handed over");
    second.expect("everything is handed over");
    placed(&nodes, WORKERS).await;
    let diaries = hammer.stop().await;
    let seen = seen(&nodes[0]).await;
    for (id, diary) in (0..).zip(&diaries) {
        assert_eq!(diary.failed, [], "caller {id}");
        for (i, acknowledged) in diary.acknowledged.iter().enumerate() {
            let ran = seen[i].get(&id).map(|(ran, _)| *ran).unwrap_or_default();
            assert_eq!(ran, *acknowledged, "of caller {id} at {}", ledger(i));
        }
    }
}

/// So many workers that some of them move when a third node joins: that none of them does has the odds of (2/3)^40.
const CAST_TO: usize = 40;

/// Casts, too: what was taken runs once and in order.
#[tokio::test(flavor = "multi_thread")]
async fn no_cast_is_lost_while_a_node_joins() {
    let mut nodes = cluster("casts", 2).await;
    for i in 0..CAST_TO {
        LedgerClient::register(ledger(i), ()).on(&nodes[0]).await.expect("the name is free");
    }
    let (host, caster) = (nodes[0].clone(), nodes[1].clone());
    let casting = tokio::spawn(async move {
        let mut number = 0;
        // Either may have been the host of all that moves.
        let moved = || host.stats().handoffs_out + caster.stats().handoffs_out > 0;
        while caster.nodes().len() < 3 || !moved() || number < 300 {
            number += 1;
            for i in 0..CAST_TO {
                caster.at::<Ledger>(ledger(i)).jot(0, number).expect("there is room");
            }
            // Each is asked in turn, so that no queue grows beyond a turn's casts, also of one that moves.
            let asked = caster.at::<Ledger>(ledger(number as usize % CAST_TO)).seen().timeout(PATIENCE).await;
            asked.expect("it runs");
        }
        number
    });
    nodes.push(join("casts", &[&nodes[0]]).await);
    let number = casting.await.expect("every cast is taken");
    placed(&nodes, CAST_TO).await;
    for i in 0..CAST_TO {
        until("all have run", &nodes, async || {
            let seen = nodes[1].at::<Ledger>(ledger(i)).seen().await.expect("it runs");
            assert_eq!(seen.violations, 0);
            seen.callers.get(&0) == Some(&(number, number))
        })
        .await;
    }
}

/// A crash fails only what was on its way to the dead node, and says that it may have run.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_fails_only_the_calls_in_flight_to_the_dead_node() {
    let mut nodes = cluster("hammer-crash", 4).await;
    let hammer = Hammer::start(&nodes[..3], CALLERS_OF_A_CRASH).await;
    let killed = nodes.remove(3);
    let id = killed.node();
    let hosted: Vec<bool> = {
        let names = nodes[0].registered().await.expect("all nodes answer");
        let at: BTreeMap<_, _> = names.into_iter().map(|(name, at)| (name, at.node)).collect();
        (0..WORKERS).map(|i| at.get(&Name::from(ledger(i))) == Some(&id)).collect()
    };
    assert!(hosted.contains(&true));
    drop(killed);
    all_know(&nodes).await;
    placed(&nodes, WORKERS).await;
    let diaries = hammer.stop().await;
    let seen = seen(&nodes[0]).await;
    for (caller, diary) in (0..).zip(&diaries) {
        for error in &diary.failed {
            assert_eq!(error.executed(), Executed::Maybe, "{error:?}");
            assert!(matches!(error, CallError::NodeDown { node, .. } if *node == id), "{error:?}");
        }
        // One after the other: at most one was in flight.
        assert!(diary.failed.len() <= 1, "caller {caller}: {:?}", diary.failed);
        for (i, acknowledged) in diary.acknowledged.iter().enumerate() {
            let ran = seen[i].get(&caller).map(|(ran, _)| *ran).unwrap_or_default();
            if hosted[i] {
                assert!(ran <= *acknowledged, "{}", ledger(i));
            } else {
                assert_eq!(ran, *acknowledged, "of caller {caller} at {}, which lives on", ledger(i));
            }
        }
    }
}

/// A full queue refuses at once, on this node and from another; nothing waits for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_refuses() {
    let nodes = cluster("full", 2).await;
    for name in ["full-0", "full-1", "full-2", "full-3", "full-4", "full-5"] {
        SlothClient::register(name, 0).on(&nodes[0]).await.expect("the name is free");
        for (node, rounds) in nodes.iter().zip(1..) {
            let slow = node.at::<Sloth>(name);
            let mut first = Box::pin(slow.hold());
            assert_eq!(begin(&mut first).await, None);
            until("the first is in hand", &nodes, async || sloth(name)[0] == 5 * rounds - 4).await;
            let mut calls: Vec<_> = (0..12).map(|_| Box::pin(slow.work(0))).collect();
            let mut at_once = Vec::new();
            for call in &mut calls {
                at_once.push(begin(call).await);
            }
            // Calls from elsewhere have come when a later one is refused.
            until("the queue is full", &nodes, async || {
                matches!(slow.work(0).await, Err(CallError::Overloaded { .. }))
            })
            .await;
            release(name);
            assert_eq!(first.await, Ok(()));
            let (mut served, mut refused) = (0, 0);
            for (call, at_once) in calls.into_iter().zip(at_once) {
                let answer = match at_once {
                    Some(answer) => answer,
                    None => call.await,
                };
                match answer {
                    Ok(_) => served += 1,
                    Err(error) => {
                        assert!(matches!(error, CallError::Overloaded { .. }), "{error:?}");
                        assert_eq!(error.executed(), Executed::No);
                        refused += 1;
                    }
                }
            }
            assert_eq!((served, refused), (4, 8), "{name} by {node:?}");
            assert_eq!(sloth(name), [5 * rounds, 5 * rounds], "what was refused did not run");
        }
    }
}

/// What a timeout says of the handler is true: of one that began, of one that waited, here and elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_times_out_says_truly_whether_it_ran() {
    let nodes = cluster("timeouts", 2).await;
    for i in 0..8 {
        for (n, node) in nodes.iter().enumerate() {
            let name = format!("timeouts-{i}-{n}");
            SlothClient::register(&name, 0).on(&nodes[0]).await.expect("the name is free");
            let at = nodes[0].whereis(&name).await.expect("an answer").expect("it is registered");
            let before = sloth(&name);
            let slow = node.at::<Sloth>(&name);
            let mut first = Box::pin(slow.hold().timeout(Duration::from_millis(100)));
            assert_eq!(begin(&mut first).await, None);
            // If the machine is so busy that it did not even begin in time, it was refused truly.
            let (first, begun) = tokio::select! {
                biased;
                () = begun(&name) => (first.await, true),
                first = &mut first => (first, false),
            };
            let first = first.expect_err("it is held");
            assert!(matches!(first, CallError::Timeout { .. }), "{first:?}");
            if begun && at.node == node.node() {
                assert_eq!(first.executed(), Executed::Yes, "known here");
            } else if begun {
                assert_eq!(first.executed(), Executed::Maybe, "it was sent away");
            }
            let second = slow.work(1).timeout(Duration::from_millis(20)).await;
            let second = second.expect_err("the worker is busy");
            assert!(matches!(second, CallError::Timeout { .. }), "{second:?}");
            assert_ne!(second.executed(), Executed::Yes, "it has not run");
            if at.node == node.node() {
                assert_eq!(second.executed(), Executed::No, "known here");
            }
            release(&name);
            assert_eq!(slow.work(0).await, Ok(0));
            let may_have = |error: &CallError| u64::from(error.executed() != Executed::No);
            assert!(
                sloth(&name)[0] <= before[0] + 1 + may_have(&first) + may_have(&second),
                "what did not run did not"
            );
        }
        let name = format!("hurry-{i}");
        SlothClient::register(&name, 0).on(&nodes[0]).await.expect("the name is free");
        // The method's own time limit.
        let hurried = nodes[1].at::<Sloth>(&name).hurry().await;
        let limit = Duration::from_millis(30);
        assert!(matches!(hurried, Err(CallError::Timeout { after, .. }) if after == limit), "{hurried:?}");
        release(&name);
    }
}

/// A call that nobody can answer ends at its deadline and never ran, whatever the cluster does.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_node_that_stops_end_at_once() {
    let mut nodes = cluster("stopping", 2).await;
    for i in 0..10 {
        SlothClient::register(format!("stopping-{i}"), 0).on(&nodes[0]).await.expect("the name is free");
    }
    let node = nodes.remove(1);
    let mut calls: Vec<_> = (0..10).map(|i| Box::pin(node.at::<Sloth>(format!("stopping-{i}")).work(400))).collect();
    for call in &mut calls {
        assert_eq!(begin(call).await, None);
    }
    // Its sockets close at once, whoever still holds a handle.
    node.leave().await.expect("everything is handed over");
    for call in calls {
        let ended = call.await;
        assert!(matches!(ended, Ok(400) | Err(CallError::NodeDown { .. } | CallError::Stopping { .. })), "{ended:?}");
    }
    let after = node.at::<Sloth>("stopping-0").work(1).await;
    assert!(matches!(after, Err(CallError::Stopping { .. })), "{after:?}");
    let registered = TallyClient::register("stopping-late", ()).on(&node).await;
    assert!(matches!(registered, Err(RegisterError::Stopping { .. })), "{registered:?}");
}

/// Dropping a call does not stop its handler; join! and select! take calls as they are.
#[tokio::test(flavor = "multi_thread")]
async fn calls_are_futures_and_a_dropped_one_runs_on() {
    let nodes = cluster("futures", 2).await;
    for name in ["futures-0", "futures-1", "futures-2", "futures-3"] {
        SlothClient::register(name, 0).on(&nodes[0]).await.expect("the name is free");
        for node in &nodes {
            let [begun, ended] = sloth(name);
            let slow = node.at::<Sloth>(name);
            tokio::select! {
                biased;
                done = slow.hold() => panic!("{done:?} before its time"),
                () = until("it has begun", &nodes, async || sloth(name)[0] == begun + 1) => {}
            }
            release(name);
            until("it runs to its end", &nodes, async || sloth(name)[1] == ended + 1).await;
            let (a, b, c) = tokio::join!(slow.work(1), slow.work(2), slow.work(3));
            assert_eq!((a, b, c), (Ok(1), Ok(2), Ok(3)));
            drop(slow.work(1));
            assert_eq!(sloth(name), [begun + 4, ended + 4], "a call that was never polled never happened");
        }
    }
}
