//! Owns a node for tests: a transport on loopback whose inbox writes down everything.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use swarm_net::config::NetConfig;
use swarm_net::discovery::{Discovery, Seeds};
use swarm_net::error::NetError;
use swarm_net::filter::NodeFilter;
use swarm_net::member::{Gone, MemberEvent, Profile};
use swarm_net::node::NodeId;
use swarm_net::secret::Keyring;
use swarm_net::tls::Credentials;
use swarm_net::transport::{Charge, FrameNo, Inbox, Lane, Peer, Setup, Transport};
use swarm_net::wire::{Frame, FrameRef};

/// A loaded machine is given this much.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The inbox blocks on a frame of this kind until the gate is opened.
pub(crate) const GATE: u8 = 200;
/// The inbox has a frame of this kind charged to its sender until the test takes the charge.
pub(crate) const CHARGED: u8 = 202;
/// The inbox refuses a frame of this kind.
pub(crate) const REFUSED: u8 = 203;
/// The inbox panics on a frame of this kind.
pub(crate) const PANIC: u8 = 201;

#[derive(Debug)]
pub(crate) enum Seen {
    Frame { from: NodeId, lane: Lane, number: u64 },
    Member(MemberEvent),
    Connected(NodeId),
    Reset { node: NodeId, lane: Lane, claimed: FrameNo, unsent: Vec<Frame> },
    Fatal(NetError),
}

struct Diary {
    pages: Sender<Seen>,
    gate: Receiver<()>,
    charges: Sender<Charge>,
}

impl Inbox for Diary {
    fn frame(&self, from: &Arc<Peer>, lane: Lane, frame: FrameRef<'_>) {
        assert_eq!(frame.body.as_ptr() as usize % 16, 0);
        match frame.kind {
            GATE => drop(self.gate.recv_timeout(PATIENCE)),
            PANIC => panic!("asked to"),
            CHARGED => {
                // It fails if the test is over.
                let _ = self.charges.send(from.charge(frame.body.len()));
            }
            _ => {
                if frame.kind == REFUSED {
                    from.refuse(lane);
                }
                let number = u64::from_le_bytes(frame.head[..8].try_into().expect("eight bytes"));
                self.write(Seen::Frame { from: from.node(), lane, number });
            }
        }
    }

    fn member(&self, event: MemberEvent) {
        self.write(Seen::Member(event));
    }

    fn connected(&self, peer: &Arc<Peer>) {
        self.write(Seen::Connected(peer.node()));
    }

    fn reset(&self, peer: &Arc<Peer>, lane: Lane, claimed: FrameNo, unsent: Vec<Frame>) {
        self.write(Seen::Reset { node: peer.node(), lane, claimed, unsent });
    }

    fn fatal(&self, error: NetError) {
        self.write(Seen::Fatal(error));
    }
}

impl Diary {
    fn write(&self, seen: Seen) {
        // It fails if the test is over.
        let _ = self.pages.send(seen);
    }
}

pub(crate) struct Node {
    pub(crate) transport: Transport,
    pages: Receiver<Seen>,
    /// Read while something else was awaited.
    kept: VecDeque<Seen>,
    pub(crate) gate: Sender<()>,
    pub(crate) charges: Receiver<Charge>,
}

/// How a node differs from the usual one.
pub(crate) struct Plan {
    pub(crate) cluster: &'static str,
    pub(crate) rules: &'static str,
    pub(crate) advertise: Option<SocketAddr>,
    pub(crate) discovery: Vec<Box<dyn Discovery>>,
    pub(crate) nodes: NodeFilter,
    pub(crate) keys: Option<Keyring>,
    pub(crate) tls: Option<Credentials>,
    pub(crate) config: NetConfig,
}

impl Default for Plan {
    fn default() -> Self {
        let (cluster, nodes, config) = ("test", NodeFilter::any(), NetConfig::local());
        let (rules, advertise, discovery, keys, tls) = ("as always", None, Vec::new(), None, None);
        Self { cluster, rules, advertise, discovery, nodes, keys, tls, config }
    }
}

impl Plan {
    /// Finds others at these addresses.
    pub(crate) fn seeds(self, seeds: &[SocketAddr]) -> Self {
        Self { discovery: vec![Box::new(Seeds::new(seeds.iter().map(ToString::to_string)))], ..self }
    }
}

