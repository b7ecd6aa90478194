//! Owns what other threads may ask of the I/O thread. Never carries frames: those wait in their peer's queue.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::checkup::Report;
use super::peer::{Lane, Peer};
use crate::member::Profile;
use crate::node::NodeId;

#[derive(Debug)]
pub(crate) enum Command {
    /// Frames wait on a lane. Queued at most once for each lane until it is taken.
    Ready(Arc<Peer>, Lane),
    /// The connection of a lane is to end. Queued at most once for each lane until it is taken.
    Cut(NodeId, Lane),
    /// Connections that began with other certificates than those of now are to be made anew.
    Renew,
    /// Discovery found an address.
    Found(SocketAddr),
    /// A beacon of this node was heard.
    Heard { node: NodeId, joined: bool },
    /// Our own profile becomes this.
    Profile(Profile, Done),
    /// Look how the ways to others are.
    CheckUp(Report),
    /// Say goodbye, then end.
    Leave(Done),
    /// End at once.
    Stop,
}

/// What is called when a command is carried out, or dropped if it never will be.
pub(crate) struct Done(pub(crate) Box<dyn FnOnce() + Send>);

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Done")
    }
}
