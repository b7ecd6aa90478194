//! Owns what must hold in every simulated world: each check is a small named type that reads the journal at the end.
//! Never changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use swarm_net::node::NodeId;

use crate::error::Executed;
use crate::sim::client::PATIENCE;
use crate::sim::journal::{Journal, Op, OpId, Told, What};
use crate::sim::time::{S, Time};

/// How much later than its limit a request may end: its node's threads wait for their turns, and clocks differ.
const GRACE: Time = S;

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
    /// Nodes that crashed or stood still: their clients cannot keep time.
    pub(super) excused: &'a BTreeSet<NodeId>,
    /// Where each name runs in the end.
    pub(super) hosts: BTreeMap<String, Vec<NodeId>>,
    /// What each name that answered has applied.
    pub(super) states: BTreeMap<String, Vec<OpId>>,
}

impl Evidence<'_> {
    /// Whether a name may do this only once. What goes to all reaches both instances of a name that has two.
    fn runs_once(&self, op: OpId) -> bool {
        let single = |op: &Op| matches!(op.what, What::Call | What::Cast);
        self.graceful || self.journal.ops.get(&op).is_some_and(single)
    }
}

/// One thing that must hold.
trait Check {
    /// In words.
    fn invariant(&self) -> &'static str;
    /// What was the case instead, if it did not hold.
    fn broken(&self, evidence: &Evidence<'_>) -> Option<String>;
}

/// The first thing that does not hold.
pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Violation> {
    let checks: [&dyn Check; 10] = [
        &OneActivation,
        &AtMostOnce,
        &TruthfulExecuted,
        &Punctual,
        &Ordered,
        &NothingFails,
        &NoLostState,
        &NoInventedState,
        &RegistrationsStay,
        &NoResurrection,
    ];
    checks.iter().find_map(|check| Some(Violation::new(check.invariant(), check.broken(evidence)?)))
}

/// An epoch belongs to one activation on one node.
struct OneActivation;

impl Check for OneActivation {
    fn invariant(&self) -> &'static str {
        "epochs are never shared"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let mut seen = BTreeMap::new();
        let runs = evidence.journal.runs.iter().map(|run| (&run.name, run.epoch, run.node));
        let births = evidence.journal.births.iter().map(|born| (&born.name, born.epoch, born.node));
        runs.chain(births).find_map(|(name, epoch, node)| {
            let first = *seen.entry((name, epoch)).or_insert(node);
            (first != node).then(|| format!("{name} has epoch {epoch} on {first} and on {node}"))
        })
    }
}

/// A call or cast runs once at most, wherever it was sent and passed on.
struct AtMostOnce;

impl Check for AtMostOnce {
    fn invariant(&self) -> &'static str {
        "a message runs at most once"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let mut seen = BTreeMap::new();
        evidence.journal.runs.iter().filter(|run| evidence.runs_once(run.op)).find_map(|run| {
            let before = seen.insert((run.op, &run.name), run.node)?;
            Some(format!("{} ran for {} on {before} and again on {}", run.op, run.name, run.node))
        })
    }
}

/// What a caller is told of its call is true.
struct TruthfulExecuted;

impl Check for TruthfulExecuted {
    fn invariant(&self) -> &'static str {
        "executed() is never wrong"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let ran: BTreeSet<OpId> = evidence.journal.runs.iter().map(|run| run.op).collect();
        evidence.journal.ops.values().filter(|op| op.what == What::Call).find_map(|op| {
            let (said, text) = match &op.ended.as_ref()?.1 {
                Told::Done | Told::Reached(_) => (Executed::Yes, "was answered"),
                Told::Failed { executed, text } => ((*executed)?, text.as_str()),
            };
            let wrong = match said {
                Executed::Yes => !ran.contains(&op.id),
                Executed::No => ran.contains(&op.id),
                Executed::Maybe => false,
            };
            wrong.then(|| format!("{} ({text}) was told {said:?}", op.id))
        })
    }
}

/// Everything ends by its time limit.
struct Punctual;

impl Check for Punctual {
    fn invariant(&self) -> &'static str {
        "every request ends by its deadline"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let limit = Time::try_from(PATIENCE.as_nanos()).unwrap_or(Time::MAX) + GRACE;
        let kept = |op: &&Op| !evidence.excused.contains(&op.client);
        evidence.journal.ops.values().filter(kept).find_map(|op| match &op.ended {
            Some((at, _)) if *at - op.begun <= limit => None,
            Some((at, told)) => Some(format!("{} ended after {} ms: {told:?}", op.id, (*at - op.begun) / 1_000_000)),
            None => Some(format!("{} ({:?} {}) never ended", op.id, op.what, op.name)),
        })
    }
}

