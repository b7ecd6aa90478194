#![forbid(unsafe_code)]
//! Skeleton.

#[doc(hidden)]
#[path = "expansion.rs"]
pub mod __private;
pub mod builder;
pub mod call;
pub mod client;
pub mod config;
pub mod crew;
pub mod directory;
pub mod epoch;
pub mod error;
pub mod event;
pub mod group;
pub mod message;
pub mod name;
pub mod prelude;
pub mod registration;
mod runtime;
pub mod stats;
pub mod swarm;
pub mod timer;
pub mod worker;

pub use builder::Builder;
pub use config::Config;
pub use crew::{Crew, group};
pub use epoch::Epoch;
pub use error::{CallError, CastError, Executed, LeaveError, Location, RegisterError, RegistryError, StartError};
pub use event::{Event, Events};
pub use group::Group;
pub use message::{Message, Schema, Wire};
pub use name::Name;
pub use rkyv;
pub use stats::Stats;
pub use swarm::{Node, Swarm, registered, unregister, whereis};
pub use swarm_macros::{Group, message, worker};
pub use swarm_net::node::NodeId;
pub use worker::{Call, Cast, Worker};
