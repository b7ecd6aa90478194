//! The scenarios: what happens to the cluster in each, and what it must show beside what all must. One a file; their order is
//! that of the campaign.

mod crash;
mod flap;
mod freeze;
mod lossy;
mod rolling;
mod scale;
mod slow_hooks;
mod split;
mod start_storm;

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
    /// The network falls into two and is one again.
    Split,
    /// The cluster grows and shrinks.
    Scale,
    /// A node stands still and goes on.
    Freeze,
    /// Twenty nodes start at once.
    StartStorm,
    /// Workers are slow or do not move.
    SlowHooks,
    /// A link goes down and up.
    Flap,
    /// Packets are lost and connections are reset.
    Lossy,
}

/// What a scenario found, and what it demands of the books and the calls.
#[derive(Debug)]
struct Played {
    demands: Demands,
    checks: Vec<Check>,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rolling,
        Self::Crash,
        Self::Split,
        Self::Scale,
        Self::Freeze,
        Self::StartStorm,
        Self::SlowHooks,
        Self::Flap,
        Self::Lossy,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Crash => "crash",
            Self::Split => "split",
            Self::Scale => "scale",
            Self::Freeze => "freeze",
            Self::StartStorm => "start-storm",
            Self::SlowHooks => "slow-hooks",
            Self::Flap => "flap",
            Self::Lossy => "lossy",
        }
    }

    /// What happens, and what must hold.
    pub const fn shows(self) -> &'static str {
        match self {
            Self::Rolling => "every node is restarted in turn by SIGTERM: no call fails, no update is lost or doubled",
            Self::Crash => {
                "a node is killed every 5 s and replaced after 2 s: only calls in flight to it fail, and say `Maybe`"
            }
            Self::Split => {
                "the network falls into two: both sides go on, and are one again with all that both had done"
            }
            Self::Scale => "from 2 nodes to all and back: no call fails, no update is lost or doubled",
            Self::Freeze => "a node stands still for 10 s: its names move, and it answers for none of them afterwards",
            Self::StartStorm => "20 nodes start at the same instant: they form one cluster",
            Self::SlowHooks => {
                "workers that take 200 ms, or never move: only they wait, and a leave ends in time, truthfully"
            }
            Self::Flap => {
                "one node's link goes down and up about every 3 s: calls to the others never fail because of it"
            }
            Self::Lossy => "5 % of UDP lost: nobody is thrown out; 20 %, then connections reset: all come back",
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
        if self == Self::StartStorm {
            return start_storm::run(self.name(), options).await;
        }
        let mut stage = Stage::set(options, self.setting(options)).await?;
        let played = match self {
            Self::Rolling => rolling::play(&mut stage, options).await,
            Self::Crash => crash::play(&mut stage, options).await,
            Self::Split => split::play(&mut stage, options).await,
            Self::Scale => scale::play(&mut stage, options).await,
            Self::Freeze => freeze::play(&mut stage, options).await,
            Self::SlowHooks => slow_hooks::play(&mut stage, options).await,
            Self::Flap => flap::play(&mut stage, options).await,
            Self::Lossy => lossy::play(&mut stage, options).await,
            Self::StartStorm => Err("it has no load".into()),
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
        let plain = Setting {
            nodes: options.nodes,
            parties: 1,
            network: false,
            odd: false,
            sides: false,
            leave_within_ms: None,
        };
        match self {
            Self::Rolling | Self::Crash | Self::Freeze | Self::StartStorm => plain,
            Self::Scale => Setting { nodes: scale::FEWEST, ..plain },
            Self::Split => Setting { parties: 2, network: true, sides: true, ..plain },
            Self::Flap | Self::Lossy => Setting { network: true, sides: true, ..plain },
            Self::SlowHooks => {
                Setting { odd: true, leave_within_ms: Some(slow_hooks::LEAVE_WITHIN.as_millis() as u64), ..plain }
            }
        }
    }

    /// Whether its figures are those of the load that is asked for.
    const fn is_loaded(self) -> bool {
        match self {
            Self::Rolling | Self::Crash | Self::Scale => true,
            // Callers wait where nobody answers.
            Self::Split | Self::Freeze | Self::StartStorm | Self::SlowHooks | Self::Flap | Self::Lossy => false,
        }
    }

    /// The times that it should keep.
    fn targets(self, figures: &super::figures::Figures) -> Vec<Check> {
        let time = |name: &str| Duration::from_micros(figures.get(name));
        match self {
            Self::Rolling | Self::Scale => vec![
                Check::below("p99 of the calls", CALL_P99, time("call.p99_us")),
                Check::below("longest stall of any name", STALL, time("stall_us")),
            ],
            Self::Crash => {
                vec![Check::below("a killed node's names answer again (p99)", BACK_P99, time("back.p99_us"))]
            }
            Self::Split => vec![Check::must(
                "names whose two states were united > 0",
                figures.get("united"),
                figures.get("united") > 0,
            )],
            Self::SlowHooks => {
                vec![Check::below("p99 of the calls to books that behave", CALL_P99, time("call.p99_us"))]
            }
            Self::Freeze | Self::StartStorm | Self::Flap | Self::Lossy => Vec::new(),
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
