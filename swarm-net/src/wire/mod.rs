//! The shapes of everything that goes over the network: frames on connections, packets of gossip, beacons.
//! Never decides anything; bytes from the network are not trusted here or anywhere.

mod frame;
mod header;

pub use frame::{Frame, FrameRef};
pub use header::{HEAD_BYTES, HEADER_BYTES, Header, KIND_UPPER_MIN, WireError};
