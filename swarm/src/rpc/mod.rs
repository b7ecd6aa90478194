//! What the services of a node have in common, whoever speaks to them: how connections are taken and served within limits; and for those
//! that are spoken to by tarpc, how messages are written and how long something is waited for. Never knows what is asked.

#[cfg(any(feature = "admin", feature = "remote"))]
mod client;
#[cfg(any(feature = "admin", feature = "gateway", feature = "remote"))]
mod codec;
#[cfg(any(feature = "admin", feature = "gateway", feature = "prometheus", feature = "remote"))]
mod drivers;
#[cfg(any(feature = "dashboard", feature = "http"))]
mod entrance;
#[cfg(any(feature = "dashboard", feature = "http"))]
mod guest;
#[cfg(any(feature = "gateway", feature = "remote"))]
mod packed;
#[cfg(any(feature = "admin", feature = "dashboard", feature = "gateway", feature = "prometheus"))]
mod places;
#[cfg(any(feature = "dashboard", feature = "gateway", feature = "prometheus"))]
mod reception;
#[cfg(any(feature = "admin", feature = "gateway", feature = "metrics"))]
mod server;
#[cfg(any(feature = "admin", feature = "dashboard", feature = "gateway", feature = "prometheus"))]
mod source;
#[cfg(any(feature = "admin", feature = "gateway", feature = "remote"))]
mod stream;
#[cfg(any(feature = "dashboard", feature = "http"))]
mod talk;
#[cfg(any(feature = "dashboard", feature = "http"))]
mod tls;

#[cfg(any(feature = "admin", feature = "remote"))]
pub(crate) use client::{until, within};
#[cfg(any(feature = "admin", feature = "gateway", feature = "remote"))]
pub(crate) use codec::{Format, wire};
#[cfg(any(feature = "admin", feature = "gateway", feature = "prometheus", feature = "remote"))]
pub(crate) use drivers::has_drivers;
#[cfg(any(feature = "dashboard", feature = "http"))]
pub(crate) use entrance::{Entrance, Entry, Opened, TOKEN_METHODS, Variables};
#[cfg(any(feature = "dashboard", feature = "http"))]
pub(crate) use guest::{Guest, is_address};
#[cfg(any(feature = "gateway", feature = "remote"))]
pub(crate) use packed::Bytes;
#[cfg(feature = "remote")]
pub(crate) use packed::Packed;
#[cfg(feature = "gateway")]
pub(crate) use packed::PackedRequests;
#[cfg(any(feature = "admin", feature = "dashboard", feature = "gateway", feature = "prometheus"))]
pub(crate) use places::{Place, Places};
#[cfg(any(feature = "dashboard", feature = "gateway", feature = "prometheus"))]
pub(crate) use reception::Reception;
#[cfg(any(feature = "dashboard", feature = "http"))]
pub(crate) use reception::answered;
#[cfg(any(feature = "admin", feature = "gateway"))]
pub(crate) use server::converse;
#[cfg(any(feature = "admin", feature = "gateway", feature = "metrics"))]
pub(crate) use server::first;
#[cfg(feature = "dashboard")]
pub(crate) use source::Source;
#[cfg(any(feature = "admin", feature = "gateway", feature = "remote"))]
pub(crate) use stream::Stream;
#[cfg(any(feature = "dashboard", feature = "http"))]
pub(crate) use talk::{Lapse, Talk};

/// The longest deadline in seconds: more than anything takes that can be asked. tarpc adds it to its clock without looking.
#[cfg(any(feature = "admin", feature = "gateway", feature = "remote"))]
pub(crate) const DEADLINE_MAX_S: u64 = 3600;