/// What one caller sends to one name runs in the order in which it was sent.
struct Ordered;

impl Check for Ordered {
    fn invariant(&self) -> &'static str {
        "messages of one caller to one name run in order"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.graceful {
            return None;
        }
        let ops = &evidence.journal.ops;
        let mut last: BTreeMap<_, OpId> = BTreeMap::new();
        evidence.journal.runs.iter().find_map(|run| {
            let op = ops.get(&run.op).filter(|op| matches!(op.what, What::Call | What::Cast))?;
            let before = last.insert((op.client, &run.name), run.op)?;
            (before > run.op).then(|| format!("{before} of {} ran for {} before {}", op.client, run.name, run.op))
        })
    }
}

/// In a graceful change no call fails.
struct NothingFails;

impl Check for NothingFails {
    fn invariant(&self) -> &'static str {
        "no request fails while nodes join and leave in good order"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.graceful {
            return None;
        }
        evidence.journal.ops.values().find_map(|op| match &op.ended {
            Some((_, Told::Failed { text, .. })) => Some(format!("{} ({:?} {}): {text}", op.id, op.what, op.name)),
            Some((_, Told::Done | Told::Reached(_))) | None => None,
        })
    }
}

/// What a worker has done is in its state, as long as no node that had it crashed.
struct NoLostState;

impl Check for NoLostState {
    fn invariant(&self) -> &'static str {
        "a worker that moves keeps its state"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.graceful {
            return None;
        }
        for (name, state) in &evidence.states {
            let ran = evidence.journal.runs.iter().filter(|run| run.name == *name).map(|run| run.op);
            if !ran.clone().eq(state.iter().copied()) {
                let ran: Vec<_> = ran.collect();
                return Some(format!("{name} has done {ran:?} and has {state:?}"));
            }
        }
        let mut known = BTreeSet::new();
        let mut anew = evidence.journal.anew().filter(|born| !known.insert(&born.name));
        anew.next().map(|born| format!("{} began anew on {} at epoch {}", born.name, born.node, born.epoch))
    }
}

/// Nothing is in a state that did not run, and nothing is twice in it.
struct NoInventedState;

impl Check for NoInventedState {
    fn invariant(&self) -> &'static str {
        "a state contains what ran, once"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let ran: BTreeSet<(&str, OpId)> = evidence.journal.runs.iter().map(|run| (run.name.as_str(), run.op)).collect();
        evidence.states.iter().find_map(|(name, state)| {
            let mut once = BTreeSet::new();
            let twice = |op: OpId, again: bool| again && evidence.runs_once(op);
            let strange =
                state.iter().find(|op| !ran.contains(&(name.as_str(), **op)) || twice(**op, !once.insert(**op)))?;
            Some(format!("{name} has {strange} in {state:?}"))
        })
    }
}

/// What registered and unregistered a name, in order.
fn of_name<'a>(evidence: &Evidence<'a>, name: &str) -> Vec<&'a Op> {
    let of_it = |op: &&Op| op.name == name && matches!(op.what, What::Register | What::Unregister);
    evidence.journal.ops.values().filter(of_it).collect()
}

fn done(op: &Op) -> bool {
    matches!(&op.ended, Some((_, Told::Done)))
}

/// What was acknowledged stays, whatever crashes.
struct RegistrationsStay;

impl Check for RegistrationsStay {
    fn invariant(&self) -> &'static str {
        "an acknowledged registration stays"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        evidence.hosts.iter().filter(|_| evidence.together).find_map(|(name, hosts)| {
            let history = of_name(evidence, name);
            let registered = history.iter().any(|op| op.what == What::Register && done(op));
            let touched = history.iter().any(|op| op.what == What::Unregister);
            (registered && !touched && hosts.len() != 1).then(|| format!("{name} runs on {hosts:?}"))
        })
    }
}

/// What was unregistered does not come back.
struct NoResurrection;

impl Check for NoResurrection {
    fn invariant(&self) -> &'static str {
        "a name that was unregistered does not come back"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        evidence.hosts.iter().filter(|_| evidence.together).find_map(|(name, hosts)| {
            let last = of_name(evidence, name).into_iter().next_back()?;
            (last.what == What::Unregister && done(last) && !hosts.is_empty())
                .then(|| format!("{name} runs on {hosts:?}"))
        })
    }
}
