//! Owns the figures of a node's sockets, as other threads may read them. Never counts anything: the I/O thread adds up, now and then, what
//! its connections and queues know of themselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connection::Moved;

/// What has gone over a node's sockets since it started, and how they are. At most a quarter of a second old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Frames of the layers above that were taken to be written, also those that were overdue and dropped then.
    pub frames_sent: u64,
    /// Frames that have come, also this crate's own.
    pub frames_received: u64,
    /// Bytes written to TCP connections.
    pub stream_bytes_sent: u64,
    /// Bytes read from them.
    pub stream_bytes_received: u64,
    /// UDP packets that were sent. Multicast beacons are none of them.
    pub packets_sent: u64,
    /// UDP packets that have come, whosever they were.
    pub packets_received: u64,
    /// Their bytes.
    pub packet_bytes_sent: u64,
    /// Theirs.
    pub packet_bytes_received: u64,
    /// Open connections for calls.
    pub connections: u64,
    /// Open connections for what is large.
    pub bulk_connections: u64,
    /// Connections from others that have not proved to be members'.
    pub strangers: u64,
    /// Members that are suspected to be gone.
    pub suspected: u64,
    /// How late this node's own timers have been lately, from 0 (well) to 8.
    pub lateness: u64,
}

impl Traffic {
    /// Adds what a connection has moved.
    pub(crate) fn add(&mut self, moved: Moved) {
        self.stream_bytes_sent += moved.bytes_sent;
        self.stream_bytes_received += moved.bytes_received;
        self.frames_received += moved.frames_received;
    }
}

/// Where the I/O thread leaves them. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Traffic>>);

impl Meter {
    pub(crate) fn read(&self) -> Traffic {
        *self.lock()
    }

    pub(crate) fn publish(&self, traffic: Traffic) {
        *self.lock() = traffic;
    }

    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
