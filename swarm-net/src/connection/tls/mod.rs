//! How a connection is closed to those without a certificate: TLS 1.3 by rustls, handshake and records alike. Never touches a socket.
//!
//! Both ends of a connection share one [`Session`](session::Session): who reads gives it the bytes that came, who writes has it seal what goes out. It
//! is locked for no longer than one of these takes. The version of the protocol is agreed on inside the handshake (ALPN); the cluster's name, and who
//! the nodes are, is said by the greeting that follows, as over every connection.

mod border;
mod opening;
mod session;
mod shaking;

pub(super) use opening::{Opened, Opening};
pub(super) use session::Sealing;
pub(super) use shaking::{Shaken, Shaking};
