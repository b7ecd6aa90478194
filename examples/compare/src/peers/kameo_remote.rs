//! Owns the adaptor of kameo between two processes. Its own `bootstrap` finds others by multicast DNS; here they are told each
//! other's address instead, so that nothing leaves the loopback interface. Transports and limits are those of `bootstrap`.

use std::io;

use futures::StreamExt;
use kameo::Actor;
use kameo::actor::{ActorRef, RemoteActorRef, Spawn};
use kameo::message::{Context, Message};
use kameo::remote::{self, messaging};
use kameo::{RemoteActor, remote_message};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::oneshot;

use super::{Payload, Peer, bytes, until_asked};
use crate::figure::Seen;
use crate::load::{Caller, callers};
use crate::order::Load;

/// More than there are callers: the default of 100 refuses what is beyond.
const STREAMS: usize = 2_048;

#[derive(Actor, RemoteActor)]
struct Echo;

#[derive(serde::Serialize, serde::Deserialize)]
struct Ask(Payload);

#[remote_message]
impl Message<Ask> for Echo {
    type Reply = Payload;

    async fn handle(&mut self, ask: Ask, _: &mut Context<Self, Self::Reply>) -> Payload {
        ask.0
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kameo: remote::Behaviour,
}

fn name(actor: usize) -> String {
    format!("echo/{actor}")
}

/// Starts the process's node, and returns where it is.
async fn start(known: Option<Multiaddr>) -> io::Result<Multiaddr> {
    let limits = messaging::Config::default().with_max_concurrent_streams(STREAMS);
    let mut node = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(io::Error::other)?
        .with_behaviour(|key| Behaviour { kameo: remote::Behaviour::new(key.public().to_peer_id(), limits) })
        .map_err(io::Error::other)?
        .build();
    node.behaviour().kameo.try_init_global().map_err(io::Error::other)?;
    node.listen_on("/ip4/127.0.0.1/tcp/0".parse().map_err(io::Error::other)?).map_err(io::Error::other)?;
    if let Some(known) = known {
        let Some(Protocol::P2p(server)) = known.iter().last() else {
            return Err(io::Error::other("this is no address of a node of kameo's"));
        };
        // Names are looked up only at nodes whose address is known, as `bootstrap` says those that it finds.
        node.add_peer_address(server, known);
        node.dial(server).map_err(io::Error::other)?;
    }
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let mut tell = Some(tell);
        loop {
            let event = node.select_next_some().await;
            if let SwarmEvent::NewListenAddr { address, .. } = event
                && let Some(tell) = tell.take()
            {
                // Who asked has it or is gone.
                let _ = tell.send(address.with(Protocol::P2p(*node.local_peer_id())));
            }
        }
    });
    told.await.map_err(io::Error::other)
}

/// A node with so many actors.
pub(crate) async fn serve(actors: usize) -> io::Result<(String, Vec<ActorRef<Echo>>)> {
    let address = start(None).await?;
    let mut all = Vec::new();
    for actor in 0..actors {
        let echo = Echo::spawn(Echo);
        echo.register(name(actor)).await.map_err(io::Error::other)?;
        all.push(echo);
    }
    Ok((address.to_string(), all))
}

/// The callers of actors in another process.
pub(crate) struct KameoRemote {
    actors: Vec<RemoteActorRef<Echo>>,
}

impl KameoRemote {
    pub(crate) async fn at(address: &str, actors: usize) -> io::Result<Self> {
        start(Some(address.parse().map_err(io::Error::other)?)).await?;
        let mut found = Vec::new();
        for actor in 0..actors {
            let look = || async move { RemoteActorRef::<Echo>::lookup(name(actor)).await.ok().flatten() };
            found.push(until_asked("kameo's actors", look).await?);
        }
        Ok(Self { actors: found })
    }
}

impl Peer for KameoRemote {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let remote =
            |actor: &RemoteActorRef<Echo>| Remote { actor: actor.clone(), ask: Ask(Payload(bytes(load.payload))) };
        let all = self.actors.iter().take(load.callers).map(remote).collect();
        callers(all, &load).await
    }
}

struct Remote {
    actor: RemoteActorRef<Echo>,
    ask: Ask,
}

impl Caller for Remote {
    async fn call(&mut self) -> bool {
        self.actor.ask(&self.ask).await.is_ok_and(|answer| answer.0.len() == self.ask.0.0.len())
    }
}
