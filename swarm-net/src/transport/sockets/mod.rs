//! Owns what the driver needs of the network: a listener, a datagram socket and byte streams, none of which ever blocks.
//! The system's are in `system`; a simulator brings its own.

pub(crate) mod system;
mod tokens;

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use tokens::Tokens;

/// Names a socket in what [`Sockets::wait`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub usize);

impl Token {
    /// The listener has connections to accept.
    pub const LISTENER: Self = Self(0);
    /// The datagram socket has something to receive.
    pub const DATAGRAMS: Self = Self(1);
    /// Another thread wants the driver to look.
    pub const WAKER: Self = Self(2);
    /// The first of those for streams.
    pub(crate) const FIRST_STREAM: Self = Self(3);
}

/// Something can be done with a socket. It is said once, until the socket has refused it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Which socket.
    pub token: Token,
    /// It may take bytes again. It may have some to read in any case.
    pub writable: bool,
    /// The other end sends no more. What it has sent is to be read until that shows.
    pub closed: bool,
}

/// The sockets of one node. Where nothing can be done at once, the error is [`WouldBlock`](io::ErrorKind::WouldBlock).
pub trait Sockets: Send {
    /// Waits until something can be done, but not longer than `longest`, and appends it to `ready`.
    ///
    /// # Errors
    ///
    /// Those of the system. The node cannot go on then.
    fn wait(&mut self, longest: Duration, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// Begins to connect to an address.
    ///
    /// # Errors
    ///
    /// If that fails at once.
    fn dial(&mut self, to: SocketAddr, token: Token) -> io::Result<Arc<dyn Stream>>;

    /// Accepts the next connection, and says where it comes from.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn accept(&mut self, token: Token) -> io::Result<(Arc<dyn Stream>, SocketAddr)>;

    /// Receives the next datagram: its length and where it comes from.
    ///
    /// # Errors
    ///
    /// Those of the system, also for datagrams that were sent before.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Sends a datagram.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn send(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<()>;

    /// Closes the listener and the datagram socket, so that whoever dials is refused.
    fn close(&mut self);
}

/// This node's end of a connection. It is closed when the last holder drops it.
pub trait Stream: fmt::Debug + Send + Sync {
    /// The address at the other end, or `None` while the dial is not decided.
    ///
    /// # Errors
    ///
    /// Why the dial failed.
    fn connected(&self) -> io::Result<Option<SocketAddr>>;

    /// Reads what has arrived; 0 bytes at the end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Whether a read that has filled so much of so much room has taken all that had arrived, and [`Sockets::wait`] will tell of more. Unless
    /// it has told that the other end has closed: the end itself is no bytes.
    fn is_drained_by(&self, _read: usize, _room: usize) -> bool {
        false
    }

    /// So many bytes that have arrived and are not read are kept at most, as far as is known.
    fn receive_buffer(&self) -> u64 {
        0
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Read for &dyn Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Stream::read(*self, buffer)
    }
}

/// What has arrived at a stream by now: it ends where a read shows that there is no more, without another to confirm it.
pub(crate) struct Arrived<'a> {
    stream: &'a dyn Stream,
    /// Only the system itself is to say that there is no more.
    closed: bool,
    drained: bool,
}

impl<'a> Arrived<'a> {
    pub(crate) fn at(stream: &'a dyn Stream, closed: bool) -> Self {
        Self { stream, closed, drained: false }
    }
}

impl Read for Arrived<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.drained {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.stream.read(buffer)?;
        self.drained = !self.closed && read > 0 && self.stream.is_drained_by(read, buffer.len());
        Ok(read)
    }
}

impl Write for &dyn Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Stream::write_vectored(*self, &[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Stream::write_vectored(*self, slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
