//! Owns the only way to a node: a port that passes on what comes, until it is cut, or what comes from the node's own side of a
//! split. Never looks into what it passes on but for who sent it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::spawn;
use std::time::Duration;

use swarm::Swarm;

/// How long the first frame of a connection may take to arrive.
const HELLO_WAIT: Duration = Duration::from_secs(2);

/// How long the first frame may be.
const HELLO_MAX: usize = 4096;

/// How many ports are tried until one is free for TCP and UDP.
const PORTS_TRIED_MAX: usize = 64;

/// Stands before a node. Dropped, it lets nothing through.
pub(crate) struct Relay {
    addr: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    target: OnceLock<SocketAddr>,
    cut: AtomicBool,
    /// The sides of a split, if there is one.
    sides: Mutex<Option<Sides>>,
    /// How often it was said what comes through.
    changes: AtomicU32,
    over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

/// Who is on this side of a split and who is not: the addresses that they send packets from, and their boot ids, which stand
/// in the first frame of a connection.
#[derive(Clone)]
struct Sides {
    near: Vec<(SocketAddr, [u8; 8])>,
    far: Vec<(SocketAddr, [u8; 8])>,
}

impl Relay {
    /// A relay at a free port.
    pub(crate) fn new() -> Self {
        let (tcp, udp) = (0..PORTS_TRIED_MAX).find_map(|_| ports()).expect("some port is free for both");
        let addr = tcp.local_addr().expect("it is bound");
        let inner = Arc::new(Inner::default());
        let (streams, packets) = (inner.clone(), inner.clone());
        spawn(move || streams.pass_streams(&tcp));
        spawn(move || packets.pass_packets(&udp));
        Self { addr, inner }
    }

    /// Where others reach the node.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The node listens there. Until it is said, nothing is passed on.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        self.inner.target.set(target).expect("a relay leads to one node");
    }

    /// From now on nothing comes through, and what was open breaks.
    pub(crate) fn cut(&self) {
        self.inner.cut.store(true, Ordering::SeqCst);
        self.inner.change();
    }

    /// From now on only what these send comes through, of these and those. What was open breaks.
    pub(crate) fn split(&self, near: &[Swarm], far: &[Swarm]) {
        let marks =
            |side: &[Swarm]| side.iter().map(|node| (node.local_addr(), node.node().boot().to_le_bytes())).collect();
        *self.inner.sides() = Some(Sides { near: marks(near), far: marks(far) });
        self.inner.change();
    }

    /// Everything comes through again.
    pub(crate) fn heal(&self) {
        *self.inner.sides() = None;
        self.inner.cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::SeqCst);
        self.cut();
        // Its threads wait for something to come.
        let _woken =
            (TcpStream::connect(self.addr), UdpSocket::bind("127.0.0.1:0").map(|udp| udp.send_to(&[], self.addr)));
    }
}

impl Inner {
    /// Where to, if anything is to be passed on.
    fn target(&self) -> Option<SocketAddr> {
        self.target.get().copied().filter(|_| !self.cut.load(Ordering::SeqCst))
    }

    fn over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn sides(&self) -> MutexGuard<'_, Option<Sides>> {
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something else comes through: what is open breaks, and so does what is being opened.
    fn change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // The other end may have closed it already.
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }

    fn pass_streams(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept()
            && !self.over()
        {
            let inner = self.clone();
            // Who sent it may take a moment to be seen.
            spawn(move || drop(inner.pass_stream(stream)));
        }
    }

    fn pass_stream(self: &Arc<Self>, mut from: TcpStream) -> std::io::Result<()> {
        let changes = self.changes.load(Ordering::SeqCst);
        // Whoever is not passed on is hung up: not a proof that nobody lives here.
        let Some(target) = self.target() else { return Ok(()) };
        let (mut hello, sides) = (Vec::new(), self.sides().clone());
        if let Some(sides) = sides
            && !sides.admit(&mut from, &mut hello)?
        {
            return Ok(());
        }
        let mut to = TcpStream::connect(target)?;
        to.set_nodelay(true)?;
        from.set_nodelay(true)?;
        to.write_all(&hello)?;
        let ends = [(from.try_clone()?, to.try_clone()?), (to.try_clone()?, from.try_clone()?)];
        let open = [from.try_clone()?, to.try_clone()?];
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).extend(open);
        if self.changes.load(Ordering::SeqCst) != changes {
            let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        }
        for (from, to) in ends {
            spawn(move || pass_bytes(from, to));
        }
        Ok(())
    }

    fn pass_packets(&self, socket: &UdpSocket) {
        let mut packet = [0; 65_536];
        while !self.over() {
            if let (Ok((bytes, from)), Some(target)) = (socket.recv_from(&mut packet), self.target())
                && !self.sides().as_ref().is_some_and(|sides| sides.far.iter().any(|(addr, _)| *addr == from))
            {
                // A lost packet is what UDP is about.
                let _sent = socket.send_to(&packet[..bytes], target);
            }
        }
    }
}

impl Sides {
    /// Whether a connection comes from this side: its first frame names who sent it. What was read for that is added to `hello`.
    fn admit(&self, stream: &mut TcpStream, hello: &mut Vec<u8>) -> std::io::Result<bool> {
        stream.set_read_timeout(Some(HELLO_WAIT))?;
        let mut part = [0; 4096];
        loop {
            let bytes = stream.read(&mut part)?;
            hello.extend_from_slice(&part[..bytes]);
            let sent_by = |(_, boot): &(SocketAddr, [u8; 8])| hello.windows(8).any(|part| part == boot);
            let (near, far) = (self.near.iter().any(sent_by), self.far.iter().any(sent_by));
            if near || far || bytes == 0 || hello.len() > HELLO_MAX {
                stream.set_read_timeout(None)?;
                return Ok(near && !far);
            }
        }
    }
}

fn ports() -> Option<(TcpListener, UdpSocket)> {
    let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
    let udp = UdpSocket::bind(tcp.local_addr().ok()?).ok()?;
    Some((tcp, udp))
}

fn pass_bytes(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 65_536];
    while let Ok(bytes) = from.read(&mut buffer) {
        if bytes == 0 || to.write_all(&buffer[..bytes]).is_err() {
            break;
        }
    }
    let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
