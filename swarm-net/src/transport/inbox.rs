//! Owns what the layers above have to offer to the transport. Never knows who they are.

use std::sync::Arc;
use std::time::Duration;

use super::peer::{Lane, Peer};
use crate::connection::FrameNo;
use crate::error::NetError;
use crate::member::MemberEvent;
use crate::time::Instant;
use crate::wire::{Frame, FrameRef};

/// Where the transport delivers. All methods are called on the I/O thread, so none may block, and a slow one delays
/// every peer and the failure detector.
pub trait Inbox: Send + Sync + 'static {
    /// A frame of kind 16 or above arrived. Frames of one lane come in the order in which they were sent.
    /// The sender has proved who it is, but membership may not have reported it yet, or no more.
    fn frame(&self, from: &Arc<Peer>, lane: Lane, frame: FrameRef<'_>);

    /// Everything that could be read at once was delivered. Called only after [`Inbox::frame`] was.
    fn batch(&self) {}

    /// When [`Inbox::overdue`] is to be called, unless this has changed by then.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// It is later than [`Inbox::due`].
    fn overdue(&self) {}

    /// The I/O thread was to run so much earlier than it does, and does nothing before this returns. Its machine was stopped, or
    /// overloaded: others may have taken this node for dead. Said only of delays that no work of its own explains.
    fn late(&self, _by: Duration) {}

    /// The membership changed. `Transport::peer` knows a node from before its `Up`, and no more from before its `Down`.
    fn member(&self, event: MemberEvent);

    /// A new connection for calls is up.
    fn connected(&self, peer: &Arc<Peer>);

    /// The lane's connection was lost, or the peer is gone. Frames up to `claimed` may have arrived, as far as no earlier
    /// reset gave them back; `unsent` are all later ones, in order, which certainly did not. Each is given back once.
    fn reset(&self, peer: &Arc<Peer>, lane: Lane, claimed: FrameNo, unsent: Vec<Frame>);

    /// The node cannot go on. The I/O thread ends after this.
    fn fatal(&self, error: NetError);
}
