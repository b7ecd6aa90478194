//! Owns what reaches the control thread, and how much of a turn each of it takes. Never does any of it.

use std::time::Duration;

use swarm_net::member::MemberEvent;
use swarm_net::node::NodeId;
use swarm_net::transport::{Charge, Loss, Peer};
use tokio::sync::oneshot;

use crate::directory::{Happened, Whereabouts};
use crate::epoch::Epoch;
use crate::name::Name;
use crate::runtime::requests::Request;
use crate::worker::Payload;

/// How much is worked off before what it caused is sent: enough to fill frames, little enough not to delay them. About a
/// millisecond's work; in bytes that others have sent, by which other inputs are weighed, too.
pub(crate) const TURN_WEIGHT_MAX: usize = 64 << 10;

/// How much is worked off by a thread that has other things to do.
pub(crate) const BRIEF_WEIGHT_MAX: usize = TURN_WEIGHT_MAX / 4;

/// What an input costs beside its bytes, about: who sends many empty ones fills memory as well.
const INPUT_BYTES: usize = 128;

/// What a member has sent for the control. As long as it waits its bytes count as that member's, from which no more is read once there are
/// too many ([`Peer::charge`]).
pub(crate) struct Arrived {
    pub(crate) payload: Payload,
    _charge: Charge,
}

impl Arrived {
    pub(crate) fn from(peer: &Peer, payload: Payload) -> Self {
        let charge = peer.charge(payload.len() + INPUT_BYTES);
        Self { payload, _charge: charge }
    }
}

/// What reaches the control thread.
pub(crate) enum Input {
    /// Membership has changed.
    Member(MemberEvent),
    /// This process was not run for so long: the others may have gone on without it.
    Stalled(Duration),
    /// The connection to a member was lost.
    Reset(NodeId),
    /// A letter was passed on by a connection to a member that was lost before it was known what had gone by it.
    Stranded(NodeId, Loss),
    /// Directory messages from a member.
    Directory(NodeId, Arrived),
    /// Requests from a member to this node as an owner.
    Asks(NodeId, Arrived),
    /// Answers from a member to requests of this node.
    Answers(NodeId, Arrived),
    /// A request of this node.
    Ask(Request),
    /// Calls for this name are held.
    Wanted(Name),
    /// A cell of this node has done what it was ordered, or something by itself.
    Cell(Name, Epoch, Happened),
    /// Leave within this time: tell when everything is handed over, or that it was not.
    Leave(Duration, oneshot::Sender<Left>),
    /// A member leaves and wants no more calls.
    LetGo(NodeId, Arrived),
    /// An operator wants every name where the ring wants it, now.
    Rebalance,
    /// An operator asks which names have trouble.
    Strained(oneshot::Sender<Vec<(Name, Whereabouts)>>),
    /// A deadline was set that is earlier than all others.
    Look,
    /// The end.
    Stop,
}

impl Input {
    /// Its part of a turn.
    pub(crate) fn weight(&self) -> usize {
        /// What concerns one name is about one message of others.
        const NAME: usize = 128;
        match self {
            Self::Directory(_, arrived) | Self::Asks(_, arrived) | Self::Answers(_, arrived) => {
                arrived.payload.len().max(NAME)
            }
            Self::Ask(_) | Self::Wanted(_) | Self::Cell(..) | Self::LetGo(..) | Self::Look | Self::Stop => NAME,
            Self::Stranded(..) => NAME,
            // They concern every partition.
            // The ring turns after the last of those that come together.
            Self::Member(MemberEvent::Up(_) | MemberEvent::Changed(_)) => 1,
            Self::Member(_)
            | Self::Stalled(_)
            | Self::Reset(_)
            | Self::Leave(..)
            | Self::Rebalance
            | Self::Strained(_) => TURN_WEIGHT_MAX,
        }
    }
}

impl Input {
    /// Whether any thread may take it in, in passing.
    pub(crate) fn is_brief(&self) -> bool {
        match self {
            Self::Directory(..) | Self::Asks(..) | Self::Answers(..) => self.weight() < BRIEF_WEIGHT_MAX,
            Self::Ask(_) | Self::Wanted(_) | Self::Cell(..) | Self::Look => true,
            Self::Member(_) | Self::Stalled(_) | Self::Reset(_) | Self::Stranded(..) => false,
            Self::Leave(..) | Self::LetGo(..) | Self::Rebalance | Self::Strained(_) | Self::Stop => false,
        }
    }
}

/// How a leave went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Workers that could not be handed over in time.
    pub(crate) workers: usize,
    /// The time limit that it had.
    pub(crate) after: Duration,
}
