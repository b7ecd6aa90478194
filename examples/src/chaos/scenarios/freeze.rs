//! A machine that stands still and goes on: one node is stopped for ten seconds, so long that the others go on without it. What it
//! hosted runs elsewhere by then, and it answers for none of it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::Trouble;
use crate::chaos::stage::Stage;
use crate::chaos::tally::numbered;
use crate::chaos::verdict::{Check, Demands, Failures, States};
use crate::fleet::board::Phase;

/// How long it stands still.
const FROZEN: Duration = Duration::from_secs(10);
/// How long it works before.
const CALM: Duration = Duration::from_secs(3);

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let (mut hosts, mut checks, mut rounds) = (BTreeSet::new(), Vec::new(), 0);
    while rounds == 0 || stage.elapsed() + FROZEN + CALM < options.time {
        sleep(CALM).await;
        let node = stage.live[rounds % stage.live.len()];
        let host = stage.host(node)?;
        let workers = stage.locate().await?.get(&format!("at.{host}"));
        stage.cluster.signal(node, "-STOP").await?;
        stage.show(node, Phase::Frozen);
        stage.tell_lost(&host).await?;
        stage.screen.say(&format!("{node} stands still, and {workers} workers with it"));
        sleep(FROZEN).await;
        let elsewhere = stage.live.iter().filter(|live| **live != node);
        let hosted: u64 = elsewhere.map(|live| stage.reading(*live).workers).sum();
        checks.push(Check::must(
            format!("workers that run elsewhere while {node} stands still, of {}", options.workers),
            hosted,
            hosted == options.workers as u64,
        ));
        stage.cluster.signal(node, "-CONT").await?;
        stage.show(node, Phase::Up);
        let one = stage.until_at_rest().await?;
        stage.screen.say(&format!("{node} goes on; every name is there once after {one:.1?}"));
        hosts.extend([host, numbered(node.get())]);
        rounds += 1;
    }
    checks.push(Check::must("nodes frozen >= 1", rounds, rounds > 0));
    let demands = Demands { failures: Failures::By(hosts), states: States::Kept, stale_allowed: false };
    Ok(Played { demands, checks })
}
