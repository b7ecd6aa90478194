//! Owns what a node counts by worker type, if it was asked to: how calls of it ended, and what befell its workers. On any other node
//! nothing is counted so, and without the feature `metrics` nothing even looks.

use crate::error::CallError;
use crate::stats::Count;
use crate::worker::{Incident, KindId};

macro_rules! outcomes {
    ($($variant:ident => $word:literal,)*) => {
        /// The variants of [`CallError`], to count by.
        #[derive(Clone, Copy)]
        enum Outcome {
            $($variant,)*
        }

        /// What each is called, in the same order.
        const OUTCOMES: &[&str] = &[$($word,)*];

        fn outcome(error: &CallError) -> Outcome {
            match error {
                $(CallError::$variant { .. } => Outcome::$variant,)*
            }
        }
    };
}

outcomes! {
    NotRegistered => "not_registered",
    WrongWorker => "wrong_worker",
    Unhandled => "unhandled",
    Timeout => "timeout",
    NodeDown => "node_down",
    Overloaded => "overloaded",
    Panicked => "panicked",
    SchemaMismatch => "schema_mismatch",
    NoQuorum => "no_quorum",
    TooLarge => "too_large",
    NoSwarm => "no_swarm",
    Stopping => "stopping",
    Ended => "ended",
    SelfCall => "self_call",
    NotOwner => "not_owner",
    NoCapableNode => "no_capable_node",
    NotPublic => "not_public",
    Unreachable => "unreachable",
}

/// The counters of one worker type.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    answered: Count,
    failed: [Count; OUTCOMES.len()],
    befallen: [Count; Incident::ALL.len()],
}

impl Tally {
    /// A call of a worker of the type has ended.
    #[inline]
    pub(crate) fn ended(&self, error: Option<&CallError>) {
        match error {
            None => self.answered.add(1),
            Some(error) => self.failed[outcome(error) as usize].add(1),
        }
    }

    /// Something has befallen a worker of the type.
    pub(crate) fn befell(&self, incident: Incident) {
        self.befallen[incident as usize].add(1);
    }

    /// How many calls were answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.get()
    }

    /// How many calls ended with which error.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        OUTCOMES.iter().copied().zip(self.failed.iter().map(Count::get))
    }

    /// How often this has befallen a worker.
    #[cfg(feature = "metrics")]
    pub(crate) fn befallen(&self, incident: Incident) -> u64 {
        self.befallen[incident as usize].get()
    }
}

/// The counters of all worker types that a node knows, and one for all that it does not.
#[derive(Debug)]
pub(crate) struct Tallies {
    kinds: Box<[KindId]>,
    tallies: Box<[Tally]>,
}

impl Tallies {
    pub(crate) fn of(kinds: impl Iterator<Item = KindId>) -> Self {
        let kinds: Box<[KindId]> = kinds.collect();
        let tallies = (0..=kinds.len()).map(|_| Tally::default()).collect();
        Self { kinds, tallies }
    }

    #[inline]
    pub(crate) fn at(&self, kind: KindId) -> &Tally {
        // They are a few, side by side. The last counter is for who is not among them.
        &self.tallies[self.kinds.iter().position(|known| *known == kind).unwrap_or(self.kinds.len())]
    }

    /// Each worker type with its counters; `None` for those that are not known.
    #[cfg(feature = "metrics")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<KindId>, &Tally)> {
        self.kinds.iter().copied().map(Some).chain([None]).zip(&self.tallies)
    }

    /// How many calls have ended, and how many of them with an error.
    pub(crate) fn calls(&self) -> (u64, u64) {
        let sum = |sum: (u64, u64), tally: &Tally| {
            let failed: u64 = tally.failed().map(|(_, count)| count).sum();
            (sum.0 + tally.answered() + failed, sum.1 + failed)
        };
        self.tallies.iter().fold((0, 0), sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Executed;

    #[test]
    fn calls_are_counted_by_worker_type_and_outcome() {
        let tallies = Tallies::of([KindId(7), KindId(9)].into_iter());
        let node = swarm_net::node::NodeId::new(([127, 0, 0, 1], 1).into(), 1);
        let down = CallError::NodeDown { name: "x".into(), node, executed: Executed::Maybe };
        tallies.at(KindId(7)).ended(None);
        tallies.at(KindId(9)).ended(Some(&down));
        tallies.at(KindId(9)).ended(Some(&CallError::NoSwarm));
        tallies.at(KindId(8)).ended(None);
        let failed = |kind| tallies.at(kind).failed().filter(|(_, count)| *count > 0).collect::<Vec<_>>();
        assert_eq!(failed(KindId(9)), [("node_down", 1), ("no_swarm", 1)]);
        assert_eq!((failed(KindId(7)), tallies.at(KindId(7)).answered()), (Vec::new(), 1));
        assert_eq!(tallies.at(KindId(1)).answered(), 1, "those that are not known are one");
        assert_eq!(tallies.calls(), (4, 2));
    }

    /// They are what the variants are called, as in an error's Debug text.
    #[test]
    fn words_are_the_names_of_the_variants() {
        let node = swarm_net::node::NodeId::new(([127, 0, 0, 1], 1).into(), 1);
        let name = || crate::name::Name::from("x");
        let errors = [
            CallError::NotRegistered { name: name(), node },
            CallError::SelfCall { name: name(), node },
            CallError::NotOwner { name: name(), node },
            CallError::Stopping { name: name(), node },
            CallError::NoSwarm,
            CallError::Unreachable { name: name(), text: String::new() },
        ];
        for error in errors {
            let said = OUTCOMES[outcome(&error) as usize].replace('_', "");
            let shown = format!("{error:?}").to_lowercase();
            assert!(shown.starts_with(&said), "{said}: {shown}");
        }
    }
}
