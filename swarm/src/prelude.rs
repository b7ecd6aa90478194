//! Owns what `use swarm::prelude::*` brings: what a worker and its callers write all the time, and nothing else.

pub use std::time::Duration;

pub use rkyv::Archived;
pub use swarm_macros::{begin_handoff, call, cast, die, end_handoff, init, resolve_conflict};
pub use swarm_net::discovery::{Multicast, Seeds};
pub use swarm_net::node::NodeId;

pub use crate::config::Config;
pub use crate::epoch::Epoch;
pub use crate::error::{
    CallError, CastError, Executed, LeaveError, Location, RegisterError, RegistryError, StartError,
};
pub use crate::name::Name;
pub use crate::placement::Placement;
pub use crate::swarm::Swarm;
pub use crate::worker::{Context, Die, Handoff};
