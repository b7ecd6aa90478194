//! Owns what must hold after a scenario, and whether it did. Never prints, and never looks at anything but figures.

use std::collections::BTreeSet;
use std::time::Duration;

use super::figures::Figures;
use crate::fleet::board::Host;

/// One thing that is asked of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, and what it should be.
    pub what: String,
    /// What it was.
    pub got: String,
    /// Whether it was as it should be.
    pub held: bool,
    /// What follows if it was not.
    pub weight: Weight,
}

/// What follows if something does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Something is wrong: the exit status says so.
    Must,
    /// It took longer than it should, on this machine at this time: it is told.
    Target,
}

impl Check {
    /// Something that must hold.
    pub fn must(what: impl Into<String>, got: impl ToString, held: bool) -> Self {
        Self { what: what.into(), got: got.to_string(), held, weight: Weight::Must }
    }

    /// Something that must never occur.
    pub fn never(what: impl Into<String>, count: u64) -> Self {
        Self::must(what, count, count == 0)
    }

    /// A time that should be shorter than its limit.
    pub fn below(what: impl Into<String>, limit: Duration, got: Duration) -> Self {
        let what = format!("{} < {limit:?}", what.into());
        Self { what, got: format!("{got:.1?}"), held: got < limit, weight: Weight::Target }
    }

    /// A number that should be reached.
    pub fn at_least(what: impl Into<String>, wanted: u64, got: u64) -> Self {
        let what = format!("{} >= {wanted}", what.into());
        Self { what, got: got.to_string(), held: got >= wanted, weight: Weight::Target }
    }
}

/// What a scenario must show of its calls and of the books.
#[derive(Clone, Debug)]
pub struct Demands {
    /// Which calls may fail.
    pub failures: Failures,
    /// Whether a book may lose its state.
    pub states: States,
    /// Whether an activation may answer after a later one has: only where two sides of a network go on.
    pub stale_allowed: bool,
}

/// Which calls may fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failures {
    /// None.
    None,
    /// Those to books that are odd by intention.
    OfOddBooks,
    /// Those in flight to these nodes, and what is said of them is that nobody knows whether they ran.
    InFlightTo(BTreeSet<Host>),
    /// Those that waited for these nodes, whatever is said of them.
    By(BTreeSet<Host>),
    /// Any: parts of the cluster did not reach each other.
    Any,
}

/// Whether a book may lose its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// Never.
    Kept,
    /// Only together with its node.
    LostWithTheirNodes,
}

impl Demands {
    /// Nothing may be lost, and nothing may fail.
    pub const NOTHING_LOST: Self = Self { failures: Failures::None, states: States::Kept, stale_allowed: false };

    /// Compares the figures of the calls and of the audit with what is demanded.
    pub fn checks(&self, figures: &Figures) -> Vec<Check> {
        let mut checks = vec![self.failures.check(figures)];
        checks.push(Check::never("acknowledged updates lost from a state that lives", figures.get("lost")));
        checks.push(match self.states {
            States::Kept => Check::never("acknowledged updates lost with a state", figures.get("gone")),
            States::LostWithTheirNodes => {
                Check::never("states lost whose node was not", figures.get("reborn_for_no_reason"))
            }
        });
        checks.push(Check::never("updates doubled", figures.get("doubled")));
        checks.push(Check::never("calls that ran though their error says `No`", figures.get("ran_after_all")));
        checks.push(Check::never("calls that did not run though their error says `Yes`", figures.get("never_ran")));
        checks.push(Check::never("registrations lost", figures.get("unread") + figures.get("unreached")));
        checks.push(Check::never("answers that lack what was acknowledged before", figures.get("forgot")));
        if !self.stale_allowed {
            checks.push(Check::never("answers of an activation that others had followed", figures.get("stale")));
        }
        checks
    }
}

impl Failures {
    fn check(&self, figures: &Figures) -> Check {
        let other = |allowed: &dyn Fn(&str) -> bool| -> u64 {
            figures.under("failed.").filter(|(kind, _)| !allowed(kind)).map(|(_, count)| count).sum()
        };
        let by =
            |hosts: &BTreeSet<Host>, kind: &str| kind.split_once('@').is_some_and(|(_, node)| hosts.contains(node));
        match self {
            Self::None => Check::never("failed calls", other(&|_| false)),
            Self::OfOddBooks => {
                Check::never("failed calls to books that behave", other(&|kind| kind.starts_with("odd:")))
            }
            Self::InFlightTo(hosts) => Check::never(
                "failed calls but those in flight to the lost nodes, labelled `Maybe`",
                other(&|kind| kind.starts_with("NodeDown.Maybe@") && by(hosts, kind)),
            ),
            Self::By(hosts) => Check::never(
                "failed calls but those that waited for the node concerned",
                other(&|kind| by(hosts, kind)),
            ),
            Self::Any => Check::must("failed calls (they may)", figures.get("failed"), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(line: &str) -> Figures {
        Figures::parse(&format!("figures{line}")).expect("a line of figures")
    }

    /// What does not hold.
    fn broken(demands: &Demands, line: &str) -> Vec<String> {
        let checks = demands.checks(&figures(line)).into_iter();
        checks.filter(|check| !check.held).map(|check| check.what).collect()
    }

    #[test]
    fn every_figure_of_a_loss_is_noticed() {
        let strict = Demands::NOTHING_LOST;
        assert_eq!(broken(&strict, " answered=5"), Vec::<String>::new());
        for figure in [
            "failed.Timeout.No@a",
            "lost",
            "gone",
            "doubled",
            "ran_after_all",
            "never_ran",
            "unread",
            "unreached",
            "forgot",
            "stale",
        ] {
            assert_eq!(broken(&strict, &format!(" {figure}=1")).len(), 1, "{figure}");
        }
    }

    #[test]
    fn only_the_failures_that_may_be_are_passed_over() {
        let lost = |failures| Demands { failures, ..Demands::NOTHING_LOST };
        let hosts: BTreeSet<_> = ["a".to_owned()].into();
        let in_flight = lost(Failures::InFlightTo(hosts.clone()));
        assert!(broken(&in_flight, " failed.NodeDown.Maybe@a=3").is_empty());
        for kind in ["NodeDown.Maybe@b", "NodeDown.No@a", "Timeout.Maybe@a", "NotRegistered.No"] {
            assert_eq!(broken(&in_flight, &format!(" failed.{kind}=1")).len(), 1, "{kind}");
        }
        let by = lost(Failures::By(hosts));
        assert!(broken(&by, " failed.Timeout.Maybe@a=3").is_empty());
        assert_eq!(broken(&by, " failed.Timeout.Maybe@b=3").len(), 1);
        let odd = lost(Failures::OfOddBooks);
        assert!(broken(&odd, " failed.odd:Timeout.Maybe@b=3").is_empty());
        assert_eq!(broken(&odd, " failed.Timeout.Maybe@b=3").len(), 1);
        assert!(broken(&lost(Failures::Any), " failed.Timeout.Maybe@b=3").is_empty());
    }

    #[test]
    fn a_state_may_go_with_its_node_and_not_without() {
        let demands = Demands { states: States::LostWithTheirNodes, ..Demands::NOTHING_LOST };
        assert!(broken(&demands, " gone=100 reborn=10").is_empty());
        assert_eq!(broken(&demands, " gone=100 reborn=10 reborn_for_no_reason=1").len(), 1);
    }
}
