//! Owns one run of the demo from the file to the verdict: who is started when, and what is asked at the end.
//! Never leaves a process behind.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

use swarm::prelude::*;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::aircraft::{AircraftClient, Carrier, aircraft};
use super::caller::Caller;
use super::feed::Feed;
use super::flights::{Flight, read_carriers, read_flights, shipped_carriers};
use super::journal::Journal;
use super::options::{AIRCRAFT_MIN, Command, FLIGHTS_MIN, Options, USAGE};
use super::story::{Act, Story, Trouble};
use super::verdict::{Book, Evidence, Fleet, judge};
use super::{node, report};
use crate::fleet::board::Board;
use crate::fleet::cluster::{Cluster, Launch};
use crate::fleet::member;
use crate::fleet::private::{Logs, Private};
use crate::fleet::program::{BROKEN, NOT_RUN, until_interrupted};
use crate::fleet::screen::{Screen, thousands};

/// Does what the command line says.
pub async fn main(words: impl IntoIterator<Item = String>) -> ExitCode {
    let command = match Command::parse(words) {
        Ok(command) => command,
        Err(mistake) => {
            eprintln!("demo: {mistake}\n\n{USAGE}");
            return ExitCode::from(NOT_RUN);
        }
    };
    let ran = match command {
        Command::Help => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Command::Node { cluster, port } => node::run(&cluster, port).await.map(|()| ExitCode::SUCCESS),
        Command::Run(options) => until_interrupted(run(options)).await,
    };
    ran.unwrap_or_else(|trouble| {
        eprintln!("demo: {trouble}");
        ExitCode::from(NOT_RUN)
    })
}

/// The story needs a cluster that has something to do.
fn enough(flights: &[Flight]) -> Result<(), String> {
    let aircraft = flights.iter().map(|flight| &flight.tail).collect::<BTreeSet<_>>().len();
    if flights.len() >= FLIGHTS_MIN && aircraft >= AIRCRAFT_MIN {
        return Ok(());
    }
    Err(format!(
        "{} flights by {aircraft} aircraft are too few for the demo: it takes {FLIGHTS_MIN} by {AIRCRAFT_MIN}",
        flights.len()
    ))
}

async fn run(options: Options) -> Result<ExitCode, Trouble> {
    let file = read_flights(&options.flights, options.limit)?;
    let carriers = read_carriers(&shipped_carriers())?;
    let flights: Arc<[Flight]> = file.flights.into();
    enough(&flights).map_err(|found| format!("{}: {found}", options.flights.display()))?;
    println!("{} flights from {}", thousands(flights.len()), options.flights.display());
    if file.without_tail > 0 {
        println!("{} rows name no aircraft and are left out", thousands(file.without_tail));
    }

    let private = Private::draw("demo");
    let board = Arc::new(Board::default());
    let screen = Screen::new(board.clone(), "flights", flights.len());
    let node = member::on_loopback(&private.cluster, private.beacon_port).admin(swarm::Admin::default());
    let swarm = node.start().await?;
    if let Some(socket) = swarm.admin() {
        println!("to look at the cluster meanwhile: swarmctl --socket {socket} nodes");
    }
    let mut logs = Logs::new(private.logs())?;
    let words = ["node".to_owned(), private.beacon_port.to_string(), private.cluster];
    let cluster = Cluster::new(Launch::new(words), logs.path().to_owned(), board.clone());
    let mut story = Story::new(swarm.clone(), cluster, screen.clone());

    let drawing = tokio::spawn({
        let screen = screen.clone();
        async move { screen.show().await }
    });
    let flown = fly(&options, &swarm, &flights, &board, &mut story).await;
    drawing.abort();
    screen.finish();
    let journal = flown.inspect_err(|_| logs.keep())?;

    let registered = story.rest().await?;
    let books = ask_aircraft(&swarm, &flights, options.callers).await?;
    let fleets = ask_carriers(&swarm, &flights).await?;
    let loss = story.loss(&journal.starts);
    let verdict = judge(&Evidence {
        flights: &flights,
        journal: &journal,
        loss: &loss,
        books: &books,
        fleets: &fleets,
        registered: &registered,
        live: &story.live(),
    });
    println!();
    report::fleets(&fleets, &carriers).iter().for_each(|line| println!("{line}"));
    println!();
    report::verdict(&verdict, &loss).iter().for_each(|line| println!("{line}"));
    story.end().await?;
    if verdict.holds() {
        return Ok(ExitCode::SUCCESS);
    }
    logs.keep();
    Ok(ExitCode::from(BROKEN))
}

/// Flies all flights while the story is told: one stretch of the file an act.
async fn fly(
    options: &Options,
    swarm: &Swarm,
    flights: &Arc<[Flight]>,
    board: &Arc<Board>,
    story: &mut Story,
) -> Result<Journal, Trouble> {
    story.begin(options.nodes).await?;
    let (feed, receivers) = Feed::new(flights, options.callers);
    let mut callers = JoinSet::new();
    for rows in receivers {
        callers.spawn(Caller::new(swarm.clone(), flights.clone(), board.clone()).run(rows));
    }
    let stretch = flights.len().div_ceil(Act::ALL.len());
    for (at, act) in Act::ALL.into_iter().enumerate() {
        let rows = (at * stretch).min(flights.len())..((at + 1) * stretch).min(flights.len());
        let (calm, watch) = watch::channel(false);
        let played = async {
            let played = story.play(act).await;
            calm.send_replace(true);
            played
        };
        let ((), played) = tokio::join!(feed.give(rows, watch), played);
        played?;
    }
    drop(feed);
    let mut journal = Journal::default();
    while let Some(caller) = callers.join_next().await {
        journal.absorb(caller?);
    }
    Ok(journal)
}

/// Asks every aircraft for its book, a few at once.
async fn ask_aircraft(swarm: &Swarm, flights: &[Flight], at_once: usize) -> Result<BTreeMap<String, Book>, Trouble> {
    let tails: BTreeSet<_> = flights.iter().map(|flight| flight.tail.clone()).collect();
    let mut books = BTreeMap::new();
    let mut asked = JoinSet::new();
    for tail in tails {
        if asked.len() == at_once {
            books.extend(asked.join_next().await.transpose()?);
        }
        let swarm = swarm.clone();
        asked.spawn(async move {
            let book = AircraftClient::call(&tail, aircraft::Report {}).on(&swarm).timeout(TOLD_WITHIN).await;
            (tail, book.map(Into::into).map_err(|error| error.to_string()))
        });
    }
    while let Some(answer) = asked.join_next().await {
        books.extend([answer?]);
    }
    Ok(books)
}

/// Asks every carrier's fleet at once.
async fn ask_carriers(swarm: &Swarm, flights: &[Flight]) -> Result<BTreeMap<String, Fleet>, Trouble> {
    let carriers: BTreeSet<_> = flights.iter().map(|flight| flight.carrier.clone()).collect();
    let mut fleets = BTreeMap::new();
    for carrier in carriers {
        let answers =
            swarm.group::<Carrier>().key(&carrier).multicall(aircraft::Report {}).timeout(TOLD_WITHIN).await?;
        let said = |(name, answer): (Name, Result<_, CallError>)| {
            (name.to_string(), answer.map(Into::into).map_err(|error| error.to_string()))
        };
        fleets.insert(carrier, answers.into_iter().map(said).collect());
    }
    Ok(fleets)
}

/// How long an aircraft or a fleet may take to tell what it knows; as with flights, for a machine that is busy.
const TOLD_WITHIN: Duration = Duration::from_secs(30);
