//! Programs of this crate as processes, in networks of their own.

mod driven;
mod network;
mod process;

pub use driven::{Driven, ids};
pub use network::Network;
pub use process::Process;
