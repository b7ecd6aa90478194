//! Owns what the callers learned of each flight. Never judges it; that is the verdict's.

use crate::fleet::board::Host;

/// One flight and what came of its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The flight's row in the file.
    pub row: usize,
    /// What the caller got.
    pub answer: Answer,
}

/// What the caller of one flight got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The aircraft entered it.
    Entered {
        /// The fencing number of the activation that did.
        epoch: u128,
        /// How many flights that aircraft's book has with this one.
        flights: u32,
    },
    /// The call failed. It is not made again: the aircraft lacks this flight, or nobody knows.
    Failed {
        /// The node that was lost, if that is why.
        lost: Option<Host>,
        /// The error says that the handler may have run.
        maybe: bool,
        /// The error.
        text: String,
    },
}

/// Where a worker was started when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The aircraft.
    pub tail: String,
    /// Its node.
    pub host: Host,
    /// Its first epoch.
    pub epoch: u128,
}

/// All that one caller learned.
#[derive(Debug, Default)]
pub struct Journal {
    /// Its flights, those of one aircraft in the order of the file.
    pub entries: Vec<Entry>,
    /// The aircraft that it registered.
    pub starts: Vec<Start>,
    /// What it could not do for an aircraft at all.
    pub troubles: Vec<String>,
}

impl Journal {
    /// Takes in another caller's; no aircraft may be in both.
    pub fn absorb(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.starts.extend(other.starts);
        self.troubles.extend(other.troubles);
    }
}
