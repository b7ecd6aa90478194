//! Owns which kind of trouble a seed makes, and by which faults. Never makes it.

use crate::sim::fault::Fault;

/// What kind of trouble a seed makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Trouble {
    /// Nodes join and leave in good order, and packets are lost, doubled, late and corrupted.
    Graceful,
    /// Processes and machines end without a word, too.
    Crashes,
    /// The network is cut in one way or another, too.
    Splits,
    /// Nodes stand still for a while, too.
    Pauses,
    /// Connections are reset, too.
    Resets,
    /// All of it.
    Storm,
}

impl Trouble {
    pub(super) fn of(seed: u64) -> Self {
        match seed % 8 {
            0..=2 => Self::Graceful,
            3 => Self::Crashes,
            4 => Self::Splits,
            5 => Self::Pauses,
            6 => Self::Resets,
            _ => Self::Storm,
        }
    }

    /// What may happen beside joins and leaves.
    pub(super) fn faults(self) -> &'static [Fault] {
        use Fault::{Bridge, Crash, HalfOpen, OneWay, Pause, PowerLoss, Reset, Split};
        match self {
            Self::Graceful => &[],
            Self::Crashes => &[Crash, PowerLoss],
            Self::Splits => &[Split, OneWay, Bridge],
            Self::Pauses => &[Pause],
            Self::Resets => &[Reset, HalfOpen],
            Self::Storm => &[Crash, PowerLoss, Split, OneWay, Bridge, Pause, Reset, HalfOpen],
        }
    }
}
