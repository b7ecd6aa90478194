//! Clusters of processes on this machine, as their parent sees them: starting and ending them, networks to put them in,
//! what they say of themselves, and how that is shown.

pub mod board;
pub mod cluster;
pub mod member;
pub mod network;
pub mod private;
pub mod program;
pub mod screen;
