//! Owns a relay between a node and the others, which sees all that goes over it: an attacker's place. Never alters anything by itself.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes on what is sent to its address, packets and connections, to a node that advertises it.
pub(crate) struct Relay {
    udp: Arc<UdpSocket>,
    addr: SocketAddr,
    packets: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Relay {
    /// At a free port of another loopback address than nodes have.
    pub(crate) fn open() -> (Self, TcpListener) {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let udp = Arc::new(UdpSocket::bind(addr).expect("what is free for TCP is so for UDP, nearly always"));
        (Self { udp, addr, packets: Arc::default() }, listener)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Begins to pass on, until the test ends.
    pub(crate) fn run(&self, listener: TcpListener, to: SocketAddr) {
        let (udp, packets) = (Arc::clone(&self.udp), Arc::clone(&self.packets));
        thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while let Ok((length, _)) = udp.recv_from(&mut buffer) {
                packets.lock().expect("nobody panics").push(buffer[..length].to_vec());
                // A lost packet is what packets are.
                let _ = udp.send_to(&buffer[..length], to);
            }
        });
        thread::spawn(move || {
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(to)) else { continue };
                pipe(&near, &far);
                pipe(&far, &near);
            }
        });
    }

    /// The packets that have come by so far.
    pub(crate) fn packets(&self) -> Vec<Vec<u8>> {
        self.packets.lock().expect("nobody panics").clone()
    }

    /// Sends a packet to a node, from the address that the others' packets to it come from.
    pub(crate) fn replay(&self, packet: &[u8], to: SocketAddr) {
        self.udp.send_to(packet, to).expect("it is a loopback address");
    }
}

/// Copies one direction, and ends both with it.
fn pipe(from: &TcpStream, to: &TcpStream) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
