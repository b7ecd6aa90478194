//! One connection between two nodes: what is said at its beginning, the frames that come in, the frames that go out.
//! Never opens or closes a socket, and never decides whom to talk to or whether a node is alive.

mod passage;
mod phase;
mod primitives;
mod queue;
mod record;
mod state;
mod talk;
mod tunnel;
mod writer;

pub use passage::{Denied, Gate, Passage};
pub(crate) use phase::{Answer, Ended, Event, Limits as ConnectionLimits, Phase};
pub use queue::{FrameNo, Loss, Unsent, Why};
pub(crate) use queue::{Limits, SendQueue};
#[cfg(feature = "fuzz")]
pub(crate) use record::Sealing;
pub(crate) use state::{Connection, Drained, Moved};
pub(crate) use tunnel::{Denial, Lock};
#[cfg(feature = "fuzz")]
pub(crate) use tunnel::{Shaken, Tunnel};
pub(crate) use writer::{Flushed, SharedWriter};
