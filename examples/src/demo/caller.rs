//! Owns one caller: it registers aircraft on first sight, has them fly in the order given, and writes down what
//! it got. Never calls again what failed, and never judges.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use swarm::prelude::*;
use tokio::sync::mpsc::Receiver;

use super::aircraft::{AircraftClient, Carrier, Leg};
use super::flights::Flight;
use super::journal::{Answer, Entry, Journal, Start};
use crate::fleet::board::Board;

/// How often a registration or a join is tried. Both may be repeated without fear, since doing them twice does
/// no more than doing them once; a node that was just killed is the reason to.
const TRIES_MAX: usize = 10;
/// The pause before the next try.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How long a flight may wait for its aircraft. What is lost with a node fails at once; this is for a machine that is busy
/// with something else, where the usual five seconds could be the machine's fault and not the cluster's.
const FLOWN_WITHIN: Duration = Duration::from_secs(30);

/// One of the concurrent callers.
pub struct Caller {
    swarm: Swarm,
    flights: Arc<[Flight]>,
    board: Arc<Board>,
    journal: Journal,
    registered: BTreeSet<String>,
    joined: BTreeSet<(String, String)>,
}

impl Caller {
    /// A caller that knows no aircraft yet.
    pub fn new(swarm: Swarm, flights: Arc<[Flight]>, board: Arc<Board>) -> Self {
        Self {
            swarm,
            flights,
            board,
            journal: Journal::default(),
            registered: BTreeSet::new(),
            joined: BTreeSet::new(),
        }
    }

    /// Has the flights of the `rows` flown one after the other, until there are no more.
    pub async fn run(mut self, mut rows: Receiver<usize>) -> Journal {
        let flights = self.flights.clone();
        while let Some(row) = rows.recv().await {
            let flight = &flights[row];
            self.meet(flight).await;
            let answer = self.fly(flight).await;
            self.journal.entries.push(Entry { row, answer });
            self.board.count_done(1);
        }
        self.journal
    }

    /// Registers the aircraft and lets it join its carrier, if this is the first that is seen of it there.
    async fn meet(&mut self, flight: &Flight) {
        if self.registered.insert(flight.tail.clone()) {
            let registered = persist(|| AircraftClient::whereis_or_register(&flight.tail, ()).on(&self.swarm)).await;
            match registered {
                Ok(location) => self.journal.starts.push(Start {
                    tail: flight.tail.clone(),
                    host: location.node.to_string(),
                    epoch: location.epoch.into(),
                }),
                Err(error) => self.journal.troubles.push(format!("{}: could not be registered: {error}", flight.tail)),
            }
        }
        if self.joined.insert((flight.tail.clone(), flight.carrier.clone())) {
            let carrier = self.swarm.group::<Carrier>().key(&flight.carrier);
            if let Err(error) = persist(|| carrier.join(&flight.tail)).await {
                self.journal.troubles.push(format!("{}: could not join {}: {error}", flight.tail, flight.carrier));
            }
        }
    }

    async fn fly(&self, flight: &Flight) -> Answer {
        match AircraftClient::call(&flight.tail, Leg::from(flight)).on(&self.swarm).timeout(FLOWN_WITHIN).await {
            Ok(entered) => Answer::Entered { epoch: entered.epoch, flights: entered.flights },
            Err(error) => {
                let lost = if let CallError::NodeDown { node, .. } = &error { Some(node.to_string()) } else { None };
                lost.iter().for_each(|host| self.board.count_failure(host));
                Answer::Failed { lost, maybe: error.executed() == Executed::Maybe, text: error.to_string() }
            }
        }
    }
}

/// Does what may be repeated without fear until it succeeds, a bounded number of times.
async fn persist<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    for _ in 1..TRIES_MAX {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(_) => tokio::time::sleep(TRY_AGAIN_AFTER).await,
        }
    }
    attempt().await
}
