//! Owns what the processes of a cluster have in common, seen from inside: how they find each other, what they say of
//! themselves, and that they end with their parent. Never knows which workers they host.

use std::io::BufRead;
use std::time::Duration;

use swarm::prelude::*;

use super::board::Reading;

/// How often a process tells its readings.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A member of a cluster that finds the others by multicast on the loopback interface alone.
pub fn on_loopback(cluster: &str, beacon_port: u16) -> swarm::Builder {
    Swarm::builder().cluster(cluster).bind("127.0.0.1:0").discovery(Multicast::default().port(beacon_port))
}

/// Says that the node is up, then its readings until it is dropped.
pub async fn tell(swarm: &Swarm) {
    println!("up {}", swarm.node());
    let mut every = tokio::time::interval(TELL_EVERY);
    loop {
        every.tick().await;
        println!("{}", reading(swarm).line());
    }
}

/// What a node says of itself.
pub fn reading(swarm: &Swarm) -> Reading {
    let stats = swarm.stats();
    Reading {
        workers: stats.workers,
        calls: stats.received,
        arrived: stats.handoffs_in,
        departed: stats.handoffs_out,
        members: stats.nodes,
        tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks() as u64,
    }
}

/// Ends the process when the standard input does: its parent is gone then, however that came.
pub fn end_with_parent() {
    // A thread, since a read of standard input cannot be cancelled and would hold up the runtime's end.
    std::thread::spawn(|| {
        for _word in std::io::stdin().lock().lines().map_while(Result::ok) {}
        std::process::exit(0);
    });
}
