//! Owns what a test and those of its handlers say to each other that it holds up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::PATIENCE;

/// It is shut until it is opened, and then stays open.
pub(crate) struct Hold {
    begun: Semaphore,
    let_go: Semaphore,
}

/// The hold of this name. Tests that run in one process have names of their own.
pub(crate) fn hold(name: &str) -> Arc<Hold> {
    static HOLDS: Mutex<BTreeMap<String, Arc<Hold>>> = Mutex::new(BTreeMap::new());
    let new = || Arc::new(Hold { begun: Semaphore::new(0), let_go: Semaphore::new(0) });
    let mut holds = HOLDS.lock().expect("nobody panics with it");
    holds.entry(name.to_owned()).or_insert_with(new).clone()
}

impl Hold {
    /// What a handler does that is held up.
    pub(crate) async fn wait(&self) {
        self.begun.add_permits(1);
        drop(self.let_go.acquire().await);
    }

    /// Waits until so many handlers have begun.
    pub(crate) async fn begun(&self, handlers: u32) {
        let begun = tokio::time::timeout(PATIENCE, self.begun.acquire_many(handlers)).await;
        begun.expect("they begin in time").expect("it is never closed").forget();
    }

    /// Lets all of them end.
    pub(crate) fn let_go(&self) {
        self.let_go.add_permits(1);
    }
}
