//! How programs that are no members of the cluster reach its workers: a service of each node that wants one, on a TCP port. They speak
//! to it by [`remote::Client`](crate::remote::Client), with the same typed API that members have.
//!
//! Only workers marked `#[swarm::worker(public)]` can be reached, by whatever way: called, registered, found, met in a group. With a
//! secret of the cluster who connects must know it, and all that is said is encrypted as between nodes.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swarm::Swarm;
//!
//! let swarm = Swarm::builder()
//!     .cluster("bank")
//!     .bind("10.0.0.7:45892")
//!     .secret_file("/etc/bank/swarm.key")
//!     .gateway("10.0.0.7:45893")
//!     .start()
//!     .await?;
//! println!("programs connect to {}", swarm.gateway().expect("it was asked for"));
//! # Ok(()) }
//! ```
//!
//! # How it goes on being understood
//!
//! Requests and answers are MessagePack with the names of all fields, in frames of tarpc; a message, a reply and init arguments stand in
//! them as the bytes that travel between members, with the fingerprint of their schema, which is checked where they arrive. Later versions
//! only add: methods, fields (each of which has a default) and words (which older programs read as `Unknown`). The first words of both
//! sides say their version and the oldest that they still understand.
//!
//! | file | owns |
//! |---|---|
//! | `ask`, `answer`, `failure` | what is asked and answered, and why not, as data |
//! | `saying`, `meaning` | how a node's errors become that, and users' errors again |
//! | `service` | the methods |
//! | `server`, `porter` | connections and their limits; which question is answered by what |

mod answer;
mod ask;
mod failure;
#[cfg(feature = "remote")]
mod meaning;
#[cfg(feature = "gateway")]
#[expect(clippy::result_large_err, reason = "they are what tarpc sends, whole")]
mod porter;
#[cfg(feature = "gateway")]
mod saying;
#[cfg(feature = "gateway")]
mod server;
mod service;
#[cfg(all(test, feature = "gateway", feature = "remote"))]
mod tests;

use std::time::Duration;

use swarm_net::connection::Gate;
use swarm_net::secret::Keyring;

#[cfg(feature = "remote")]
pub(crate) use answer::Place;
#[cfg(feature = "remote")]
pub(crate) use ask::{Group, Hello, Membership, Named, Page, Registration, Sent, Survey, Trace, Whom};
#[cfg(feature = "http")]
pub(crate) use failure::Ran;
#[cfg(any(feature = "http", feature = "remote"))]
pub(crate) use failure::{Code, Failure};
#[cfg(feature = "gateway")]
pub(crate) use server::open;
#[cfg(feature = "remote")]
pub(crate) use service::GatewayClient;

/// The version of the service that this crate speaks. It grows when something is added.
pub(crate) const VERSION: u32 = 1;

/// The oldest version that it still understands.
pub(crate) const OLDEST: u32 = 1;

/// The version of the tunnel and of what goes through it. It does not grow when something is added, only should nothing of what was be
/// understood any more.
const TUNNEL_VERSION: u16 = 1;

/// A request is waited for as much longer than its caller wants to wait, so that the node's word for why it came to nothing arrives, and
/// with it whether the handler ran. The node takes this time off again. Part of the service: never to be changed.
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// A connection over which nothing is asked for so long has ended, or its program has.
#[cfg(feature = "gateway")]
const IDLE_MAX: Duration = Duration::from_secs(60);

/// How often a program says that it is there.
#[cfg(feature = "remote")]
pub(crate) const BEAT: Duration = Duration::from_secs(5);

/// Bytes that a request takes beside its message: the longest name and the fields' names.
#[cfg(feature = "gateway")]
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The longest frame of an answer: those of a group to a multicall stand in one.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What protects the connections of programs, if the cluster has a secret.
pub(crate) fn gate(keys: Option<&Keyring>) -> Option<Gate> {
    keys.map(|keys| Gate::new(keys.clone(), "gateway", TUNNEL_VERSION))
}
