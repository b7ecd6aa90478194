//! Counts visits on whichever node the ring chose. Start it in two terminals; end one with Ctrl-C: it counts on.

use std::pin::pin;

use swarm::prelude::*;
use tokio::{signal::ctrl_c, time::timeout};

#[swarm::message]
struct Counter {
    count: u64,
}

#[swarm::worker(state = Self)] // when its node leaves or another joins, the whole struct moves
impl Counter {
    #[init]
    fn init() -> Self {
        Self { count: 0 }
    }

    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Swarm::builder().bind("127.0.0.1:0").discovery(Multicast::default());
    let swarm = node.start().await?;
    println!("I am {}", swarm.node());
    let mut stop = pin!(ctrl_c()); // one for all of the loop: what comes while nobody waits is lost
    while timeout(Duration::from_secs(1), &mut stop).await.is_err() {
        let at = CounterClient::whereis_or_register("visits", ()).await?;
        let count = CounterClient::at("visits").add(1).await?;
        println!("visit {count}, counted on {}", at.node);
    }
    Ok(swarm.leave().await?)
}
