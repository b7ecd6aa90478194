//! The shapes of everything that goes over the network: frames on connections, packets of gossip, beacons.
//! Never decides anything; bytes from the network are not trusted here or anywhere.

mod buffer;
mod frame;
mod greeting;
mod header;
mod packet;
mod padding;
mod reassembly;

pub use buffer::{buffer, give_up};
pub(crate) use frame::Claim;
pub use frame::{Frame, FrameRef};
pub(crate) use greeting::kind;
pub use greeting::{GREETING_BYTES_MAX, Greeting, PROTOCOL_VERSION, Reason, Reject};
pub(crate) use header::{HAIL_MAGIC, TLS_MAGIC};
pub use header::{HEAD_BYTES, HEADER_BYTES, Header, KIND_UPPER_MIN, WireError};
pub use packet::{ClusterHash, ENVELOPE_BYTES, Packet, PacketKind};
pub(crate) use packet::{addr_from_wire, addr_to_wire};
pub use padding::ends_in_zeros;
pub use reassembly::{Progress, ReadError, Reassembly, Scratch, Sink};
