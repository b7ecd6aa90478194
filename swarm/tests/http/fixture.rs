//! Owns the nodes of a test, their HTTP and their workers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use swarm::prelude::*;
use swarm::{Builder, Http};
use tokio::sync::Semaphore;

/// How long a test waits for something that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The one sum with which no account is opened. Of a document's readers, who know only that it is a number, none comes upon it.
pub(crate) const TOO_RICH: u64 = 2_000_000;

/// What programs may reach.
pub(crate) struct Account {
    cents: u64,
}

/// What is written into its book.
#[swarm::message(json)]
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// In cents.
    pub(crate) cents: u32,
    pub(crate) memo: Option<String>,
    pub(crate) means: Vec<Means>,
}

/// What a line is about.
#[swarm::message(json)]
#[derive(Debug, Clone)]
pub(crate) enum Means {
    Cash,
    /// By whom.
    Card {
        holder: String,
    },
    Other(String),
}

/// Why there is no money.
#[swarm::message(json)]
#[derive(Debug, Clone)]
pub(crate) struct Overdrawn {
    pub(crate) by: u64,
}

#[swarm::worker(public, json)]
impl Account {
    /// Opens it.
    #[init]
    fn init(opening: u64) -> Result<Self, String> {
        if opening == TOO_RICH { Err("too rich".to_owned()) } else { Ok(Self { cents: opening }) }
    }

    /// What is in it.
    #[call]
    fn balance(&self) -> u64 {
        self.cents
    }

    #[call]
    fn deposit(&mut self, cents: u64) -> u64 {
        self.cents = self.cents.saturating_add(cents);
        self.cents
    }

    #[call]
    fn withdraw(&mut self, cents: u64) -> Result<u64, Overdrawn> {
        self.cents = self.cents.checked_sub(cents).ok_or_else(|| Overdrawn { by: cents - self.cents })?;
        Ok(self.cents)
    }

    /// Writes lines into its book.
    #[call]
    fn book(&mut self, lines: Vec<Line>) -> u64 {
        self.cents = lines.iter().fold(self.cents, |cents, line| cents.saturating_add(line.cents.into()));
        self.cents
    }

    #[cast]
    fn fee(&mut self, cents: u64) {
        self.cents = self.cents.saturating_sub(cents);
    }

    #[call(Count)]
    fn count(&self, _: Count) -> u64 {
        self.cents
    }

    /// The account moves with what is in it.
    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<u64> {
        Handoff::Resume(self.cents)
    }

    #[end_handoff]
    fn end_handoff(&mut self, cents: u64) {
        self.cents = cents;
    }
}

/// What several answer.
#[swarm::message(json, reply = u64)]
pub(crate) struct Count;

#[derive(swarm::Group)]
#[group(worker = Account, name = "audited")]
pub(crate) struct Audited;

#[derive(swarm::Group)]
#[group(name = "everyone")]
pub(crate) struct Everyone;

/// One that makes trouble when it is told to. Only the nodes of tests that want it know it.
pub(crate) struct Trouble {
    touched: u64,
}

#[swarm::worker(public, json, register = manual)]
impl Trouble {
    #[init]
    fn init() -> Self {
        Self { touched: 0 }
    }

    #[call]
    fn touch(&mut self) -> u64 {
        self.touched += 1;
        self.touched
    }

    #[call]
    async fn hold(&mut self, name: String) -> u64 {
        let hold = hold(&name);
        self.touched += 1;
        hold.begun.add_permits(1);
        drop(hold.let_go.acquire().await);
        self.touched
    }

    #[call]
    fn fail(&mut self) {
        panic!("as it was told to");
    }

    #[call]
    fn give(&self, bytes: u64) -> String {
        "x".repeat(usize::try_from(bytes).expect("it fits into memory"))
    }

    #[call]
    fn take(&self, numbers: Vec<Option<u128>>) -> u64 {
        numbers.len() as u64
    }
}

/// What only members may reach.
pub(crate) struct Vault {
    touched: u64,
}

#[swarm::worker(json)]
impl Vault {
    #[init]
    fn init() -> Self {
        Self { touched: 0 }
    }

    #[call]
    fn open(&mut self) -> u64 {
        self.touched += 1;
        self.touched
    }

