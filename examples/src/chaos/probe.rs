//! Owns the search for the names of a node that was lost: each is called until it answers again. Never counts as load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use swarm::prelude::*;
use tokio::task::JoinSet;

use super::book::{BookClient, book};
use super::caller::name;
use super::tally::Tally;

/// The pause after a call that failed: a fiftieth of what is to be measured.
const AGAIN: Duration = Duration::from_millis(20);
/// A name that has not answered by then is lost.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// Calls every one of these books until it answers, and counts how long after `lost` that was.
pub fn start(swarm: &Swarm, tally: &Arc<Tally>, books: &[usize], lost: Instant, probes: &mut JoinSet<()>) {
    for book in books {
        let (swarm, tally, name) = (swarm.clone(), tally.clone(), name(*book));
        probes.spawn(async move {
            loop {
                match BookClient::call(&name, book::Touch {}).on(&swarm).await {
                    Ok(()) => return tally.back(lost.elapsed()),
                    Err(error) if lost.elapsed() > BACK_WITHIN => {
                        return tally.unreached(&format!("{name} has not answered again: {error}"));
                    }
                    Err(_) => tokio::time::sleep(AGAIN).await,
                }
            }
        });
    }
}
