//! One connection between two nodes: what is said at its beginning, the frames that come in, the frames that go out.
//! Never opens or closes a socket, and never decides whom to talk to or whether a node is alive.

mod passage;
#[cfg(feature = "node")]
mod phase;
mod primitives;
#[cfg(feature = "node")]
mod queue;
mod record;
#[cfg(feature = "node")]
mod state;
#[cfg(feature = "node")]
mod talk;
#[cfg(feature = "tls")]
mod tls;
mod tunnel;
#[cfg(feature = "node")]
mod writer;

pub use passage::{Denied, Gate, Passage};
#[cfg(feature = "node")]
pub(crate) use phase::{Answer, Ended, Event, Limits as ConnectionLimits, Phase};
#[cfg(feature = "node")]
pub use queue::{FrameNo, Loss, Unsent, Why};
#[cfg(feature = "node")]
pub(crate) use queue::{Limits, SendQueue};
#[cfg(feature = "node")]
pub(crate) use state::{Connection, Drained, Moved};
#[cfg(feature = "node")]
pub(crate) use tunnel::{Denial, Lock};
#[cfg(feature = "fuzz")]
pub(crate) use tunnel::{Sealing, Shaken, Tunnel};
#[cfg(feature = "node")]
pub(crate) use writer::{Flushed, SharedWriter};
