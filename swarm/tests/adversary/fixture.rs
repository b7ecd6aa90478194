//! Owns the cluster that is attacked, its callers, and what must hold meanwhile. Never attacks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use swarm::prelude::*;
use swarm::{Config, Event, Events, Stats, Swarm};
use swarm_net::transport::Peer;
use tokio::task::JoinHandle;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context as Place, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::ALLOCATED;
use crate::cores::{attack, settle};
use crate::member::{Member, Plan};
use crate::pace::peace;

/// What all nodes of a siege share, if they share anything.
pub(crate) const SECRET: &str = "the secret of those within";
/// How long a test waits for something that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// As many calls must succeed before, during and after an attack each.
const CALLS: u64 = 200;
/// Names that are called, from each node.
const NAMES: u64 = 6;
/// How often [`Siege::until`] looks.
const LOOK: Duration = Duration::from_millis(5);
/// Nodes in this process at most, attackers included: each may tell of one thing once a second.
const NODES_MAX: u64 = 6;

/// Memory and log lines are the whole process's, so there is one siege at a time.
pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What moves with a [`Tally`].
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Saved {
    hits: u64,
}

/// Counts, and keeps its count when it moves.
pub(crate) struct Tally {
    hits: u64,
    words: Vec<String>,
}

#[swarm::worker]
impl Tally {
    #[init]
    fn init() -> Self {
        Self { hits: 0, words: Vec::new() }
    }

    #[call]
    fn hit(&mut self, by: u64, words: Vec<String>) -> u64 {
        // An attacker may say any number.
        self.hits = self.hits.wrapping_add(by);
        self.words = words;
        self.hits
    }

    /// Answers with so many bytes.
    #[call]
    fn recite(&self, bytes: u32) -> Vec<u8> {
        vec![7; bytes.min(1 << 20) as usize]
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Saved> {
        Handoff::Resume(Saved { hits: self.hits })
    }

    #[end_handoff]
    fn end_handoff(&mut self, saved: Saved) {
        self.hits = saved.hits;
    }
}

/// A cluster of three nodes that is called all the time.
pub(crate) struct Siege {
    pub(crate) nodes: Vec<Swarm>,
    events: Vec<Events>,
    callers: Vec<JoinHandle<()>>,
    load: Arc<Load>,
    /// Calls a second before the attack.
    calm: f64,
    began: Instant,
    calls_before: u64,
    memory_before: usize,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

#[derive(Default)]
struct Load {
    over: AtomicBool,
    calls: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// The settings of a loaded machine: here no member is given up that only waits for its turn on the processor.
pub(crate) fn patient() -> Config {
    let mut config =
        Config { claim_wait_ms: 10_000, stall_limit_ms: 10_000, call_timeout_ms: 30_000, ..Config::local() };
    config.net.membership.suspicion_min_ms = 20_000;
    config
}

/// A node of a cluster.
async fn start(cluster: &str, secret: Option<&str>, config: Config, seeds: &[&Swarm]) -> Swarm {
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    let mut builder = Swarm::builder().cluster(cluster).bind("127.0.0.1:0").discovery(Seeds::new(seeds)).config(config);
    if let Some(secret) = secret {
        builder = builder.secret(secret);
    }
    builder.start().await.expect("a node starts on a free loopback port")
}

impl Siege {
    /// Three nodes under load, from now on watched.
    pub(crate) async fn begin(cluster: &str, secret: Option<&str>, config: Config) -> Self {
        let alone = ALONE.lock().await;
        listen();
        settle();
        let mut nodes = vec![start(cluster, secret, config.clone(), &[]).await];
        for _ in 0..2 {
            nodes.push(start(cluster, secret, config.clone(), &[&nodes[0]]).await);
        }
        let mut siege = Self {
            events: Vec::new(),
            callers: Vec::new(),
            load: Arc::default(),
            calm: 0.0,
            began: Instant::now(),
            calls_before: 0,
            memory_before: 0,
            nodes,
            _alone: alone,
        };
        siege.until("all know all", |siege| siege.nodes.iter().all(|node| node.nodes().len() == 3)).await;
        for (i, node) in siege.nodes.iter().enumerate() {
            for name in names(i) {
                TallyClient::register(&name, ()).on(node).timeout(PATIENCE).await.expect("the name is free");
            }
        }
        siege.callers = siege
            .nodes
            .iter()
            .enumerate()
            .map(|(i, node)| tokio::spawn(call(i, node.clone(), siege.load.clone())))
            .collect();
        siege.peace().await;
        siege
    }

    /// A member comes that is going to attack one of the nodes, and is still.
    pub(crate) async fn let_in(&mut self, plan: Plan, target: &Swarm) -> (Member, Arc<Peer>) {
        let (seed, target) = (target.local_addr(), target.node());
        let coming = attack(move || {
            let member = Member::start(plan, seed);
            let peer = member.reach(target);
            (member, peer)
        });
        let come = coming.await.expect("it is let in");
        self.peace().await;
        come
    }

