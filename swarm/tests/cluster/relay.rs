//! Owns the only way to a node: a port that passes on what comes, until it is cut. Never looks into what it passes on.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::spawn;
use std::time::Duration;

/// How often a thread of the relay looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
    over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
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
        self.inner.hang_up();
    }

    /// Everything comes through again.
    pub(crate) fn heal(&self) {
        self.inner.cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::SeqCst);
        self.cut();
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

    fn hang_up(&self) {
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // The other end may have closed it already.
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }

    fn pass_streams(self: &Arc<Self>, listener: &TcpListener) {
        while !self.over() {
            match listener.accept() {
                Ok((stream, _)) => drop(self.pass_stream(stream)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LOOK_EVERY / 10),
                Err(_) => return,
            }
        }
    }

    fn pass_stream(self: &Arc<Self>, from: TcpStream) -> std::io::Result<()> {
        // Whoever is not passed on is hung up: not a proof that nobody lives here.
        let Some(target) = self.target() else { return Ok(()) };
        from.set_nonblocking(false)?;
        let to = TcpStream::connect(target)?;
        to.set_nodelay(true)?;
        from.set_nodelay(true)?;
        let ends = [(from.try_clone()?, to.try_clone()?), (to.try_clone()?, from.try_clone()?)];
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).extend([from, to]);
        if self.target().is_none() {
            self.hang_up();
        }
        for (from, to) in ends {
            spawn(move || pass_bytes(from, to));
        }
        Ok(())
    }

    fn pass_packets(&self, socket: &UdpSocket) {
        let mut packet = [0; 65_536];
        while !self.over() {
            if let (Ok((bytes, _)), Some(target)) = (socket.recv_from(&mut packet), self.target()) {
                // A lost packet is what UDP is about.
                let _sent = socket.send_to(&packet[..bytes], target);
            }
        }
    }
}

fn ports() -> Option<(TcpListener, UdpSocket)> {
    let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
    let udp = UdpSocket::bind(tcp.local_addr().ok()?).ok()?;
    tcp.set_nonblocking(true).ok()?;
    udp.set_read_timeout(Some(LOOK_EVERY)).ok()?;
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
