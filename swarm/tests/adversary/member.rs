//! Owns a hostile member: it holds the secret and is let in, and then says what it likes. Never runs a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use swarm::NodeId;
use swarm_net::config::NetConfig;
use swarm_net::discovery::Seeds;
use swarm_net::error::NetError;
use swarm_net::filter::NodeFilter;
use swarm_net::member::{MemberEvent, Profile};
use swarm_net::secret::Keyring;
use swarm_net::transport::{Charge, FrameNo, Inbox, Lane, Peer, Setup, Transport};
use swarm_net::wire::{Frame, FrameRef};

use crate::fixture::{PATIENCE, patient};

/// What it notices of others.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It may send to this node.
    Connected(NodeId),
    /// Its connection was ended.
    Reset(NodeId),
    /// It cannot go on.
    Fatal(NetError),
}

/// How it differs from an honest one.
pub(crate) struct Plan {
    pub(crate) cluster: String,
    pub(crate) secret: Option<&'static str>,
    pub(crate) profile: Profile,
    pub(crate) config: NetConfig,
    pub(crate) advertise: Option<std::net::SocketAddr>,
}

impl Plan {
    /// An honest one that owns nothing.
    pub(crate) fn of(cluster: &str, secret: Option<&'static str>) -> Self {
        let profile = Profile { version: 1, weight: 0, leaving: false, abilities: vec![], extra: vec![] };
        Self { cluster: cluster.into(), secret, profile, config: patient().net, advertise: None }
    }
}

pub(crate) struct Member {
    transport: Transport,
    seen: Receiver<Seen>,
    heard: Arc<Heard>,
}

struct Heard {
    seen: Sender<Seen>,
    frames: AtomicU64,
    /// It reads nothing more.
    deaf: AtomicBool,
    /// What keeps it from reading.
    charges: Sender<Charge>,
    _kept: Receiver<Charge>,
}

impl Member {
    pub(crate) fn start(plan: Plan, seed: std::net::SocketAddr) -> Self {
        let ((teller, seen), (charges, kept)) = (unbounded(), unbounded());
        let heard = Arc::new(Heard {
            seen: teller,
            frames: AtomicU64::new(0),
            deaf: AtomicBool::new(false),
            charges,
            _kept: kept,
        });
        let Plan { cluster, secret, profile, config, advertise } = plan;
        let setup = Setup {
            bind: ([127, 0, 0, 1], 0).into(),
            advertise,
            cluster,
            rules: "Placement::Ring".into(),
            profile,
            discovery: vec![Box::new(Seeds::new([seed.to_string()]))],
            nodes: NodeFilter::any(),
            keys: secret.map(|secret| Keyring::new([secret.into()]).expect("a good secret")),
            config,
        };
        let transport = Transport::start(setup, heard.clone()).expect("a free loopback port");
        Self { transport, seen, heard }
    }

    /// Waits until it is connected to `node`.
    pub(crate) fn reach(&self, node: NodeId) -> Arc<Peer> {
        self.wait(|seen| matches!(seen, Seen::Connected(to) if *to == node));
        self.transport.peer(node).expect("it is connected")
    }

    /// Waits until the connection to `node` was ended.
    pub(crate) fn wait_reset(&self, node: NodeId) {
        self.wait(|seen| matches!(seen, Seen::Reset(of) if *of == node));
    }

    /// Waits until it cannot go on.
    pub(crate) fn wait_fatal(&self) -> NetError {
        loop {
            if let Seen::Fatal(error) = self.seen.recv_timeout(PATIENCE).expect("it ends in time") {
                return error;
            }
        }
    }

    fn wait(&self, done: impl Fn(&Seen) -> bool) {
        while !done(&self.seen.recv_timeout(PATIENCE).expect("it happens in time")) {}
    }

    /// From the next frame on it reads nothing of who has sent it, and lives all the same.
    pub(crate) fn go_deaf(&self) {
        self.heard.deaf.store(true, Ordering::SeqCst);
    }

    /// How many frames it has read.
    pub(crate) fn frames(&self) -> u64 {
        self.heard.frames.load(Ordering::SeqCst)
    }
}

/// Sends as many frames as there are, waiting for room.
pub(crate) fn send_all(peer: &Arc<Peer>, frames: impl IntoIterator<Item = Frame>) {
    for mut frame in frames {
        let until = std::time::Instant::now() + PATIENCE;
        while let Err(unsent) = peer.send(Lane::Calls, frame) {
            assert!(std::time::Instant::now() < until, "{:?} for ever", unsent.why);
            frame = unsent.frame;
            std::thread::yield_now();
        }
    }
}

impl Inbox for Heard {
    fn frame(&self, from: &Arc<Peer>, _: Lane, _: FrameRef<'_>) {
        self.frames.fetch_add(1, Ordering::SeqCst);
        if self.deaf.load(Ordering::SeqCst) {
            // It fails only at the end of the test.
            let _ = self.charges.send(from.charge(usize::MAX / 4));
            self.deaf.store(false, Ordering::SeqCst);
        }
    }

    fn member(&self, _: MemberEvent) {}

    fn connected(&self, peer: &Arc<Peer>) {
        let _ = self.seen.send(Seen::Connected(peer.node()));
    }

    fn reset(&self, peer: &Arc<Peer>, lane: Lane, _: FrameNo, _: Vec<Frame>) {
        if lane == Lane::Calls {
            let _ = self.seen.send(Seen::Reset(peer.node()));
        }
    }

    fn fatal(&self, error: NetError) {
        let _ = self.seen.send(Seen::Fatal(error));
    }
}
