#![forbid(unsafe_code)]
#![cfg_attr(
    all(test, loom),
    expect(unused, unreachable_pub, reason = "the simulator is left out, with what only it needs")
)]
#![cfg_attr(
    not(feature = "node"),
    allow(
        dead_code,
        unused_imports,
        unused_variables,
        reason = "a worker's type is made of its cell and all that, which only nodes run"
    )
)]
//! Named, stateful workers spread over a cluster that forms itself, and moved with their state when it changes: what
//! Swarm is to Elixir, in Rust.
//!
//! A *worker* is a value with methods. It is registered under a *name*, runs on the node that the ring chose for the name,
//! and handles one message at a time. Anyone in the cluster calls it by its name, typed from end to end. When nodes join
//! or leave, workers move and take their state along; when one crashes, its workers start again elsewhere. There is no
//! configuration and no other service: the nodes of a network find each other by multicast.
//!
//! ```standalone_crate
//! use swarm::prelude::*;
//!
//! struct Counter {
//!     hits: u64,
//! }
//!
//! #[swarm::worker]
//! impl Counter {
//!     #[init]
//!     fn init(start: u64) -> Self {
//!         Self { hits: start }
//!     }
//!
//!     #[call]
//!     fn hit(&mut self) -> u64 {
//!         self.hits += 1;
//!         self.hits
//!     }
//!
//!     // What the worker takes along when it moves.
//!     #[begin_handoff]
//!     fn begin_handoff(&mut self) -> Handoff<u64> {
//!         Handoff::Resume(self.hits)
//!     }
//!
//!     #[end_handoff]
//!     fn end_handoff(&mut self, hits: u64) {
//!         self.hits = hits;
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let swarm = Swarm::builder().cluster("readme").start().await?;
//!     CounterClient::whereis_or_register("page/42", 0).await?;
//!     assert_eq!(CounterClient::at("page/42").hit().await?, 1);
//!     swarm.leave().await?;
//!     Ok(())
//! }
//! ```
//!
//! Started twice on one machine, the two processes are one cluster. To reach other machines, [`Builder::bind`] an address
//! that they reach, and give all nodes a [`Builder::secret`], which encrypts and authenticates what goes between them.
//!
//! # Where to begin
//!
//! | to | see |
//! |---|---|
//! | write a worker | [`worker`](macro@worker), [`message`](macro@message), [`Context`], [`Handoff`], [`Die`] |
//! | call it | its generated client: `CounterClient::at(name).hit()`; [`Calling`], [`CallError`], [`Executed`] |
//! | register and find names | `CounterClient::register`, [`whereis()`], [`unregister()`], [`registered()`], [`Location`] |
//! | speak to many | [`group()`], [`Crew`], [`Group`](macro@Group) |
//! | start a node | [`Swarm::builder`], [`Builder`], [`Config`], [`Placement`], [`Multicast`], [`Seeds`], [`NodeFilter`] |
//! | keep strangers out | [`Builder::secret`], [`Swarm::keys`], [`Secret`]; with the feature `tls` certificates: `Builder::tls`, `Swarm::tls`; tokens of HTTP and the dashboard: `Swarm::http_tokens`, `Swarm::dashboard_tokens` |
//! | end it | [`Swarm::leave_on_signal`], [`Swarm::leave`], [`LeaveError`] |
//! | reach it from a program that is no member | with the features `gateway` and `remote`: `Builder::gateway`, `remote::Client` |
//! | reach it from another language | with the feature `http`: `Builder::http` |
//! | watch it | [`Swarm::events`], [`Swarm::stats`], `tracing` at the level `info`, and with the feature `admin` `swarmctl`, with `dashboard` a page for browsers (`Builder::dashboard`), with `prometheus` [`Builder::metrics`](Builder) |
//! | have calls go on in their callers' traces | [`Builder::propagator`], the module [`trace`] |
//! | find nodes in a way of one's own | [`Discovery`], [`Search`] |
//! | implement by hand what the attributes generate | the module [`mod@worker`] |
//!
//! # What holds
//!
//! - A name has one worker. Concurrent registrations of one name have one winner, and the others are told where it is.
//! - An acknowledged registration survives the crash of any `replicas` − 1 nodes; a worker's state survives moves, not
//!   crashes.
//! - Calls and casts of one caller to one name run in the order in which they were made.
//! - [`CallError::executed`] is never wrong. Only what provably did not run is tried again by itself.
//! - Every queue and every wait has a limit: full ones refuse, and nothing waits for ever.
//! - In a split network both sides go on, so a name may run twice until the network heals. Then one instance stays and is
//!   given the other's state by `#[resolve_conflict]`. [`Epoch`] tells activations apart where that matters. With
//!   [`Placement::Quorum`] only the side with enough members goes on, and a name never runs twice.
//!
//! # Features
//!
//! On by default is `node`, all that it takes to be one. Without it (`default-features = false`) there are the types of workers, and with `remote` the
//! programs that reach them. Off by default are `admin` (a service for operators, `Builder::admin`), `cli` (`swarmctl`, which speaks to it), `dashboard` (`Builder::dashboard`, the cluster as a page in a browser), `json` (messages of workers
//! marked `#[swarm::worker(json)]` as JSON, for tools), `dns` (`Dns`, discovery by a host name), `gateway` (`Builder::gateway`, for programs
//! that are no members) and `remote` (`remote::Client`, for those programs), `http` (`Builder::http`, for programs in other languages), `metrics` (`Builder::record_metrics`, for any recorder of the crate
//! `metrics`), `prometheus` (`Builder::metrics`, a page that Prometheus scrapes), `tls` (`Builder::tls`, certificates in place of
//! the secret on connections), `toml` (`Config::from_file`), `uuid` (`Uuid` in names
//! and messages), `sim` (the simulator, for those who work on Swarm itself).
//!
//! # For readers of the source
//!
//! Arrows of knowledge go down only; ARCHITECTURE.md tells the whole.
//!
//! | floor | files |
//! |---|---|
//! | what users write | `builder`, `keys`, `tokens`, `certificates`, `registry`, `crew`, `leaving`, `signal`, `pages`, `client`; below them `via`, and `swarm`, the handle on a node |
//! | one node: its threads, the way of a call | `runtime` |
//! | a worker type, and the cell that holds a worker; knows no cluster | `worker`, `group`, `registration` |
//! | who is where, and who decides it: a machine without threads, sockets and clocks | `directory` |
//! | calls under way: frames, slots of those that wait | `call` |
//! | what users are told and may set | `event`, `error`, `config`, `placement`, `stats` |
//! | what travels, and when something is due | `message`, `timer` |
//! | words | `name`, `epoch`, `whom`, `trace`; how maps hash: `hash`; what tests do without: `rules` |
//!
//! Beside the floors stand `admin`, which shows operators what a running node knows, `dashboard`, which shows it to browsers, `gateway`, `remote` and `http`, by which programs that are no
//! members reach it (and `rpc`, what all these services share), and `sim`, which drives whole nodes and sees everything.

