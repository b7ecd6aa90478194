//! Owns the adaptors of ractor within one process and of ractor_cluster between two, with the defaults of both.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use ractor_cluster::{NodeServer, NodeServerMessage, RactorClusterMessage, RactorMessage};

use super::{Peer, bytes, until};
use crate::figure::Seen;
use crate::load::{Caller, Caster, casters};
use crate::order::Load;
use crate::row::Case;

/// The group in which the server's actors are found.
const GROUP: &str = "echo";

/// What nodes of one cluster know.
const COOKIE: &str = "compare";

#[derive(RactorMessage)]
enum Letter {
    Add(u64, RpcReplyPort<u64>),
    Note(u64),
}

struct Account;

impl Actor for Account {
    type Msg = Letter;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Letter>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Letter>, letter: Letter, sum: &mut u64) -> Result<(), ActorProcessingErr> {
        match letter {
            Letter::Add(by, answer) => {
                *sum = sum.wrapping_add(by);
                answer.send(*sum)?;
            }
            Letter::Note(by) => *sum = sum.wrapping_add(by),
        }
        Ok(())
    }
}

async fn start() -> io::Result<ActorRef<Letter>> {
    Actor::spawn(None, Account, ()).await.map(|(account, _)| account).map_err(io::Error::other)
}

/// The callers and their actors in one process.
#[derive(Default)]
pub(crate) struct Ractor {
    idle: Vec<ActorRef<Letter>>,
}

impl Peer for Ractor {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let one = start().await?;
        let mut callers = Vec::new();
        for _ in 0..load.callers {
            callers.push(Local(if load.case == Case::One { one.clone() } else { start().await? }));
        }
        casters(callers, &load).await
    }

    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        for _ in 0..count {
            self.idle.push(start().await?);
        }
        Ok(())
    }
}

struct Local(ActorRef<Letter>);

impl Caller for Local {
    async fn call(&mut self) -> bool {
        ractor::call!(self.0, Letter::Add, 1).is_ok()
    }
}

impl Caster for Local {
    async fn cast(&mut self) -> bool {
        ractor::cast!(self.0, Letter::Note(1)).is_ok()
    }
}

#[derive(RactorClusterMessage)]
enum Far {
    #[rpc]
    Echo(Vec<u8>, RpcReplyPort<Vec<u8>>),
    Note(Vec<u8>),
}

struct Echo;

impl Actor for Echo {
    type Msg = Far;
    type State = usize;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Far>, (): ()) -> Result<usize, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Far>, letter: Far, noted: &mut usize) -> Result<(), ActorProcessingErr> {
        match letter {
            Far::Echo(payload, answer) => answer.send(payload)?,
            Far::Note(payload) => *noted = noted.wrapping_add(payload.len()),
        }
        Ok(())
    }
}

async fn node(name: &str, port: u16) -> io::Result<ActorRef<NodeServerMessage>> {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let server = NodeServer::new(port, COOKIE.to_owned(), name.to_owned(), localhost.to_string(), None, None);
    let server = server.with_listen_addr(localhost);
    Actor::spawn(None, server, ()).await.map(|(node, _)| node).map_err(io::Error::other)
}

/// A node with so many actors. It tells nobody which port it got, so one is chosen that was free a moment ago.
pub(crate) async fn serve(actors: usize) -> io::Result<(String, ActorRef<NodeServerMessage>)> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = free.local_addr()?;
    drop(free);
    let mut cells = Vec::new();
    for _ in 0..actors {
        let (echo, _) = Actor::spawn(None, Echo, ()).await.map_err(io::Error::other)?;
        cells.push(echo.get_cell());
    }
    pg::join(GROUP.to_owned(), cells);
    Ok((address.to_string(), node("server", address.port()).await?))
}

/// The callers of actors in another process.
pub(crate) struct Cluster {
    _node: ActorRef<NodeServerMessage>,
    actors: Vec<ActorRef<Far>>,
}

impl Cluster {
    pub(crate) async fn at(address: &str, actors: usize) -> io::Result<Self> {
        let node = node("client", 0).await?;
        ractor_cluster::client_connect(&node, address).await.map_err(io::Error::other)?;
        let all = || Some(pg::get_members(&GROUP.to_owned())).filter(|found| found.len() >= actors);
        let found = until("the server's actors", all).await?;
        Ok(Self { _node: node, actors: found.into_iter().map(ActorRef::from).collect() })
    }
}

impl Peer for Cluster {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let remote = |actor: &ActorRef<Far>| Remote { actor: actor.clone(), payload: bytes(load.payload) };
        let callers = self.actors.iter().take(load.callers).map(remote).collect();
        casters(callers, &load).await
    }
}

struct Remote {
    actor: ActorRef<Far>,
    payload: Vec<u8>,
}

impl Caller for Remote {
    async fn call(&mut self) -> bool {
        let answer = ractor::call!(self.actor, Far::Echo, self.payload.clone());
        answer.is_ok_and(|answer| answer.len() == self.payload.len())
    }
}

impl Caster for Remote {
    async fn cast(&mut self) -> bool {
        ractor::cast!(self.actor, Far::Note(self.payload.clone())).is_ok()
    }
}
