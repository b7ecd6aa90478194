#![forbid(unsafe_code)]
//! Skeleton.

#[doc(hidden)]
#[path = "expansion.rs"]
pub mod __private;
mod builder;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod call;
pub mod client;
pub mod config;
mod crew;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod directory;
mod epoch;
pub mod error;
mod event;
pub mod group;
mod leaving;
pub mod message;
mod name;
mod pages;
pub mod prelude;
pub mod registration;
mod runtime;
mod stats;
mod swarm;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod timer;
pub mod worker;

pub use builder::{Builder, Placement};
pub use client::{Calling, Handle, Op};
pub use config::{Config, ConfigError};
pub use crew::{Crew, group};
pub use epoch::Epoch;
pub use error::{CallError, CastError, Executed, LeaveError, Location, RegisterError, RegistryError, StartError};
pub use event::{Event, Events};
pub use group::Group;
pub use leaving::Leaving;
pub use message::{Message, Schema, Wire};
pub use name::{Name, NameHash};
pub use pages::Pages;
pub use rkyv;
pub use rkyv::Archived;
pub use stats::Stats;
pub use swarm::{Node, Swarm, registered, registered_pages, unregister, whereis};
pub use swarm_macros::{Group, message, worker};
#[cfg(feature = "dns")]
pub use swarm_net::discovery::Dns;
pub use swarm_net::discovery::{Discovery, Multicast, Search, Seeds};
pub use swarm_net::error::NetError;
pub use swarm_net::filter::NodeFilter;
pub use swarm_net::member::Gone;
pub use swarm_net::node::NodeId;
pub use worker::{Call, Cast, Context, Die, Handoff, Init, TimerId, Worker};
