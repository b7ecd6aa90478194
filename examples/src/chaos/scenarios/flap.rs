//! A bad cable: one node's link goes down and comes up again, every few seconds. What the others host is called as if nothing were.

use std::time::Duration;

use tokio::time::sleep;

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::Trouble;
use crate::chaos::stage::Stage;
use crate::chaos::tally::numbered;
use crate::chaos::verdict::{Check, Demands, Failures, States};
use crate::fleet::board::Phase;

/// How long the link is up.
const UP: Duration = Duration::from_secs(3);
/// How long it is down, in turn: the others give the node up after some three seconds, or just do not.
const DOWN: [Duration; 3] = [UP, Duration::from_millis(2_500), Duration::from_millis(3_500)];
/// How long it goes on, if there is the time.
const FLAPS: Duration = Duration::from_secs(60);
/// Which node it is, from 1.
const NODE: usize = 1;

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let node = stage.live[NODE - 1];
    let host = stage.host(node)?;
    let mut flaps = 0;
    for down in DOWN.into_iter().cycle() {
        if flaps > 0 && stage.elapsed() + UP + down >= options.time.min(FLAPS) {
            break;
        }
        sleep(UP).await;
        network(stage)?.cut(NODE);
        stage.show(node, Phase::Cut);
        sleep(down).await;
        network(stage)?.heal(NODE);
        stage.show(node, Phase::Up);
        flaps += 1;
    }
    let one = stage.until_at_rest().await?;
    stage.screen.say(&format!("the link stays up; every name is there once after {one:.1?}"));
    let checks = vec![Check::must("times that the link went down >= 1", flaps, flaps > 0)];
    let demands = Demands {
        failures: Failures::By([host, numbered(node.get())].into()),
        states: States::Kept,
        stale_allowed: true,
    };
    Ok(Played { demands, checks })
}

fn network(stage: &Stage) -> Result<&crate::fleet::network::Network, Trouble> {
    Ok(stage.network.as_ref().ok_or("this scenario has a network")?)
}
