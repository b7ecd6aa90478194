//! The scenarios: what happens to the cluster in each, and what it must show beside what all must. One a file; their order is
//! that of the campaign.

mod crash;
mod rolling;

use std::time::Duration;

use super::options::Options;
use super::report::Report;
use super::run::Trouble;
use super::stage::{Outcome, Setting, Stage};
use super::verdict::{Check, Demands};

/// Something that happens to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Every node is restarted in turn.
    Rolling,
    /// Nodes are killed.
    Crash,
}

/// What a scenario found, and what it demands of the books and the calls.
#[derive(Debug)]
struct Played {
    demands: Demands,
    checks: Vec<Check>,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Rolling, Self::Crash];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Crash => "crash",
        }
    }

    /// What happens, and what must hold.
    pub const fn shows(self) -> &'static str {
        match self {
            Self::Rolling => "every node is restarted in turn by SIGTERM: no call fails, no update is lost or doubled",
            Self::Crash => {
                "a node is killed every 5 s and replaced after 2 s: only calls in flight to it fail, and say `Maybe`"
            }
        }
    }

    /// The scenario of that name.
    pub fn parse(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.name() == name)
            .ok_or_else(|| format!("{name} is not a scenario: there are {names}"))
    }

    /// Lets it happen, and judges.
    pub async fn run(self, options: &Options) -> Result<Report, Trouble> {
        let mut stage = Stage::set(options, self.setting(options)).await?;
        let played = match self {
            Self::Rolling => rolling::play(&mut stage, options).await,
            Self::Crash => crash::play(&mut stage, options).await,
        };
        let played = played.inspect_err(|_| stage.keep_logs())?;
        let Outcome { figures, lasted, wrong } = stage.conclude().await?;
        let mut checks = played.demands.checks(&figures);
        checks.extend(played.checks);
        checks.extend(self.targets(&figures));
        let mut report = Report { scenario: self.name(), figures, lasted, checks, wrong };
        if self.is_loaded() {
            report.checks.push(Check::at_least("calls a second", CALLS_A_SECOND, report.rate()));
        }
        if !report.holds() {
            stage.keep_logs();
        }
        stage.cluster.stop().await?;
        Ok(report)
    }

    fn setting(self, options: &Options) -> Setting {
        let plain = Setting { nodes: options.nodes, parties: 1, network: false, odd: false, leave_within_ms: None };
        match self {
            Self::Rolling | Self::Crash => plain,
        }
    }

    /// Whether its figures are those of the load that is asked for.
    const fn is_loaded(self) -> bool {
        match self {
            Self::Rolling | Self::Crash => true,
        }
    }

    /// The times that it should keep.
    fn targets(self, figures: &super::figures::Figures) -> Vec<Check> {
        let time = |name: &str| Duration::from_micros(figures.get(name));
        match self {
            Self::Rolling => vec![
                Check::below("p99 of the calls", CALL_P99, time("call.p99_us")),
                Check::below("longest stall of any name", STALL, time("stall_us")),
            ],
            Self::Crash => {
                vec![Check::below("a killed node's names answer again (p99)", BACK_P99, time("back.p99_us"))]
            }
        }
    }
}

/// The load of the scenarios in which nothing may be noticed.
const CALLS_A_SECOND: u64 = 5_000;
/// What 99 of 100 calls take at most while the cluster changes gracefully.
const CALL_P99: Duration = Duration::from_millis(50);
/// How long a name owes an answer at most while the cluster changes gracefully.
const STALL: Duration = Duration::from_millis(500);
/// Within what 99 of 100 names of a killed node answer again.
const BACK_P99: Duration = Duration::from_secs(1);