    /// Counts calls in peace, once they are as fast as they become. What comes after it is the attack.
    pub(crate) async fn peace(&mut self) {
        self.calls_go_on().await;
        let settled = Instant::now() + peace();
        self.until("calls go on", |_| Instant::now() >= settled).await;
        let (calm, first) = (Instant::now(), self.calls());
        self.until("calls go on in peace", |siege| siege.calls() >= first + CALLS && calm.elapsed() >= peace()).await;
        self.calm = (self.calls() - first) as f64 / calm.elapsed().as_secs_f64();
        self.events = self.nodes.iter().map(Swarm::events).collect();
        LINES.lock().unwrap_or_else(PoisonError::into_inner).clear();
        ALLOCATED.reset_peak_usage();
        (self.memory_before, self.calls_before, self.began) = (ALLOCATED.current_usage(), self.calls(), Instant::now());
    }

    /// The node that is attacked first.
    pub(crate) fn target(&self) -> &Swarm {
        &self.nodes[0]
    }

    pub(crate) fn stats(&self) -> Stats {
        self.target().stats()
    }

    /// Waits until so many calls more have succeeded as show that they go on.
    pub(crate) async fn calls_go_on(&mut self) {
        let goal = self.calls() + CALLS;
        self.until("calls go on", |siege| siege.calls() >= goal).await;
    }

    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < end, "not in time: {what}; {:?}", self.stats());
            assert_eq!(*self.load.failures.lock().unwrap_or_else(PoisonError::into_inner), [""; 0]);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The attack is over. Checks that it has done no harm: it took no more than `room` bytes of memory at any time.
    pub(crate) async fn end(mut self, attack: &str, room: usize) {
        let took = self.began.elapsed().as_secs_f64();
        let rate = (self.calls() - self.calls_before) as f64 / took;
        let peak = ALLOCATED.peak_usage().saturating_sub(self.memory_before);
        println!(
            "{attack}: {:.0} calls/s before, {rate:.0} ({:.0} %) during {took:.2} s of it; at most {:.1} MiB more memory",
            self.calm,
            100.0 * rate / self.calm,
            peak as f64 / f64::from(1 << 20),
        );
        self.calls_go_on().await;
        let ours: Vec<_> = self.nodes.iter().map(Swarm::node).collect();
        self.until("none but ours are members", |siege| siege.nodes.iter().all(|node| node.nodes().len() == 3)).await;
        for (events, node) in self.events.iter_mut().zip(&self.nodes) {
            while let Some(event) = now(events).await {
                assert!(!matches!(event, Event::Missed(_)), "{node:?}: more happened than was noted");
                if let Event::NodeDown(gone, _) | Event::NodeLeaving(gone) = &event {
                    assert!(!ours.contains(gone), "{node:?}: {event:?}");
                }
                let harm = matches!(event, Event::Conflict(_) | Event::FailedOver(_) | Event::QuorumLost);
                assert!(!harm, "{node:?}: {event:?}");
            }
        }
        self.load.over.store(true, Ordering::SeqCst);
        for caller in std::mem::take(&mut self.callers) {
            caller.await.expect("it does not panic");
        }
        assert_eq!(*self.load.failures.lock().unwrap_or_else(PoisonError::into_inner), [""; 0]);
        assert!(peak <= room, "{attack} took {peak} bytes of memory, above {room}");
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        let most = (self.began.elapsed().as_secs() + 2) * NODES_MAX;
        for (line, count) in &*lines {
            assert!(*count <= most, "`{line}` was told {count} times in {:?}", self.began.elapsed());
        }
    }

    fn calls(&self) -> u64 {
        self.load.calls.load(Ordering::SeqCst)
    }
}

fn names(of: usize) -> Vec<String> {
    (0..NAMES).map(|i| format!("tally-{of}-{i}")).collect()
}

/// Calls its names in turn, until it is told to stop. Each counts on where it was.
async fn call(i: usize, node: Swarm, load: Arc<Load>) {
    let names = names(i);
    let mut hits = 0;
    while !load.over.load(Ordering::SeqCst) {
        hits += 1;
        for name in &names {
            let answer = node.at::<Tally>(name).hit(1, vec!["some".into(), "words".into()]).timeout(PATIENCE).await;
            if answer != Ok(hits) {
                let failure = format!("{name} through {node:?}: {answer:?}, not {hits}");
                return load.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
            }
            load.calls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The next event, if there is one already.
pub(crate) async fn now(events: &mut Events) -> Option<Event> {
    tokio::select! {
        biased;
        event = events.next() => event,
        () = std::future::ready(()) => None,
    }
}

/// What was told in the log, by its words, since the siege began.
static LINES: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Counts lines that an operator would see.
struct Count;

impl<S: tracing::Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &tracing::Event<'_>, _: Place<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        *LINES.lock().unwrap_or_else(PoisonError::into_inner).entry(words.0).or_default() += 1;
    }
}

#[derive(Default)]
struct Words(String);

impl tracing::field::Visit for Words {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// RUST_LOG=debug shows what happened in a failing test. The lines are counted in any case.
fn listen() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let shown = tracing_subscriber::fmt::layer().with_test_writer().with_filter(filter);
    // The first siege does it for all.
    let _ = tracing_subscriber::registry().with(Count.with_filter(LevelFilter::WARN)).with(shown).try_init();
}
