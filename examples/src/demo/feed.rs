//! Owns the order and the pace in which flights are given to the callers. Never calls anybody.

use std::ops::Range;
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;

use super::flights::Flight;
use super::ledger::rows_by_tail;

/// How many flights wait for one caller. It keeps callers busy while the feed goes round the others; more would
/// only let a slow caller fall behind unseen.
const WAITING_MAX: usize = 4;
/// How often flights are given out while something is happening to the cluster.
const TICK: Duration = Duration::from_millis(4);
/// The part of the remaining flights that is given out in a tick: they thin out over two seconds or so, and
/// never run dry before what happens is over.
const SHARE: usize = 500;

/// Gives each flight to the one caller that has all of its aircraft's flights, so that these stay in order.
#[derive(Debug)]
pub struct Feed {
    callers: Vec<Sender<usize>>,
    caller_of: Vec<usize>,
}

impl Feed {
    /// A feed, and what its `callers` receive: rows of the file.
    pub fn new(flights: &[Flight], callers: usize) -> (Self, Vec<Receiver<usize>>) {
        let mut caller_of = vec![0; flights.len()];
        for (aircraft, rows) in rows_by_tail(flights).values().enumerate() {
            rows.iter().for_each(|row| caller_of[*row] = aircraft % callers);
        }
        let (callers, receivers) = (0..callers).map(|_| mpsc::channel(WAITING_MAX)).unzip();
        (Self { callers, caller_of }, receivers)
    }

    /// Gives out the flights of `rows`: thinly while `calm` says false, then as fast as the callers take them.
    pub async fn give(&self, rows: Range<usize>, mut calm: watch::Receiver<bool>) {
        let mut next = rows.start;
        while next < rows.end {
            let is_calm = *calm.borrow_and_update();
            let batch = if is_calm { rows.end - next } else { ((rows.end - next) / SHARE).max(1) };
            for row in next..next + batch {
                // A caller that is gone has panicked; the run ends with its panic, when it is joined.
                let _gone = self.callers[self.caller_of[row]].send(row).await;
            }
            next += batch;
            if !is_calm {
                let _calm_or_tick = tokio::time::timeout(TICK, calm.changed()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flights(tails: &[&str]) -> Vec<Flight> {
        let flight = |tail: &&str| Flight {
            tail: (*tail).into(),
            carrier: "UA".into(),
            origin: "EWR".into(),
            dest: "IAH".into(),
            arrival_delay: None,
            air_minutes: None,
            miles: 1,
        };
        tails.iter().map(flight).collect()
    }

    async fn drain(mut receiver: Receiver<usize>) -> Vec<usize> {
        let mut rows = Vec::new();
        while let Some(row) = receiver.recv().await {
            rows.push(row);
        }
        rows
    }

    #[tokio::test]
    async fn an_aircraft_has_one_caller_and_its_flights_stay_in_order() {
        let flights = flights(&["B", "A", "C", "A", "B", "A"]);
        let (feed, receivers) = Feed::new(&flights, 2);
        let (_calm, watch) = watch::channel(true);
        feed.give(0..6, watch).await;
        drop(feed);
        let mut given = Vec::new();
        for receiver in receivers {
            given.push(drain(receiver).await);
        }
        assert_eq!(given, [vec![1, 2, 3, 5], vec![0, 4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn flights_thin_out_until_it_is_calm() {
        let flights = flights(&["A"; 5_000]);
        let (feed, mut receivers) = Feed::new(&flights, 1);
        let (calm, watch) = watch::channel(false);
        let receiver = receivers.remove(0);
        let drained = tokio::spawn(drain(receiver));
        let began = tokio::time::Instant::now();
        let given = tokio::spawn(async move { feed.give(0..5_000, watch).await });
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!given.is_finished(), "flights last as long as what happens");
        calm.send_replace(true);
        given.await.expect("the feed does not panic");
        assert_eq!(drained.await.expect("the drain does not panic").len(), 5_000);
        assert!(began.elapsed() < Duration::from_secs(4));
    }
}
