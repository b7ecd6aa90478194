//! Owns what can happen to the directory: the closed set of its inputs.
//! Never says what follows from them.

use std::time::Duration;

use std::sync::Arc;

use swarm_net::member::View;
use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::directory::message::Message;
use crate::directory::request::{Ask, RequestId};
use crate::epoch::Epoch;
use crate::name::Name;

/// One input of [`Directory::handle`](crate::directory::Directory::handle).
#[derive(Clone, Debug)]
pub enum Event {
    /// The members, this node included. The ring is computed from those that are not leaving.
    View(Arc<View>),
    /// This node has the cluster's member list: it may claim partitions.
    Joined,
    /// This node is lost: dead, or out of reach. Comes before the view without it.
    Down(NodeId),
    /// This node has said goodbye: it runs nothing any more. As `Down` but for that.
    Left(NodeId),
    /// The connection to this node was lost, and everything in flight both ways with it.
    Reset(NodeId),
    /// This node begins to leave.
    Leave {
        /// How long the others have to take over.
        within: Duration,
    },
    /// What a peer sent, in order.
    Messages {
        /// Who sent it.
        from: NodeId,
        /// For which partition, and what.
        batch: Vec<(PartitionId, Message)>,
    },
    /// Somebody asks for something. The answer comes as [`Action::Answer`](crate::directory::Action::Answer).
    Ask {
        /// Who, and as which of his requests. Asking again with the same id is safe.
        from: RequestId,
        /// About which name.
        name: Name,
        /// What.
        ask: Ask,
    },
    /// The runtime reports about a cell of this node.
    Cell {
        /// The cell's name.
        name: Name,
        /// The epoch that the order named. For an `Unseal` it is the new one.
        epoch: Epoch,
        /// What happened.
        happened: Happened,
    },
    /// A call for this name is held at this node: say where it goes, now or when it is known.
    Wanted(Name),
    /// The process did not run for `stall_limit`: the others may have declared this node dead, and run its names.
    Stalled,
    /// An operator wants every name where the ring wants it, and what is put off tried now.
    Rebalance,
    /// The lease was found to be over when it was to be extended.
    Lapsed,
    /// [`next_timeout`](crate::directory::Directory::next_timeout) has passed.
    Timeout,
}

/// What a cell of this node did. Each order is followed by one of these, but `Unseal`, which acts at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// After `Start`: it runs, and what is published to its groups finds it.
    Started,
    /// After `Start`: it does not, for this reason. The cell is gone.
    StartFailed(String),
    /// After `Seal`: its state is taken (or, if it answered a forced seal with Ignore, it has none) and it runs nothing more.
    Sealed,
    /// After a `Seal` that was not forced: it wants to stay, and runs on.
    Ignored,
    /// After `Seal`: `begin_handoff` did not end in time, and it runs on.
    SealTimedOut,
    /// After `Absorb`: `resolve_conflict` has run with the state of `from`.
    Absorbed {
        /// The loser's epoch.
        from: Epoch,
    },
    /// After `Absorb`: the loser's state could not be fetched, or the hook did not run. It runs on without it.
    AbsorbFailed {
        /// The loser's epoch.
        from: Epoch,
    },
    /// The worker ended by itself, for good: its name is to be free. The cell is gone.
    Stopped {
        /// Why, in words.
        why: String,
    },
    /// After `Groups`: what is published to any of these groups, by whomever, from now on finds the cell.
    Indexed {
        /// The number of the order.
        turn: u32,
    },
    /// After `Drop`: the cell is gone.
    Dropped,
}
