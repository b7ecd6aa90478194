//! Owns discovery by beacons to a multicast group. Never sends anything but beacons, and never through another interface
//! than the chosen one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{Discovery, Search};
use crate::error::NetError;
use crate::secret::Ears;
use crate::time::Clock;
use crate::wire::{Packet, PacketKind};

/// The default group: from the range for documentation and examples (RFC 6676), as nothing was assigned to Swarm.
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(233, 252, 1, 32));
/// The default port of the group.
const PORT: u16 = 45_892;
/// Pause between beacons while nobody is connected: a node that starts meets the others in this time.
const EAGER: Duration = Duration::from_millis(150);
/// Else: bounds the time to heal a split. A thousand nodes still send only 200 beacons a second.
const STEADY: Duration = Duration::from_secs(5);
/// The index of the loopback interface: the first that a system makes.
const LOOPBACK: u32 = 1;
/// Beacons read at once, before the time is looked at again.
const BEACONS_PER_TURN: usize = 64;

/// Room for a beacon, sealed or not. What is longer is none.
const BEACON_BYTES_MAX: usize = 128;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// Finds others on the same network by beacons to a multicast group.
///
/// By default the group is 233.252.1.32 on port 45892, with a TTL of 1: beacons do not leave the local network. A node that
/// is bound to a loopback address sends and receives beacons through the loopback interface alone.
///
/// ```
/// use std::net::{Ipv4Addr, Ipv6Addr};
/// use swarm_net::discovery::Multicast;
///
/// let other_network = Multicast::default().interface(Ipv4Addr::new(10, 0, 0, 7)).ttl(2);
/// let site_local_group = Multicast::default().group(Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 0x5a)).interface_index(2);
/// ```
#[derive(Debug)]
pub struct Multicast {
    group: IpAddr,
    port: u16,
    interface: Option<Ipv4Addr>,
    interface_index: Option<u32>,
    ttl: u32,
    eager: Duration,
    steady: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    socket: UdpSocket,
    poll: Poll,
    waker: Arc<Waker>,
}

impl Default for Multicast {
    fn default() -> Self {
        Self {
            group: GROUP,
            port: PORT,
            interface: None,
            interface_index: None,
            ttl: 1,
            eager: EAGER,
            steady: STEADY,
            open: None,
        }
    }
}

impl Multicast {
    /// Another group, IPv4 or IPv6. The nodes of one cluster need the same one.
    #[must_use]
    pub fn group(mut self, group: impl Into<IpAddr>) -> Self {
        self.group = group.into();
        self
    }

    /// Another port. It is the group's, not the node's.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The interface with this address, for an IPv4 group. By default that which the node is bound to, else the system's.
    #[must_use]
    pub fn interface(mut self, interface: Ipv4Addr) -> Self {
        self.interface = Some(interface);
        self
    }

    /// The interface with this index, for an IPv6 group. By default the loopback interface if the node is bound to that,
    /// else the system chooses; a link-local group (`ff02::`, `ff12::`) needs one.
    #[must_use]
    pub fn interface_index(mut self, index: u32) -> Self {
        self.interface_index = Some(index);
        self
    }

    /// Routers that a beacon passes, plus one. Default 1.
    #[must_use]
    pub fn ttl(mut self, ttl: u32) -> Self {
        self.ttl = ttl;
        self
    }

    /// The index of the interface of an IPv6 group; 0 if the system chooses.
    fn index(&self, local: SocketAddr) -> u32 {
        self.interface_index.unwrap_or(if local.ip().is_loopback() { LOOPBACK } else { 0 })
    }

    /// The group as an address. That of a link-local IPv6 group is only complete with its interface.
    fn address(&self, local: SocketAddr) -> SocketAddr {
        match self.group {
            IpAddr::V4(_) => SocketAddr::new(self.group, self.port),
            IpAddr::V6(group) => SocketAddrV6::new(group, self.port, 0, self.index(local)).into(),
        }
    }

