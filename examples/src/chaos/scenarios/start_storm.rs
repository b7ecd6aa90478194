//! A machine room that gets its power back: twenty nodes start at the same instant and find each other by multicast.

use std::time::{Duration, Instant};

use crate::chaos::figures::Figures;
use crate::chaos::options::Options;
use crate::chaos::report::Report;
use crate::chaos::run::Trouble;
use crate::chaos::stage::{Setting, Stage};
use crate::chaos::verdict::Check;

/// How many start.
const NODES: usize = 20;
/// Within what each should see all others.
const ALL_SEE_ALL: Duration = Duration::from_secs(2);

/// There is nobody to call and nothing to lose: who sees whom is all that is looked at.
pub(super) async fn run(name: &'static str, options: &Options) -> Result<Report, Trouble> {
    let mut checks = Vec::new();
    let began = Instant::now();
    while checks.is_empty() || began.elapsed() < options.time / 2 {
        let setting =
            Setting { nodes: NODES, parties: 0, network: false, odd: false, sides: false, leave_within_ms: None };
        let mut stage = Stage::empty(options, setting)?;
        let began = Instant::now();
        stage.spawn_all().await?;
        let up = began.elapsed();
        stage.until_found().await?;
        let found = began.elapsed();
        stage.screen.say(&format!("{NODES} nodes are up after {up:.1?}, each sees all after {found:.1?}"));
        checks.push(Check::must(
            format!("{NODES} nodes form one cluster"),
            stage.live.len(),
            stage.live.len() == NODES,
        ));
        checks.push(Check::below("each sees all", ALL_SEE_ALL, found));
        stage.cluster.stop().await?;
        stage.screen.finish();
    }
    Ok(Report { scenario: name, figures: Figures::default(), lasted: began.elapsed(), checks, wrong: Vec::new() })
}
