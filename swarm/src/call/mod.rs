//! Calls on their way: their frames, the slots of those that wait for an answer, and how a thread waits.

pub(crate) mod frame;
pub mod pending;
pub mod wait;