    fn socket(&self, local: SocketAddr) -> io::Result<UdpSocket> {
        let group = self.address(local);
        let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
        // Several nodes of one machine listen to the same group.
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        match self.group {
            IpAddr::V4(group) => {
                let interface = self.interface.unwrap_or(match local.ip() {
                    IpAddr::V4(ip) => ip,
                    IpAddr::V6(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST,
                    IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
                });
                socket.join_multicast_v4(&group, &interface)?;
                socket.set_multicast_if_v4(&interface)?;
                socket.set_multicast_loop_v4(true)?;
                socket.set_multicast_ttl_v4(self.ttl)?;
            }
            IpAddr::V6(group) => {
                let interface = self.index(local);
                socket.set_only_v6(true)?;
                socket.join_multicast_v6(&group, interface)?;
                socket.set_multicast_if_v6(interface)?;
                socket.set_multicast_loop_v6(true)?;
                socket.set_multicast_hops_v6(self.ttl)?;
            }
        }
        // Bound to the group itself, the socket gets nothing else that is sent to the port. Windows cannot do that.
        let bind = if cfg!(unix) { group } else { SocketAddr::new(unspecified(self.group), self.port) };
        socket.bind(&SockAddr::from(bind))?;
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::from_std(socket.into()))
    }

    fn try_open(&self, search: &Search) -> io::Result<Open> {
        if !self.group.is_multicast() {
            return Err(io::Error::other(format!("{} is no multicast group", self.group)));
        }
        if needs_interface(self.group) && self.index(search.local_addr()) == 0 {
            return Err(io::Error::other(
                "a link-local group is one of an interface: say which by .interface_index(..)",
            ));
        }
        let mut socket = self.socket(search.local_addr())?;
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Open { socket, poll, waker })
    }
}

impl Discovery for Multicast {
    fn name(&self) -> &str {
        "multicast"
    }

    fn open(&mut self, search: &Search) -> Result<(), NetError> {
        let failed = |error: io::Error| NetError::Discovery {
            name: "multicast".into(),
            problem: format!("group {} port {}: {error}", self.group, self.port),
        };
        let open = self.try_open(search).map_err(failed)?;
        let waker = Arc::clone(&open.waker);
        // It fails only if the poll is gone, and then nobody is left to wake.
        search.on_change(move || drop(waker.wake()));
        self.open = Some(open);
        Ok(())
    }

    fn run(mut self: Box<Self>, search: Search) {
        let Some(Open { socket, mut poll, waker: _waker }) = self.open.take() else { return };
        let group = self.address(search.local_addr());
        let (mut events, mut warned) = (Events::with_capacity(4), false);
        let mut ears = search.post().ears(Clock::now().unix_ms);
        let mut next = Instant::now();
        search.begin_beacons();
        while !search.stopped() {
            let pause = if search.alone() { self.eager } else { self.steady };
            let now = Instant::now();
            next = next.min(now + pause);
            if next <= now {
                next = now + pause;
                if let Err(error) = socket.send_to(&beacon(&search), group)
                    && !std::mem::replace(&mut warned, true)
                {
                    tracing::warn!(%group, %error, "beacons cannot be sent, further failures are not reported");
                }
            }
            listen(&socket, &mut ears, &search);
            match poll.poll(&mut events, Some(next.saturating_duration_since(Instant::now()))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    tracing::error!(%error, "discovery by multicast has ended");
                    return;
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

fn beacon(search: &Search) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kind = PacketKind::Beacon { joined: search.joined() };
    search.post().seal(kind, &[], Clock::now().unix_ms, &mut bytes);
    bytes
}

/// Reads what has arrived. What remains beyond the budget is read after the next beacon or event.
fn listen(socket: &UdpSocket, ears: &mut Ears, search: &Search) {
    let mut buffer = [0; BEACON_BYTES_MAX];
    for _ in 0..BEACONS_PER_TURN {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => match ears.open(&mut buffer[..length], from, Clock::now().unix_ms, |_| false) {
                Some(Packet { kind: PacketKind::Beacon { joined }, sender, .. }) if sender != search.node() => {
                    search.heard(sender, joined);
                }
                Some(_) | None => {}
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => {}
        }
    }
}

/// An IPv6 group whose scope is an interface or a link: each of them has one of this address.
fn needs_interface(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(_) => false,
        IpAddr::V6(group) => matches!(group.segments()[0] & 0xff0f, 0xff01 | 0xff02),
    }
}

fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
