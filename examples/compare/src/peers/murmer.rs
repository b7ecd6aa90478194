//! Owns the adaptor of murmer: two nodes of a cluster that know each other by address, so that nothing is sent to a multicast
//! group. Its connections are QUIC with TLS, which it cannot do without. Its iroh would ask the routers of any network for a way
//! through, and murmer has no switch for that: so both nodes are in a network that only they have.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use murmer::cluster::config::{ClusterConfig, ClusterConfigBuilder, NodeIdentity};
use murmer::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Peer, bytes, until};
use crate::figure::Seen;
use crate::kernel;
use crate::load::{Caller, callers};
use crate::order::Load;

/// What is sent, as `Payload` is. murmer makes a public trait of an actor's handlers.
#[expect(unreachable_pub, reason = "a public trait wants public types")]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Given(#[serde(with = "serde_bytes")] Vec<u8>);

#[derive(Debug)]
struct Echo;

impl Actor for Echo {
    type State = ();
}

#[handlers]
impl Echo {
    #[handler]
    fn give_back(&mut self, _ctx: &ActorContext<Self>, _state: &mut (), payload: Given) -> Given {
        payload
    }
}

/// Goes where nothing is but the loopback interface: a server first, then its client, before they have any thread.
pub(crate) fn enter(server: Option<&str>) -> io::Result<()> {
    let done = match server.map(read) {
        None => kernel::leave_network(),
        Some(card) => kernel::join_network(card?.pid),
    };
    done.map_err(|trouble| {
        io::Error::other(format!("murmer is run in a network namespace, which wants root: {trouble}"))
    })
}

/// What a client is told.
#[derive(Serialize, Deserialize)]
struct Card {
    pid: u32,
    identity: NodeIdentity,
}

fn read(card: &str) -> io::Result<Card> {
    Ok(serde_json::from_str(card)?)
}

fn name(actor: usize) -> String {
    format!("echo/{actor}")
}

fn config(name: &str) -> io::Result<ClusterConfigBuilder> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(ClusterConfig::builder().name(name).listen(any).cookie("compare").key_path(key(name)))
}

/// Where a node's key is kept; it is made anew by each process.
fn key(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("compare-murmer-{}-{name}.key", std::process::id()))
}

async fn start(config: ClusterConfig) -> io::Result<(System, NodeIdentity)> {
    let (mut identity, key) = (config.identity.clone(), config.key_path.clone());
    let system = System::clustered_auto(config).await.map_err(io::Error::other)?;
    std::fs::remove_file(key)?;
    let bound = system.local_addr().ok_or_else(|| io::Error::other("murmer's node has no address"))?;
    identity.port = bound.port();
    Ok((system, identity))
}

/// A node with so many actors.
pub(crate) async fn serve(actors: usize) -> io::Result<(String, System)> {
    let (system, identity) = start(config("server")?.build().map_err(io::Error::other)?).await?;
    for actor in 0..actors {
        system.start(&name(actor), Echo, ());
    }
    Ok((serde_json::to_string(&Card { pid: std::process::id(), identity })?, system))
}

/// The callers of actors in another process.
pub(crate) struct Murmer {
    _system: System,
    actors: Vec<Endpoint<Echo>>,
}

impl Murmer {
    pub(crate) async fn at(card: &str, actors: usize) -> io::Result<Self> {
        let server = read(card)?;
        let seeds = config("client")?.seed_nodes([server.identity.endpoint_addr()]);
        let (system, _) = start(seeds.build().map_err(io::Error::other)?).await?;
        let mut found = Vec::new();
        for actor in 0..actors {
            found.push(until("murmer's actors", || system.lookup::<Echo>(&name(actor))).await?);
        }
        Ok(Self { _system: system, actors: found })
    }
}

impl Peer for Murmer {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let remote = |actor: &Endpoint<Echo>| Remote { actor: actor.clone(), payload: Given(bytes(load.payload)) };
        let all = self.actors.iter().take(load.callers).map(remote).collect();
        callers(all, &load).await
    }
}

struct Remote {
    actor: Endpoint<Echo>,
    payload: Given,
}

impl Caller for Remote {
    async fn call(&mut self) -> bool {
        let answer = self.actor.give_back(self.payload.clone()).await;
        answer.is_ok_and(|answer| answer.0.len() == self.payload.0.len())
    }
}
