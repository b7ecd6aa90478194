//! Owns what the directory wants done: the closed set of its outputs.
//! Never does any of it.

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::Instant;

use crate::directory::groups::GroupKey;
use crate::directory::message::Message;
use crate::directory::record::Spec;
use crate::directory::request::{Answer, RequestId};
use crate::directory::stranded::Stranded;
use crate::epoch::{Epoch, Term};
use crate::name::Name;
use crate::worker::Die;

/// One output of [`Directory::handle`](crate::directory::Directory::handle). To be done in order.
#[derive(Clone, Debug)]
pub enum Action {
    /// To a peer, never to this node. All of one turn for one peer travel in one frame.
    Send {
        /// To whom.
        to: NodeId,
        /// For which partition.
        partition: PartitionId,
        /// What.
        message: Message,
    },
    /// The answer to an [`Ask`](crate::directory::Ask).
    Answer {
        /// To which request.
        to: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// To the host part of this node.
    Order {
        /// The cell's name.
        name: Name,
        /// What it has to do.
        order: Order,
    },
    /// The answer to [`Event::Wanted`](crate::directory::Event::Wanted).
    Route {
        /// The name that was wanted.
        name: Name,
        /// Where its calls go now. Calls that are held later ask again.
        to: Route,
    },
    /// This node's role in a partition changed, for the routing snapshot.
    Role {
        /// Which partition.
        partition: PartitionId,
        /// Its new role.
        role: Role,
    },
    /// What this node may run has changed. Only with [`Placement::Quorum`](crate::placement::Placement).
    Lease(Tenure),
    /// For traces, events and metrics.
    Notice(Notice),
    /// The node that leaves has no cells, roles or copies left, or its time is over.
    Drained,
}

/// What a cell of this node has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Make a cell and start the worker. The cell takes calls into its queue at once.
    Start {
        /// Kind and init arguments.
        spec: Spec,
        /// The number of the activation.
        epoch: Epoch,
        /// The groups that it is in.
        groups: Vec<GroupKey>,
        /// Whose sealed snapshot it continues; to be fetched there.
        source: Option<(NodeId, Epoch)>,
        /// Who registered it.
        registrar: RequestId,
    },
    /// End the message in hand, take the state, run nothing more.
    Seal {
        /// Of this activation.
        epoch: Epoch,
        /// It cannot stay: an answer of Ignore means that it has no state.
        forced: bool,
    },
    /// End the message in hand and run nothing more, until this cell is unsealed.
    Halt {
        /// Of this activation.
        epoch: Epoch,
    },
    /// Run on from the sealed state, or just as it was, under a new epoch.
    Unseal {
        /// Of this activation.
        epoch: Epoch,
        /// The number of the new one; the same if the cell was only halted.
        new: Epoch,
    },
    /// Fetch the loser's sealed state and give it to `resolve_conflict`.
    Absorb {
        /// Of this activation.
        epoch: Epoch,
        /// The loser's host.
        from: NodeId,
        /// The loser's epoch.
        loser: Epoch,
    },
    /// Forward the queue to the successor, if there is one, run `die`, and forget the cell. A start or seal under way is given up.
    Drop {
        /// Of this activation.
        epoch: Epoch,
        /// What `die` is told.
        why: Die,
        /// Who runs the name now.
        successor: Option<NodeId>,
    },
    /// It is in these groups now.
    Groups {
        /// Of this activation.
        epoch: Epoch,
        /// All of them.
        groups: Vec<GroupKey>,
        /// Counts the orders of this kind to the cell.
        turn: u32,
    },
}

/// A change of what this node may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// A lease begins, and lasts until then if it is not extended.
    Begun(Instant),
    /// The lease lasts until then. If it is over when this is done, that is [`Event::Lapsed`](crate::directory::Event).
    Extended(Instant),
    /// The lease has ended, and with it whatever ran under it.
    Ended,
    /// This node has been up for long enough to have a lease if there is a quorum.
    Settled,
    /// It sees too few members for a quorum: calls come to nothing here.
    Below,
    /// It sees enough of them again.
    Above,
}

/// Where calls of a name go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the cell of this node.
    Here,
    /// To that node.
    Host(NodeId),
    /// Nowhere: nobody is registered under the name.
    Unknown,
    /// This node cannot say: to the ring owner.
    Ring,
    /// Nowhere: this side of a split has too few members.
    NoQuorum,
    /// Nowhere: no node can start its worker.
    Stranded(Box<Stranded>),
}

/// What this node is to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It decides nothing there.
    Idle,
    /// It asks everybody whether it may decide.
    Candidate,
    /// It decides.
    Owner {
        /// Everybody was asked: it knows all names, and unknown ones do not exist.
        complete: bool,
    },
}

/// Something worth telling a human or a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// This node claims a partition.
    Claimed {
        /// Which.
        partition: PartitionId,
        /// Under this term.
        term: Term,
    },
    /// This node owns a partition.
    Owner {
        /// Which.
        partition: PartitionId,
        /// Under this term.
        term: Term,
    },
    /// It goes on without the answers of these members.
    Forced {
        /// In which partition.
        partition: PartitionId,
        /// Without whom.
        without: Vec<NodeId>,
    },
    /// A member sees another owner: the member lists should be synchronised.
    Disagreed {
        /// In which partition.
        partition: PartitionId,
        /// Who.
        with: NodeId,
    },
    /// A worker runs on another node, with its state.
    Moved {
        /// Its name.
        name: Name,
        /// From where.
        from: NodeId,
        /// To where.
        to: NodeId,
    },
    /// A worker is started again from its arguments, because its host is gone.
    FailedOver {
        /// Its name.
        name: Name,
        /// To where.
        to: NodeId,
    },
    /// A worker was found whose registration was lost with its copies: it is registered again.
    Adopted {
        /// Its name.
        name: Name,
        /// Where it runs.
        host: NodeId,
    },
    /// Two instances of a name met. One of them wins.
    Conflict {
        /// The name.
        name: Name,
        /// Where the winner runs.
        winner: NodeId,
        /// Where the other ran.
        loser: NodeId,
    },
    /// Two instances of a name met that are of different kinds: the loser is dropped with its state.
    KindConflict {
        /// The name.
        name: Name,
        /// Where the loser ran.
        loser: NodeId,
    },
    /// A start failed; it is tried again unless the registration failed with it.
    StartFailed {
        /// The name.
        name: Name,
        /// On this node.
        host: NodeId,
        /// Why.
        text: String,
    },
    /// No node can start a worker any more. Said once by each owner.
    Stranded {
        /// Its name.
        name: Name,
        /// Why.
        why: Stranded,
    },
    /// A worker ended by itself and its name is free.
    Ended {
        /// The name.
        name: Name,
    },
    /// A partition has fewer copies than wanted.
    UnderReplicated {
        /// Which.
        partition: PartitionId,
        /// How many copies it has.
        copies: usize,
    },
    /// The time of a node that leaves is over, with this left.
    LeaveTimedOut {
        /// Workers still here.
        cells: usize,
        /// Partitions still owned.
        roles: usize,
        /// Copies not yet taken over.
        copies: usize,
    },
}
