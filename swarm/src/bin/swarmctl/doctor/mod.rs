//! `swarmctl doctor`: looks at the cluster for what goes wrong with clusters, and explains what it has found.
//!
//! | file | owns |
//! |---|---|
//! | `network` | who cannot reach whom, and why; who is kept out |
//! | `versions` | clocks, programs and messages that differ |
//! | `load` | workers and mailboxes that are too full, an uneven ring, moves that do not end |

mod load;
mod network;
mod versions;

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use swarm::admin::{Busiest, CheckUp, Client, Nodes, Ring};

use crate::failure::Failure;
use crate::words::plain;

/// How long it is watched whether counters grow.
const WATCH: Duration = Duration::from_secs(1);

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Finding {
    /// For programs.
    pub(super) code: &'static str,
    /// Where: a node, two of them, a worker, or a worker type.
    pub(super) subject: String,
    /// What was seen.
    pub(super) seen: String,
    /// What it means.
    pub(super) means: String,
    /// What to do.
    pub(super) advice: String,
}

impl Finding {
    pub(super) fn new(code: &'static str, subject: impl Into<String>, [seen, means, advice]: [String; 3]) -> Self {
        Self { code, subject: subject.into(), seen, means, advice }
    }
}

/// What is looked at.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// Before and after it was watched for a while.
    pub(super) before: Nodes,
    pub(super) nodes: Nodes,
    pub(super) ring: Ring,
    pub(super) busiest: Busiest,
    pub(super) check: CheckUp,
}

/// Looks, and tells.
pub(crate) async fn doctor(client: &Client, json: bool) -> Result<(), Failure> {
    let before = client.nodes().await?;
    // It takes about a second where anything is wrong, and nothing at all where not.
    let (check, ()) = tokio::join!(client.check_up(), tokio::time::sleep(WATCH));
    let sight = Sight {
        before,
        check: check?,
        nodes: client.nodes().await?,
        ring: client.ring().await?,
        busiest: client.busiest(0).await?,
    };
    let mut found: Vec<Finding> =
        network::findings(&sight).chain(versions::findings(&sight)).chain(load::findings(&sight)).collect();
    found.sort();
    found.dedup();
    let text = if json { format!("{}\n", json!({ "findings": found })) } else { page(&sight, &found) };
    io::stdout().write_all(text.as_bytes())?;
    if found.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

fn page(sight: &Sight, found: &[Finding]) -> String {
    if found.is_empty() {
        return format!("nothing is wrong with the {} nodes, as far as can be seen\n", sight.nodes.nodes.len());
    }
    let one = |finding: &Finding| {
        let Finding { code, subject, seen, means, advice } = finding;
        let lines = [("seen", seen), ("means", means), ("do", advice)];
        let lines: String = lines.iter().map(|(name, text)| format!("  {name:<6} {}\n", plain(text))).collect();
        format!("{code}  {}\n{lines}", plain(subject))
    };
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}
