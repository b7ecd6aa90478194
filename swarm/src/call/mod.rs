//! Calls on their way: their deadlines and frames, the slots of those that wait for an answer, and how a thread waits.

mod crossed;
pub mod deadline;
pub(crate) mod frame;
pub mod pending;
mod slots;
pub(crate) mod traced;
pub mod wait;
pub(crate) mod wakes;
