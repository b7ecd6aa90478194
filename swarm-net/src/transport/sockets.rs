//! Owns how the node's own sockets are opened: TCP and UDP on one port. Never reads or writes.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::{TcpListener, UdpSocket};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::NetError;

/// Ports tried for both protocols when any will do: each is free for UDP with high probability.
const TRIES: u32 = 16;

/// Binds both. With port 0 the system chooses one that is free for both.
pub(crate) fn bind(addr: SocketAddr) -> Result<(TcpListener, UdpSocket), NetError> {
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
