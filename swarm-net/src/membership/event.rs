//! Owns what goes into membership and what comes out: two closed enums. Nothing else ever passes its boundary.

use std::net::SocketAddr;

use crate::member::{MemberEvent, Profile};
use crate::node::NodeId;

/// What happened, as the driver tells it.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A gossip datagram arrived, its envelope already taken off.
    Packet {
        /// The address that it came from.
        from: SocketAddr,
        /// Its body.
        bytes: &'a [u8],
    },
    /// A sync frame arrived over a connection.
    Sync {
        /// The node at the other end, as the handshake proved it.
        from: NodeId,
        /// The body of the frame.
        bytes: &'a [u8],
    },
    /// Discovery found a node of our cluster at this address. Repeated as long as discovery hears it.
    Discovered(SocketAddr),
    /// A handshake was completed, in either direction.
    Connected {
        /// The node at the other end.
        node: NodeId,
        /// What it says of itself.
        profile: Profile,
        /// It is part of a cluster already.
        joined: bool,
    },
    /// The connection to a node ended.
    Lost {
        /// The node that was at the other end.
        node: NodeId,
        /// A new dial was refused: nobody listens there, so the process is dead.
        refused: bool,
    },
    /// Traffic arrived on the node's live connection. The driver limits the rate.
    Heard(NodeId),
    /// Our own profile becomes this; its version is set here.
    Profile(Profile),
    /// The node said goodbye over its connection.
    Goodbye {
        /// The node that leaves.
        from: NodeId,
    },
    /// The layers above found that this node sees other members than we do: exchange the lists at once.
    Exchange(NodeId),
    /// We leave, now.
    Leave,
    /// The instant that `next_timeout` named has come.
    Timeout,
}

/// What the driver has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this gossip body as one datagram.
    Packet {
        /// Where to.
        to: SocketAddr,
        /// The body; the driver adds the envelope.
        bytes: Vec<u8>,
    },
    /// Send this sync frame over the connection; drop it if there is none.
    Sync {
        /// To whom.
        to: NodeId,
        /// The body of the frame.
        bytes: Vec<u8>,
    },
    /// Tell the node over its connection that we leave.
    Goodbye {
        /// To whom.
        to: NodeId,
    },
    /// A connection to this address is wanted. Repeated while it is; the driver backs off.
    Dial(SocketAddr),
    /// The node is gone: close its connection and stop dialling it.
    Hangup(NodeId),
    /// The node is suspected: see whether its connection still carries anything.
    Suspect(NodeId),
    /// Tell the layers above.
    Event(MemberEvent),
    /// The node cannot go on, for this reason.
    Fatal(String),
}
