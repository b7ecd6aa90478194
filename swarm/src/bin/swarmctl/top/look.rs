//! Owns the looks at the cluster: what is asked, how often, and that one is over before the next begins. Never keeps one.

use std::time::Duration;

use swarm::admin::{Busiest, Client, Code, Nodes, Worker};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::failure::Failure;
use crate::options::Options;
use crate::reach::reach;

/// How many of the busy workers are shown: more than fit on a screen.
const BUSY_MAX: u32 = 64;

/// How many looks wait to be drawn.
const LOOKS_MAX: usize = 2;

/// What was seen.
#[derive(Debug)]
pub(super) enum Look {
    Seen {
        nodes: Nodes,
        busiest: Busiest,
        /// The worker that is looked into, or why it cannot be.
        worker: Option<(String, Result<Box<Worker>, String>)>,
    },
    /// Nobody answers.
    Failed(Failure),
}

/// Who looks.
pub(super) struct Looker {
    options: Options,
    /// None while it has to be reached anew.
    client: Option<Client>,
    asked: watch::Receiver<Option<String>>,
    looks: mpsc::Sender<Look>,
}

impl Looker {
    /// Begins to look every so often. The worker that is asked for is looked into as well, at once.
    pub(super) fn start(
        options: Options,
        client: Client,
        every: Duration,
    ) -> (watch::Sender<Option<String>>, mpsc::Receiver<Look>) {
        let (ask, asked) = watch::channel(None);
        let (looks, seen) = mpsc::channel(LOOKS_MAX);
        tokio::spawn(Self { options, client: Some(client), asked, looks }.go_on(every));
        (ask, seen)
    }

    async fn go_on(mut self, every: Duration) {
        let mut ticks = interval(every);
        // Who is slow is not asked faster for it.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = self.asked.changed() => if changed.is_err() { return },
            }
            let look = self.look().await.unwrap_or_else(Look::Failed);
            if self.looks.send(look).await.is_err() {
                return;
            }
        }
    }

    async fn look(&mut self) -> Result<Look, Failure> {
        let client = match self.client.take() {
            Some(client) => client,
            None => reach(&self.options).await?,
        };
        let nodes = client.nodes().await?;
        let busiest = client.busiest(BUSY_MAX).await?;
        let name = self.asked.borrow_and_update().clone();
        let worker = match name {
            None => None,
            Some(name) => {
                let described = match client.describe(&name).await.map_err(Failure::from) {
                    Ok(worker) => Ok(Box::new(worker)),
                    // It may have been unregistered just now.
                    Err(Failure::Refused(Code::NotFound, text)) => Err(text),
                    Err(failure) => return Err(failure),
                };
                Some((name, described))
            }
        };
        self.client = Some(client);
        Ok(Look::Seen { nodes, busiest, worker })
    }
}
