//! Owns what must hold of names when all is calm: which exist, where, and in which groups. Never looks at states.

use std::collections::BTreeSet;

use crate::sim::check::{Check, Evidence};
use crate::sim::journal::{Op, Told, What};

/// What registered and unregistered a name, in order.
fn of_name<'a>(evidence: &Evidence<'a>, name: &str) -> Vec<&'a Op> {
    let of_it =
        |op: &&Op| op.name == name && matches!(op.what, What::Register | What::RegisterLocal | What::Unregister);
    evidence.journal.ops.values().filter(of_it).collect()
}

fn done(op: &Op) -> bool {
    matches!(&op.ended, Some((_, Told::Done)))
}

/// What was acknowledged stays, whatever crashes.
pub(super) struct RegistrationsStay;

impl Check<Evidence<'_>> for RegistrationsStay {
    fn invariant(&self) -> &'static str {
        "an acknowledged registration stays"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        evidence.hosts.iter().filter(|_| evidence.together).find_map(|(name, hosts)| {
            let history = of_name(evidence, name);
            let registered = history.iter().any(|op| op.what != What::Unregister && done(op));
            let touched = history.iter().any(|op| op.what == What::Unregister);
            let may_stay = registered && !touched && !evidence.lost_its_node(name);
            (may_stay && hosts.len() != 1).then(|| format!("{name} runs on {hosts:?}"))
        })
    }
}

/// What was unregistered does not come back.
pub(super) struct NoResurrection;

impl Check<Evidence<'_>> for NoResurrection {
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

/// What is registered for one node alone never runs on another, and ends with it.
pub(super) struct OnlyThere;

impl Check<Evidence<'_>> for OnlyThere {
    fn invariant(&self) -> &'static str {
        "a name that is registered for one node alone runs nowhere else, and ends with that node"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let Evidence { journal, hosts, live, free, .. } = evidence;
        let elsewhere = journal.births.iter().find_map(|born| {
            let only = journal.only_on(&born.name).filter(|only| *only != born.node)?;
            Some(format!("{} began on {}, and was registered for {only}", born.name, born.node))
        });
        elsewhere.or_else(|| {
            hosts.iter().find_map(|(name, hosts)| {
                let only = journal.only_on(name)?;
                let there = hosts.iter().all(|host| *host == only && live.contains(host));
                let still_leaves = journal.leavers.contains(&only) && live.contains(&only);
                let over = evidence.together && evidence.lost_its_node(name) && !still_leaves;
                let left = over && !free.contains(name);
                let wrong = if left { "is still registered" } else { "runs elsewhere" };
                (left || !there).then(|| format!("{name} {wrong}: it is on {hosts:?}, and was registered for {only}"))
            })
        })
    }
}

/// The members of a group are those that joined it last, and no others.
pub(super) struct GroupsAgree;

impl GroupsAgree {
    /// Whether a name must be a member (or must not): nothing else was asked while its last join or leave was under way,
    /// and that was acknowledged. What failed before may have been done on a side of a split that comes back later.
    fn expected(evidence: &Evidence<'_>, name: &str) -> Option<bool> {
        let ops = evidence.journal.ops.values();
        let of_it = ops.filter(|op| op.name == name && matches!(op.what, What::Join | What::Leave));
        let history: Vec<&Op> = of_it.collect();
        let Some((last, before)) = history.split_last() else { return Some(false) };
        let over = |op: &&Op| op.ended.as_ref().is_some_and(|(at, _)| *at < last.begun);
        let alone = before.iter().all(|op| over(op) && (done(op) || op.what == last.what));
        (alone && done(last)).then_some(last.what == What::Join)
    }
}

impl Check<Evidence<'_>> for GroupsAgree {
    fn invariant(&self) -> &'static str {
        "the members of a group are exactly those that joined"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        let members: BTreeSet<&String> = evidence.members.as_ref()?.iter().collect();
        evidence.hosts.iter().filter(|(_, hosts)| evidence.together && hosts.len() == 1).find_map(|(name, _)| {
            let expected = Self::expected(evidence, name)?;
            let word = if expected { "is missing" } else { "is a member and should not be" };
            (members.contains(name) != expected).then(|| format!("{name} {word}"))
        })
    }
}

/// Nothing is left of what was under way.
pub(super) struct Bounded;

impl Check<Evidence<'_>> for Bounded {
    fn invariant(&self) -> &'static str {
        "queues, calls, timers, hints and tombstones are bounded"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        evidence.excess.first().cloned()
    }
}
