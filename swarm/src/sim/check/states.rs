//! Owns what must hold of activations and their states. Never looks at what callers were told.

use std::collections::{BTreeMap, BTreeSet};

use crate::epoch::Epoch;
use crate::sim::check::{Check, Evidence};
use crate::sim::journal::{Birth, Born, End, OpId, Run, Told, What};
use crate::sim::time::Time;
use crate::worker::Die;

/// An epoch belongs to one activation on one node.
pub(super) struct OneActivation;

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

/// What a worker has done is in its state, as long as no node that had it crashed.
pub(super) struct NoLostState;

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
pub(super) struct NoInventedState;

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

/// Epochs of a name grow with time, so no instance answers beside or after a later one. (Each side of a split has its own.)
pub(super) struct OneAnswers;

impl Check for OneAnswers {
    fn invariant(&self) -> &'static str {
        "in a connected cluster a name never answers in two places"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.together {
            return None;
        }
        let mut latest: BTreeMap<&str, Epoch> = BTreeMap::new();
        evidence.journal.runs.iter().find_map(|run| {
            let last = latest.entry(&run.name).or_insert(run.epoch);
            let back = run.epoch < *last;
            let found = format!("{} ran {} on {} at {}, after {last} had run", run.name, run.op, run.node, run.epoch);
            *last = run.epoch.max(*last);
            back.then_some(found)
        })
    }
}

/// Who was answered by one activation is answered by no earlier one. (A node that stood still answers its own clients until it
/// notices.)
pub(super) struct NoStepBack;

impl Check for NoStepBack {
    fn invariant(&self) -> &'static str {
        "no call is answered by an activation that was overtaken before it began"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.whole {
            return None;
        }
        let ops = &evidence.journal.ops;
        let answers: BTreeMap<(&str, OpId), (&Run, Time, Time)> = evidence
            .journal
            .runs
            .iter()
            .filter_map(|run| {
                let op =
                    ops.get(&run.op).filter(|op| op.what == What::Call && !evidence.excused.contains(&op.client))?;
                let (ended, _) = op.ended.as_ref().filter(|(_, told)| *told == Told::Done)?;
                Some(((run.name.as_str(), run.op), (run, op.begun, *ended)))
            })
            .collect();
        let mut by_name: BTreeMap<&str, Vec<(&Run, Time, Time)>> = BTreeMap::new();
        for ((name, _), answer) in answers {
            by_name.entry(name).or_default().push(answer);
        }
        by_name.values_mut().find_map(|answers| {
            answers.sort_unstable_by_key(|(_, begun, _)| *begun);
            let mut known: Vec<(Time, Epoch)> = answers.iter().map(|(run, _, ended)| (*ended, run.epoch)).collect();
            known.sort_unstable();
            let (mut known, mut latest) = (known.into_iter().peekable(), Epoch::default());
            answers.iter().find_map(|(run, begun, _)| {
                while let Some((_, epoch)) = known.next_if(|(ended, _)| ended < begun) {
                    latest = latest.max(epoch);
                }
                let Run { op, name, epoch, node, .. } = run;
                (*epoch < latest)
                    .then(|| format!("{op} to {name} began after {latest} had answered, and {epoch} on {node} did"))
            })
        })
    }
}

/// A worker that moves is given up when its successor has its state, not before.
pub(super) struct GivenUpLast;

impl Check for GivenUpLast {
    fn invariant(&self) -> &'static str {
        "a worker is given up only after another has its state"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let births = &evidence.journal.births;
        let moved = evidence.journal.ends.iter().filter(|end| end.why == Die::Moved);
        let inherits = |end: &End, born: &Born| {
            let takes = match &born.birth {
                Birth::Init => false,
                Birth::Arrived { .. } => born.epoch > end.epoch,
                Birth::Absorbed { .. } => true,
            };
            born.name == end.name && takes
        };
        moved.clone().find_map(|end| {
            let heir = births[..end.births].iter().any(|born| inherits(end, born));
            (!heir).then(|| format!("{} at {} on {} was given up to nobody", end.name, end.epoch, end.node))
        })
    }
}

/// A duplicate is merged once, and never into what was made from it. (Two that were made from one have much in common.)
pub(super) struct MergedOnce;

impl Check for MergedOnce {
    fn invariant(&self) -> &'static str {
        "resolve_conflict is given another's state, and once"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        // Which activations' states each one contains.
        let mut lineage: BTreeMap<(&str, u128), BTreeSet<u128>> = BTreeMap::new();
        evidence.journal.births.iter().find_map(|born| {
            let epoch = born.epoch.into();
            let from = match &born.birth {
                Birth::Init => return None,
                Birth::Arrived { from, .. } | Birth::Absorbed { from, .. } => *from,
            };
            let theirs = lineage.get(&(born.name.as_str(), from)).cloned().unwrap_or_default();
            let ours = lineage.entry((&born.name, epoch)).or_default();
            let merges = matches!(born.birth, Birth::Absorbed { .. });
            let known = merges && (from == epoch || ours.contains(&from) || theirs.contains(&epoch));
            ours.extend(theirs);
            ours.insert(from);
            known.then(|| format!("{} at {} is given the state of {from:032x}, which it has", born.name, born.epoch))
        })
    }
}
