#![forbid(unsafe_code)]
//! Skeleton.

pub mod call;
pub mod client;
pub mod epoch;
pub mod error;
pub mod message;
pub mod name;
pub mod timer;
pub mod worker;

pub use epoch::Epoch;
pub use error::{CallError, Executed, Location};
pub use name::Name;
