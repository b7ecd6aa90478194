//! Owns what `use swarm::prelude::*` brings: what a worker and its callers write all the time, and nothing else.

pub use std::time::Duration;

pub use rkyv::Archived;
pub use swarm_macros::{begin_handoff, call, cast, die, end_handoff, init, resolve_conflict};
#[cfg(feature = "node")]
pub use swarm_net::discovery::{Multicast, Seeds};
pub use swarm_net::node::NodeId;

#[cfg(feature = "node")]
pub use crate::config::Config;
pub use crate::epoch::Epoch;
pub use crate::error::{CallError, CastError, Executed, Location, RegisterError, RegistryError};
#[cfg(feature = "node")]
pub use crate::error::{LeaveError, StartError};
pub use crate::name::Name;
#[cfg(feature = "node")]
pub use crate::placement::Placement;
pub use crate::swarm::Swarm;
pub use crate::worker::{Context, Die, Handoff};