impl Node {
    pub(crate) fn start(plan: Plan) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), plan)
    }

    pub(crate) fn start_at(bind: SocketAddr, plan: Plan) -> Self {
        let ((pages, reader), (opener, gate), (charges, charged)) = (unbounded(), unbounded(), unbounded());
        let profile = Profile { version: 1, weight: 100, leaving: false, abilities: vec![], extra: vec![] };
        let Plan { cluster, rules, advertise, discovery, nodes, keys, tls, config } = plan;
        let (cluster, rules) = (cluster.into(), rules.into());
        let setup = Setup { bind, advertise, cluster, rules, profile, discovery, nodes, keys, tls, config };
        let transport =
            Transport::start(setup, Arc::new(Diary { pages, gate, charges })).expect("a free loopback port");
        Self { transport, pages: reader, kept: VecDeque::new(), gate: opener, charges: charged }
    }

    /// How much it reads of one connection before it looks at others.
    pub(crate) fn read_bytes_per_turn(&self) -> usize {
        NetConfig::local().read_bytes_per_turn as usize
    }

    pub(crate) fn id(&self) -> NodeId {
        self.transport.node()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    pub(crate) fn peer(&self, node: NodeId) -> Arc<Peer> {
        self.transport.peer(node).expect("the peer is known")
    }

    /// Waits for the first thing that `pick` takes. What it does not take is kept for later.
    pub(crate) fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&Seen) -> Option<T>) -> T {
        if let Some((i, found)) = self.kept.iter().enumerate().find_map(|(i, seen)| Some((i, pick(seen)?))) {
            self.kept.remove(i);
            return found;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match self.pages.recv_deadline(until) {
                Ok(seen) => match pick(&seen) {
                    Some(found) => return found,
                    None => self.kept.push_back(seen),
                },
                Err(_) => panic!("{}: {what} did not come; kept: {:#?}", self.id(), self.kept),
            }
        }
    }

    /// Waits for the reset of a lane; takes the unsent frames.
    pub(crate) fn wait_reset(&mut self, of: NodeId, of_lane: Lane) -> (FrameNo, Vec<u64>) {
        self.wait("the reset", |seen| match seen {
            Seen::Reset { node, lane, claimed, unsent } if *node == of && *lane == of_lane => {
                Some((*claimed, unsent.iter().map(|frame| frame.tag).collect()))
            }
            Seen::Frame { .. } | Seen::Member(_) | Seen::Connected(_) | Seen::Reset { .. } | Seen::Fatal(_) => None,
        })
    }

    pub(crate) fn wait_up(&mut self, node: NodeId) {
        self.wait("up", |seen| matches!(seen, Seen::Member(MemberEvent::Up(up)) if up.id == node).then_some(()));
    }

    pub(crate) fn wait_down(&mut self, node: NodeId) -> Gone {
        self.wait("down", |seen| match seen {
            Seen::Member(MemberEvent::Down(gone, why)) if *gone == node => Some(*why),
            Seen::Frame { .. } | Seen::Member(_) | Seen::Connected(_) | Seen::Reset { .. } | Seen::Fatal(_) => None,
        })
    }

    pub(crate) fn wait_connected(&mut self, node: NodeId) {
        self.wait("connected", |seen| matches!(seen, Seen::Connected(up) if *up == node).then_some(()));
    }

    pub(crate) fn wait_joined(&mut self) {
        self.wait("joined", |seen| matches!(seen, Seen::Member(MemberEvent::Joined)).then_some(()));
    }

    pub(crate) fn wait_fatal(&mut self) -> NetError {
        self.wait("fatal", |seen| match seen {
            Seen::Fatal(error) => Some(error.clone()),
            Seen::Frame { .. } | Seen::Member(_) | Seen::Connected(_) | Seen::Reset { .. } => None,
        })
    }

    /// What came by now and was not awaited.
    pub(crate) fn rest(&mut self) -> Vec<Seen> {
        self.kept.drain(..).chain(self.pages.try_iter()).collect()
    }

    /// Panics if a connection that was used was lost by now.
    pub(crate) fn assert_nothing_lost(&mut self) {
        self.kept.extend(self.pages.try_iter());
        let lost = self.kept.iter().find(|seen| matches!(seen, Seen::Reset { .. }));
        assert!(lost.is_none(), "{}: {lost:?}", self.id());
    }

    /// Waits for frames of a lane, in whatever order they come.
    pub(crate) fn wait_frames(&mut self, count: usize, sender: NodeId, on: Lane) -> Vec<u64> {
        (0..count)
            .map(|_| {
                self.wait("a frame", |seen| match seen {
                    Seen::Frame { from, lane, number } if *from == sender && *lane == on => Some(*number),
                    Seen::Frame { .. } | Seen::Member(_) | Seen::Connected(_) | Seen::Reset { .. } | Seen::Fatal(_) => {
                        None
                    }
                })
            })
            .collect()
    }
}

/// A frame that the inbox writes down, with a body of that length.
pub(crate) fn frame(number: u64, body_bytes: usize) -> Frame {
    let mut head = [0; 24];
    head[..8].copy_from_slice(&number.to_le_bytes());
    Frame::new(16, head, &[&vec![7; body_bytes]]).tag(number)
}

/// Waits until each of the nodes has all others as connected members.
pub(crate) fn wait_formed(nodes: &mut [Node]) {
    let ids: Vec<_> = nodes.iter().map(Node::id).collect();
    for node in nodes {
        for id in &ids {
            if *id != node.id() {
                node.wait_up(*id);
                node.wait_connected(*id);
            }
        }
        node.wait_joined();
    }
}

/// Two nodes that know each other, both of which dial.
pub(crate) fn pair() -> [Node; 2] {
    let first = Node::start(Plan::default());
    let second = Node::start(Plan::default().seeds(&[first.addr()]));
    let mut nodes = [first, second];
    wait_formed(&mut nodes);
    nodes
}
