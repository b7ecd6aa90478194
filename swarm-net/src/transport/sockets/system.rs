//! Owns the system's sockets: TCP and UDP on one port, and the poll that watches them.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Registry};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Ready, Sockets, Stream, Token};
use crate::error::NetError;

/// Events of one poll. More of them come with the next.
const EVENTS: usize = 1_024;

/// The system's sockets of one node.
#[derive(Debug)]
pub(crate) struct System {
    poll: Poll,
    events: Events,
    /// Gone as soon as the node stops, so that a new dial is refused.
    listener: Option<TcpListener>,
    /// Gone with the listener, so that whoever sees a connection end may use the port.
    udp: Option<UdpSocket>,
    local_addr: SocketAddr,
}

impl System {
    /// Binds both sockets.
    pub(crate) fn bind(addr: SocketAddr) -> Result<Self, NetError> {
        let (mut listener, mut udp) = bind(addr)?;
        let opened = (|| {
            let local_addr = listener.local_addr()?;
            let poll = Poll::new()?;
            poll.registry().register(&mut listener, Token::LISTENER.into(), Interest::READABLE)?;
            poll.registry().register(&mut udp, Token::DATAGRAMS.into(), Interest::READABLE)?;
            Ok((local_addr, poll))
        })();
        let (local_addr, poll) =
            opened.map_err(|error: io::Error| NetError::System { problem: format!("sockets: {error}") })?;
        let events = Events::with_capacity(EVENTS);
        Ok(Self { poll, events, listener: Some(listener), udp: Some(udp), local_addr })
    }

    /// Where they are bound.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where a waker is registered.
    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    fn watch(&self, mut stream: TcpStream, token: Token) -> io::Result<TcpStream> {
        self.registry().register(&mut stream, token.into(), Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    }
}

impl Sockets for System {
    fn wait(&mut self, longest: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(longest)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        let ready_one = |event: &mio::event::Event| Ready {
            token: Token(event.token().0),
            writable: event.is_writable(),
            closed: event.is_read_closed() || event.is_error(),
        };
        ready.extend(self.events.iter().map(ready_one));
        Ok(())
    }

    fn dial(&mut self, to: SocketAddr, token: Token) -> io::Result<Arc<dyn Stream>> {
        Ok(Arc::new(self.watch(TcpStream::connect(to)?, token)?))
    }

    fn accept(&mut self, token: Token) -> io::Result<(Arc<dyn Stream>, SocketAddr)> {
        let (stream, from) = self.listener.as_ref().ok_or(ErrorKind::WouldBlock)?.accept()?;
        stream.set_nodelay(true)?;
        Ok((Arc::new(self.watch(stream, token)?), from))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.udp.as_ref().ok_or(ErrorKind::WouldBlock)?.recv_from(buffer)
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.udp.as_ref().ok_or(ErrorKind::WouldBlock)?.send_to(bytes, to).map(drop)
    }

    fn close(&mut self) {
        (self.listener, self.udp) = (None, None);
    }
}

impl Stream for TcpStream {
    fn connected(&self) -> io::Result<Option<SocketAddr>> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        let remote = match self.peer_addr() {
            Ok(remote) => remote,
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(None),
            Err(error) => return Err(error),
        };
        // A dial to a free port of this machine can meet itself: the system chose that port for our own end.
        if self.local_addr()? == remote {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        self.set_nodelay(true)?;
        Ok(Some(remote))
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }

    fn is_drained_by(&self, read: usize, room: usize) -> bool {
        // As epoll(7) says of streams.
        cfg!(target_os = "linux") && read < room
    }

    fn receive_buffer(&self) -> u64 {
        SockRef::from(self).recv_buffer_size().map_or(0, |bytes| bytes as u64)
    }

    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(&mut &*self, slices)
    }
}

impl From<Token> for mio::Token {
    fn from(token: Token) -> Self {
        Self(token.0)
    }
}

/// Ports tried for both protocols when any will do: each is free for UDP with high probability.
const TRIES: u32 = 16;

/// Binds both. With port 0 the system chooses one that is free for both.
fn bind(addr: SocketAddr) -> Result<(TcpListener, UdpSocket), NetError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let pair = TcpListener::bind(addr).and_then(|tcp| {
            let udp = udp(tcp.local_addr()?)?;
            Ok((tcp, udp))
        });
        match pair {
            Ok(pair) => return Ok(pair),
            Err(error) if addr.port() == 0 && tries < TRIES && error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(NetError::Bind { addr, problem: error.to_string() }),
        }
    }
}

/// The port may be that of a multicast group, whose socket stands beside this one: hence the address is shared. Two nodes
/// still cannot have it, since their TCP listeners do not share.
fn udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.set_nonblocking(true)?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// The address by which others reach a node that is bound to `local`.
pub(crate) fn advertised(local: SocketAddr, wanted: Option<SocketAddr>) -> Result<SocketAddr, NetError> {
    let mut addr = wanted.unwrap_or(local);
    if addr.port() == 0 {
        addr.set_port(local.port());
    }
    if addr.ip().is_unspecified() {
        match outgoing_ip(addr.ip()) {
            Some(ip) => addr.set_ip(ip),
            None => return Err(NetError::Advertise { addr, problem: "it names every interface".into() }),
        }
    }
    Ok(addr)
}

/// The address of the interface with the default route. Connecting a UDP socket sends nothing.
fn outgoing_ip(unspecified: IpAddr) -> Option<IpAddr> {
    // Documentation addresses (RFC 5737, RFC 3849): routed by default, owned by nobody.
    let anywhere: IpAddr = match unspecified {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = std::net::UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect((anywhere, 9)).ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_share_a_port() {
        let (tcp, udp) = bind(([127, 0, 0, 1], 0).into()).expect("loopback has a free port");
        let local = tcp.local_addr().expect("it is bound");
        assert_eq!(udp.local_addr().expect("it is bound"), local);
        assert!(matches!(bind(local), Err(NetError::Bind { .. })));
        assert_eq!(advertised(local, None), Ok(local));
        let wanted = ([10, 0, 0, 1], 0).into();
        assert_eq!(advertised(local, Some(wanted)), Ok(([10, 0, 0, 1], local.port()).into()));
    }
}
