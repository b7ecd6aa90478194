//! The public API as a crate sees it that names only `swarm` (and tokio, on which its program runs): every name, path
//! and form of the contract, on a node that really runs.

mod account;
mod awaited;
mod client;
mod context;
mod errors;
mod generics;
mod groups;
mod moving;
mod names;
mod node;
mod options;
mod registry;
mod workers_by_hand;

use std::sync::OnceLock;

use swarm::prelude::*;
use tokio::runtime::Runtime;

/// How long a test waits for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The process's runtime and its default node: the first that was started, and never left.
fn default_node() -> &'static (Runtime, Swarm) {
    static NODE: OnceLock<(Runtime, Swarm)> = OnceLock::new();
    NODE.get_or_init(|| {
        let runtime = Runtime::new().expect("tokio starts");
        let swarm = runtime.block_on(start("default"));
        swarm.set_default();
        (runtime, swarm)
    })
}

/// Runs a test beside the default node.
fn run<T>(test: impl Future<Output = T>) -> T {
    default_node().0.block_on(async {
        let test = tokio::time::timeout(PATIENCE * 3, test).await;
        test.expect("a test ends in time")
    })
}

/// A node that looks for nobody.
async fn start(cluster: &str) -> Swarm {
    join(cluster, &[]).await
}

/// A node that knows these others.
async fn join(cluster: &str, others: &[&Swarm]) -> Swarm {
    join_with(Config::local(), cluster, others).await
}

/// A node with these settings that knows these others.
async fn join_with(config: Config, cluster: &str, others: &[&Swarm]) -> Swarm {
    let seeds: Vec<String> = others.iter().map(|other| other.local_addr().to_string()).collect();
    Swarm::builder()
        .cluster(cluster)
        .bind("127.0.0.1:0")
        .discovery(Seeds::new(seeds))
        .config(config)
        .start()
        .await
        .expect("a node starts on a free loopback port")
}
