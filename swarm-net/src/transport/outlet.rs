//! Owns the way out of the open connection of a lane, for senders that write to the socket themselves.
//! Never waits, neither for room in the socket nor for another writer.

use std::sync::Arc;

use mio::net::TcpStream;

use crate::connection::{Flushed, SendQueue, SharedWriter};

/// The longest that a sender writes for others: about what one system call moves. The rest is the I/O thread's.
const WRITE_BYTES_MAX: usize = 128 << 10;

/// The socket of an open connection, and what is on its way into it.
#[derive(Debug)]
pub(crate) struct Outlet {
    stream: Arc<TcpStream>,
    writer: SharedWriter,
}

impl Outlet {
    pub(crate) fn new(stream: Arc<TcpStream>, writer: SharedWriter) -> Self {
        Self { stream, writer }
    }

    /// Writes what waits in the queue. False if something remains that the I/O thread has not been told of.
    pub(crate) fn write(&self, queue: &SendQueue) -> bool {
        let Some(mut writer) = self.writer.try_lock() else { return false };
        if !writer.is_open() {
            return false;
        }
        match writer.flush(&mut &*self.stream, Some(queue), WRITE_BYTES_MAX) {
            // The poll tells the I/O thread when there is room again.
            Ok(Flushed::All | Flushed::WouldBlock) => true,
            // An error is met again by the I/O thread, which ends the connection.
            Ok(Flushed::Budget) | Err(_) => false,
        }
    }
}
