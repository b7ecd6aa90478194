//! Owns what a cell asks of the node that it lives on. Says nothing of clusters: another node is only an address that
//! a reply goes to.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use swarm_net::node::NodeId;

use crate::call::pending::Pending;
use crate::epoch::Epoch;
use crate::error::CallError;
use crate::name::Name;
use crate::timer::Timers;
use crate::worker::pace::Switch;
use crate::worker::{KindId, Payload};

/// The node, as its cells see it.
pub trait Host: Send + Sync + 'static {
    /// Its identity, for errors and reply addresses.
    fn node(&self) -> NodeId;
    /// Where handlers run that are not run by their caller.
    fn runtime(&self) -> &tokio::runtime::Handle;
    /// Its timers, which are also the clock that cells read.
    fn timers(&self) -> &Timers;
    /// The calls of this node that wait for an answer.
    fn pending(&self) -> &Arc<Pending>;
    /// Sends the end of the call `request` to `node`, which made it. One of this node itself completes a slot of [`Host::pending`]. Must not
    /// block, and must not run user code on the caller's thread.
    fn reply(&self, node: NodeId, request: u64, result: Result<Payload, CallError>);
    /// A method has become quick, or slow.
    fn switched(&self, switch: Switch);
    /// Something has befallen a worker of this type. Called outside of its cell's locks.
    fn befell(&self, kind: KindId, incident: Incident);
    /// A worker is started again in place, for this reason. Called outside of its cell's locks.
    fn restarted(&self, name: &Name, why: &str);
    /// A cell ended by itself; called once for a cell, outside of its locks, after its last words. The cell is
    /// [`Phase::Dead`](crate::worker::Phase::Dead) and its queue has been answered.
    fn ended(&self, name: &Name, kind: KindId, epoch: Epoch, end: End);
    /// For the layers above, which know what this is.
    fn as_any(&self) -> &dyn Any;
}

/// Whom a message's answer goes to.
#[derive(Clone, Copy)]
pub struct ReplyTo {
    /// The node that asked.
    pub node: NodeId,
    /// Its number of the call.
    pub request: u64,
}

impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyTo({}, {})", self.node, self.request)
    }
}

/// What is counted of a worker beside its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// A message came to its queue, which was full, and was not taken.
    Full,
    /// It panicked, or could not be started again, and is started again in place.
    Restarted,
    /// The same, and it has ended: its restart rule says no (more).
    GivenUp,
}

impl Incident {
    /// All of them, in order.
    pub const ALL: &[Self] = &[Self::Full, Self::Restarted, Self::GivenUp];
}

/// Why a cell ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Its worker asked for it with `ctx.stop()`.
    Stopped,
    /// Its worker panicked, or could not be started again, and its restart rule says no (more): the last text.
    Failed(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("it stopped itself"),
            Self::Failed(text) => write!(f, "it failed and is not restarted: {text}"),
        }
    }
}
