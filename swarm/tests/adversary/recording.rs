//! Owns a place between two nodes, where everything that goes from one to the other is recorded. Never alters anything but answers, if
//! it is told how.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use swarm::Swarm;
use swarm::prelude::*;
use swarm_net::wire::{FrameRef, Progress, Reassembly, Scratch, Sink, WireError};

use crate::cores::apart;
use crate::fixture::{ALONE, PATIENCE, Tally, TallyClient, patient};

/// A call.
pub(crate) const CALL: u8 = 16;

/// A thread that is nobody's among the nodes.
fn begin(relaying: impl FnOnce() + Send + 'static) {
    apart(|| thread::spawn(relaying));
}

/// What has come by so far.
#[derive(Clone, Default)]
pub(crate) struct Recording(Arc<Mutex<Tape>>);

#[derive(Default)]
struct Tape {
    packets: Vec<Vec<u8>>,
    /// What each connection was sent by who dialled.
    streams: Vec<Vec<u8>>,
}

/// A frame of the recording.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) kind: u8,
    pub(crate) head: [u8; 24],
    pub(crate) body: Vec<u8>,
}

/// A relay at an address of its own.
pub(crate) struct Relay {
    listener: TcpListener,
    udp: Arc<UdpSocket>,
    pub(crate) recording: Recording,
}

impl Relay {
    /// At a free port of another loopback address than nodes have.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).expect("a free port");
        let udp = UdpSocket::bind(listener.local_addr().expect("it is bound")).expect("the other port is free, too");
        Self { listener, udp: Arc::new(udp), recording: Recording::default() }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.listener.local_addr().expect("it is bound")
    }

    /// Passes on what comes to its address, until the test ends. Its way for packets.
    pub(crate) fn run(self, to: SocketAddr) -> Arc<UdpSocket> {
        self.run_altered(to, || Box::new(<[u8]>::to_vec))
    }

    /// The same, with what goes back over each connection altered.
    pub(crate) fn run_altered(self, to: SocketAddr, alter: impl Fn() -> Alter + Send + 'static) -> Arc<UdpSocket> {
        let Self { listener, udp, recording } = self;
        let (sender, tape) = (udp.clone(), recording.clone());
        begin(move || {
            let mut buffer = [0; 2_048];
            while let Ok((length, _)) = udp.recv_from(&mut buffer) {
                tape.lock().packets.push(buffer[..length].to_vec());
                // A lost packet is what packets are.
                let _ = udp.send_to(&buffer[..length], to);
            }
        });
        begin(move || {
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(to)) else { continue };
                let number = {
                    let mut tape = recording.lock();
                    tape.streams.push(Vec::new());
                    tape.streams.len() - 1
                };
                let tape = recording.clone();
                let note = move |bytes: &[u8]| {
                    tape.lock().streams[number].extend_from_slice(bytes);
                    bytes.to_vec()
                };
                pipe(&near, &far, Box::new(note));
                pipe(&far, &near, alter());
            }
        });
        sender
    }
}

impl Recording {
    /// What two nodes without a secret have said to each other, of whom one has called the other.
    pub(crate) async fn of_a_session() -> Self {
        let _alone = ALONE.lock().await;
        let relay = Relay::open();
        let recording = relay.recording.clone();
        let builder = || Swarm::builder().cluster("adversary-recorded").bind("127.0.0.1:0").config(patient());
        let at = relay.addr().to_string();
        let first = builder().advertise(&at).discovery(Seeds::new([""; 0])).start();
        let first = first.await.expect("a node starts on a free loopback port");
        relay.run(first.local_addr());
        let second = builder().discovery(Seeds::new([at])).start().await.expect("a node starts");
        // Some of them are the first one's.
        for i in 0.. {
            let name = format!("recorded-{i}");
            TallyClient::register(&name, ()).on(&second).timeout(PATIENCE).await.expect("the name is free");
            let words = vec!["many".into(), "words of some length".into()];
            let hits = second.at::<Tally>(&name).hit(1, words).timeout(PATIENCE).await;
            assert_eq!(hits, Ok(1));
            let recited = second.at::<Tally>(&name).recite(3).timeout(PATIENCE).await;
            assert_eq!(recited, Ok(vec![7; 3]));
            if first.stats().received > 0 && i > 8 {
                break;
            }
        }
        recording
    }

    /// A frame that was sent to the first node.
    fn frame(&self, is_it: impl Fn(&Recorded) -> bool) -> Recorded {
        let mut frames = Frames(Vec::new());
        for stream in &self.lock().streams {
            let (mut reassembly, mut scratch, mut source) = (Reassembly::default(), Scratch::default(), &stream[..]);
            while let Ok(Progress::Bytes(_)) = reassembly.read(&mut source, &mut scratch, &mut frames) {}
        }
        frames.0.into_iter().find(is_it).expect("it was recorded")
    }

    /// A call of this message that was sent to the first node, and the name that it is for.
    pub(crate) fn call(&self, message: u64) -> (Recorded, String) {
        let call = self.frame(|frame| frame.kind == CALL && frame.head[8..16] == message.to_le_bytes());
        assert_eq!(call.body[3], 0, "it is of the simplest kind");
        let bytes = usize::from(u16::from_le_bytes([call.body[0], call.body[1]]));
        let name = String::from_utf8(call.body[16..16 + bytes].to_vec()).expect("a name is text");
        (call, name)
    }

    pub(crate) fn packets(&self) -> Vec<Vec<u8>> {
        self.lock().packets.clone()
    }

    pub(crate) fn streams(&self) -> Vec<Vec<u8>> {
        self.lock().streams.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All frames that have come.
pub(crate) struct Frames(pub(crate) Vec<Recorded>);

impl Sink for Frames {
    fn body_bytes_max(&self, _: u8) -> Option<u32> {
        Some(u32::MAX)
    }

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        self.0.push(Recorded { kind: frame.kind, head: *frame.head, body: frame.body.to_vec() });
        Ok(())
    }
}

/// What is passed on instead of what has come.
pub(crate) type Alter = Box<dyn FnMut(&[u8]) -> Vec<u8> + Send>;

/// Passes on one direction, and ends both with it.
fn pipe(from: &TcpStream, to: &TcpStream, mut alter: Alter) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    begin(move || {
        let mut copy = || -> io::Result<()> {
            let mut buffer = [0; 16 << 10];
            loop {
                let read = from.read(&mut buffer)?;
                if read == 0 {
                    return Ok(());
                }
                to.write_all(&alter(&buffer[..read]))?;
            }
        };
        let _ = copy();
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
