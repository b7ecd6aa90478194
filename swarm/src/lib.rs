#![forbid(unsafe_code)]
//! Skeleton.

pub mod client;
pub mod epoch;
pub mod error;
#[doc(hidden)]
#[path = "expansion.rs"]
pub mod __private;
pub mod group;
pub mod message;
pub mod name;
pub mod prelude;
pub mod registration;
pub mod swarm;
pub mod worker;

pub use epoch::Epoch;
pub use error::{CallError, CastError, Executed, Location, RegisterError, RegistryError};
pub use group::Group;
pub use message::{Message, Schema, Wire};
pub use name::Name;
pub use rkyv;
pub use swarm_macros::{Group, message, worker};
pub use swarm::Swarm;
pub use worker::{Call, Cast, Worker};
