//! Owns the process that is one node of the demo's cluster. Never outlives the process that started it.

use std::io::BufRead;
use std::time::Duration;

use swarm::prelude::*;
use tokio::sync::oneshot;

use super::aircraft::Aircraft;
use super::board::Reading;
use super::story::Trouble;

/// How often it tells its readings.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A member of the demo's cluster, found by multicast on the loopback interface alone.
pub fn member(cluster: &str, beacon_port: u16) -> swarm::Builder {
    Swarm::builder().cluster(cluster).bind("127.0.0.1:0").discovery(Multicast::default().port(beacon_port))
}

/// Hosts aircraft until the parent says `leave` or is gone.
pub async fn run(cluster: &str, beacon_port: u16) -> Result<(), Trouble> {
    crate::log::to_stderr();
    let leave = watch_parent();
    let swarm = member(cluster, beacon_port).worker::<Aircraft>().start().await?;
    println!("up {}", swarm.node());
    let tell = async {
        let mut every = tokio::time::interval(TELL_EVERY);
        loop {
            every.tick().await;
            println!("{}", reading(&swarm).line());
        }
    };
    let left = async {
        // A parent that is gone ends this process, so that this waits for the word only.
        let _word = leave.await;
        swarm.leave().await
    };
    tokio::select! {
        () = tell => {}
        left = left => left?,
    }
    println!("{}", reading(&swarm).line());
    Ok(())
}

/// Becomes ready when the parent says `leave`; ends the process when the parent is gone.
fn watch_parent() -> oneshot::Receiver<()> {
    let (leave, left) = oneshot::channel();
    // A thread, since a read of standard input cannot be cancelled and would hold up the runtime's end.
    std::thread::spawn(move || {
        let mut leave = Some(leave);
        for line in std::io::stdin().lock().lines() {
            match line.as_deref() {
                Ok("leave") => drop(leave.take().map(|leave| leave.send(()))),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        std::process::exit(0);
    });
    left
}

fn reading(swarm: &Swarm) -> Reading {
    let stats = swarm.stats();
    Reading { workers: stats.workers, calls: stats.received, arrived: stats.handoffs_in, departed: stats.handoffs_out }
}
