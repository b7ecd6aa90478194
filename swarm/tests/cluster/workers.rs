//! Owns the workers of the scenarios, and what they tell their tests beside the cluster. Names are unique to a test, since
//! all tests share one process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use swarm::prelude::*;
use tokio::sync::Notify;

/// What a [`Moody`] worker answers to `begin_handoff`.
#[swarm::message]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Resume,
    Restart,
    Ignore,
    /// It never answers.
    Mute,
    /// It panics.
    Panic,
}

/// Counts, and moves as its mood says.
pub(crate) struct Moody {
    mood: Mood,
    count: u64,
}

#[swarm::worker]
impl Moody {
    #[init]
    fn init(mood: Mood) -> Self {
        Self { mood, count: 0 }
    }

    #[call]
    fn count(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }

    #[begin_handoff]
    async fn begin_handoff(&mut self) -> Handoff<u64> {
        match self.mood {
            Mood::Resume => Handoff::Resume(self.count),
            Mood::Restart => Handoff::Restart,
            Mood::Ignore => Handoff::Ignore,
            Mood::Mute => std::future::pending().await,
            Mood::Panic => panic!("asked in a bad mood"),
        }
    }

    #[end_handoff]
    fn end_handoff(&mut self, count: u64) {
        self.count = count;
    }
}

/// The clusters in which [`Fussy`] workers start on one node only.
static HOMES: Mutex<BTreeMap<String, NodeId>> = Mutex::new(BTreeMap::new());

/// From now on the cluster's [`Fussy`] workers start on this node only; on any if there is none.
pub(crate) fn set_home(cluster: &str, home: Option<NodeId>) {
    match home {
        Some(home) => lock(&HOMES).insert(cluster.to_owned(), home),
        None => lock(&HOMES).remove(cluster),
    };
}

/// Counts, and does not start everywhere.
pub(crate) struct Fussy {
    count: u64,
}

#[swarm::worker]
impl Fussy {
    #[init]
    fn init(ctx: &Context<Self>, cluster: String) -> Result<Self, String> {
        let home = lock(&HOMES).get(&cluster).copied();
        match home {
            Some(home) if home != ctx.swarm().node() => Err(format!("only {home} is good enough")),
            Some(_) | None => Ok(Self { count: 0 }),
        }
    }

    #[call]
    fn count(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<u64> {
        Handoff::Resume(self.count)
    }

    #[end_handoff]
    fn end_handoff(&mut self, count: u64) {
        self.count = count;
    }
}

/// The last words of [`Mortal`] workers: who, where, why.
static LAST_WORDS: Mutex<Vec<(Name, NodeId, Die)>> = Mutex::new(Vec::new());

/// Where and why the workers of this name have died.
pub(crate) fn last_words(name: &str) -> Vec<(NodeId, Die)> {
    let of_name = |(who, at, why): &(Name, NodeId, Die)| (who.as_str() == name).then_some((*at, *why));
    lock(&LAST_WORDS).iter().filter_map(of_name).collect()
}

/// Tells how it died. A stop ends it for good.
pub(crate) struct Mortal;

#[swarm::worker(restart = transient)]
impl Mortal {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn ping(&self) -> u64 {
        1
    }

    #[cast]
    fn end(&self, ctx: &Context<Self>) {
        ctx.stop();
    }

    #[cast]
    fn explode(&self) {
        panic!("as told");
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff {
        Handoff::Restart
    }

    #[die]
    fn die(&mut self, ctx: &Context<Self>, reason: Die) {
        lock(&LAST_WORDS).push((ctx.name().clone(), ctx.swarm().node(), reason));
    }
}

/// Ends for good with its first panic.
pub(crate) struct Mayfly;

#[swarm::worker(restart = temporary)]
impl Mayfly {
    #[init]
    fn init() -> Self {
        Self
    }

    #[cast]
    fn end(&self, ctx: &Context<Self>) {
        ctx.stop();
    }

    #[call]
    fn explode(&self) -> u64 {
        panic!("as told")
    }
}

/// What a [`Ledger`] has seen of its callers.
#[swarm::message]
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Seen {
    /// By caller: how many of its messages ran, and the last one.
    pub(crate) callers: BTreeMap<u32, (u64, u64)>,
    /// How many came out of order or twice.
    pub(crate) violations: u64,
}

/// Notes each caller's numbers, which must come in order and once.
pub(crate) struct Ledger {
    seen: Seen,
}

#[swarm::worker(mailbox = 1024)]
impl Ledger {
    #[init]
    fn init() -> Self {
        Self { seen: Seen::default() }
    }

    #[call]
    fn note(&mut self, caller: u32, number: u64) -> u64 {
        let (count, last) = self.seen.callers.entry(caller).or_default();
        if number <= *last {
            self.seen.violations += 1;
        }
        *count += 1;
        *last = number;
        *count
    }

    #[cast]
    fn jot(&mut self, caller: u32, number: u64) {
        self.note(caller, number);
    }

    #[call]
    fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// Takes as long as the test says, see [`begun`] and [`release`].
    #[call]
    async fn hold(&mut self, ctx: &Context<Self>) {
        gate(&BEGUN, ctx.name()).notify_one();
        held(ctx.name()).notified().await;
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Seen> {
        Handoff::Resume(self.seen.clone())
    }

    #[end_handoff]
    fn end_handoff(&mut self, seen: Seen) {
        self.seen = seen;
    }
}

/// What moves with a [`Clockwork`].
#[swarm::message]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Times {
    pub(crate) ticks: u64,
    pub(crate) alarms: u64,
}

/// Counts its timers.
pub(crate) struct Clockwork {
    times: Times,
}

#[swarm::worker]
impl Clockwork {
    #[init]
    fn init() -> Self {
        Self { times: Times::default() }
    }

