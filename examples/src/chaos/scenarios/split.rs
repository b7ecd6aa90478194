//! A network that falls into two: three nodes with one callers' process on the one side, the others with another on the other.
//! Both sides go on, and are one again when the network is.

use std::time::Duration;

use tokio::time::sleep;

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::{Trouble, Unsupported};
use crate::chaos::stage::Stage;
use crate::chaos::verdict::{Check, Demands, Failures, States};
use crate::fleet::board::Phase;

/// How long the network is apart, if there is the time.
const APART: Duration = Duration::from_secs(20);
/// A side has noticed by then, and has started anew what was on the other.
const APART_MIN: Duration = Duration::from_secs(8);
/// Within what every name is there once again after the network is whole.
const ONE_AGAIN: Duration = Duration::from_secs(5);
/// How many nodes stay with the first callers' process.
const FIRST_SIDE: usize = 3;

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let apart = (options.time / 2).clamp(APART_MIN, APART);
    let mut checks = Vec::new();
    let mut splits = 0;
    while splits == 0 || stage.elapsed() + 2 * apart < options.time {
        sleep(apart / 4).await;
        stage.screen.say("the network falls into two");
        split(stage, options.nodes)?;
        // Only the last half is looked at: in the first, the sides find out.
        sleep(apart / 2).await;
        let before = figures(stage).await?;
        sleep(apart / 2).await;
        let after = figures(stage).await?;
        for (side, (before, after)) in before.iter().zip(&after).enumerate() {
            let answered = after.0.saturating_sub(before.0);
            let failed = after.1.saturating_sub(before.1);
            stage.screen.say(&format!("side {}: {answered} calls answered, {failed} failed", side + 1));
            checks.push(Check::must(
                format!("calls answered on side {} while apart > 0", side + 1),
                answered,
                answered > 0,
            ));
        }
        heal(stage)?;
        stage.screen.say("the network is whole");
        let one = stage.until_at_rest().await?;
        stage.screen.say(&format!("every name is there once after {one:.1?}"));
        checks.push(Check::below("one instance a name after the network is whole", ONE_AGAIN, one));
        splits += 1;
    }
    checks.push(Check::must("splits >= 1", splits, splits > 0));
    let demands = Demands { failures: Failures::Any, states: States::Kept, stale_allowed: true };
    Ok(Played { demands, checks })
}

/// The calls that were answered and those that failed, by side.
async fn figures(stage: &mut Stage) -> Result<Vec<(u64, u64)>, Trouble> {
    let mut all = Vec::new();
    for party in &mut stage.parties {
        let figures = party.ask("figures").await?;
        all.push((figures.get("answered"), figures.get("failed")));
    }
    Ok(all)
}

fn split(stage: &mut Stage, nodes: usize) -> Result<(), Trouble> {
    let network = stage.network.as_ref().ok_or("this scenario has a network")?;
    // The second callers' process is plugged in behind all nodes and the first.
    let other: Vec<_> = (FIRST_SIDE + 1..=nodes).chain([nodes + 2]).collect();
    network.split(&other).map_err(Unsupported)?;
    for node in &stage.live[FIRST_SIDE..] {
        stage.show(*node, Phase::Cut);
    }
    Ok(())
}

fn heal(stage: &mut Stage) -> Result<(), Trouble> {
    stage.network.as_ref().ok_or("this scenario has a network")?.unite()?;
    for node in &stage.live[FIRST_SIDE..] {
        stage.show(*node, Phase::Up);
    }
    Ok(())
}
