//! A faithful run is accepted, and so is none of the ways to cheat.

use super::*;

const KILLED: &str = "127.0.0.1:3#c";

fn flight(tail: &str, miles: u32) -> Flight {
    Flight {
        tail: tail.into(),
        carrier: "UA".into(),
        origin: "EWR".into(),
        dest: format!("X{miles}"),
        arrival_delay: Some(1),
        air_minutes: Some(10),
        miles,
    }
}

fn entered(row: usize, epoch: u128, flights: u32) -> Entry {
    Entry { row, answer: Answer::Entered { epoch, flights } }
}

fn failed(row: usize, lost: &str, maybe: bool) -> Entry {
    Entry { row, answer: Answer::Failed { lost: Some(lost.into()), maybe, text: "NodeDown".into() } }
}

/// A run of two aircraft: SAFE moves once by handoff, LOST is on the node that is killed and loses rows 1 and 3
/// (3 in flight).
struct Run {
    flights: Vec<Flight>,
    journal: Journal,
    loss: Loss,
    books: BTreeMap<String, Book>,
    fleets: BTreeMap<String, Fleet>,
    registered: Vec<(String, Host)>,
    live: BTreeSet<Host>,
}

impl Run {
    fn faithful() -> Self {
        let flights: Vec<_> = (0..6).map(|row| flight(if row % 2 == 0 { "SAFE" } else { "LOST" }, 100 + row)).collect();
        let entries = vec![
            entered(0, 7, 1),
            entered(1, 9, 1),
            entered(2, 8, 2),
            failed(3, KILLED, true),
            entered(4, 8, 3),
            entered(5, 12, 1),
        ];
        let mut run = Self {
            journal: Journal { entries, ..Journal::default() },
            loss: Loss { host: Some(KILLED.into()), epochs: [("LOST".into(), 9)].into() },
            books: BTreeMap::new(),
            fleets: BTreeMap::new(),
            registered: vec![("LOST".into(), "a".into()), ("SAFE".into(), "b".into())],
            live: ["a".into(), "b".into()].into(),
            flights,
        };
        run.book("SAFE", &[0, 2, 4]);
        run.book("LOST", &[5]);
        run
    }

    fn book(&mut self, tail: &str, rows: &[usize]) {
        let tally: Tally = rows.iter().map(|row| &self.flights[*row]).collect();
        self.books.insert(tail.into(), Ok(tally));
        self.fleets.insert("UA".into(), self.books.clone().into_iter().collect());
    }

    fn judge(&self) -> Verdict {
        judge(&Evidence {
            flights: &self.flights,
            journal: &self.journal,
            loss: &self.loss,
            books: &self.books,
            fleets: &self.fleets,
            registered: &self.registered,
            live: &self.live,
        })
    }

    #[track_caller]
    fn is_refused_for(&self, reason: &str) {
        let verdict = self.judge();
        assert!(verdict.wrong.iter().any(|wrong| wrong.contains(reason)), "{verdict:?}");
        assert!(!verdict.holds());
    }
}

#[test]
fn a_faithful_run_holds() {
    assert_eq!(Run::faithful().judge(), Verdict { exact: 1, restarted: 1, in_flight: 1, wrong: Vec::new() });
}

#[test]
fn a_casualty_without_flights_since_has_an_empty_book() {
    let mut run = Run::faithful();
    run.journal.entries[5] = failed(5, KILLED, true);
    run.book("LOST", &[]);
    assert!(run.judge().holds());
}

#[test]
fn a_survivor_that_lost_a_flight_is_seen() {
    let mut run = Run::faithful();
    run.book("SAFE", &[0, 4]);
    run.is_refused_for("SAFE: its book says");
}

#[test]
fn a_survivor_that_restarted_from_zero_is_seen_at_its_answer() {
    let mut run = Run::faithful();
    run.journal.entries[2] = entered(2, 8, 1);
    run.is_refused_for("SAFE: row 2 was its flight 2, it said 1");
}

#[test]
fn a_survivor_that_is_called_a_casualty_is_seen_by_its_full_book() {
    let mut run = Run::faithful();
    run.loss.epochs.insert("SAFE".into(), 8);
    run.is_refused_for("SAFE: its book says");
}

#[test]
fn a_casualty_that_executed_a_failed_call_after_all_is_seen() {
    let mut run = Run::faithful();
    run.book("LOST", &[3, 5]);
    run.is_refused_for("LOST: its book says");
}

#[test]
fn a_casualty_that_lost_a_flight_before_the_kill_is_seen_at_its_answer() {
    let mut run = Run::faithful();
    run.journal.entries[3] = entered(3, 9, 1);
    run.is_refused_for("LOST: row 3 was its flight 2, it said 1");
}

#[test]
fn a_failed_call_is_excused_only_in_flight_to_the_killed_node() {
    for (tail, entry) in [
        ("LOST", failed(3, "127.0.0.1:2#b", true)),
        ("LOST", failed(3, KILLED, false)),
        ("SAFE", failed(2, KILLED, true)),
    ] {
        let mut run = Run::faithful();
        let row = entry.row;
        run.journal.entries[row] = entry;
        run.is_refused_for(&format!("{tail}: row {row} failed"));
    }
}

#[test]
fn without_a_kill_nothing_is_excused() {
    let mut run = Run::faithful();
    run.loss = Loss::default();
    run.is_refused_for("LOST: row 3 failed");
    run.is_refused_for("LOST: its book says");
}

#[test]
fn an_epoch_that_goes_back_is_seen() {
    let mut run = Run::faithful();
    run.journal.entries[4] = entered(4, 7, 3);
    run.is_refused_for("SAFE: row 4 was entered at epoch 7 after 8");
}

#[test]
fn a_flight_that_nobody_called_is_seen() {
    let mut run = Run::faithful();
    run.journal.entries.pop();
    run.is_refused_for("LOST: its 3 flights were not all called in order");
}

#[test]
fn names_that_are_missing_twice_strange_or_on_a_dead_node_are_seen() {
    let mut run = Run::faithful();
    run.registered = vec![("SAFE".into(), KILLED.into()), ("SAFE".into(), "a".into()), ("NEW".into(), "a".into())];
    for reason in ["LOST: is not registered", "SAFE: is registered twice", "NEW: is registered, and", "does not live"] {
        run.is_refused_for(reason);
    }
}

#[test]
fn a_group_that_lost_a_member_or_tells_something_else_is_seen() {
    let mut run = Run::faithful();
    run.fleets.get_mut("UA").expect("the fleet").pop();
    run.is_refused_for("UA: 1 answers came from its fleet of 2");

    let mut run = Run::faithful();
    run.fleets.get_mut("UA").expect("the fleet")[0].1 = Ok(Tally::default());
    run.is_refused_for("LOST: its answer to UA differs");

    let mut run = Run::faithful();
    run.fleets.get_mut("UA").expect("the fleet")[0].1 = Err("Timeout".into());
    run.is_refused_for("LOST: did not answer UA");
}

#[test]
fn troubles_of_the_callers_are_wrong() {
    let mut run = Run::faithful();
    run.journal.troubles.push("SAFE: could not join".into());
    run.is_refused_for("could not join");
}
