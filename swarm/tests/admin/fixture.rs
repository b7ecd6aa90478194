//! Owns the nodes of a test, their sockets and their workers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use swarm::admin::{Client, Endpoint};
use swarm::prelude::*;
use swarm::{Admin, Builder, Event, Events};
use tokio::sync::Semaphore;

/// How long a test waits for something that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Counts, and keeps its count when it moves.
#[swarm::message]
pub(crate) struct Tally {
    pub(crate) hits: u64,
}

#[swarm::worker(state = Self)]
impl Tally {
    #[init]
    fn init() -> Self {
        Self { hits: 0 }
    }

    #[call]
    fn hit(&mut self) -> u64 {
        self.hits += 1;
        self.hits
    }

    #[cast]
    fn nap(&mut self, ctx: &Context<Self>, until: u64) {
        ctx.send_after(Duration::from_secs(until), tally::Nap { until });
    }

    #[call]
    fn fail(&mut self) {
        panic!("as it was told to");
    }
}

/// Stays where it is.
pub(crate) struct Rock;

#[swarm::worker]
impl Rock {
    #[init]
    fn init() -> Self {
        Self
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff {
        Handoff::Ignore
    }
}

/// Closed until there is a permit, and open from then on: a move that was put off meanwhile is tried again.
pub(crate) static LET_GO: Semaphore = Semaphore::const_new(0);

/// Takes its time to move.
pub(crate) struct Snail;

#[swarm::worker]
impl Snail {
    #[init]
    fn init() -> Self {
        Self
    }

    #[begin_handoff]
    async fn begin_handoff(&mut self) -> Handoff {
        drop(LET_GO.acquire().await);
        Handoff::Restart
    }
}

/// Runs only on nodes that were told about it.
pub(crate) struct Rare;

#[swarm::worker(register = manual)]
impl Rare {
    #[init]
    fn init() -> Self {
        Self
    }
}

#[derive(swarm::Group)]
#[group(name = "audited")]
pub(crate) struct Audited;

/// A directory of a test, which goes with it.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("swarm-admin-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).expect("a new directory among those for temporary files");
        Self(dir)
    }

    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The settings of a loaded machine: no member is given up that only waits for its turn on the processor.
pub(crate) fn patient() -> Config {
    let mut config =
        Config { claim_wait_ms: 10_000, stall_limit_ms: 10_000, call_timeout_ms: 20_000, ..Config::local() };
    config.net.membership.suspicion_min_ms = 10_000;
    config
}

pub(crate) fn builder(cluster: &str, seeds: &[&Swarm]) -> Builder {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    Swarm::builder().cluster(cluster).discovery(Seeds::new(seeds)).config(patient())
}

/// Two nodes that know each other. Only the first serves operators.
pub(crate) async fn pair(cluster: &str, dir: &Dir) -> [Swarm; 2] {
    let one = builder(cluster, &[]).admin(Admin::unix(dir.socket("one"))).start().await.expect("a node starts");
    let other = builder(cluster, &[&one]).start().await.expect("a node starts");
    let nodes = [one, other];
    until("both know both", &nodes[0], async || nodes.iter().all(|node| node.nodes().len() == 2)).await;
    nodes
}

/// A client of a node.
pub(crate) async fn client(node: &Swarm) -> Client {
    let endpoint = node.admin().expect("it serves operators");
    Client::connect(&endpoint).await.expect("it can be reached").timeout(PATIENCE)
}

pub(crate) fn socket_of(node: &Swarm) -> PathBuf {
    match node.admin() {
        Some(Endpoint::Unix(path)) => path,
        other => panic!("it serves operators by {other:?}"),
    }
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

/// The next event that this is true for.
pub(crate) async fn next(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Event {
    let found = async {
        loop {
            let event = events.next().await.expect("the node runs");
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("it happens in time")
}

/// Registers so many tallies, `tally/00` and on.
pub(crate) async fn tallies(node: &Swarm, count: u32) {
    for i in 0..count {
        TallyClient::register(format!("tally/{i:02}"), ()).on(node).await.expect("the name is free");
    }
}