#[doc(hidden)]
#[path = "expansion.rs"]
pub mod __private;
#[cfg(feature = "admin")]
pub mod admin;
#[cfg(feature = "node")]
mod builder;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod call;
#[cfg(feature = "tls")]
mod certificates;
pub mod client;
#[cfg(feature = "node")]
pub mod config;
mod crew;
#[cfg(feature = "dashboard")]
pub mod dashboard;
#[cfg(any(test, feature = "sim"))]
mod dice;
#[cfg(feature = "node")]
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod directory;
mod epoch;
pub mod error;
mod event;
#[cfg(all(feature = "fuzz", not(loom)))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(any(feature = "gateway", feature = "remote"))]
pub mod gateway;
pub mod group;
mod hash;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "node")]
mod keys;
#[cfg(feature = "node")]
mod leaving;
pub mod message;
#[cfg(feature = "metrics")]
pub mod metrics;
mod name;
mod pages;
#[cfg(feature = "node")]
mod placement;
pub mod prelude;
pub mod registration;
mod registry;
#[cfg(feature = "remote")]
pub mod remote;
#[cfg(any(feature = "admin", feature = "gateway", feature = "metrics", feature = "remote"))]
mod rpc;
mod rules;
#[cfg(feature = "node")]
mod runtime;
mod secrets;
// Its hooks into tokio are not there in a model of threads.
#[cfg(all(any(test, feature = "sim"), not(loom)))]
pub mod sim;
// As above.
#[cfg(all(feature = "node", not(loom)))]
mod signal;
mod stats;
#[cfg_attr(not(feature = "node"), path = "absent.rs")]
mod swarm;
mod sync;
#[expect(unreachable_pub, reason = "`pub` marks what the floors above use")]
mod timer;
#[cfg(any(feature = "dashboard", feature = "http"))]
mod tokens;
pub mod trace;
mod via;
mod whom;
pub mod worker;

