//! Owns our workers that become more and more: how they come, and how some of them are called. Never says how many there shall be.

use std::io;
use std::sync::Arc;

use examples::figures::load::{self, Names};
use examples::figures::rounds::CALLERS;
use examples::figures::worker::Idle;
use futures::{StreamExt, stream};
use swarm::Swarm;

use super::sample;
use crate::load::Caller;
use crate::order::Load;
use crate::row::{Bench, Case};

/// One worker in so many is called where some are busy.
const BUSY: usize = 10;

/// All that were started on one node, wherever the ring put them.
pub(crate) struct Grown {
    node: Swarm,
    names: Names,
}

impl Grown {
    pub(crate) fn new(node: &Swarm) -> Self {
        Self { node: node.clone(), names: Names { prefix: "grown".to_owned(), from: 0, count: 0, callers: CALLERS } }
    }

    /// Starts so many more.
    pub(crate) async fn grow(&mut self, more: u64) -> io::Result<()> {
        let names = Names { from: self.names.count, count: more, ..self.names.clone() };
        match load::idle(&self.node, &names).await.failed {
            0 => self.names.count += more,
            failed => return Err(io::Error::other(format!("{failed} workers could not be registered"))),
        }
        Ok(())
    }

    /// Callers of those that a load is about.
    pub(crate) async fn callers(&self, about: &Load) -> io::Result<Vec<Calling>> {
        let names: Vec<String> = match about.case {
            Case::Busy => (0..self.names.count).step_by(BUSY).map(|i| self.names.name(i)).collect(),
            Case::Growth if about.bench == Bench::LocalCall => self.sample().collect(),
            Case::Growth => self.far().await,
            Case::Handle | Case::Name | Case::Ready | Case::Pending | Case::One | Case::Plain => {
                return Err(about.not_offered());
            }
        };
        if names.is_empty() {
            return Err(io::Error::other("none of the workers is where it is called"));
        }
        let names = Arc::new(names);
        let caller = |caller| Calling {
            node: self.node.clone(),
            names: names.clone(),
            // Each begins elsewhere, so that they rarely meet.
            next: caller * names.len() / about.callers,
        };
        Ok((0..about.callers).map(caller).collect())
    }

    fn sample(&self) -> impl Iterator<Item = String> {
        sample(self.names.count).map(|i| self.names.name(i))
    }

    /// Those of them that are on another node.
    async fn far(&self) -> Vec<String> {
        let me = self.node.node();
        let look = |name: String| async move {
            let at = self.node.whereis(name.as_str()).await;
            at.is_ok_and(|at| at.is_some_and(|at| at.node != me)).then_some(name)
        };
        let looked = stream::iter(self.sample()).map(look).buffer_unordered(CALLERS as usize);
        looked.filter_map(std::future::ready).collect().await
    }
}

/// Calls one after the other, by name.
pub(crate) struct Calling {
    node: Swarm,
    names: Arc<Vec<String>>,
    next: usize,
}

impl Caller for Calling {
    async fn call(&mut self) -> bool {
        self.next = (self.next + 1) % self.names.len();
        self.node.at::<Idle>(self.names[self.next].as_str()).value().await.is_ok()
    }
}
