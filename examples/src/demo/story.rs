//! Owns what happens to the cluster while the flights run: a node joins, one leaves, one is killed, one
//! replaces it. Never calls an aircraft.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::{Duration, Instant};

use swarm::prelude::*;

use super::journal::Start;
use super::verdict::Loss;
use crate::fleet::board::Host;
use crate::fleet::cluster::{Cluster, Number};
use crate::fleet::screen::{Screen, thousands};

/// What goes wrong in the demo itself, and not in the comparison.
pub type Trouble = Box<dyn Error + Send + Sync>;

/// A cluster that has not come to rest by then has lost something.
const REST_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether the cluster is at rest.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Nobody moved between this many looks: longer than the pause that the ring makes after a join.
const LOOKS_AT_REST: usize = 12;

/// Where every aircraft is, and at which epoch.
type Placement = BTreeMap<String, (Host, u128)>;

/// The director.
pub struct Story {
    swarm: Swarm,
    cluster: Cluster,
    screen: Screen,
    alive: BTreeSet<Number>,
    before_kill: Placement,
    loss: Loss,
}

/// What happens, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing: the nodes that began do their work.
    Calm,
    /// One more node joins.
    Join,
    /// The first node leaves gracefully.
    Leave,
    /// The second node is killed.
    Kill,
    /// Another node takes its place.
    Replace,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Calm, Self::Join, Self::Leave, Self::Kill, Self::Replace];
}

impl Story {
    /// A story about the `cluster`, seen from its member `swarm`.
    pub fn new(swarm: Swarm, cluster: Cluster, screen: Screen) -> Self {
        Self { swarm, cluster, screen, alive: BTreeSet::new(), before_kill: Placement::new(), loss: Loss::default() }
    }

    /// Starts `nodes` nodes and waits until they have found each other.
    pub async fn begin(&mut self, nodes: usize) -> Result<(), Trouble> {
        let began = Instant::now();
        for _ in 0..nodes {
            self.alive.insert(self.cluster.start().await?);
        }
        self.until_found().await?;
        self.screen.say(&format!("{nodes} processes found each other in {:.2?}", began.elapsed()));
        Ok(())
    }

    /// Lets one act happen, from its first moment until the cluster is at rest again.
    pub async fn play(&mut self, act: Act) -> Result<(), Trouble> {
        match act {
            Act::Calm => Ok(()),
            Act::Join => self.join("joins").await,
            Act::Leave => self.leave().await,
            Act::Kill => self.kill().await,
            Act::Replace => self.join("replaces it").await,
        }
    }

    /// What went with the killed node: what the registry said just before the kill, and who was started there
    /// since.
    pub fn loss(&self, starts: &[Start]) -> Loss {
        let mut loss = self.loss.clone();
        let since = starts.iter().filter(|start| !self.before_kill.contains_key(&start.tail));
        let there = since.filter(|start| Some(&start.host) == loss.host.as_ref());
        loss.epochs.extend(there.map(|start| (start.tail.clone(), start.epoch)));
        loss
    }

    /// Waits until nobody moves, and says who is where.
    pub async fn rest(&self) -> Result<Vec<(String, Host)>, Trouble> {
        self.until_at_rest().await?;
        let registered = self.swarm.registered().await?;
        Ok(registered.into_iter().map(|(name, at)| (name.to_string(), at.node.to_string())).collect())
    }

    /// The nodes that should be alive.
    pub fn live(&self) -> BTreeSet<Host> {
        self.alive.iter().filter_map(|number| self.cluster.host(*number).cloned()).collect()
    }

    /// Ends every process.
    pub async fn end(&mut self) -> Result<(), Trouble> {
        Ok(self.cluster.stop().await?)
    }

    fn host(&self, number: Number) -> Result<Host, Trouble> {
        Ok(self.cluster.host(number).ok_or("a node that serves has said who it is")?.clone())
    }

