//! Owns what a run is asked for and how it went. Never runs anything.

use crate::placement::Placement;
use crate::rules::Rule;
use crate::sim::check::Violation;
use crate::sim::fault::Counts;
use crate::sim::trouble::Trouble;

/// What a world is like, beside its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How many nodes there are at first.
    pub nodes: usize,
    /// How many names are registered at first.
    pub names: usize,
    /// How many things clients ask for while there is trouble.
    pub requests: usize,
    /// On which side of a split workers run. With a quorum there are never more than `2 · size − 1` nodes, since else two
    /// sides may both have one.
    pub placement: Placement,
    /// Keep a line for everything that happens.
    pub trace: bool,
    /// Do without a rule, to see that its absence is noticed.
    pub without: Option<Rule>,
}

impl Default for Options {
    fn default() -> Self {
        Self { nodes: 5, names: 6, requests: 120, placement: Placement::Ring, trace: false, without: None }
    }
}

/// How a run went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The seed that it came from.
    pub seed: u64,
    /// What may have gone wrong in it, in a word.
    pub trouble: Trouble,
    /// What did not hold, if anything.
    pub violation: Option<Violation>,
    /// How often which fault occurred.
    pub faults: Counts,
    /// Equal for equal runs.
    pub fingerprint: u64,
    /// How many messages ran, and how many workers arrived from another node.
    pub messages: usize,
    /// How many workers arrived with their state.
    pub handoffs: usize,
    /// How many handoffs came to nothing, so that the worker went on where it was.
    pub aborted: usize,
    /// How many workers began anew because their node was lost.
    pub failovers: usize,
    /// How many workers were given the state of another instance.
    pub conflicts: usize,
    /// How many workers were ended because their node lost the quorum.
    pub barred: usize,
    /// Seconds of the world's time.
    pub lasted: f64,
    /// What happened, if that was to be kept.
    pub trace: Vec<String>,
}
