//! Owns the process that is one node of the demo's cluster. Never outlives the process that started it.

use std::io::BufRead;
use std::time::Duration;

use swarm::prelude::*;

use super::aircraft::Aircraft;
use super::board::Reading;
use super::story::Trouble;

/// How often it tells its readings.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A member of the demo's cluster, found by multicast on the loopback interface alone.
pub fn member(cluster: &str, beacon_port: u16) -> swarm::Builder {
    Swarm::builder().cluster(cluster).bind("127.0.0.1:0").discovery(Multicast::default().port(beacon_port))
}

/// Hosts aircraft until it is asked to end, or its parent is gone.
pub async fn run(cluster: &str, beacon_port: u16) -> Result<(), Trouble> {
    crate::log::to_stderr();
    end_with_parent();
    let swarm = member(cluster, beacon_port).worker::<Aircraft>().start().await?;
    println!("up {}", swarm.node());
    let tell = async {
        let mut every = tokio::time::interval(TELL_EVERY);
        loop {
            every.tick().await;
            println!("{}", reading(&swarm).line());
        }
    };
    tokio::select! {
        () = tell => {}
        left = swarm.leave_on_signal() => left?,
    }
    println!("{}", reading(&swarm).line());
    Ok(())
}

/// Ends the process when the standard input does: its parent is gone then, however that came.
pub fn end_with_parent() {
    // A thread, since a read of standard input cannot be cancelled and would hold up the runtime's end.
    std::thread::spawn(|| {
        for _word in std::io::stdin().lock().lines().map_while(Result::ok) {}
        std::process::exit(0);
    });
}

fn reading(swarm: &Swarm) -> Reading {
    let stats = swarm.stats();
    Reading { workers: stats.workers, calls: stats.received, arrived: stats.handoffs_in, departed: stats.handoffs_out }
}
