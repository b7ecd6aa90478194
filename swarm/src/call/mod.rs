//! Calls: the slots of those that wait for an answer, and how a thread waits.

pub mod pending;
pub mod wait;
