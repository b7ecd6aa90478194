//! The runtime of one node: what its threads share, and how a call finds its worker. The control plane's machines run at one
//! [`desk`], one thread at a time; calls never enter them.

mod answering;
pub(crate) mod batch;
pub(crate) mod checkup;
mod complaints;
mod control;
mod crews;
#[expect(clippy::result_large_err, reason = "a letter that cannot go comes back whole, which is seldom")]
mod departures;
mod desk;
mod early;
mod end;
mod errands;
mod expiry;
mod express;
mod farewell;
mod fetch;
mod figures;
mod flushes;
mod frames;
mod guard;
#[expect(clippy::result_large_err, reason = "a letter that cannot go comes back whole, which is seldom")]
mod held;
mod hints;
mod hosting;
mod inbox;
pub(crate) mod input;
pub(crate) mod inquiry;
mod instances;
mod kinds;
mod lane;
mod lanes;
mod leave;
mod letter;
mod line;
mod local;
mod losses;
mod news;
mod node;
mod outgoing;
#[cfg(any(feature = "admin", feature = "gateway"))]
pub(crate) mod outside;
mod passed;
mod places;
mod pledges;
#[expect(clippy::result_large_err, reason = "a letter that cannot go comes back whole, which is seldom")]
mod post;
mod recent;
mod refusal;
mod registry;
mod relays;
mod replies;
mod requests;
mod room;
mod rounds;
mod routing;
#[expect(clippy::result_large_err, reason = "a letter that cannot go comes back whole, which is seldom")]
mod sending;
mod snapshot;
mod start;
mod story;
pub(crate) mod survey;
pub(crate) mod tally;
mod telling;
mod tenancy;
#[cfg(test)]
mod tests;
mod track;
mod tracks;
pub(crate) mod translating;
mod upstream;
pub(crate) mod vitals;
mod waits;

#[cfg(any(feature = "admin", feature = "gateway"))]
pub(crate) use complaints::Complaints;
#[cfg(any(test, feature = "sim"))]
pub(crate) use control::Control;
pub(crate) use farewell::InHand;
pub(crate) use guard::{Guard, Held};
pub(crate) use kinds::Kinds;
pub(crate) use leave::leave;
pub(crate) use local::{Begun, First};
pub(crate) use node::Node;
pub(crate) use registry::spec;
#[cfg(any(test, feature = "sim"))]
pub(crate) use start::assemble;
pub(crate) use start::{Plan, start};
pub(crate) use survey::Question;
