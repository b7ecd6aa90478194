#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns what directories of different nodes say to each other, one partition at a time.
//! Never says what a message does to its receiver; protocol.md §3 and the files named there do.

use std::sync::Arc;

use rkyv::with::Unshare;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::directory::copy::{Copy, Op};
use crate::directory::groups::GroupKey;
use crate::directory::record::Spec;
use crate::directory::request::RequestId;
use crate::directory::stamp::Ids;
use crate::epoch::{Epoch, Term};
use crate::name::Name;
use crate::worker::KindId;

/// The number of a directive within its owner's term. Zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct DirectiveId(pub u32);

/// A list of nodes, in order, that messages of one batch share.
pub type Nodes = Arc<Vec<NodeId>>;

/// One message about one partition.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Message {
    /// Candidate or owner to whom it has not yet covered: may I decide from now on? I see the members of this fingerprint.
    Claim { term: Term, sees: u64 },
    /// Yes, and this is all that I know.
    Promise {
        term: Term,
        #[rkyv(with = rkyv::with::Map<Unshare>)]
        copy: Option<Arc<Copy>>,
        cells: Vec<(Name, CellReport)>,
        /// Whom I see: they are to be asked too. Nobody, if they are those whom the claimant saw. A frame has what many
        /// promises have in common once, or answers for all partitions would grow with the square of the members.
        view: Nodes,
        /// Whom I, a complete owner until now, had covered.
        inherit: Nodes,
    },
    /// My view names another owner. It is told as in a promise.
    Disagree { term: Term, view: Nodes },
    /// I promised more to another.
    Refuse { promised: Term },
    /// My view changed since I disagreed, or did not listen: ask again.
    Nudge,
    /// To the ring owner: this is the highest term that I know.
    Known { term: Term },
    /// Owner to replica: this is the whole copy.
    Install {
        term: Term,
        seq: u64,
        #[rkyv(with = Unshare)]
        copy: Arc<Copy>,
    },
    /// Owner to replica: these are the changes after `after`, up to `seq`.
    Update { term: Term, after: u64, seq: u64, ops: Vec<Op> },
    /// The replica has everything up to `seq`.
    Ack { term: Term, seq: u64 },
    /// The replica cannot apply an update: it wants the whole copy.
    Gap { term: Term },
    /// I follow a higher term.
    Nack { promised: Term },
    /// Owner to who is no replica: forget your copy.
    Retire { term: Term },
    /// To all members, about the whole node: may I run workers? And grant nothing to who is missing to me. See `quorum`.
    Ask { round: u64, missing: Vec<NodeId> },
    /// Yes; and to these of the missing no grant of mine runs.
    Grant { round: u64, clear: Vec<NodeId> },
    /// Owner to host: do this. Always answered by a report.
    Do { term: Term, id: DirectiveId, name: Name, directive: Directive },
    /// Host to owner: this is my cell of the name now.
    Report {
        term: Term,
        /// The last directive about the name that I have handled.
        id: DirectiveId,
        name: Name,
        cell: Option<CellReport>,
        /// Why the start that ended just now failed.
        failure: Option<String>,
    },
    /// Owner to host: tell me all your cells.
    Survey { term: Term, id: DirectiveId },
    /// Owner to host, about all partitions that it owns: tell me your cells of those in which they are not what I believe.
    Digest { marks: Vec<Mark> },
    /// Host to owner: these are all my cells of the partition.
    Cells { term: Term, id: DirectiveId, cells: Vec<(Name, CellReport)> },
}

impl Message {
    /// A longer one does not travel. What is put together out of what others announce has to end somewhere.
    pub const BYTES_MAX: usize = 64 << 20;

