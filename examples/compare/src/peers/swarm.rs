//! Owns the adaptor of this repository's crate between two processes: a cluster of two, with everything on, called by names whose
//! workers the ring put on the other node. Never places a worker by hand.

use std::io;

use swarm::prelude::*;
use swarm::{Op, RegisterError, Swarm};

use super::swarm_grown::Grown;
use super::{Peer, bytes, until};
use crate::figure::Seen;
use crate::load::{Caller, Caster, callers, casters};
use crate::order::Load;
use crate::row::{Bench, Case, System};

/// How many names are tried for each worker that the other node shall have: it gets about every second.
const TRIES: usize = 4;

/// How many names `whereis` is asked for in turn.
const ASKED: usize = 1_000;

/// Gives back what it gets.
pub(crate) struct Echo;

#[swarm::worker]
impl Echo {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn echo(&mut self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    #[cast]
    fn note(&mut self, payload: Vec<u8>) {
        drop(payload);
    }
}

/// The same on tokio's threads in any case.
pub(crate) struct Pooled;

#[swarm::worker(dispatch = "pool")]
impl Pooled {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn echo(&mut self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }
}

async fn start(cluster: &str, seed: Option<String>) -> io::Result<Swarm> {
    let builder = Swarm::builder().cluster(cluster).discovery(Seeds::new(seed));
    builder.start().await.map_err(io::Error::other)
}

/// A node, and where it is: its cluster and its address.
pub(crate) async fn serve() -> io::Result<(String, Swarm)> {
    let cluster = format!("compare-{}", std::process::id());
    let node = start(&cluster, None).await?;
    Ok((format!("{cluster}@{}", node.local_addr()), node))
}

/// The callers' node, and names whose workers are on the other.
pub(crate) struct Far {
    node: Swarm,
    system: System,
    names: Vec<String>,
    grown: Grown,
}

impl Far {
    /// A node with so many names to call, or with none.
    pub(crate) async fn at(address: &str, system: System, workers: usize) -> io::Result<Self> {
        let (cluster, seed) = address.split_once('@').ok_or_else(|| io::Error::other("this is no node's address"))?;
        let node = start(cluster, Some(seed.to_owned())).await?;
        // The node counts its own partitions twice a second, so that this is after it has begun to own some.
        until("the other node", || (node.nodes().len() == 2 && node.stats().partitions > 0).then_some(())).await?;
        let workers = if workers == 0 { 0 } else { workers.max(ASKED) };
        let names = if system == System::SwarmPool {
            far_names(&node, workers, |name| PooledClient::register(name, ())).await?
        } else {
            far_names(&node, workers, |name| EchoClient::register(name, ())).await?
        };
        Ok(Self { grown: Grown::new(&node), node, system, names })
    }
}

/// Registers names until the ring has put so many of them on the other node.
async fn far_names(
    node: &Swarm,
    count: usize,
    register: impl Fn(&str) -> Op<(), RegisterError>,
) -> io::Result<Vec<String>> {
    let mut far = Vec::new();
    for i in 0..TRIES * count {
        if far.len() == count {
            break;
        }
        let name = format!("acct/{i}");
        register(&name).on(node).await.map_err(io::Error::other)?;
        let at = node.whereis(name.as_str()).await.map_err(io::Error::other)?;
        if at.is_some_and(|at| at.node != node.node()) {
            far.push(name);
        }
    }
    if far.len() < count {
        return Err(io::Error::other("the ring gave the other node hardly anything"));
    }
    Ok(far)
}

impl Peer for Far {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let (names, payload) = (self.names.iter().take(load.callers), || bytes(load.payload));
        if matches!(load.case, Case::Growth | Case::Busy) {
            callers(self.grown.callers(&load).await?, &load).await
        } else if load.bench == Bench::Whereis {
            let ask = |next| Asking { node: self.node.clone(), names: self.names[..ASKED].to_vec(), next };
            callers((0..load.callers).map(ask).collect(), &load).await
        } else if self.system == System::SwarmPool {
            let pool = |name| Pool { at: self.node.at::<Pooled>(name), payload: payload() };
            callers(names.map(pool).collect(), &load).await
        } else {
            let remote = |name| Remote { at: self.node.at::<Echo>(name), payload: payload() };
            casters(names.map(remote).collect(), &load).await
        }
    }

    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        self.grown.grow(count).await
    }
}

struct Remote {
    at: EchoClient,
    payload: Vec<u8>,
}

impl Caller for Remote {
    async fn call(&mut self) -> bool {
        self.at.echo(self.payload.clone()).await.is_ok_and(|answer| answer.len() == self.payload.len())
    }
}

impl Caster for Remote {
    async fn cast(&mut self) -> bool {
        self.at.note(self.payload.clone()).is_ok()
    }
}

struct Pool {
    at: PooledClient,
    payload: Vec<u8>,
}

impl Caller for Pool {
    async fn call(&mut self) -> bool {
        self.at.echo(self.payload.clone()).await.is_ok_and(|answer| answer.len() == self.payload.len())
    }
}

struct Asking {
    node: Swarm,
    names: Vec<String>,
    next: usize,
}

impl Caller for Asking {
    async fn call(&mut self) -> bool {
        self.next = (self.next + 1) % self.names.len();
        self.node.whereis(self.names[self.next].as_str()).await.is_ok_and(|at| at.is_some())
    }
}
