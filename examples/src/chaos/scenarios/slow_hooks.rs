//! Workers that misbehave: of a hundred, one takes 200 ms for every call, and one never answers when it is asked to move. Nodes are
//! asked to leave all the same: only the workers concerned wait, and the leave ends in time and says what it could not move.

use std::time::Duration;

use tokio::time::sleep;

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::Trouble;
use crate::chaos::stage::Stage;
use crate::chaos::verdict::{Check, Demands, Failures, States};

/// How long a node may take to leave, with all that belongs to it.
pub(super) const LEAVE_WITHIN: Duration = Duration::from_secs(4);
/// What a busy machine may add: until the signal is heard, until the process has ended, and until that is noticed.
const BUSY: Duration = Duration::from_millis(500);
/// How long all is left alone between two leaves.
const CALM: Duration = Duration::from_secs(3);

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let mut checks = Vec::new();
    let mut leaves = 0;
    while leaves == 0 || stage.elapsed() + LEAVE_WITHIN + CALM < options.time {
        sleep(CALM).await;
        let node = stage.live[0];
        let host = stage.host(node)?;
        let stuck = stage.locate().await?.get(&format!("stuck.{host}"));
        stage.tell_lost(&host).await?;
        let before = stage.elapsed();
        let complete = stage.terminate(node).await?;
        let took = stage.elapsed() - before;
        let said = stage.said(node).unwrap_or_default();
        stage.screen.say(&format!("{node} hosted {stuck} workers that never move; after {took:.1?} it said: {said}"));
        let truthful = if stuck == 0 {
            complete
        } else {
            !complete && said.contains(&format!("with {stuck} workers not handed over"))
        };
        checks.push(Check::must(
            format!("{node} says by its status and words what it could not move"),
            stuck,
            truthful,
        ));
        let what = format!("{node} leaves within {LEAVE_WITHIN:?}, and {BUSY:?} for a busy machine");
        checks.push(Check::must(what, format!("{took:.2?}"), took < LEAVE_WITHIN + BUSY));
        stage.start().await?;
        stage.until_at_rest().await?;
        leaves += 1;
    }
    let demands = Demands { failures: Failures::OfOddBooks, states: States::LostWithTheirNodes, stale_allowed: false };
    Ok(Played { demands, checks })
}
