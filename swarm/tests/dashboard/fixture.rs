//! Owns the nodes of a test and their workers.

use std::net::SocketAddr;

use swarm::prelude::*;
use swarm::{Builder, Dashboard, StartError};

pub(crate) use super::loopback::{PATIENCE, builder, meet};

/// With it one logs in.
pub(crate) const TOKEN: &str = "a token that nobody guesses";

/// Counts, and keeps its count when it moves.
#[swarm::message]
pub(crate) struct Tally {
    hits: u64,
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

    #[call]
    fn fail(&mut self, why: String) {
        panic!("{why}");
    }
}

/// Another type.
pub(crate) struct Rock;

#[swarm::worker]
impl Rock {
    #[init]
    fn init() -> Self {
        Self
    }
}

#[derive(swarm::Group)]
#[group(name = "audited")]
pub(crate) struct Audited;

/// A node with a dashboard, where one logs in.
pub(crate) async fn node(cluster: &str, seeds: &[&Swarm]) -> Swarm {
    started(builder(cluster, seeds).dashboard(Dashboard::at("127.0.0.1:0").token(TOKEN))).await
}

/// A node with one where nobody does.
pub(crate) async fn open_node(cluster: &str, seeds: &[&Swarm]) -> Swarm {
    started(builder(cluster, seeds).dashboard(Dashboard::at("127.0.0.1:0"))).await
}

pub(crate) async fn started(builder: Builder) -> Swarm {
    builder.start().await.expect("it starts")
}

/// Why a node does not start.
pub(crate) async fn refused(builder: Builder) -> String {
    let error = builder.start().await.expect_err("it does not start");
    assert!(matches!(error, StartError::Dashboard { .. }), "{error:?}");
    error.to_string()
}

pub(crate) fn addr(node: &Swarm) -> SocketAddr {
    node.dashboard().expect("it was asked for")
}

/// Some workers, which begin with this.
pub(crate) async fn register(node: &Swarm, prefix: &str, count: usize) {
    for n in 0..count {
        TallyClient::register(format!("{prefix}{n:04}"), ()).on(node).await.expect("the name is free");
    }
}
