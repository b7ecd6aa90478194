//! Owns the words a worker and its node exchange when the worker moves or ends.

use std::fmt;

/// A worker's answer to `begin_handoff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handoff<S = ()> {
    /// Start afresh on the new node, from the init arguments.
    Restart,
    /// Start there from the init arguments, then `end_handoff` with this state.
    Resume(S),
    /// Stay here.
    Ignore,
}

/// Why a worker is told to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Die {
    /// Its name was unregistered.
    Unregistered,
    /// It runs on another node now.
    Moved,
    /// After a healed split another instance of the name won; this one's state was given to it.
    Conflict,
    /// It asked for it with `ctx.stop()`.
    Stopped,
    /// Its node lost sight of the members that it needs ([`Placement::Quorum`](crate::Placement::Quorum)). Where there are
    /// enough of them it is started again.
    NoQuorum,
    /// Its node leaves, and nobody can take the worker over: it was registered by `register_local`, or this is the last node.
    NodeLeaving,
}

impl fmt::Display for Die {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unregistered => "its name was unregistered",
            Self::Moved => "it was moved to another node",
            Self::Conflict => "another instance of its name won after a healed split",
            Self::Stopped => "it stopped itself",
            Self::NoQuorum => "its node has lost the quorum",
            Self::NodeLeaving => "its node leaves the cluster",
        })
    }
}
