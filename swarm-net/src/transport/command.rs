//! Owns what other threads may ask of the I/O thread. Never carries frames: those wait in their peer's queue.

use std::net::SocketAddr;
use std::sync::Arc;

use crossbeam_channel::Sender;

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
    /// Say goodbye, then end. The sender is told, or dropped, at the end.
    Leave(Sender<()>),
    /// End at once.
    Stop,
}
