//! Machines that fail: one node after the other is killed with SIGKILL, whichever chance chooses, and replaced.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::Trouble;
use crate::chaos::stage::Stage;
use crate::chaos::verdict::{Check, Demands, Failures, States};

/// The time from one kill to the next.
const KILL_EVERY: Duration = Duration::from_secs(5);
/// The time from a kill to the start of the node that replaces the killed one.
const REPLACE_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let mut lost = BTreeSet::new();
    let mut next = Instant::now() + KILL_EVERY;
    while lost.is_empty() || stage.elapsed() + KILL_EVERY < options.time {
        sleep_until(next).await;
        next += KILL_EVERY;
        // Chance as the standard library has it: which node it is must not depend on what the campaign did before.
        let chosen = RandomState::new().hash_one(lost.len()) as usize % stage.live.len();
        let node = stage.live[chosen];
        let workers = stage.reading(node).workers;
        lost.insert(stage.host(node)?);
        stage.kill(node).await?;
        stage.screen.say(&format!("{node} is killed, and {workers} workers with it"));
        sleep(REPLACE_AFTER).await;
        let new = stage.start().await?;
        stage.screen.say(&format!("{new} takes its place"));
    }
    sleep_until(next).await;
    let kills = Check::must("kills >= 1", lost.len(), !lost.is_empty());
    let demands =
        Demands { failures: Failures::InFlightTo(lost), states: States::LostWithTheirNodes, stale_allowed: false };
    Ok(Played { demands, checks: vec![kills] })
}
