//! Owns what must hold in every simulated world: each check is a small named type that reads the journal at the end.
//! Never changes anything.

mod calls;
mod names;
pub(super) mod rest;
mod states;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use swarm_net::node::NodeId;

use crate::sim::journal::{Journal, Op, OpId, What};

/// Something that must hold and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What must hold.
    pub invariant: &'static str,
    /// What was the case instead.
    pub found: String,
}

impl Violation {
    pub(super) fn new(invariant: &'static str, found: String) -> Self {
        Self { invariant, found }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

/// What is known of a world when it has ended.
pub(super) struct Evidence<'a> {
    pub(super) journal: &'a Journal,
    /// Nothing happened that may cost a call or a state: no crash, no split, no node that stood still.
    pub(super) graceful: bool,
    /// Nobody was cut off from others or stood still: whoever took somebody for dead was right. Else each side of a split
    /// goes on with what it knows, so that a name can be unregistered where it is unknown, and leave with the last of a side.
    pub(super) together: bool,
    /// Nobody was cut off from others, though some may have stood still: there were no two sides that went on.
    pub(super) whole: bool,
    /// Only one side of a split may run workers: whoever was cut off or stood still, no name has two instances.
    pub(super) quorum: bool,
    /// Nodes that crashed or stood still: their clients cannot keep time.
    pub(super) excused: &'a BTreeSet<NodeId>,
    /// The nodes that run in the end.
    pub(super) live: &'a BTreeSet<NodeId>,
    /// Where each name runs in the end.
    pub(super) hosts: BTreeMap<String, Vec<NodeId>>,
    /// What each name that answered has applied.
    pub(super) states: BTreeMap<String, Vec<OpId>>,
    /// Which names are nobody's.
    pub(super) free: BTreeSet<String>,
    /// Who is in the group that workers join and leave, if it could be asked.
    pub(super) members: Option<Vec<String>>,
    /// What is kept somewhere beyond its bound, in words.
    pub(super) excess: Vec<String>,
}

impl Evidence<'_> {
    /// Whether a name may do this only once. What goes to all reaches both instances of a name that has two.
    fn runs_once(&self, op: OpId) -> bool {
        let single = |op: &Op| matches!(op.what, What::Call | What::Cast);
        self.graceful || self.journal.ops.get(&op).is_some_and(single)
    }

    /// Whether the node that a name was registered for alone, if it was, has left or crashed, or was lost to those who have a quorum.
    fn lost_its_node(&self, name: &str) -> bool {
        let Journal { leavers, ends, .. } = self.journal;
        let cut_off =
            |node| self.quorum && !self.graceful && ends.iter().any(|end| end.name == name && end.node == node);
        let gone = |node| leavers.contains(&node) || !self.live.contains(&node) || cut_off(node);
        self.journal.only_on(name).is_some_and(gone)
    }
}

/// One thing that must hold, and can be seen in an `E`.
trait Check<E> {
    /// In words.
    fn invariant(&self) -> &'static str;
    /// What was the case instead, if it did not hold.
    fn broken(&self, evidence: &E) -> Option<String>;

    /// It, if it does not hold.
    fn violation(&self, evidence: &E) -> Option<Violation> {
        Some(Violation::new(self.invariant(), self.broken(evidence)?))
    }
}

/// The first thing that does not hold.
pub(super) fn judge<'a>(evidence: &Evidence<'a>) -> Option<Violation> {
    let checks: [&dyn Check<Evidence<'a>>; 18] = [
        &states::OneActivation,
        &states::OneAnswers,
        &states::NoStepBack,
        &states::NoConflict,
        &states::GivenUpLast,
        &states::MergedOnce,
        &calls::AtMostOnce,
        &calls::TruthfulExecuted,
        &calls::Punctual,
        &calls::Ordered,
        &calls::NothingFails,
        &states::NoLostState,
        &states::NoInventedState,
        &names::RegistrationsStay,
        &names::NoResurrection,
        &names::OnlyThere,
        &names::GroupsAgree,
        &names::Bounded,
    ];
    checks.iter().find_map(|check| check.violation(evidence))
}
