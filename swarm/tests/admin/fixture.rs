//! Owns the nodes of a test, their sockets and their workers.

use std::path::PathBuf;
use std::time::Duration;

use swarm::admin::{Client, Endpoint};
use swarm::prelude::*;
use swarm::{Admin, Event, Events};
use tokio::sync::Semaphore;

use super::loopback;
pub(crate) use super::loopback::dir::Dir;
pub(crate) use super::loopback::{PATIENCE, builder, until};

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

/// Two nodes that know each other. Only the first serves operators.
pub(crate) async fn pair(cluster: &str, dir: &Dir) -> [Swarm; 2] {
    let one = builder(cluster, &[]).admin(Admin::unix(dir.join("one")));
    loopback::pair(one, |one| builder(cluster, &[one])).await
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
