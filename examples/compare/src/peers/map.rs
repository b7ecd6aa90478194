//! Owns what a look-up of a name is at the least: a concurrent map, whose values are counted up. The baseline of what growth costs, since
//! every map of so many names waits for memory.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::{Peer, sample};
use crate::figure::Seen;
use crate::load::{Caller, callers};
use crate::order::Load;

/// The names and their numbers.
#[derive(Default)]
pub(crate) struct Map {
    all: Arc<DashMap<String, AtomicU64>>,
}

fn name(i: u64) -> String {
    format!("idle/{i}")
}

impl Peer for Map {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let names: Arc<Vec<String>> = Arc::new(sample(self.all.len() as u64).map(name).collect());
        let caller =
            |caller| Looking { all: self.all.clone(), names: names.clone(), next: caller * names.len() / load.callers };
        callers((0..load.callers).map(caller).collect(), &load).await
    }

    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        let there = self.all.len() as u64;
        (there..there + count).for_each(|i| drop(self.all.insert(name(i), AtomicU64::new(0))));
        Ok(())
    }
}

struct Looking {
    all: Arc<DashMap<String, AtomicU64>>,
    names: Arc<Vec<String>>,
    next: usize,
}

impl Caller for Looking {
    async fn call(&mut self) -> bool {
        self.next = (self.next + 1) % self.names.len();
        // As tasks that wait for something would, so that all callers get their turn.
        tokio::task::consume_budget().await;
        self.all.get(&self.names[self.next]).is_some_and(|number| number.fetch_add(1, Ordering::Relaxed) < u64::MAX)
    }
}
