//! Owns which names of a node have something that ends by time or with another node: gates and redirects.
//! Only names and times stand here; the places themselves say what there is to end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::name::Name;

#[derive(Default)]
pub(crate) struct Waits(Mutex<Open>);

#[derive(Default)]
struct Open {
    until: BTreeSet<(Instant, Name)>,
    /// Names of which it is certain that they are looked at before long.
    soon: BTreeSet<Name>,
    gates: BTreeMap<NodeId, BTreeSet<Name>>,
}

impl Waits {
    /// Look at this name then.
    pub(crate) fn until(&self, at: Instant, name: Name) {
        self.lock().until.insert((at, name));
    }

    /// Look at this name then, unless it is looked at before anyway: what begins to wait again and again is looked at no more often.
    pub(crate) fn soon(&self, at: Instant, name: Name) {
        let mut open = self.lock();
        if open.soon.insert(name.clone()) {
            open.until.insert((at, name));
        }
    }

    /// The name has a gate that this old host opens.
    pub(crate) fn gate(&self, name: Name, source: NodeId) {
        self.lock().gates.entry(source).or_default().insert(name);
    }

    /// The gate is open.
    pub(crate) fn open(&self, name: &Name, source: NodeId) {
        let mut open = self.lock();
        if let Some(names) = open.gates.get_mut(&source) {
            names.remove(name);
            if names.is_empty() {
                open.gates.remove(&source);
            }
        }
    }

    /// The names whose gates only a lost node would have opened.
    pub(crate) fn lost(&self, source: NodeId) -> BTreeSet<Name> {
        self.lock().gates.remove(&source).unwrap_or_default()
    }

    /// The names to look at now.
    pub(crate) fn due(&self, now: Instant) -> Vec<Name> {
        let mut open = self.lock();
        let mut due = Vec::new();
        while open.until.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = open.until.pop_first() else { break };
            open.soon.remove(&name);
            due.push(name);
        }
        due
    }

    /// When to look next.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.lock().until.first().map(|(at, _)| *at)
    }

    /// How many names are looked at some time, and how many gates are closed.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn count(&self) -> (usize, usize) {
        let open = self.lock();
        (open.until.len(), open.gates.values().map(BTreeSet::len).sum())
    }

    /// Whether nothing is to end.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.count() == (0, 0)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
