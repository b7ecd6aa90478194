//! One connection between two nodes: what is said at its beginning, the frames that come in, the frames that go out.
//! Never opens or closes a socket, and never decides whether a node is alive.

mod queue;

pub use queue::{FrameNo, Unsent, Why};
pub(crate) use queue::{Limits, SendQueue};
