//! Owns what other threads may ask of the I/O thread. Never carries frames: those wait in their peer's queue.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::peer::{Lane, Peer};
use crate::member::Profile;
use crate::node::NodeId;

#[derive(Debug)]
pub(crate) enum Command {
    /// Frames wait on a lane. Queued at most once for each lane until it is taken.
    Ready(Arc<Peer>, Lane),
    /// Discovery found an address.
    Found(SocketAddr),
    /// A beacon of this node was heard.
    Heard { node: NodeId, joined: bool },
    /// Our own profile becomes this.
    Profile(Profile),
    /// Say goodbye, then end. This is called, or dropped, at the end.
    Leave(Farewell),
    /// End at once.
    Stop,
}

/// What is to be done when the sockets are closed.
pub(crate) struct Farewell(pub(crate) Box<dyn FnOnce() + Send>);

impl fmt::Debug for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Farewell")
    }
}