    #[call(Count)]
    fn count(&mut self, _: Count) -> u64 {
        self.touched += 1;
        self.touched
    }

    #[call]
    fn touched(&self) -> u64 {
        self.touched
    }
}

/// What takes no JSON.
pub(crate) struct Plain;

#[swarm::worker(public)]
impl Plain {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn touch(&self) {}
}

/// What a test and those of its handlers say to each other that it holds up.
pub(crate) struct Hold {
    begun: Semaphore,
    let_go: Semaphore,
}

/// The hold of this name. Tests that run in one process have names of their own.
pub(crate) fn hold(name: &str) -> Arc<Hold> {
    static HOLDS: Mutex<BTreeMap<String, Arc<Hold>>> = Mutex::new(BTreeMap::new());
    let new = || Arc::new(Hold { begun: Semaphore::new(0), let_go: Semaphore::new(0) });
    let mut holds = HOLDS.lock().expect("nobody panics with it");
    holds.entry(name.to_owned()).or_insert_with(new).clone()
}

impl Hold {
    /// Waits until so many handlers have begun.
    pub(crate) async fn begun(&self, handlers: u32) {
        let begun = tokio::time::timeout(PATIENCE, self.begun.acquire_many(handlers)).await;
        begun.expect("they begin in time").expect("it is never closed").forget();
    }

    /// Lets all of them end.
    pub(crate) fn let_go(&self) {
        self.let_go.add_permits(1);
    }
}

/// The settings of a loaded machine: no member is given up that only waits for its turn on the processor.
pub(crate) fn patient() -> Config {
    let mut config =
        Config { claim_wait_ms: 10_000, stall_limit_ms: 10_000, call_timeout_ms: 20_000, ..Config::local() };
    config.net.membership.suspicion_min_ms = 10_000;
    config
}

/// A node without HTTP.
pub(crate) fn silent(cluster: &str, seeds: &[&Swarm]) -> Builder {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    Swarm::builder().cluster(cluster).discovery(Seeds::new(seeds)).config(patient()).worker::<Trouble>()
}

pub(crate) fn builder(cluster: &str, seeds: &[&Swarm]) -> Builder {
    silent(cluster, seeds).http(Http::at("127.0.0.1:0"))
}

/// One node.
pub(crate) async fn one(cluster: &str) -> (Swarm, SocketAddr) {
    let node = builder(cluster, &[]).start().await.expect("a node starts");
    let at = at(&node);
    (node, at)
}

/// Two nodes that know each other.
pub(crate) async fn pair(cluster: &str) -> [Swarm; 2] {
    let one = builder(cluster, &[]).start().await.expect("a node starts");
    let other = builder(cluster, &[&one]).start().await.expect("a node starts");
    let nodes = [one, other];
    until("both know both", &nodes[0], async || nodes.iter().all(|node| node.nodes().len() == 2)).await;
    nodes
}

/// Where a node serves HTTP.
pub(crate) fn at(node: &Swarm) -> SocketAddr {
    node.http().expect("it serves HTTP")
}

/// How often [`until`] looks while no node tells of anything.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until `done` says so, looking whenever this node tells of something, and now and then.
pub(crate) async fn until(what: &str, node: &Swarm, mut done: impl AsyncFnMut() -> bool) {
    let mut events = node.events();
    let end = tokio::time::Instant::now() + PATIENCE;
    while !done().await {
        assert!(tokio::time::Instant::now() < end, "not in time: {what}");
        drop(tokio::time::timeout(LOOK, events.next()).await);
    }
}

/// Registers workers until one is on this node, and gives its name.
async fn on<W: swarm::Worker>(node: &Swarm, register: impl AsyncFn(&str) -> swarm::Location) -> String {
    for i in 0..200 {
        let name = format!("{}/{}/{i}", W::NAME, node.node());
        if register(&name).await.node == node.node() {
            return name;
        }
    }
    panic!("of 200 names none is at {}", node.node());
}

pub(crate) async fn account_on(node: &Swarm) -> String {
    on::<Account>(node, async |name| AccountClient::whereis_or_register(name, 0).on(node).await.expect("it starts"))
        .await
}

pub(crate) async fn trouble_on(node: &Swarm) -> String {
    on::<Trouble>(node, async |name| TroubleClient::whereis_or_register(name, ()).on(node).await.expect("it starts"))
        .await
}
