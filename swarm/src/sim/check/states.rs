//! Owns what must hold of activations and their states. Never looks at what callers were told.

use std::collections::{BTreeMap, BTreeSet};

use crate::epoch::Epoch;
use crate::sim::check::{Check, Evidence};
use crate::sim::journal::{Birth, Born, End, Journal, OpId, Run, Told, What};
use crate::sim::ledger::stays;
use crate::sim::time::Time;
use crate::worker::Die;

/// An epoch belongs to one activation on one node.
pub(super) struct OneActivation;

impl Check<Evidence<'_>> for OneActivation {
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

impl Check<Evidence<'_>> for NoLostState {
    fn invariant(&self) -> &'static str {
        "a worker that moves keeps its state"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.graceful {
            return None;
        }
        let Journal { runs, leavers, .. } = evidence.journal;
        for (name, state) in &evidence.states {
            let anew = evidence.journal.anew().filter(|born| born.name == *name).last();
            let since = anew.map(|born| born.epoch);
            let ran = runs.iter().filter(|run| run.name == *name && since.is_none_or(|since| run.epoch >= since));
            let ran = ran.map(|run| run.op);
            if !ran.clone().eq(state.iter().copied()) {
                let ran: Vec<_> = ran.collect();
                return Some(format!("{name} has done {ran:?} and has {state:?}"));
            }
        }
        let mut last: BTreeMap<&str, &Born> = BTreeMap::new();
        // Who stays where it is ends with its node, and begins anew.
        let excused = |before: &Born| stays(&before.name) && leavers.contains(&before.node);
        let lost = evidence.journal.anew().find(|born| {
            let before = last.insert(&born.name, born);
            before.is_some_and(|before| !excused(before))
        });
        lost.map(|born| format!("{} began anew on {} at epoch {}", born.name, born.node, born.epoch))
    }
}

/// Nothing is in a state that did not run, and nothing is twice in it.
pub(super) struct NoInventedState;

impl Check<Evidence<'_>> for NoInventedState {
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

/// Epochs of a name grow with time, so no instance runs or answers beside or after a later one. (Without a quorum each side of
/// a split has its own.)
pub(super) struct OneAnswers;

impl Check<Evidence<'_>> for OneAnswers {
    fn invariant(&self) -> &'static str {
        "in a connected cluster a name never answers in two places"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.together && !evidence.quorum {
            return None;
        }
        let runs = &evidence.journal.runs;
        runs.iter().enumerate().find_map(|(i, run)| {
            // Who asked was told what became of it then: not before the handler was done.
            let answered = run.done.filter(|_| evidence.journal.was_done(run.op));
            let since =
                runs[..i].iter().chain(runs[i..].iter().take_while(|later| answered.is_some_and(|at| later.at < at)));
            let later = since.clone().find(|other| other.name == run.name && other.epoch > run.epoch)?;
            let did = if answered.is_some() { "answered" } else { "ran" };
            Some(format!(
                "{} {did} {} on {} at {}, after {} had run",
                run.name, run.op, run.node, run.epoch, later.epoch
            ))
        })
    }
}

/// Who was answered by one activation is answered by no earlier one. (A node that stood still answers its own clients until it
/// notices.)
pub(super) struct NoStepBack;

impl Check<Evidence<'_>> for NoStepBack {
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

/// Where only one side of a split runs workers, there is nothing to merge.
pub(super) struct NoConflict;

impl Check<Evidence<'_>> for NoConflict {
    fn invariant(&self) -> &'static str {
        "with a quorum a name never has two instances"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let mut births = evidence.journal.births.iter().filter(|_| evidence.quorum);
        let merged = births.find(|born| matches!(born.birth, Birth::Absorbed { .. }))?;
        Some(format!("{} at {} on {} was given another's state", merged.name, merged.epoch, merged.node))
    }
}

/// Whose states each activation contains, by name and epoch: what has been made from another has all of that.
#[derive(Default)]
struct Lineage<'a>(BTreeMap<(&'a str, u128), BTreeSet<u128>>);

impl<'a> Lineage<'a> {
    /// A state comes into being.
    fn grow(&mut self, born: &'a Born) {
        let Some(from) = born.from() else { return };
        let theirs = self.0.get(&(born.name.as_str(), from)).cloned().unwrap_or_default();
        let ours = self.0.entry((&born.name, born.epoch.into())).or_default();
        ours.extend(theirs);
        ours.insert(from);
    }

    /// Whether one of these two activations of a name is the other, or was made from it.
    fn related(&self, name: &str, one: u128, other: u128) -> bool {
        let contains = |one, other: &u128| self.0.get(&(name, one)).is_some_and(|all| all.contains(other));
        one == other || contains(one, &other) || contains(other, &one)
    }

    /// Whether another activation has what this one had.
    fn has_heir(&self, name: &str, epoch: u128) -> bool {
        self.0.iter().any(|((of, _), contained)| *of == name && contained.contains(&epoch))
    }
}

/// A worker that moves, and one of two that meet, is given up when another has its state, not before.
pub(super) struct GivenUpLast;

impl Check<Evidence<'_>> for GivenUpLast {
    fn invariant(&self) -> &'static str {
        "a worker is given up only after another has its state"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let Journal { births, ends, hung, leavers, .. } = evidence.journal;
        let (mut lineage, mut seen) = (Lineage::default(), 0);
        // One that was made to give way without an answer of its `begin_handoff` had nothing to give, nor had one that stays: it has
        // to go with its node, and where it meets another instance.
        let has_to_go = |end: &End| leavers.contains(&end.node) || !evidence.together;
        let given_nothing = |end: &End| hung.contains(&end.name) || (stays(&end.name) && has_to_go(end));
        let given_up = ends.iter().filter(|end| end.why == Die::Moved && !given_nothing(end));
        given_up.into_iter().find_map(|end| {
            births[seen..end.births].iter().for_each(|born| lineage.grow(born));
            seen = end.births;
            let heir = lineage.has_heir(&end.name, end.epoch.into());
            (!heir).then(|| format!("{} at {} on {} was given up to nobody", end.name, end.epoch, end.node))
        })
    }
}

/// A duplicate is merged once, and never into what was made from it. (Two that were made from one have much in common.)
pub(super) struct MergedOnce;

impl Check<Evidence<'_>> for MergedOnce {
    fn invariant(&self) -> &'static str {
        "resolve_conflict is given another's state, and once"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let mut lineage = Lineage::default();
        let known = evidence.journal.births.iter().find(|born| {
            let merged = born.from().filter(|_| matches!(born.birth, Birth::Absorbed { .. }));
            let known = merged.is_some_and(|from| lineage.related(&born.name, born.epoch.into(), from));
            lineage.grow(born);
            known
        })?;
        Some(format!("{} at {} is given a state that it has: {:?}", known.name, known.epoch, known.birth))
    }
}
