//! How fast large and small frames go from one node to another of this process, over loopback, with a secret and without:
//! `cargo run --release -p swarm-net --example bulk`. With `--features tls` also with certificates. It asserts nothing.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use swarm_net::config::NetConfig;
use swarm_net::discovery::Seeds;
use swarm_net::error::NetError;
use swarm_net::filter::NodeFilter;
use swarm_net::member::{MemberEvent, Profile};
use swarm_net::secret::{Keyring, Secret};
use swarm_net::tls::Credentials;
use swarm_net::transport::{FrameNo, Inbox, Lane, Peer, Setup, Transport};
use swarm_net::wire::{Frame, FrameRef};

/// Rounds of each, in turns: what else the machine does falls on both.
const ROUNDS: usize = 5;
const KIND: u8 = 16;

/// Tells of connections, and of each byte that came.
struct Ear {
    connected: Sender<()>,
    came: Sender<usize>,
}

impl Inbox for Ear {
    fn frame(&self, _: &Arc<Peer>, _: Lane, frame: FrameRef<'_>) {
        // Nobody listens at the sending end.
        let _ = self.came.send(frame.body.len());
    }

    fn member(&self, _: MemberEvent) {}

    fn connected(&self, _: &Arc<Peer>) {
        let _ = self.connected.send(());
    }

    fn reset(&self, _: &Arc<Peer>, _: Lane, _: FrameNo, _: Vec<Frame>) {}

    fn fatal(&self, error: NetError) {
        eprintln!("{error}");
    }
}

struct Node {
    transport: Transport,
    connected: Receiver<()>,
    came: Receiver<usize>,
}

/// What protects the connections.
#[derive(Clone, Default)]
struct Shield {
    keys: Option<Keyring>,
    tls: Option<Credentials>,
}

impl Shield {
    /// Nothing, a secret, and certificates if this was built with them.
    fn all() -> Result<Vec<(&'static str, Self)>, Box<dyn Error>> {
        let secret = Keyring::new([Secret::from("only for this measurement")])?;
        let mut all = vec![("no secret", Self::default()), ("a secret", Self { keys: Some(secret), tls: None })];
        if let Some(tls) = certificates()? {
            all.push(("certificates", Self { keys: None, tls: Some(tls) }));
        }
        Ok(all)
    }
}

#[cfg(not(feature = "tls"))]
fn certificates() -> Result<Option<Credentials>, Box<dyn Error>> {
    Ok(None)
}

/// One for both nodes, which is its own CA.
#[cfg(feature = "tls")]
fn certificates() -> Result<Option<Credentials>, Box<dyn Error>> {
    use std::fs;
    use std::os::unix::fs::OpenOptionsExt;

    let minted = rcgen::generate_simple_self_signed(["bulk.swarm".to_owned()])?;
    let drawer = std::env::temp_dir().join(format!("swarm-bulk-{}", std::process::id()));
    fs::create_dir_all(&drawer)?;
    let (certificate, key) = (drawer.join("node.pem"), drawer.join("node.key"));
    fs::write(&certificate, minted.cert.pem())?;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&key)?;
    std::io::Write::write_all(&mut file, minted.signing_key.serialize_pem().as_bytes())?;
    let tls = swarm_net::tls::Tls::from_files(&certificate, &key, &certificate);
    fs::remove_dir_all(&drawer)?;
    Ok(Some(tls?.credentials("bulk")?))
}

fn start(shield: &Shield, seeds: &[String]) -> Result<Node, NetError> {
    let ((connected, is_connected), (came, has_come)) = (unbounded(), unbounded());
    let setup = Setup {
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        advertise: None,
        cluster: "bulk".into(),
        rules: String::new(),
        profile: Profile { version: 1, weight: 100, leaving: false, abilities: vec![], extra: vec![] },
        discovery: vec![Box::new(Seeds::new(seeds))],
        nodes: NodeFilter::any(),
        keys: shield.keys.clone(),
        tls: shield.tls.clone(),
        config: NetConfig::local(),
    };
    let transport = Transport::start(setup, Arc::new(Ear { connected, came }))?;
    Ok(Node { transport, connected: is_connected, came: has_come })
}

/// Sends frames with bodies of that length, `total` bytes of them. How long that took until the last one had come.
fn send(from: &Node, to: &Node, lane: Lane, body: usize, total: usize) -> Duration {
    let peer = from.transport.peer(to.transport.node()).expect("they are connected");
    let bytes = vec![7; body];
    let begun = Instant::now();
    for _ in 0..total / body {
        let mut frame = Frame::new(KIND, [0; 24], &[&bytes]);
        while let Err(unsent) = peer.send(lane, frame) {
            frame = unsent.frame;
            std::thread::yield_now();
        }
    }
    let mut missing = total / body * body;
    while missing > 0 {
        missing -= to.came.recv().expect("the node runs");
    }
    begun.elapsed()
}

fn main() -> Result<(), Box<dyn Error>> {
    let shields = Shield::all()?;
    print!("{:28}", "frames over loopback");
    shields.iter().for_each(|(name, _)| print!("{name:>16}"));
    println!();
    for (lane, body, total) in [
        (Lane::Bulk, 1 << 20, 2 << 30),
        (Lane::Bulk, 64 << 10, 2 << 30),
        (Lane::Calls, 1 << 10, 256 << 20),
        (Lane::Calls, 32, 32 << 20),
    ] {
        let mut best = vec![Duration::MAX; shields.len()];
        for _ in 0..ROUNDS {
            for ((_, shield), best) in shields.iter().zip(&mut best) {
                let first = start(shield, &[])?;
                let second = start(shield, &[first.transport.local_addr().to_string()])?;
                first.connected.recv()?;
                second.connected.recv()?;
                *best = send(&second, &first, lane, body, total).min(*best);
            }
        }
        print!("{:28}", format!("{body} bytes"));
        best.iter().for_each(|took| print!("{:>11.0} MB/s", total as f64 / took.as_secs_f64() / 1e6));
        println!();
    }
    Ok(())
}
