//! Owns the words for what can go wrong in a simulated world, and how often it did.

use std::collections::BTreeMap;
use std::fmt;

/// Something that goes wrong, or at least changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// A packet was lost.
    Lost,
    /// A packet arrived twice.
    Doubled,
    /// A packet was late, and so behind later ones.
    Late,
    /// A bit of a packet was flipped.
    Corrupted,
    /// Two sides of the cluster did not hear each other.
    Split,
    /// One node was not heard by another that it heard.
    OneWay,
    /// Two nodes did not hear each other, but all others.
    Bridge,
    /// A connection was reset.
    Reset,
    /// One end of a connection was gone, and the other did not know.
    HalfOpen,
    /// A node stood still.
    Pause,
    /// A process ended without a word.
    Crash,
    /// A machine ended without a word, so that nobody answers for it.
    PowerLoss,
    /// A node started where one had been before.
    Restart,
    /// A node's wall clock was set back before it started again.
    ClockSetBack,
    /// A node's clock was too fast or too slow.
    ClockDrift,
    /// A node joined.
    Join,
    /// A node left in good order.
    Leave,
    /// A handler took its time.
    SlowHandler,
    /// A handler panicked.
    Panic,
    /// An `init` failed.
    InitFailed,
    /// An `init` panicked.
    InitPanicked,
    /// A `begin_handoff` did not end.
    HandoffHung,
    /// A state was too large for one frame.
    LargeState,
    /// A node did not know the worker type.
    NoKind,
    /// A worker was to move, and said that it stays.
    Stayed,
    /// A worker was registered for one node alone.
    Local,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 26] = [
        Self::Lost,
        Self::Doubled,
        Self::Late,
        Self::Corrupted,
        Self::Split,
        Self::OneWay,
        Self::Bridge,
        Self::Reset,
        Self::HalfOpen,
        Self::Pause,
        Self::Crash,
        Self::PowerLoss,
        Self::Restart,
        Self::ClockSetBack,
        Self::ClockDrift,
        Self::Join,
        Self::Leave,
        Self::SlowHandler,
        Self::Panic,
        Self::InitFailed,
        Self::InitPanicked,
        Self::HandoffHung,
        Self::LargeState,
        Self::NoKind,
        Self::Stayed,
        Self::Local,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// How often each kind of fault occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Fault, u64>);

impl Counts {
    pub(super) fn add(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }

    /// How often this one occurred.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<_> = self.0.iter().map(|(fault, count)| format!("{fault} {count}")).collect();
        f.write_str(&each.join(", "))
    }
}
