//! A cluster that grows from two nodes to as many as there are to be and shrinks to two again, for as long as the campaign is to
//! go on.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Played;
use crate::chaos::options::Options;
use crate::chaos::run::Trouble;
use crate::chaos::stage::Stage;
use crate::chaos::verdict::{Check, Demands};

/// The smallest cluster.
pub(super) const FEWEST: usize = 2;
/// The time from one change of the cluster to the next.
const CHANGE_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn play(stage: &mut Stage, options: &Options) -> Result<Played, Trouble> {
    let (mut rounds, mut incomplete) = (0, 0);
    let mut next = Instant::now();
    let mut pause = async || {
        sleep_until(next).await;
        next = Instant::now().max(next + CHANGE_EVERY);
    };
    while rounds == 0 || stage.elapsed() < options.time {
        while stage.live.len() < options.nodes {
            pause().await;
            let new = stage.start().await?;
            stage.screen.say(&format!("{new} joins"));
        }
        let took = stage.until_at_rest().await?;
        stage.screen.say(&format!("{} nodes are at rest after {took:.1?}", stage.live.len()));
        while stage.live.len() > FEWEST {
            pause().await;
            let old = stage.live[0];
            let before = stage.elapsed();
            incomplete += u64::from(!stage.terminate(old).await?);
            stage.screen.say(&format!("{old} has left in {:.1?}", stage.elapsed() - before));
        }
        rounds += 1;
    }
    let checks = vec![
        Check::must("rounds >= 1", rounds, rounds > 0),
        Check::never("nodes that could not hand everything over", incomplete),
    ];
    Ok(Played { demands: Demands::NOTHING_LOST, checks })
}
