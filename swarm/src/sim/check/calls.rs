//! Owns what must hold of messages and those who sent them. Never looks at where names end.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Executed;
use crate::sim::check::{Check, Evidence};
use crate::sim::client::PATIENCE;
use crate::sim::journal::{Op, OpId, Told, What};
use crate::sim::time::{S, Time};

/// How much later than its limit a request may end: its node's threads wait for their turns, and clocks differ.
const GRACE: Time = S;

/// A call or cast runs once at most, wherever it was sent and passed on.
pub(super) struct AtMostOnce;

impl Check<Evidence<'_>> for AtMostOnce {
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
pub(super) struct TruthfulExecuted;

impl Check<Evidence<'_>> for TruthfulExecuted {
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
pub(super) struct Punctual;

impl Check<Evidence<'_>> for Punctual {
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
pub(super) struct Ordered;

impl Check<Evidence<'_>> for Ordered {
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
pub(super) struct NothingFails;

impl Check<Evidence<'_>> for NothingFails {
    fn invariant(&self) -> &'static str {
        "no request fails while nodes join and leave in good order"
    }

    fn broken(&self, evidence: &Evidence<'_>) -> Option<String> {
        if !evidence.graceful {
            return None;
        }
        evidence.journal.ops.values().filter(|op| !evidence.lost_its_node(&op.name)).find_map(|op| match &op.ended {
            Some((_, Told::Failed { text, .. })) => Some(format!("{} ({:?} {}): {text}", op.id, op.what, op.name)),
            Some((_, Told::Done | Told::Reached(_))) | None => None,
        })
    }
}
