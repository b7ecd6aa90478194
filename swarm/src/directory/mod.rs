//! The directory: who decides about which name, where each name runs, and how it moves. A state machine without
//! clocks, threads or sockets: events go in, actions come out.

mod action;
mod config;
mod copy;
mod event;
mod message;
mod record;
mod request;

pub use action::{Action, Notice, Order, Role, Route};
pub use config::DirectoryConfig;
pub use copy::{Copy, Op};
pub use event::{Event, Happened};
pub use message::{CellReport, Directive, DirectiveId, Farewell, Message, Origin, Phase, Start};
pub use record::{GroupKey, Groups, Record, Registration, Rid, Spec, Stamp};
pub use request::{Answer, Ask, Refusal, RequestId};

use std::collections::BTreeSet;
use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::{Instant, Now};
use crate::worker::KindId;

/// One node's part of the directory of all names.
#[derive(Debug)]
pub struct Directory {}

impl Directory {
    /// The directory of the node `me`, which can run these kinds.
    pub fn new(_me: NodeId, _kinds: BTreeSet<KindId>, _config: DirectoryConfig) -> Self {
        Self {}
    }

    /// Takes one event in and appends what is to be done. One mutation, then the actions are drained.
    pub fn handle(&mut self, _now: Now, _event: Event, _out: &mut Vec<Action>) {}

    /// When to come back with [`Event::Timeout`] at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// What this node is to a partition.
    pub fn role(&self, _partition: PartitionId) -> Role {
        Role::Idle
    }
}