    /// The highest counter of any term that its receiver would have to outbid.
    pub(super) fn counter_max(&self) -> u64 {
        match self {
            Self::Promise { term, copy, .. } => term.counter.max(copy.as_ref().map_or(0, |copy| copy.counter_max())),
            Self::Install { term, copy, .. } => term.counter.max(copy.counter_max()),
            Self::Refuse { promised: term }
            | Self::Nack { promised: term }
            | Self::Claim { term, .. }
            | Self::Disagree { term, .. }
            | Self::Known { term }
            | Self::Update { term, .. }
            | Self::Ack { term, .. }
            | Self::Gap { term }
            | Self::Retire { term }
            | Self::Do { term, .. }
            | Self::Report { term, .. }
            | Self::Survey { term, .. }
            | Self::Cells { term, .. } => term.counter,
            Self::Nudge | Self::Ask { .. } | Self::Grant { .. } | Self::Digest { .. } => 0,
        }
    }
}

/// What an owner believes of a host's cells of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Mark {
    pub partition: u16,
    pub term: Term,
    pub id: DirectiveId,
    /// The fingerprint of the cells.
    pub cells: u64,
}

/// What an owner tells a host to do about one name. It does it only if the epoch matches, and reports in any case.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Directive {
    /// Start it, if there is no cell of the name.
    Start(Box<Start>),
    /// Take its state and run nothing more; `forced`: even if it wants to stay.
    Seal { epoch: Epoch, forced: bool },
    /// Run on as `new`. That is another epoch than before, unless the cell was halted, and no later activation is known.
    Unseal { epoch: Epoch, new: Epoch },
    /// Merge the sealed state of the cell `loser` on `from` into this one.
    Absorb { epoch: Epoch, from: NodeId, loser: Epoch, ids: Ids, absorbed: Vec<Epoch> },
    /// Give the cell up.
    Drop { epoch: Epoch, why: Farewell, successor: Option<NodeId> },
    /// These are its groups.
    Groups { epoch: Epoch, groups: Vec<GroupKey> },
    /// Of what it contains, this is nowhere any more: nobody will ask about it.
    Forget { epoch: Epoch, gone: Epoch },
}

/// All that a host needs for an activation.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Start {
    pub ids: Ids,
    pub spec: Spec,
    pub registrar: RequestId,
    pub epoch: Epoch,
    pub groups: Vec<GroupKey>,
    /// Whose sealed state it continues.
    pub source: Option<(NodeId, Epoch)>,
    /// The epochs whose state that state contains.
    pub absorbed: Vec<Epoch>,
}

/// Why a cell is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Farewell {
    /// All its registrations were removed.
    Unregistered,
    /// Its state lives on elsewhere.
    Moved,
    /// Its state was merged into another instance, or that one is of another kind.
    Conflict,
}

/// What a cell does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub enum Phase {
    /// It fetches its state or runs `init`.
    Starting,
    /// It serves.
    Running,
    /// It runs nothing, since its node stood still: there may be a later activation by now. Its owner says how it goes on.
    Halted,
    /// It ends the message in hand and runs `begin_handoff`.
    Sealing,
    /// Its state is a snapshot that never changes again.
    Sealed,
    /// It serves, and merges the state of a loser.
    Absorbing,
    /// It was dropped and runs `die`.
    Dropping,
    /// The worker ended by itself. Nothing is left but this note, until the owner drops it.
    Ended,
}

/// A cell as its host describes it.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct CellReport {
    pub ids: Ids,
    pub kind: KindId,
    pub epoch: Epoch,
    pub phase: Phase,
    /// Its worker answered a seal with Ignore.
    pub pinned: bool,
    /// The epochs whose state it contains.
    pub absorbed: Vec<Epoch>,
    /// The fingerprint of the groups that the host was told.
    pub groups_mark: u64,
    /// What is published to those groups from now on finds it.
    pub indexed: bool,
    /// What is needed to write its record anew. Left out of reports that answer a directive: the owner knows it.
    pub origin: Option<Box<Origin>>,
}

impl CellReport {
    /// Whether a merge that `before` was about has failed.
    pub(super) fn has_merged_nothing_since(&self, before: &Self) -> bool {
        (before.phase, self.phase) == (Phase::Absorbing, Phase::Running) && before.absorbed == self.absorbed
    }
}

/// What a cell remembers of its record.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Origin {
    pub spec: Spec,
    pub registrar: RequestId,
    pub groups: Vec<GroupKey>,
}