    /// Ticks from now on, and rings once after so long.
    #[call]
    fn wind(&mut self, ctx: &Context<Self>, tick_ms: u64, ring_ms: u64) {
        ctx.send_every(Duration::from_millis(tick_ms), clockwork::Tick {});
        ctx.send_after(Duration::from_millis(ring_ms), clockwork::Ring {});
    }

    #[cast]
    fn tick(&mut self) {
        self.times.ticks += 1;
    }

    #[cast]
    fn ring(&mut self) {
        self.times.alarms += 1;
    }

    #[call]
    fn times(&self) -> Times {
        self.times
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Times> {
        Handoff::Resume(self.times)
    }

    #[end_handoff]
    fn end_handoff(&mut self, times: Times) {
        self.times = times;
    }
}

/// How often [`Sloth`] handlers began and ended, by name.
static SLOTH: Mutex<BTreeMap<Name, [u64; 2]>> = Mutex::new(BTreeMap::new());

/// How often the handler of this name began, and how often it ended.
pub(crate) fn sloth(name: &str) -> [u64; 2] {
    lock(&SLOTH).get(&Name::from(name)).copied().unwrap_or_default()
}

/// Takes its time. A queue of four.
pub(crate) struct Sloth;

#[swarm::worker(mailbox = 4)]
impl Sloth {
    #[init]
    async fn init(ms: u64) -> Self {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Self
    }

    #[call]
    async fn work(&mut self, ctx: &Context<Self>, ms: u64) -> u64 {
        lock(&SLOTH).entry(ctx.name().clone()).or_default()[0] += 1;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        lock(&SLOTH).entry(ctx.name().clone()).or_default()[1] += 1;
        ms
    }

    /// Takes as long as the test says, see [`release`].
    #[call]
    async fn hold(&mut self, ctx: &Context<Self>) {
        let count = |i: usize| lock(&SLOTH).entry(ctx.name().clone()).or_default()[i] += 1;
        count(0);
        gate(&BEGUN, ctx.name()).notify_one();
        held(ctx.name()).notified().await;
        count(1);
    }

    #[call(timeout = "30ms")]
    async fn hurry(&mut self, ctx: &Context<Self>) {
        held(ctx.name()).notified().await;
    }
}

type Gates = Mutex<BTreeMap<Name, Arc<Notify>>>;

/// What is told when a [`Sloth`] or [`Ledger`] handler of a name that is held has begun.
static BEGUN: Gates = Mutex::new(BTreeMap::new());

/// What holds the [`Sloth`] and [`Ledger`] handlers of a name.
static HELD: Gates = Mutex::new(BTreeMap::new());

fn gate(gates: &Gates, name: &Name) -> Arc<Notify> {
    lock(gates).entry(name.clone()).or_default().clone()
}

fn held(name: &Name) -> Arc<Notify> {
    gate(&HELD, name)
}

/// Waits until a [`Sloth`] or [`Ledger`] handler of this name has begun that is held.
pub(crate) async fn begun(name: &str) {
    gate(&BEGUN, &Name::from(name)).notified().await;
}

/// Lets one handler of this name end that is held, or will be.
pub(crate) fn release(name: &str) {
    held(&Name::from(name)).notify_one();
}

/// Uses the cluster while it starts: what blocks an Elixir Swarm's node for good.
pub(crate) struct Parent {
    answer: u64,
}

#[swarm::worker]
impl Parent {
    #[init]
    async fn init(ctx: &Context<Self>) -> Result<Self, String> {
        let nobody = swarm::whereis(format!("{}/nobody", ctx.name())).await.map_err(|e| e.to_string())?;
        if nobody.is_some() {
            return Err("somebody is there".to_owned());
        }
        let child = format!("{}/child", ctx.name());
        MoodyClient::whereis_or_register(&child, Mood::Resume).await.map_err(|e| e.to_string())?;
        let answer = MoodyClient::at(&child).count(7).await.map_err(|e| e.to_string())?;
        Ok(Self { answer })
    }

    #[call]
    fn answer(&self) -> u64 {
        self.answer
    }
}

/// Known only to nodes that are told of it.
pub(crate) struct Special;

#[swarm::worker(register = manual)]
impl Special {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn node(&self, ctx: &Context<Self>) -> String {
        ctx.swarm().node().to_string()
    }
}

/// Tells its fencing token.
pub(crate) struct Census;

#[swarm::worker]
impl Census {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn epoch(&self, ctx: &Context<Self>) -> Vec<u8> {
        ctx.epoch().to_be_bytes().to_vec()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has much to carry.
pub(crate) struct Hoard {
    bytes: Vec<u8>,
}

#[swarm::worker]
impl Hoard {
    #[init]
    fn init(seed: u8, bytes: u32) -> Self {
        Self { bytes: (0..bytes).map(|i| seed.wrapping_mul(31) ^ (i % 251) as u8).collect() }
    }

    /// Marks it, so that it shows whether it has been begun again.
    #[call]
    fn mark(&mut self, at: u32, with: u8) {
        self.bytes[at as usize] = with;
    }

    #[call]
    fn digest(&self) -> u64 {
        self.bytes.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<Vec<u8>> {
        Handoff::Resume(self.bytes.clone())
    }

    #[end_handoff]
    fn end_handoff(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }
}
