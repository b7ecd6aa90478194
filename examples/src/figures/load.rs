//! Owns what callers on one node do to the cluster. Never prints anything.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use swarm::{NodeId, Swarm};
use tokio::task::JoinSet;

use super::worker::{IdleClient, Listening, Tally, TallyClient};

/// Between two calls of a paced client.
const PACE: Duration = Duration::from_millis(1);

/// How long a caller waits before it tries a name again that did not answer.
const AGAIN: Duration = Duration::from_millis(2);

/// How often a name is tried before it counts as lost.
const TRIES_MAX: u64 = 5_000;

/// The names to work on, and how many do so at a time.
#[derive(Clone)]
pub struct Names {
    /// What all of them begin with.
    pub prefix: String,
    /// The number that ends the first.
    pub from: u64,
    /// How many there are.
    pub count: u64,
    /// How many callers work on them.
    pub callers: u64,
}

impl Names {
    /// One of them.
    #[must_use]
    pub fn name(&self, i: u64) -> String {
        format!("{}/{i}", self.prefix)
    }

    /// Has each name worked on once, each caller taking the next one when it is done. Returns how many failed.
    async fn each<F>(&self, act: impl Fn(String, u64) -> F + Clone + Send + 'static) -> u64
    where
        F: Future<Output = bool> + Send,
    {
        let next = Arc::new(AtomicU64::new(self.from));
        let mut callers = JoinSet::new();
        for _ in 0..self.callers {
            let (names, next, act) = (self.clone(), next.clone(), act.clone());
            callers.spawn(async move {
                let mut failed = 0;
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= names.from + names.count {
                        return failed;
                    }
                    failed += u64::from(!act(names.name(i), i).await);
                }
            });
        }
        callers.join_all().await.into_iter().sum()
    }
}

/// How a load ended.
pub struct Done {
    /// How long it took.
    pub took: Duration,
    /// How many names it failed for.
    pub failed: u64,
}

/// Registers the names.
pub async fn register(swarm: &Swarm, names: &Names) -> Done {
    let (begun, swarm) = (Instant::now(), swarm.clone());
    let act = move |name, _| {
        let registered = TallyClient::register(name, ()).on(&swarm);
        async { registered.await.is_ok() }
    };
    let failed = names.each(act).await;
    Done { took: begun.elapsed(), failed }
}

/// Registers workers that have nothing to do.
pub async fn idle(swarm: &Swarm, names: &Names) -> Done {
    let (begun, swarm) = (Instant::now(), swarm.clone());
    let act = move |name, i| {
        let registered = IdleClient::register(name, i).on(&swarm);
        async { registered.await.is_ok() }
    };
    let failed = names.each(act).await;
    Done { took: begun.elapsed(), failed }
}

/// Puts the names into a group.
pub async fn join(swarm: &Swarm, names: &Names) -> Done {
    let (begun, swarm) = (Instant::now(), swarm.clone());
    let act = move |name, _| {
        let joined = swarm.group::<Listening>().join(name);
        async { joined.await.is_ok() }
    };
    let failed = names.each(act).await;
    Done { took: begun.elapsed(), failed }
}

/// Finds out which of the names are on nodes that are wanted.
pub async fn at(swarm: &Swarm, names: &Names, wanted: impl Fn(NodeId) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for i in names.from..names.from + names.count {
        let name = names.name(i);
        if swarm.whereis(name.as_str()).await.is_ok_and(|at| at.is_some_and(|at| wanted(at.node))) {
            found.push(name);
        }
    }
    found
}

/// Finds out which of the names are on this node, or are not.
pub async fn at_home(swarm: &Swarm, names: &Names, home: bool) -> Vec<String> {
    let me = swarm.node();
    at(swarm, names, |node| (node == me) == home).await
}

/// How calls went: how long each took, in order, and how long all did.
pub struct Called {
    /// How long all of them took together.
    pub took: Duration,
    /// How long each took, in nanoseconds, in order.
    pub each: Vec<u64>,
    /// How many failed.
    pub failed: u64,
}

/// Has each caller call one of the names after the other.
pub async fn call(swarm: &Swarm, found: Vec<String>, callers: usize, calls: usize) -> Called {
    let (begun, found) = (Instant::now(), Arc::new(found));
    let mut all = JoinSet::new();
    for caller in 0..callers {
        let (swarm, found) = (swarm.clone(), found.clone());
        all.spawn(async move {
            let (mut each, mut failed) = (Vec::with_capacity(calls / callers), 0);
            for turn in 0..calls / callers {
                let name = &found[(caller + turn * callers) % found.len()];
                let begun = Instant::now();
                failed += u64::from(swarm.at::<Tally>(name.as_str()).hit(1).await.is_err());
                each.push(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
            }
            (each, failed)
        });
    }
    let (mut each, mut failed) = (Vec::with_capacity(calls), 0);
    for (some, lost) in all.join_all().await {
        each.extend(some);
        failed += lost;
    }
    each.sort_unstable();
    Called { took: begun.elapsed(), each, failed }
}

/// What calling everybody gave.
pub struct Reached {
    /// The sum of what they have counted.
    pub hits: u64,
    /// How many calls failed on the way.
    pub failed: u64,
    /// How many names never answered.
    pub lost: u64,
}

/// Calls every name until it answers.
pub async fn reach(swarm: &Swarm, names: &Names) -> Reached {
    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let (swarm, counted) = (swarm.clone(), counts.clone());
    let act = move |name: String, _| {
        let (swarm, counted) = (swarm.clone(), counted.clone());
        async move {
            for _ in 0..TRIES_MAX {
                if let Ok(hits) = swarm.at::<Tally>(name.as_str()).hit(0).await {
                    counted.0.fetch_add(hits, Ordering::Relaxed);
                    return true;
                }
                counted.1.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(AGAIN).await;
            }
            false
        }
    };
    let lost = names.each(act).await;
    Reached { hits: counts.0.load(Ordering::Relaxed), failed: counts.1.load(Ordering::Relaxed), lost }
}

/// Clients that call one name after the other at a slow pace, and note what goes wrong.
pub struct Paced {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Told>,
}

/// What paced clients have seen.
#[derive(Default)]
pub struct Told {
    /// How many calls they made.
    pub calls: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The one that took longest.
    pub longest: Duration,
}

impl Paced {
    /// Starts them. Each hit counts one.
    #[must_use]
    pub fn start(swarm: &Swarm, names: &Names) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..names.callers {
            let (swarm, stop, names) = (swarm.clone(), stop.clone(), names.clone());
            clients.spawn(async move {
                let mut told = Told::default();
                // Every client has its own names, so that all are called alike.
                let mine = (0..).map(|turn| names.from + (client + turn * names.callers) % names.count);
                for i in mine {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let begun = Instant::now();
                    let answer = swarm.at::<Tally>(names.name(i)).hit(1).await;
                    told.longest = told.longest.max(begun.elapsed());
                    told.calls += 1;
                    told.failed += u64::from(answer.is_err());
                    tokio::time::sleep(PACE).await;
                }
                told
            });
        }
        Self { stop, clients }
    }

    /// Ends them.
    pub async fn stop(self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        let all = self.clients.join_all().await;
        all.into_iter().fold(Told::default(), |all, one| Told {
            calls: all.calls + one.calls,
            failed: all.failed + one.failed,
            longest: all.longest.max(one.longest),
        })
    }
}
