//! The sockets of a node and the one thread that serves them. Never knows what a frame of the layers above means.

mod appetite;
mod charge;
mod checkup;
mod command;
mod credit;
mod dials;
mod driven;
mod driver;
mod inbox;
mod links;
#[cfg(feature = "manual")]
mod manual;
mod outlet;
mod pairs;
mod peer;
mod published;
mod shares;
mod sockets;
mod thread;
mod traffic;
mod wake;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::NetConfig;
use crate::discovery::Discovery;
use crate::error::NetError;
use crate::filter::NodeFilter;
use crate::member::Profile;
use crate::node::NodeId;
use crate::secret::{Keyring, Refusal, Refusals, Refused};
use crate::tls::Credentials;
use checkup::Report;
use command::{Command, Done};
use published::Published;
use traffic::Meter;
use wake::Commands;

pub use crate::connection::{FrameNo, Loss, Unsent, Why};
pub use charge::Charge;
pub use checkup::{Way, Ways};
pub use driven::{Driven, Place};
pub use inbox::Inbox;
#[cfg(feature = "manual")]
pub use manual::Manual;
pub use peer::{Lane, Peer};
pub use sockets::{Ready, Sockets, Stream, Token};
pub use traffic::Traffic;

/// What a node needs to take part.
pub struct Setup {
    /// Where to listen, with TCP and UDP alike. Port 0 takes any free one.
    pub bind: SocketAddr,
    /// How the others reach us; by default the bound address.
    pub advertise: Option<SocketAddr>,
    /// Nodes of clusters with other names ignore each other.
    pub cluster: String,
    /// What all nodes of the cluster must have alike, in words for people. Nodes that differ refuse each other, and one that
    /// has not joined yet ends with [`NetError::Rules`].
    pub rules: String,
    /// What this node says of itself.
    pub profile: Profile,
    /// How others are found.
    pub discovery: Vec<Box<dyn Discovery>>,
    /// Who may take part.
    pub nodes: NodeFilter,
    /// What protects packets, and connections unless certificates do. Without it nothing is: whoever reaches the node's port can take part.
    pub keys: Option<Keyring>,
    /// What protects connections in place of the secret.
    pub tls: Option<Credentials>,
    /// Intervals and limits.
    pub config: NetConfig,
}

/// A running node, as far as the network is concerned. Cheap to clone; the last one dropped stops it.
#[derive(Clone)]
pub struct Transport {
    handle: Arc<Handle>,
}

struct Handle {
    node: NodeId,
    local_addr: SocketAddr,
    commands: Commands,
    peers: Arc<Published>,
    refusals: Refusals,
    meter: Meter,
}

impl Transport {
    /// Binds the sockets and starts the I/O thread. `inbox` may be called before this returns.
    ///
    /// # Errors
    ///
    /// [`NetError`] if the setup is unusable, the address cannot be bound, or a discovery cannot work.
    pub fn start(setup: Setup, inbox: Arc<dyn Inbox>) -> Result<Self, NetError> {
        let started = thread::start(setup, inbox)?;
        Ok(Self { handle: Arc::new(started) })
    }

    /// Who we are.
    pub fn node(&self) -> NodeId {
        self.handle.node
    }

    /// Where we listen.
    pub fn local_addr(&self) -> SocketAddr {
        self.handle.local_addr
    }

    /// The peer, if that node is a member or connected. Takes no lock.
    pub fn peer(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.handle.peers.get(node)
    }

    /// What was refused because the other side does not share our secret, or has no certificate.
    pub fn refused(&self) -> Refused {
        self.handle.refusals.figures()
    }

    /// What has gone over the sockets, and how they are. Takes a lock that the I/O thread takes four times a second.
    pub fn traffic(&self) -> Traffic {
        self.handle.meter.read()
    }

    /// Looks how the ways to others are, which takes about a second at most, and tells. It sends two packets to each that is looked
    /// at (64 members, and 16 addresses where nobody answers), and again while they are not answered. `done` is dropped if the node stops before, or too many ask at once.
    pub fn check_up(&self, done: impl FnOnce(Ways) + Send + 'static) {
        self.handle.commands.send(Command::CheckUp(Report(Box::new(done))));
    }

    /// What was refused lately, and of whom.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.handle.refusals.told()
    }

    /// Tells everybody that our profile is now this one. Its version is set by membership. `done` is called, or dropped,
    /// when the inbox has been told of all who are known to live, if the profile says that we leave: whoever has joined
    /// by now is a member to hand things over to.
    pub fn set_profile(&self, profile: Profile, done: impl FnOnce() + Send + 'static) {
        self.handle.commands.send(Command::Profile(profile, Done(Box::new(done))));
    }

    /// Ends the connections that began before the certificates were read last, and makes them anew with those of now.
    pub fn renew(&self) {
        self.handle.commands.send(Command::Renew);
    }

    /// Says goodbye to everybody, writes out what is queued (for at most `goodbye_ms`), then stops. `done` is called, or
    /// dropped, when the sockets are closed.
    pub fn leave(&self, done: impl FnOnce() + Send + 'static) {
        self.handle.commands.send(Command::Leave(Done(Box::new(done))));
    }

    /// Closes all sockets at once, as a crash would.
    pub fn stop(&self) {
        self.handle.commands.send(Command::Stop);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands.send(Command::Stop);
    }
}
