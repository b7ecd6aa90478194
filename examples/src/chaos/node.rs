//! Owns the process that is one node of the campaign's cluster. Never outlives the process that started it.

use super::book::{Book, HOST};
use super::place::Place;
use super::run::Trouble;
use crate::fleet::cluster::NUMBER;
use crate::fleet::member;

/// Hosts books until it is asked to end, or its parent is gone. What could not be moved is its last line.
pub async fn run(place: &Place) -> Result<(), Trouble> {
    crate::log::to_stderr();
    member::end_with_parent();
    // Before a book can answer.
    HOST.get_or_init(|| std::env::var(NUMBER).ok().and_then(|number| number.parse().ok()).unwrap_or_default());
    let swarm = place.member()?.worker::<Book>().start().await?;
    let left = tokio::select! {
        () = member::tell(&swarm) => Ok(()),
        left = swarm.leave_on_signal() => left,
    };
    println!("{}", member::reading(&swarm).line());
    println!("{}", left.as_ref().map_or_else(|error| format!("error {error}"), |()| "left".to_owned()));
    Ok(left?)
}
