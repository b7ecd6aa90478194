//! Workers: what a worker type is, and the cell that holds one. To a worker there is no cluster.

mod alarms;
mod bundle;
pub mod cell;
mod context;
mod core;
mod handoff;
mod host;
mod kind;
mod parcel;
mod payload;
pub mod running;
mod step;

pub use alarms::{TimerId, WORKER_TIMERS_MAX};
pub use bundle::{Bundle, SavedTimer, Start};
pub use cell::{AnyCell, Called, Cell, Phase, Sealing, Underway};
pub use context::Context;
pub use handoff::{Die, Handoff};
pub use host::{End, Host, Outlet, ReplyTo};
pub use kind::{Call, Cast, Init, IntoInit, KindId, Method, Nothing, Options, Restart, Worker};
pub use parcel::{Deadline, Parcel, Undelivered};
pub use payload::Payload;
pub use step::{Active, Boot, Input, Later, Step};