    async fn join(&mut self, what: &str) -> Result<(), Trouble> {
        let began = Instant::now();
        let number = self.cluster.start().await?;
        self.alive.insert(number);
        self.until_found().await?;
        self.screen.say(&format!("{number} {what}: found after {:.2?}", began.elapsed()));
        let host = self.host(number)?;
        let hosted = |placement: &Placement| placement.values().filter(|(node, _)| *node == host).count();
        let placement = self.until(|placement| hosted(placement) > 0).await?;
        self.screen.say(&format!(
            "{number} got its first {} aircraft after {:.2?}",
            hosted(&placement),
            began.elapsed()
        ));
        let placement = self.until_at_rest().await?;
        self.screen.say(&format!("{number} hosts {} of {} aircraft", hosted(&placement), thousands(placement.len())));
        Ok(())
    }

    async fn leave(&mut self) -> Result<(), Trouble> {
        let Some(number) = self.alive.pop_first() else {
            return Err("nobody is there to leave".into());
        };
        let began = Instant::now();
        self.screen.say(&format!("{number} is asked to leave"));
        self.cluster.leave(number).await?;
        self.until_found().await?;
        self.screen.say(&format!("{number} has handed its aircraft over and left in {:.2?}", began.elapsed()));
        self.until_at_rest().await?;
        Ok(())
    }

    async fn kill(&mut self) -> Result<(), Trouble> {
        let Some(number) = self.alive.first().copied() else {
            return Err("nobody is there to kill".into());
        };
        let host = self.host(number)?;
        let before = self.until_at_rest().await?;
        let there = before.iter().filter(|(_, (node, _))| *node == host);
        let epochs: BTreeMap<_, _> = there.map(|(name, (_, epoch))| (name.clone(), *epoch)).collect();
        let killed = Instant::now();
        self.cluster.kill(number).await?;
        self.alive.remove(&number);
        self.screen.say(&format!("{number} is killed with SIGKILL, and {} aircraft with it", thousands(epochs.len())));
        self.until_found().await?;
        self.screen.say(&format!("its death is known after {:.2?}", killed.elapsed()));
        let back = |placement: &Placement| {
            epochs.keys().all(|name| placement.get(name).is_some_and(|(node, _)| *node != host))
        };
        self.until(back).await?;
        self.screen.say(&format!("all of them are back, from zero, after {:.2?}", killed.elapsed()));
        self.loss = Loss { host: Some(host), epochs };
        self.before_kill = before;
        self.until_at_rest().await?;
        Ok(())
    }

    /// Waits until the cluster's members are those that should be alive, and this one.
    async fn until_found(&self) -> Result<(), Trouble> {
        let mut expected = self.live();
        expected.insert(self.swarm.node().to_string());
        let began = Instant::now();
        loop {
            let members: BTreeSet<_> = self.swarm.nodes().iter().map(|node| node.id.to_string()).collect();
            if members == expected {
                return Ok(());
            }
            if began.elapsed() > REST_WITHIN {
                return Err(
                    format!("after {REST_WITHIN:?} the members are {members:?} and should be {expected:?}").into()
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the placement `holds`. A node that was just killed may keep the registry from answering for
    /// a moment.
    async fn until(&self, mut holds: impl FnMut(&Placement) -> bool) -> Result<Placement, Trouble> {
        let began = Instant::now();
        loop {
            let placement = self.placement().await;
            match placement {
                Ok(placement) if holds(&placement) => return Ok(placement),
                Err(error) if began.elapsed() > REST_WITHIN => return Err(error.into()),
                Ok(_) if began.elapsed() > REST_WITHIN => {
                    return Err(format!("the aircraft are not where they should be after {REST_WITHIN:?}").into());
                }
                Ok(_) | Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Waits until no aircraft has moved for a while. New ones may come meanwhile.
    async fn until_at_rest(&self) -> Result<Placement, Trouble> {
        let live = self.live();
        let mut before = Placement::new();
        let mut looks = 0;
        self.until(|now| {
            let moved = before.iter().any(|(name, place)| now.get(name) != Some(place));
            let astray = now.values().any(|(host, _)| !live.contains(host));
            looks = if moved || astray { 0 } else { looks + 1 };
            before.clone_from(now);
            looks >= LOOKS_AT_REST
        })
        .await
    }

    async fn placement(&self) -> Result<Placement, RegistryError> {
        let registered = self.swarm.registered().await?;
        let place = |(name, at): (Name, Location)| (name.to_string(), (at.node.to_string(), at.epoch.into()));
        Ok(registered.into_iter().map(place).collect())
    }
}
