//! Owns one node of a world: the node itself, its ear, and what its threads would do. Never does anything by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossbeam_channel::Receiver;
use swarm_net::member::Profile;
use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use swarm_net::transport::{Inbox, Manual, Peer, Transport};

use super::notebook::Notebook;
use crate::config::Config;
use crate::name::Name;
use crate::registration::Entry;
use crate::runtime::desk::Desk;
use crate::runtime::inbox::Ear;
use crate::runtime::input::Input;
use crate::runtime::node::Parts;
use crate::runtime::{Kinds, Node};
use crate::timer::Timers;
use crate::trace::Tracing;
use crate::worker::Worker;
use crate::worker::pace::Keeps;

/// One node.
pub(super) struct Site {
    pub(super) node: Arc<Node>,
    pub(super) ear: Arc<Ear>,
    pub(super) manual: Manual,
    pub(super) inputs: Receiver<Input>,
    pub(super) peers: BTreeMap<usize, Arc<Peer>>,
    /// Whom it takes for the owner of all partitions.
    pub(super) owner: usize,
    /// When its control thread looks at what is due, unless it is told something before.
    pub(super) looks: Instant,
    /// The names that it has asked its directory for.
    pub(super) wanted: BTreeSet<Name>,
}

pub(super) fn id(node: usize) -> NodeId {
    // Tags are never zero.
    NodeId::new(([127, 0, 0, 1], 1).into(), node as u64 + 1)
}

impl Site {
    pub(super) fn new(
        me: usize,
        nodes: usize,
        config: &Config,
        timers: &Timers,
        tokio: tokio::runtime::Handle,
    ) -> Self {
        Self::traced((me, nodes), config, timers, tokio, Tracing::default())
    }

    /// The same, whose calls are traced so.
    pub(super) fn traced(
        (me, nodes): (usize, usize),
        config: &Config,
        timers: &Timers,
        tokio: tokio::runtime::Handle,
        tracing: Tracing,
    ) -> Self {
        let (control, inputs) = crossbeam_channel::unbounded();
        let desk = Arc::new(Desk::new(control));
        let ear = Arc::new(Ear::new(desk.clone()));
        let (transport, manual) = Transport::manual(id(me), config.net.clone());
        let mut kinds = Kinds::default();
        kinds.add(Entry::of::<Notebook>()).expect("it is the only one");
        let profile =
            Profile { version: 1, weight: 100, leaving: false, abilities: vec![Notebook::KIND.0], extra: Vec::new() };
        let parts = Parts {
            config: config.clone(),
            keys: None,
            #[cfg(feature = "tls")]
            tls: None,
            desk,
            transport,
            tokio,
            timers: timers.clone(),
            kinds,
            profile,
            keeps: Keeps::Nothing,
            tracing,
        };
        let node = Node::new(parts);
        ear.listen(node.clone());
        let peers: BTreeMap<_, _> =
            (0..nodes).filter(|other| *other != me).map(|other| (other, manual.open(id(other)))).collect();
        peers.values().for_each(|peer| ear.connected(peer));
        Self { node, ear, manual, inputs, peers, owner: 0, looks: Instant::START, wanted: BTreeSet::new() }
    }
}
