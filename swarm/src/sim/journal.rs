//! Owns what is known of a simulated world from outside: what clients asked and were told, and what workers saw. It is
//! written by whoever runs on the world's thread, and read by the checks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use swarm_net::node::NodeId;

use crate::epoch::Epoch;
use crate::error::{CallError, Executed};
use crate::sim::fault::{Counts, Fault};
use crate::sim::time::Time;
use crate::worker::Die;

/// The number of one thing that a client asked for.
pub(super) type OpId = u64;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Register,
    /// For the client's node alone.
    RegisterLocal,
    Unregister,
    Call,
    Cast,
    Join,
    Leave,
    Publish,
    Multicall,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Done,
    /// A publish reached so many; a multicall was answered by so many.
    Reached(usize),
    Failed {
        executed: Option<Executed>,
        text: String,
    },
}

/// One thing that a client asked for.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) id: OpId,
    pub(super) what: What,
    pub(super) name: String,
    /// Which client, and so on which node.
    pub(super) client: NodeId,
    pub(super) begun: Time,
    pub(super) ended: Option<(Time, Told)>,
}

/// A worker ran a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) op: OpId,
    pub(super) name: String,
    pub(super) epoch: Epoch,
    pub(super) node: NodeId,
    pub(super) at: Time,
    /// When its handler was done, if it took its time.
    pub(super) done: Option<Time>,
}

/// A worker has a new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Born {
    pub(super) name: String,
    pub(super) epoch: Epoch,
    pub(super) node: NodeId,
    pub(super) birth: Birth,
}

impl Born {
    /// The activation whose state it has been given.
    pub(super) fn from(&self) -> Option<u128> {
        match &self.birth {
            Birth::Init => None,
            Birth::Arrived { from, .. } | Birth::Unsealed { from } | Birth::Absorbed { from, .. } => Some(*from),
        }
    }
}

/// Where the state comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    Init,
    /// It was made from the state of this activation.
    Arrived {
        from: u128,
        given: Vec<OpId>,
    },
    /// Its move came to nothing, and it went on where it was, under another epoch.
    Unsealed {
        from: u128,
    },
    /// It was given what another instance of its name had.
    Absorbed {
        from: u128,
        given: Vec<OpId>,
    },
}

/// A worker was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) name: String,
    pub(super) epoch: Epoch,
    pub(super) node: NodeId,
    pub(super) why: Die,
    /// How many births there had been.
    pub(super) births: usize,
}

/// Everything that is known.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) now: Time,
    pub(super) ops: BTreeMap<OpId, Op>,
    pub(super) runs: Vec<Run>,
    pub(super) births: Vec<Born>,
    pub(super) ends: Vec<End>,
    /// Names whose `begin_handoff` is not to end.
    pub(super) hang: BTreeSet<String>,
    /// Names of which one did not end, so that what they had was given to nobody.
    pub(super) hung: BTreeSet<String>,
    /// Nodes that were told to leave.
    pub(super) leavers: BTreeSet<NodeId>,
    /// Names whose `init` is to fail, and whether by a panic.
    pub(super) fail: BTreeMap<String, bool>,
    /// How many bytes a state takes beyond what it is made of.
    pub(super) ballast: usize,
    pub(super) counts: Counts,
    trace: Option<Vec<String>>,
    hash: u64,
}

thread_local! {
    static JOURNAL: RefCell<Journal> = RefCell::default();
}

/// Reads or writes the journal of the world that runs on this thread.
pub(super) fn with<T>(what: impl FnOnce(&mut Journal) -> T) -> T {
    JOURNAL.with_borrow_mut(what)
}

/// A new world begins.
pub(super) fn open(traced: bool) {
    with(|journal| *journal = Journal { trace: traced.then(Vec::new), ..Journal::default() });
}

/// The world has ended.
pub(super) fn take() -> Journal {
    JOURNAL.take()
}

/// Writes a line about what happens, which makes up the world's fingerprint.
pub(super) fn note(line: impl FnOnce() -> String) {
    with(|journal| {
        let line = format!("{:>12.6} {}", journal.now as f64 / 1e9, line());
        journal.hash = xxhash_rust::xxh3::xxh3_64_with_seed(line.as_bytes(), journal.hash);
        if let Some(trace) = &mut journal.trace {
            trace.push(line);
        }
    });
}

impl Journal {
    /// A client asks for something.
    pub(super) fn begin(&mut self, what: What, name: &str, client: NodeId) -> OpId {
        let id = self.ops.len() as OpId + 1;
        let op = Op { id, what, name: name.to_owned(), client, begun: self.now, ended: None };
        self.ops.insert(id, op);
        id
    }

    /// It is told what came of it.
    pub(super) fn end(&mut self, id: OpId, told: Told) {
        let now = self.now;
        if let Some(op) = self.ops.get_mut(&id) {
            op.ended.get_or_insert((now, told));
        }
    }

    /// The last run of an operation is done.
    pub(super) fn done(&mut self, op: OpId, name: &str) {
        let now = self.now;
        let run = self.runs.iter_mut().rev().find(|run| run.op == op && run.name == name);
        run.into_iter().for_each(|run| run.done = Some(now));
    }

    /// Whether who asked for it was told that it was done.
    pub(super) fn was_done(&self, op: OpId) -> bool {
        self.ops.get(&op).is_some_and(|op| matches!(op.ended, Some((_, Told::Done))))
    }

    /// The node that a name was registered for alone, if it was.
    pub(super) fn only_on(&self, name: &str) -> Option<NodeId> {
        let local = |op: &&Op| op.what == What::RegisterLocal && op.name == name;
        self.ops.values().find(local).map(|op| op.client)
    }

    /// Names that were registered for one node alone, and then were not asked to go.
    pub(super) fn locals(&self) -> Vec<String> {
        let unregistered = |name: &str| self.ops.values().any(|op| op.what == What::Unregister && op.name == name);
        let registered = self.ops.values().filter(|op| op.what == What::RegisterLocal && self.was_done(op.id));
        registered.filter(|op| !unregistered(&op.name)).map(|op| op.name.clone()).collect()
    }

    /// How many workers were ended because their node lost the quorum.
    pub(super) fn barred(&self) -> usize {
        self.ends.iter().filter(|end| end.why == Die::NoQuorum).count()
    }

    /// Where workers began from nothing. One that moves begins so, too, and is then given its state.
    pub(super) fn anew(&self) -> impl Iterator<Item = &Born> {
        let arrived: BTreeSet<_> = self
            .births
            .iter()
            .filter(|born| matches!(born.birth, Birth::Arrived { .. }))
            .map(|born| (&born.name, born.epoch))
            .collect();
        let begun = self.births.iter().filter(|born| born.birth == Birth::Init);
        begun.filter(move |born| !arrived.contains(&(&born.name, born.epoch)))
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        self.counts.add(fault);
    }

    /// A number that two worlds have in common only if the same happened in both.
    pub(super) fn fingerprint(&self) -> u64 {
        self.hash
    }

    /// What has happened, if it was to be written down.
    pub(super) fn trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }
}

impl From<&CallError> for Told {
    fn from(error: &CallError) -> Self {
        Self::Failed { executed: Some(error.executed()), text: error.to_string() }
    }
}

impl Told {
    /// A request to the registry failed.
    pub(super) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed { executed: None, text: error.to_string() }
    }
}
