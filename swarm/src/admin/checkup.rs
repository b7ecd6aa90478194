//! Owns what nodes are told to find out about themselves, and what they have found: as data, as `answer`. Never judges.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use swarm_net::node::NodeId;

use super::answer::{Refusal, Whereabouts};
use super::clock::ClockRow;
use super::cluster::Sight;
use super::mixed::{MixedRow, Schemas};
use crate::runtime::checkup::{Ailments, RefusedFacts, WayFacts};
use crate::runtime::inquiry::{Facts, Inquiry};

/// How many ways are told in all, so that they fit a frame: who has more that are broken mends some of them first.
const WAYS_MAX: usize = 4096;

/// A beacon that is heard is not older: a node that is connected sends one every five seconds.
const BEACON_MAX_MS: u64 = 15_000;

/// What all nodes have found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CheckUp {
    /// In the order of their ids; who did not answer is not among them.
    pub nodes: Vec<NodeCheck>,
    /// The nodes that did not answer.
    pub silent: Vec<String>,
    /// Messages and states of which nodes that know the worker type have different versions; 64 at most. Since version 4.
    pub mixed: Vec<MixedRow>,
}

/// What one node has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NodeCheck {
    /// Which node.
    pub node: String,
    /// It sends beacons by multicast.
    pub beacons: bool,
    /// Those of the ways to others that are not as they should be, of 64 members, and of 16 addresses where nobody answers.
    pub ways: Vec<WayRow>,
    /// Whom it has refused in the last two minutes, and why.
    pub refused: Vec<RefusedRow>,
    /// Names that it decides about whose moves take long, or whose moves or starts fail again and again; 16 at most.
    pub strained: Vec<Whereabouts>,
    /// How far its clock is from that of the node that answers. Since version 4.
    pub clock: Option<ClockRow>,
}

/// The way from one node to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct WayRow {
    /// The other's address, as it says itself, or as discovery has found it.
    pub addr: String,
    /// Who it is, if it is a member.
    pub node: Option<String>,
    /// A connection (TCP) is open.
    pub connected: bool,
    /// How often one was tried in vain since the last that came about.
    pub failures: u32,
    /// How long the answer to a small packet (UDP) took, in milliseconds; nothing if none came within a second.
    pub small_ms: Option<u64>,
    /// The same of one as large as any that nodes send.
    pub large_ms: Option<u64>,
    /// From where its packets come, if not from its address.
    pub elsewhere: Option<String>,
    /// How long ago a beacon (multicast) of it was heard, in milliseconds.
    pub beacon_ms: Option<u64>,
}

/// Something that a node has refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RefusedRow {
    /// What it is about: `secret`, `misfit` (other partitions, rules or version) or `other`.
    pub about: String,
    /// What happened, and what it may mean.
    pub text: String,
    /// Of whom that was last logged.
    pub whom: String,
    /// How often it has happened since the node started.
    pub count: u64,
    /// How long ago it was last logged, in milliseconds.
    pub ago_ms: u64,
}

impl Sight {
    pub(super) async fn check_up(&self) -> Result<CheckUp, Refusal> {
        let all: BTreeSet<NodeId> = self.view().keys().copied().collect();
        // They are asked while the rest is found.
        let clocks = self.clocks();
        let found = self.inquire(all.clone(), Inquiry::CheckUp).await?;
        let mut clocks: BTreeMap<NodeId, ClockRow> = clocks.join_all().await.into_iter().flatten().collect();
        let silent = all.iter().filter(|node| !found.contains_key(node)).map(NodeId::to_string).collect();
        let (mut room, mut schemas) = (WAYS_MAX, Schemas::default());
        let row = |(node, facts): (NodeId, Facts)| {
            let mut found = facts.check_up()?;
            schemas.add(node, std::mem::take(&mut found.schemas));
            let mut check = self.node_check(node, found, clocks.remove(&node));
            check.ways.truncate(room);
            room -= check.ways.len();
            Some(check)
        };
        let nodes = found.into_iter().filter_map(row).collect();
        Ok(CheckUp { nodes, silent, mixed: schemas.mixed() })
    }

    fn node_check(&self, node: NodeId, found: Ailments, clock: Option<ClockRow>) -> NodeCheck {
        NodeCheck {
            clock,
            node: node.to_string(),
            beacons: found.beacons,
            ways: found.ways.into_iter().filter(|way| !is_well(way, found.beacons)).map(WayRow::from).collect(),
            refused: found.refused.into_iter().map(RefusedRow::from).collect(),
            strained: found.strained.into_iter().map(|(name, at)| self.whereabouts(name.as_str(), at)).collect(),
        }
    }
}

/// Whether a way is as it should be, for a node that sends beacons itself or not.
fn is_well(way: &WayFacts, beacons: bool) -> bool {
    let answered = way.small_ms.is_some() && way.large_ms.is_some();
    let heard = !beacons || way.beacon_ms.is_some_and(|ago| ago <= BEACON_MAX_MS);
    way.connected && answered && heard && way.elsewhere.is_none()
}

impl From<WayFacts> for WayRow {
    fn from(facts: WayFacts) -> Self {
        let WayFacts { addr, node, connected, failures, small_ms, large_ms, elsewhere, beacon_ms } = facts;
        let node = node.map(|node| node.to_string());
        Self { addr, node, connected, failures, small_ms, large_ms, elsewhere, beacon_ms }
    }
}

impl From<RefusedFacts> for RefusedRow {
    fn from(facts: RefusedFacts) -> Self {
        let RefusedFacts { about, text, whom, count, ago_ms } = facts;
        Self { about, text, whom, count, ago_ms }
    }
}
