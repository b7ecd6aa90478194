//! Owns the worker that is called. Its messages and replies are numbers, which own no memory.

use swarm::prelude::*;
use swarm::{Config, Swarm};

pub(crate) struct Account {
    sum: u64,
}

#[swarm::worker]
impl Account {
    #[init]
    fn init() -> Self {
        Self { sum: 0 }
    }

    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.sum = self.sum.wrapping_add(by);
        self.sum
    }

    #[call]
    async fn add_ready(&mut self, by: u64) -> u64 {
        std::future::ready(()).await;
        self.add(by)
    }

    #[cast]
    fn note(&mut self, by: u64) {
        self.sum = self.sum.wrapping_add(by);
    }
}

/// Longer than a process stands still on the busiest machine: what is counted shall not depend on what else it does.
const PATIENCE_MS: u64 = 600_000;

/// A node of the cluster that this is measured on.
pub(crate) async fn node(cluster: &str, seed: Option<String>) -> std::io::Result<Swarm> {
    let config = Config { stall_limit_ms: PATIENCE_MS, quick_run_us: PATIENCE_MS, ..Config::default() };
    let builder = Swarm::builder().cluster(cluster).config(config).discovery(Seeds::new(seed));
    builder.start().await.map_err(std::io::Error::other)
}
