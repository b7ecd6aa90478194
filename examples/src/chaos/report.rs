//! Owns the words at the end: one scenario's figures and checks, and the table of all. Never judges.

use std::time::Duration;

use super::figures::Figures;
use super::verdict::{Check, Weight};
use crate::fleet::screen::thousands;

/// How many faults are printed in full.
const PRINTED_MAX: usize = 12;

/// How one scenario went.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its name.
    pub scenario: &'static str,
    /// What the callers counted.
    pub figures: Figures,
    /// How long they called.
    pub lasted: Duration,
    /// What was asked of it.
    pub checks: Vec<Check>,
    /// What was found wrong, in words.
    pub wrong: Vec<String>,
}

impl Report {
    /// Whether everything that must hold did.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.held || check.weight == Weight::Target)
    }

    /// Calls a second.
    pub fn rate(&self) -> u64 {
        let calls = (self.figures.get("answered") + self.figures.get("failed")) as f64;
        (calls / self.lasted.as_secs_f64().max(1e-3)) as u64
    }

    /// It in full.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .figures
            .under("failed.")
            .map(|(kind, count)| format!("  {:>9} calls failed: {kind}", thousands(count)))
            .collect();
        lines.extend(self.checks.iter().map(|check| {
            let word = match (check.weight, check.held) {
                (Weight::Must, true) => "held",
                (Weight::Must, false) => "NOT HELD",
                (Weight::Target, true) => "met",
                (Weight::Target, false) => "not met",
            };
            format!("  {word:>9}  {:<72} {}", check.what, check.got)
        }));
        lines.extend(self.wrong.iter().take(PRINTED_MAX).map(|wrong| format!("      wrong  {wrong}")));
        lines
    }
}

/// All scenarios, a row each.
pub fn table(reports: &[Report]) -> Vec<String> {
    let head = format!(
        "{:<12} {:>10} {:>8} {:>8} {:>10} {:>8} {:>9} {:>9} {:>9} {:>11}  verdict",
        "scenario", "calls", "calls/s", "failed", "duplicates", "lost", "p50", "p99", "max", "stall"
    );
    let ms = |us: u64| format!("{:.1} ms", us as f64 / 1e3);
    let rows = reports.iter().map(|report| {
        let figures = &report.figures;
        format!(
            "{:<12} {:>10} {:>8} {:>8} {:>10} {:>8} {:>9} {:>9} {:>9} {:>11}  {}",
            report.scenario,
            thousands(figures.get("answered") + figures.get("failed")),
            thousands(report.rate()),
            thousands(figures.get("failed")),
            thousands(figures.get("doubled")),
            thousands(figures.get("lost") + figures.get("gone")),
            ms(figures.get("call.p50_us")),
            ms(figures.get("call.p99_us")),
            ms(figures.get("call.max_us")),
            ms(figures.get("stall_us")),
            if report.holds() { "held" } else { "DID NOT HOLD" },
        )
    });
    std::iter::once(head).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(checks: Vec<Check>) -> Report {
        let figures = Figures::parse("figures answered=12000 failed=0 call.p99_us=2500").expect("a line of figures");
        Report { scenario: "rolling", figures, lasted: Duration::from_secs(2), checks, wrong: vec!["this".into()] }
    }

    #[test]
    fn a_target_that_is_missed_is_told_and_breaks_nothing() {
        let slow = report(vec![Check::below("p99", Duration::from_millis(1), Duration::from_millis(2))]);
        assert!(slow.holds());
        assert!(slow.lines()[0].contains("not met") && slow.lines()[0].contains("2.0ms"), "{:?}", slow.lines());
        assert!(!report(vec![Check::never("lost", 1)]).holds());
    }

    #[test]
    fn the_table_has_a_row_a_scenario() {
        let lines = table(&[report(Vec::new())]);
        assert_eq!(lines.len(), 2);
        for word in ["rolling", "12,000", "6,000", "2.5 ms", "held"] {
            assert!(lines[1].contains(word), "{word} in {}", lines[1]);
        }
    }
}
