//! Owns a hostile member: it holds the secret and is let in, and then says what it likes. Never runs a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
use crate::pace::peace;

/// The answer to a call.
const REPLY: u8 = 18;
/// How soon to look again for room in a queue of thousands: to look without pause would only take the processor from the nodes.
const ROOM_WAIT: Duration = Duration::from_micros(100);
/// Answers to calls with numbers from this one on are counted.
pub(crate) const COUNTED: u64 = 1 << 32;

/// What it notices of others.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It may send to this node.
    Connected(NodeId),
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
    replies: AtomicU64,
}

impl Member {
    pub(crate) fn start(plan: Plan, seed: std::net::SocketAddr) -> Self {
        let (teller, seen) = unbounded();
        let heard = Arc::new(Heard { seen: teller, replies: AtomicU64::new(0) });
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
            tls: None,
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

    /// Sends frames to `node` again and again and reads nothing of what it answers, until somebody has had enough of it.
    pub(crate) fn hoard(&self, node: NodeId, lane: Lane, mut frame: impl FnMut() -> Frame, enough: impl Fn() -> bool) {
        let (began, until) = (Instant::now(), Instant::now() + 4 * PATIENCE);
        let mut deaf: Option<(Arc<Peer>, Charge)> = None;
        while !enough() || began.elapsed() < peace() {
            assert!(Instant::now() < until, "it goes on for ever");
            let Some(peer) = self.transport.peer(node) else { continue };
            if deaf.as_ref().is_none_or(|(same, _)| !Arc::ptr_eq(same, &peer)) {
                deaf = Some((peer.clone(), peer.charge(usize::MAX / 2)));
            }
            for _ in 0..256 {
                // There may be no room for it.
                if peer.send(lane, frame()).is_err() {
                    std::thread::sleep(ROOM_WAIT);
                    break;
                }
            }
        }
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

    /// How many calls have been answered, of those with numbers from [`COUNTED`] on.
    pub(crate) fn replies(&self) -> u64 {
        self.heard.replies.load(Ordering::SeqCst)
    }
}

/// Sends as many frames as there are, waiting for room.
pub(crate) fn send_all(peer: &Arc<Peer>, frames: impl IntoIterator<Item = Frame>) {
    send_all_on(Lane::Calls, peer, frames);
}

/// The same on either lane.
pub(crate) fn send_all_on(lane: Lane, peer: &Arc<Peer>, frames: impl IntoIterator<Item = Frame>) {
    for mut frame in frames {
        let until = Instant::now() + PATIENCE;
        while let Err(unsent) = peer.send(lane, frame) {
            assert!(Instant::now() < until, "{:?} for ever", unsent.why);
            frame = unsent.frame;
            std::thread::sleep(ROOM_WAIT);
        }
    }
}

impl Inbox for Heard {
    fn frame(&self, _: &Arc<Peer>, _: Lane, frame: FrameRef<'_>) {
        let number = frame.head.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        self.replies.fetch_add(u64::from(frame.kind == REPLY && number >= COUNTED), Ordering::SeqCst);
    }

    fn member(&self, _: MemberEvent) {}

    fn connected(&self, peer: &Arc<Peer>) {
        let _ = self.seen.send(Seen::Connected(peer.node()));
    }

    fn reset(&self, _: &Arc<Peer>, _: Lane, _: FrameNo, _: Vec<Frame>) {}

    fn fatal(&self, error: NetError) {
        let _ = self.seen.send(Seen::Fatal(error));
    }
}
