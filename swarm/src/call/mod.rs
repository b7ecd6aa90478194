//! Calls on their way: their frames, the slots of those that wait for an answer, and the blocking wait.

pub(crate) mod frame;
pub(crate) mod wait;
