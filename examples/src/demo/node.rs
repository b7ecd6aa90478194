//! Owns the process that is one node of the demo's cluster. Never outlives the process that started it.

use super::aircraft::Aircraft;
use super::story::Trouble;
use crate::fleet::member;

/// Hosts aircraft until it is asked to end, or its parent is gone.
pub async fn run(cluster: &str, beacon_port: u16) -> Result<(), Trouble> {
    crate::log::to_stderr();
    member::end_with_parent();
    let swarm = member::on_loopback(cluster, beacon_port).worker::<Aircraft>().start().await?;
    tokio::select! {
        () = member::tell(&swarm) => {}
        left = swarm.leave_on_signal() => left?,
    }
    println!("{}", member::reading(&swarm).line());
    Ok(())
}