#[cfg(feature = "admin")]
pub use admin::Admin;
#[cfg(feature = "node")]
pub use builder::Builder;
#[cfg(feature = "tls")]
pub use certificates::Certificates;
pub use client::{Calling, Handle, Op};
#[cfg(feature = "node")]
pub use config::{Config, ConfigError};
pub use crew::{Crew, group};
#[cfg(feature = "dashboard")]
pub use dashboard::Dashboard;
pub use epoch::Epoch;
pub use error::{CallError, CastError, Executed, Location, RegisterError, RegistryError};
#[cfg(feature = "node")]
pub use error::{LeaveError, StartError};
pub use event::{Event, Events};
pub use group::Group;
#[cfg(feature = "http")]
pub use http::Http;
#[cfg(feature = "node")]
pub use keys::Keys;
#[cfg(feature = "node")]
pub use leaving::Leaving;
pub use message::{Json, Message, Schema, Wire};
pub use name::{Name, NameHash};
pub use pages::Pages;
#[cfg(feature = "node")]
pub use placement::Placement;
pub use registry::{registered, registered_pages, unregister, whereis};
pub use rkyv;
pub use rkyv::Archived;
#[cfg(all(feature = "node", not(loom)))]
pub use signal::LeavingOnSignal;
pub use stats::Stats;
pub use swarm::{Node, Swarm};
/// A group that only accounts join, and one that any worker joins:
///
/// ```standalone_crate
/// # use swarm::prelude::*;
/// # struct Account;
/// # #[swarm::worker] impl Account { #[init] fn init() -> Self { Self } #[call] fn balance(&self) -> u64 { 5 } }
/// #[derive(swarm::Group)]
/// #[group(worker = Account)]
/// struct Audited;
///
/// #[derive(swarm::Group)]
/// struct Everyone;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let swarm = Swarm::builder().cluster("doc-group").start().await?;
/// AccountClient::register("acct/42", ()).await?;
/// swarm::group::<Audited>().join("acct/42").await?;
/// swarm::group::<Everyone>().key("eu").join("acct/42").await?;
/// let balances = swarm::group::<Audited>().multicall(account::Balance).await?;
/// assert_eq!(balances, [("acct/42".into(), Ok(5))]);
/// # Ok(()) }
/// ```
#[doc(inline)]
pub use swarm_macros::Group;
/// ```
/// #[swarm::message]
/// #[derive(Debug, Clone, PartialEq)]
/// pub struct Deposit {
///     pub cents: u64,
///     pub memo: String,
/// }
///
/// // Errors in replies travel, too; thiserror works beside it.
/// #[swarm::message(name = "bank.overdrawn")]
/// pub enum Overdrawn {
///     By { cents: u64 },
///     Frozen,
/// }
/// ```
///
/// Built in are the integers but `usize` and `isize`, floats, `bool`, `char`, `()`, `String`, `Box`, `Option`, `Result`,
/// `Vec`, `VecDeque`, maps, sets, arrays, tuples of up to six, `Duration`, IP addresses, and with the feature `uuid` `Uuid`.
///
/// A type may contain itself. What travels may be nested 128 deep, counted by the pointers that lead to the innermost part
/// (as `Box`, `Vec` and `String` are); what is deeper is refused where it arrives, since a stranger's bytes may go on for ever.
#[doc(inline)]
pub use swarm_macros::message;
/// ```
/// use swarm::prelude::*;
///
/// struct Account {
///     cents: u64,
/// }
///
/// #[swarm::message]
/// pub struct Overdrawn {
///     by: u64,
/// }
///
/// #[swarm::worker]
/// impl Account {
///     #[init]
///     fn init(opening: u64) -> Result<Self, String> {
///         if opening > 1_000_000 { Err("too rich".to_owned()) } else { Ok(Self { cents: opening }) }
///     }
///
///     // `AccountClient::at(name).withdraw(5)`, or `AccountClient::call(name, account::Withdraw { cents: 5 })`.
///     #[call]
///     fn withdraw(&mut self, cents: u64) -> Result<u64, Overdrawn> {
///         self.cents = self.cents.checked_sub(cents).ok_or_else(|| Overdrawn { by: cents - self.cents })?;
///         Ok(self.cents)
///     }
///
///     #[cast]
///     fn audit(&mut self, ctx: &Context<Self>, reason: String) {
///         println!("{} is audited: {reason}", ctx.name());
///     }
///
///     #[die]
///     async fn die(&mut self, reason: Die) {
///         println!("closed: {reason}");
///     }
/// }
/// ```
#[doc(inline)]
pub use swarm_macros::worker;
/// ```
/// use std::time::Duration;
///
/// /// Nodes write their addresses into one file.
/// struct InFile(std::path::PathBuf);
///
/// impl swarm::Discovery for InFile {
///     fn name(&self) -> &str {
///         "file"
///     }
///
///     fn run(self: Box<Self>, search: swarm::Search) {
///         loop {
///             let text = std::fs::read_to_string(&self.0).unwrap_or_default();
///             text.lines().filter_map(|line| line.parse().ok()).for_each(|addr| search.found(addr));
///             if !search.wait(Duration::from_secs(5)) {
///                 return;
///             }
///         }
///     }
/// }
///
/// let builder = swarm::Swarm::builder().discovery(InFile("/run/bank/nodes".into()));
/// # drop(builder);
/// ```
#[cfg(feature = "node")]
#[doc(inline)]
pub use swarm_net::discovery::Discovery;
#[cfg(feature = "dns")]
#[doc(inline)]
pub use swarm_net::discovery::Dns;
#[cfg(feature = "node")]
#[doc(inline)]
pub use swarm_net::discovery::{Multicast, Search, Seeds};
#[cfg(feature = "node")]
#[doc(inline)]
pub use swarm_net::error::NetError;
#[cfg(feature = "node")]
#[doc(inline)]
pub use swarm_net::filter::NodeFilter;
#[doc(inline)]
pub use swarm_net::member::Gone;
#[doc(inline)]
pub use swarm_net::node::NodeId;
#[doc(inline)]
pub use swarm_net::secret::{KeyId, Secret, SecretError};
#[cfg(feature = "tls")]
#[doc(inline)]
pub use swarm_net::tls::{Flaw, Tls, TlsError};
#[cfg(any(feature = "dashboard", feature = "http"))]
pub use tokens::{TokenError, Tokens};
pub use via::Reach;
pub use worker::{Call, Cast, Context, Die, Handoff, Init, TimerId, Worker};
