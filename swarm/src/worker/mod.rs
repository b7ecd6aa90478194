//! Workers: what a worker type is, and the cell that holds one. To a worker there is no cluster.

mod context;
mod handoff;
mod kind;
mod payload;
mod step;

pub use context::Context;
pub use handoff::{Die, Handoff};
pub use kind::{Call, Cast, Init, IntoInit, KindId, Method, Nothing, Options, Restart, Worker};
pub use payload::Payload;
pub use step::{Active, Boot, Input, Later, Step};
