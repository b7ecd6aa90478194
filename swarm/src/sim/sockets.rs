//! Owns the sockets of one simulated process, as the transport sees them. Never decides what happens to bytes on their way.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::transport::{Ready, Sockets, Stream, Token};

use crate::sim::connection::{Connection, End, Segment};
use crate::sim::net::{Host, Net, PIPE_BYTES};

/// The sockets of one simulated process.
pub(super) struct NodeSockets {
    net: Net,
    addr: SocketAddr,
    life: u32,
}

impl NodeSockets {
    /// Those of a process that starts at the address.
    pub(super) fn open(net: &Net, addr: SocketAddr) -> Self {
        Self { net: net.clone(), addr, life: net.boot(addr) }
    }

    fn host<T>(&self, what: impl FnOnce(&mut Host) -> Option<T>) -> io::Result<T> {
        let mut net = self.net.lock();
        let host = net.hosts.get_mut(&self.addr).filter(|host| host.runs && host.life == self.life);
        host.and_then(what).ok_or_else(|| ErrorKind::WouldBlock.into())
    }
}

impl Sockets for NodeSockets {
    fn wait(&mut self, _longest: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        let told = self.host(|host| Some(std::mem::take(&mut host.ready))).unwrap_or_default();
        ready.extend(told.into_iter().map(|(token, writable)| Ready { token, writable, closed: false }));
        Ok(())
    }

    fn dial(&mut self, to: SocketAddr, token: Token) -> io::Result<Arc<dyn Stream>> {
        let mut net = self.net.lock();
        net.opened += 1;
        let id = net.opened;
        let ends = [End::new(self.addr, self.life, Some(token)), End::new(to, 0, None)];
        net.connections.insert(id, Connection { ends });
        net.push(id, 1, Segment::Dial);
        Ok(Arc::new(NodeStream { net: self.net.clone(), id, side: 0 }))
    }

    fn accept(&mut self, token: Token) -> io::Result<(Arc<dyn Stream>, SocketAddr)> {
        let id = self.host(|host| host.backlog.pop_front())?;
        let mut net = self.net.lock();
        let connection = net.connections.get_mut(&id).ok_or(ErrorKind::ConnectionAborted)?;
        (connection.ends[1].token, connection.ends[1].held) = (Some(token), true);
        let from = connection.ends[0].addr;
        Ok((Arc::new(NodeStream { net: self.net.clone(), id, side: 1 }), from))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (from, bytes) = self.host(|host| host.packets.pop_front())?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok((bytes.len(), from))
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.host(|_| Some(()))?;
        self.net.lock().send(self.addr, to, bytes);
        Ok(())
    }

    fn close(&mut self) {
        // The end of a process closes all that it had.
        let mut net = self.net.lock();
        if net.hosts.get(&self.addr).is_some_and(|host| host.life == self.life) {
            net.crash(self.addr, false);
        }
    }
}

/// One end of a simulated connection.
struct NodeStream {
    net: Net,
    id: u64,
    side: usize,
}

impl NodeStream {
    fn end<T>(&self, what: impl FnOnce(&mut End) -> io::Result<T>) -> io::Result<T> {
        let mut net = self.net.lock();
        let end = net.connections.get_mut(&self.id).map(|connection| &mut connection.ends[self.side]);
        match end.filter(|end| end.held) {
            Some(end) => end.failed.map_or_else(|| what(end), |kind| Err(kind.into())),
            None => Err(ErrorKind::ConnectionReset.into()),
        }
    }
}

impl Stream for NodeStream {
    fn connected(&self) -> io::Result<Option<SocketAddr>> {
        let connected = self.end(|end| Ok(end.connected))?;
        let net = self.net.lock();
        Ok(net.connections.get(&self.id).filter(|_| connected).map(|connection| connection.ends[1 - self.side].addr))
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (read, wanted) = self.end(|end| {
            if end.arrived.is_empty() {
                return if end.ended { Ok((0, false)) } else { Err(ErrorKind::WouldBlock.into()) };
            }
            let count = io::Read::read(&mut end.arrived, buffer)?;
            if end.arrived.is_empty() {
                // A thousand nodes have a million ends, nearly all of them idle.
                end.arrived = VecDeque::new();
            }
            Ok((count, std::mem::take(&mut end.wanted)))
        })?;
        if wanted {
            self.net.lock().tell(self.id, 1 - self.side, true);
        }
        Ok(read)
    }

    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.end(|end| if end.connected { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) })?;
        let mut net = self.net.lock();
        let Some(connection) = net.connections.get_mut(&self.id) else {
            return Err(ErrorKind::ConnectionReset.into());
        };
        let other = &mut connection.ends[1 - self.side];
        let room = PIPE_BYTES.saturating_sub(other.under_way + other.arrived.len());
        let mut bytes = Vec::new();
        for slice in slices {
            let left = room - bytes.len();
            bytes.extend_from_slice(&slice[..slice.len().min(left)]);
        }
        if bytes.is_empty() {
            other.wanted = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = bytes.len();
        net.push(self.id, 1 - self.side, Segment::Bytes(bytes));
        Ok(count)
    }
}

impl Drop for NodeStream {
    fn drop(&mut self) {
        let mut net = self.net.lock();
        if net.connections.get(&self.id).is_some_and(|connection| connection.ends[self.side].held) {
            net.close(self.id, self.side, false);
        }
    }
}

impl fmt::Debug for NodeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {} side {}", self.id, self.side)
    }
}
