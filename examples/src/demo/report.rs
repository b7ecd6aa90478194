//! Owns the words at the end: the carriers' fleets and the verdict. Never judges.

use std::collections::BTreeMap;

use super::ledger::Tally;
use super::verdict::{Fleet, Loss, Verdict};
use crate::fleet::screen::thousands;

/// How many names or faults are printed in full before the rest is only counted.
const PRINTED_MAX: usize = 12;

/// The carriers' fleets, as their groups told them. What was lost with the killed node is missing.
pub fn fleets(fleets: &BTreeMap<String, Fleet>, names: &BTreeMap<String, String>) -> Vec<String> {
    let head = format!(
        "{:<31} {:>6} {:>9} {:>13} {:>12} {:>11}",
        "carrier", "fleet", "flights", "miles", "minutes", "mean delay"
    );
    let rows = fleets.iter().map(|(carrier, fleet)| {
        let total = total(fleet.iter().filter_map(|(_, answer)| answer.as_ref().ok()));
        format!(
            "{carrier}  {:<27} {:>6} {:>9} {:>13} {:>12} {:>11}",
            names.get(carrier).map_or("", String::as_str),
            thousands(fleet.len()),
            thousands(total.flights),
            thousands(total.miles),
            thousands(total.minutes),
            total.mean_delay().map_or_else(|| "-".into(), |delay| format!("{delay:.1} min")),
        )
    });
    let mut lines: Vec<_> = std::iter::once(head).chain(rows).collect();
    let shared = shared(fleets);
    if shared > 0 {
        lines.push(format!(
            "{shared} aircraft flew for more than one carrier, and stand with all that they flew in each"
        ));
    }
    lines
}

/// What came out, in words.
pub fn verdict(verdict: &Verdict, loss: &Loss) -> Vec<String> {
    let mut lines = vec![
        format!("{:>7} aircraft agree with the plain pass over the file to the last mile", thousands(verdict.exact)),
        format!(
            "{:>7} aircraft were on {}, which was killed: they restarted from zero, and have every flight since",
            thousands(verdict.restarted),
            loss.host.as_deref().unwrap_or("no node"),
        ),
        format!("        ({})", some(loss.epochs.keys().cloned())),
    ];
    let in_flight = format!("{:>7} calls failed in flight to it", thousands(verdict.in_flight));
    if verdict.holds() {
        lines.extend([format!("{in_flight}; no other call failed"), "all held".into()]);
        return lines;
    }
    lines.push(in_flight);
    lines.push(format!("{:>7} THINGS ARE NOT AS THEY SHOULD BE:", thousands(verdict.wrong.len())));
    lines.extend(verdict.wrong.iter().take(PRINTED_MAX).map(|wrong| format!("        {wrong}")));
    if verdict.wrong.len() > PRINTED_MAX {
        lines.push(format!("        and {} more", thousands(verdict.wrong.len() - PRINTED_MAX)));
    }
    lines
}

/// How many aircraft are in more than one fleet.
fn shared(fleets: &BTreeMap<String, Fleet>) -> usize {
    let mut seen = BTreeMap::<&str, usize>::new();
    for (tail, _) in fleets.values().flatten() {
        *seen.entry(tail).or_default() += 1;
    }
    seen.values().filter(|times| **times > 1).count()
}

fn total<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Tally {
    tallies.fold(Tally::default(), |sum, tally| Tally {
        flights: sum.flights + tally.flights,
        grounded: sum.grounded + tally.grounded,
        miles: sum.miles + tally.miles,
        minutes: sum.minutes + tally.minutes,
        delay_minutes: sum.delay_minutes + tally.delay_minutes,
        delays: sum.delays + tally.delays,
        last_airport: None,
    })
}

fn some(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(PRINTED_MAX);
    let mut words: Vec<_> = names.take(PRINTED_MAX).collect();
    if more > 0 {
        words.push(format!("and {} more", thousands(more)));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_summed_and_named() {
        let tally = Tally { flights: 2, miles: 1_500, minutes: 90, delay_minutes: -3, delays: 2, ..Tally::default() };
        let answers =
            vec![("N1".into(), Ok(tally.clone())), ("N2".into(), Ok(tally)), ("N3".into(), Err("gone".into()))];
        let lines = fleets(&[("UA".into(), answers)].into(), &[("UA".into(), "United".into())].into());
        for word in ["UA", "United", " 3 ", "3,000", "180", "-1.5 min"] {
            assert!(lines[1].contains(word), "{word} in {}", lines[1]);
        }
        assert_eq!(lines[0].len(), lines[1].len());
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn an_aircraft_of_two_carriers_is_said_so() {
        let fleet = vec![("N1".into(), Ok(Tally::default()))];
        let lines = fleets(&[("UA".into(), fleet.clone()), ("DL".into(), fleet)].into(), &BTreeMap::new());
        assert!(lines[3].starts_with("1 aircraft flew for more than one carrier"), "{lines:?}");
    }

    #[test]
    fn faults_are_counted_and_the_first_are_printed() {
        let wrong = (0..20).map(|n| format!("fault {n}")).collect();
        let text = verdict(&Verdict { wrong, ..Verdict::default() }, &Loss::default()).join("\n");
        assert!(text.contains("20 THINGS") && text.contains("fault 11") && text.contains("and 8 more"), "{text}");
        assert!(!text.contains("all held") && !text.contains("no other call failed"));
    }

    #[test]
    fn a_good_run_says_so() {
        let loss = Loss { host: Some("x".into()), epochs: [("N1".into(), 1)].into() };
        let text = verdict(&Verdict { exact: 3, restarted: 1, ..Verdict::default() }, &loss).join("\n");
        assert!(text.contains("N1") && text.ends_with("all held"), "{text}");
    }
}
