//! Owns the adaptor of this repository's crate within one process: a node of its own, called by handles that are kept and by names
//! that are not.

use std::io;
use std::sync::Arc;

use swarm::Swarm;
use swarm::prelude::*;

use super::Peer;
use super::swarm_grown::Grown;
use crate::figure::Seen;
use crate::load::{Caller, Caster, callers, casters};
use crate::order::Load;
use crate::row::Case;

/// How many names those use that keep no handle.
const NAMES: usize = 1_000;

/// Counts.
pub(crate) struct Account {
    sum: u64,
}

#[swarm::worker]
impl Account {
    #[init]
    fn init() -> Self {
        Self { sum: 0 }
    }

    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.sum = self.sum.wrapping_add(by);
        self.sum
    }

    #[call]
    async fn add_ready(&mut self, by: u64) -> u64 {
        std::future::ready(()).await;
        self.add(by)
    }

    #[call]
    async fn add_later(&mut self, by: u64) -> u64 {
        tokio::task::yield_now().await;
        self.add(by)
    }

    #[cast]
    fn note(&mut self, by: u64) {
        self.sum = self.sum.wrapping_add(by);
    }
}

/// A node and its callers.
pub(crate) struct Near {
    node: Swarm,
    names: Arc<Vec<String>>,
    grown: Grown,
}

impl Near {
    /// A node with so many workers, or with none.
    pub(crate) async fn start(workers: usize) -> io::Result<Self> {
        let cluster = format!("compare-{}", std::process::id());
        let builder = Swarm::builder().cluster(cluster).discovery(Seeds::new(None::<String>));
        let node = builder.start().await.map_err(io::Error::other)?;
        let workers = if workers == 0 { 0 } else { workers.max(NAMES) };
        let names: Vec<String> = (0..workers).map(|i| format!("acct/{i}")).collect();
        for name in &names {
            AccountClient::register(name, ()).on(&node).await.map_err(io::Error::other)?;
        }
        Ok(Self { grown: Grown::new(&node), node, names: Arc::new(names) })
    }

    fn by_handle(&self, load: &Load) -> impl Iterator<Item = ByHandle> {
        let name = |caller: usize| if load.case == Case::One { &self.names[0] } else { &self.names[caller] };
        (0..load.callers).map(move |caller| ByHandle(self.node.at::<Account>(name(caller))))
    }

    fn by_name(&self, load: &Load) -> Vec<ByName> {
        // Each begins elsewhere, so that they rarely meet.
        let caller = |caller| ByName { names: self.names.clone(), next: caller * NAMES / load.callers };
        (0..load.callers).map(caller).collect()
    }
}

impl Peer for Near {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        match load.case {
            Case::Handle | Case::One => casters(self.by_handle(&load).collect(), &load).await,
            Case::Name => casters(self.by_name(&load), &load).await,
            Case::Ready => callers(self.by_handle(&load).map(|caller| Ready(caller.0)).collect(), &load).await,
            Case::Pending => callers(self.by_handle(&load).map(|caller| Later(caller.0)).collect(), &load).await,
            Case::Growth => callers(self.grown.callers(&load).await?, &load).await,
            Case::Busy | Case::Plain => Err(load.not_offered()),
        }
    }

    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        self.grown.grow(count).await
    }
}

struct ByHandle(AccountClient);

impl Caller for ByHandle {
    async fn call(&mut self) -> bool {
        self.0.add(1).await.is_ok()
    }
}

impl Caster for ByHandle {
    async fn cast(&mut self) -> bool {
        self.0.note(1).is_ok()
    }
}

struct ByName {
    names: Arc<Vec<String>>,
    next: usize,
}

impl ByName {
    fn name(&mut self) -> &str {
        self.next = (self.next + 1) % NAMES;
        &self.names[self.next]
    }
}

impl Caller for ByName {
    async fn call(&mut self) -> bool {
        AccountClient::call(self.name(), account::Add { by: 1 }).await.is_ok()
    }
}

impl Caster for ByName {
    async fn cast(&mut self) -> bool {
        AccountClient::cast(self.name(), account::Note { by: 1 }).is_ok()
    }
}

struct Ready(AccountClient);

impl Caller for Ready {
    async fn call(&mut self) -> bool {
        self.0.add_ready(1).await.is_ok()
    }
}

struct Later(AccountClient);

impl Caller for Later {
    async fn call(&mut self) -> bool {
        self.0.add_later(1).await.is_ok()
    }
}
