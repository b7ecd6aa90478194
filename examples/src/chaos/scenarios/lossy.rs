//! A bad network: of every hundred UDP packets five are lost, then twenty, then TCP connections are reset at random. The rules are
//! nftables in the nodes' own namespaces.

use std::time::Duration;

use tokio::time::sleep;

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::{Trouble, Unsupported};
use crate::chaos::stage::Stage;
use crate::chaos::verdict::{Check, Demands, Failures, States};

/// How often it is looked whether somebody was thrown out.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let phase = options.time / 3;
    let mut checks = Vec::new();

    stage.screen.say("5 % of all UDP packets are lost");
    rules(stage, "meta l4proto udp numgen random mod 100 < 5 drop")?;
    let fewest = watch(stage, phase).await;
    let failed = stage.ask("figures").await?.get("failed");
    let all = stage.live.len() + stage.parties.len();
    checks.push(Check::must(
        format!("fewest members that any node saw at 5 %, of {all}"),
        fewest,
        fewest == all as u64,
    ));
    checks.push(Check::never("failed calls at 5 %", failed));

    stage.screen.say("20 % of all UDP packets are lost");
    rules(stage, "meta l4proto udp numgen random mod 100 < 20 drop")?;
    let fewest = watch(stage, phase).await;
    stage.screen.say(&format!("some node saw {fewest} of {all} members"));

    stage.screen.say("TCP connections are reset at random");
    rules(stage, "meta l4proto tcp numgen random mod 20000 < 1 reject with tcp reset")?;
    watch(stage, phase).await;

    rules(stage, "accept")?;
    let one = stage.until_at_rest().await?;
    checks.push(Check::must("all are members by themselves after it", format!("{one:.1?}"), true));
    let demands = Demands { failures: Failures::Any, states: States::Kept, stale_allowed: true };
    Ok(Played { demands, checks })
}

/// Looks for so long, and says how few members any process saw.
async fn watch(stage: &Stage, time: Duration) -> u64 {
    let until = stage.elapsed() + time;
    let mut fewest = u64::MAX;
    while stage.elapsed() < until {
        sleep(LOOK_EVERY).await;
        let seen = stage.live.iter().map(|node| stage.reading(*node).members);
        fewest = fewest.min(seen.min().unwrap_or_default());
    }
    fewest
}

fn rules(stage: &Stage, rule: &str) -> Result<(), Trouble> {
    stage.network.as_ref().ok_or("this scenario has a network")?.filter(rule).map_err(Unsupported)?;
    Ok(())
}
