//! A deployment: every node is asked to leave by SIGTERM and replaced by a new one, one after the other, twice at least and for
//! as long as the campaign is to go on. Nobody waits for the workers to settle in between.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::Trouble;
use crate::chaos::stage::Stage;
use crate::chaos::verdict::{Check, Demands, Weight};

/// How often every node is restarted, at least.
const TURNS: usize = 2;
/// The time from one restart to the next, if there is enough for that: a deployment is fast, though not so fast that a node
/// which has just started is stopped again.
const RESTART_EVERY: Duration = Duration::from_secs(5);
/// In a run of this length memory has settled, so that what still grows is a leak.
const SOAK: Duration = Duration::from_secs(10 * 60);

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let wanted = TURNS * options.nodes;
    let pace = (options.time / wanted as u32).min(RESTART_EVERY);
    let (mut restarts, mut incomplete, mut began) = (0, 0, None);
    let mut next = Instant::now();
    while restarts < wanted || stage.elapsed() < options.time {
        sleep_until(next).await;
        next = Instant::now().max(next + pace);
        let old = stage.live[0];
        let before = stage.elapsed();
        incomplete += u64::from(!stage.terminate(old).await?);
        let left = stage.elapsed() - before;
        let new = stage.start().await?;
        let up = stage.elapsed() - before - left;
        stage.screen.say(&format!("{old} has left in {left:.1?}, {new} has taken its place in {up:.1?}"));
        restarts += 1;
        if restarts == options.nodes {
            // Every process that is to be weighed has seen a whole turn.
            stage.until_at_rest().await?;
            began = Some(stage.resources()?);
        }
    }
    stage.until_at_rest().await?;
    let ended = stage.resources()?;
    let weight = if options.time >= SOAK { Weight::Must } else { Weight::Target };
    let mut checks = vec![
        Check::must(format!("nodes restarted >= {wanted}"), restarts, restarts >= wanted),
        Check::never("nodes that could not hand everything over", incomplete),
    ];
    checks.extend(began.iter().flat_map(|began| began.checks(&ended, weight)));
    Ok(Played { demands: Demands::NOTHING_LOST, checks })
}
