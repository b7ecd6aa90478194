//! Workers: what a worker type is, and the cell that holds one. To a worker there is no cluster.
//!
//! `#[swarm::worker]` implements [`Worker`], and [`Call`] or [`Cast`] for each message. None of that is magic; this is
//! the whole of it by hand:
//!
//! ```standalone_crate
//! use swarm::message::{Fingerprint, decode, encode};
//! use swarm::prelude::*;
//! use swarm::worker::{Active, Boot, Input, Method, Payload, Step};
//! use swarm::{Call, Handle, Init, Schema, Worker};
//!
//! #[swarm::message]
//! struct Add(u64);
//!
//! struct Counter(u64);
//!
//! impl Worker for Counter {
//!     const NAME: &'static str = "counter";
//!     const ARGS: Fingerprint = u64::FINGERPRINT;
//!     const METHODS: &'static [Method<Self>] = &[Method::<Self>::call::<Add>()];
//!     type Client = Handle;
//!
//!     fn boot(_: Context<Self>, arguments: Payload) -> Boot<Self> {
//!         match decode(&arguments) {
//!             Ok(start) => Boot::Done(Ok(Self(start))),
//!             Err(malformed) => Boot::Refused(malformed),
//!         }
//!     }
//! }
//!
//! impl Init<Counter> for u64 {
//!     fn encode(self) -> Payload {
//!         encode(&self)
//!     }
//! }
//!
//! impl Call<Add> for Counter {
//!     type Reply = u64;
//!
//!     // The worker comes in by value and goes back by value: an async handler would be `Step::Later` with the worker
//!     // inside its future.
//!     fn run(mut at: Active<Self>, input: Input<Add>) -> Step<Self, u64> {
//!         match input.owned() {
//!             Ok(Add(more)) => {
//!                 at.worker.0 += more;
//!                 let sum = at.worker.0;
//!                 Step::Done(at, sum)
//!             }
//!             Err(malformed) => Step::Refused(at, malformed),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let swarm = Swarm::builder().cluster("doc-by-hand").worker::<Counter>().start().await?;
//! let counter: Handle = swarm.at::<Counter>("c");
//! counter.register::<Counter>(Init::<Counter>::encode(5_u64)).await?;
//! assert_eq!(counter.call::<Counter, Add>(Add(2)).await?, 7);
//! # Ok(()) }
//! ```

mod alarms;
mod args;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod bundle;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
pub(crate) mod cell;
mod context;
mod core;
mod handoff;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod home;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod host;
mod json_type;
mod kind;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod lease;
pub(crate) mod pace;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod parcel;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
pub(crate) mod running;
mod shape;
pub(crate) mod soon;
mod step;
pub(crate) mod times;

pub(crate) use crate::call::deadline::Deadline;
pub(crate) use args::Args;
pub(crate) use bundle::{Bundle, SavedTimer, Sealed, Start};
pub(crate) use cell::{AnyCell, Called, Cell, Phase, Sealing, Underway};
pub(crate) use home::Home;
pub(crate) use host::{End, Host, Incident, ReplyTo};
pub(crate) use lease::Lease;
pub(crate) use parcel::{Parcel, Undelivered};

pub use crate::message::Payload;
pub use alarms::{TimerId, WORKER_TIMERS_MAX};
pub use context::Context;
pub use handoff::{Die, Handoff};
pub use json_type::{JsonType, Shaped};
#[doc(hidden)]
pub use kind::Nothing;
pub use kind::{Call, Cast, Init, IntoInit, KindId, Method, Options, Plain, Restart, Worker};
#[doc(hidden)]
pub use shape::Arguments;
pub use shape::{Described, FieldShape, InitShape, KindShape, MessageShape, VariantShape};
pub use step::{Active, Boot, Input, Later, Step};
