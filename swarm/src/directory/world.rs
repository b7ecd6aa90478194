//! Owns what this node believes of the cluster: members, ring, who is known dead, who can run what.
//! Never knows partitions' records.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use swarm_net::member::{Member, View};
use swarm_net::node::NodeId;
use swarm_net::ring::{PartitionId, Ring};
use swarm_net::time::Instant;
use xxhash_rust::xxh3::Xxh3;

use crate::directory::ability::Ability;
use crate::directory::config::DirectoryConfig;
use crate::directory::message::Nodes;
use crate::directory::quorum::Standing;
use crate::placement::Placement;
use crate::worker::KindId;

/// Who was taken for dead is tried again by the others within half of this.
const LONELY_MAX: Duration = Duration::from_secs(10);

/// The cluster as this node sees it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) me: NodeId,
    pub(super) config: DirectoryConfig,
    pub(super) view: Arc<View>,
    /// Who is in the view.
    pub(super) members: Nodes,
    /// The fingerprint of those. Two builds may differ in it: then they tell each other more than they need to.
    pub(super) sees: u64,
    /// A list that all messages without one share.
    pub(super) nobody: Nodes,
    pub(super) ring: Arc<Ring>,
    pub(super) down: BTreeSet<NodeId>,
    /// Those of them that have told this node goodbye: they run nothing any more, whoever still sees them.
    pub(super) left: BTreeSet<NodeId>,
    /// Lost, but perhaps alive elsewhere and still running what it hosts.
    pub(super) missing: BTreeSet<NodeId>,
    pub(super) standing: Standing,
    pub(super) joined: bool,
    pub(super) leaving: bool,
    /// Until when this node, which stood still, decides nothing alone: all whom it knew may have left a cluster that goes on.
    pub(super) lonely_until: Option<Instant>,
    abilities: BTreeSet<Ability>,
    weights: Vec<(NodeId, u16)>,
}

impl World {
    pub(super) fn new(me: NodeId, abilities: BTreeSet<Ability>, config: DirectoryConfig) -> Self {
        let ring = Arc::new(Ring::new(config.partitions, &[]));
        Self {
            me,
            config,
            view: Arc::new(BTreeMap::new()),
            members: Nodes::default(),
            sees: 0,
            nobody: Nodes::default(),
            ring,
            down: BTreeSet::new(),
            left: BTreeSet::new(),
            missing: BTreeSet::new(),
            standing: Standing::default(),
            joined: false,
            leaving: false,
            lonely_until: None,
            abilities,
            weights: Vec::new(),
        }
    }

    /// This node stood still: it may not know those who have come since, and it had others beside it.
    pub(super) fn stand_still(&mut self, now: Instant) {
        if self.view.len() > 1 {
            self.lonely_until = Some(now + LONELY_MAX);
        }
    }

    /// Takes in a new view, and says who is new in it.
    pub(super) fn see(&mut self, view: Arc<View>) -> Vec<NodeId> {
        let gained = view.keys().filter(|node| !self.view.contains_key(node)).copied().collect();
        for node in view.keys() {
            self.down.remove(node);
            self.missing.remove(node);
        }
        self.members = Nodes::new(view.keys().copied().collect());
        let mut hasher = Xxh3::new();
        self.members.hash(&mut hasher);
        self.sees = hasher.finish();
        self.view = view;
        self.turn_ring();
        gained
    }

    /// The members, for somebody who sees those of this fingerprint: nobody if they are the same.
    pub(super) fn told_to_who_sees(&self, fingerprint: u64) -> Nodes {
        if fingerprint == self.sees { self.nobody.clone() } else { self.members.clone() }
    }

    /// Computes the ring anew, if its members changed: all that are not leaving, or all if nobody stays.
    pub(super) fn turn_ring(&mut self) {
        let mut weights: Vec<(NodeId, u16)> = self.weighted(|member| !self.is_leaving(&member.id));
        if weights.is_empty() {
            weights = self.weighted(|_| true);
        }
        if weights != self.weights {
            self.ring = Arc::new(self.ring.with_members(&weights));
            self.weights = weights;
        }
    }

    fn weighted(&self, belongs: impl Fn(&Member) -> bool) -> Vec<(NodeId, u16)> {
        self.view.values().filter(|member| belongs(member)).map(|member| (member.id, member.profile.weight)).collect()
    }

    /// Whether the node is a member, as far as is known.
    pub(super) fn is_member(&self, node: &NodeId) -> bool {
        self.view.contains_key(node) && !self.down.contains(node)
    }

    /// Whether the node is lost: nothing that it says is heard until it is a member again.
    pub(super) fn is_lost(&self, node: &NodeId) -> bool {
        self.down.contains(node) || self.missing.contains(node)
    }

    /// Whether this node may decide and run workers now.
    pub(super) fn leased(&self) -> bool {
        self.standing == Standing::Leased
    }

    /// Whether claims wait for those that do not answer, however long that takes.
    pub(super) fn never_forces(&self) -> bool {
        self.config.placement != Placement::Ring
    }

    /// Whether this node refuses to host more: it leaves, and others stay, or it has no lease.
    pub(super) fn refuses_starts(&self) -> bool {
        if !self.leased() {
            return true;
        }
        self.leaving && (!self.joined || self.weights.iter().all(|(node, _)| *node != self.me))
    }

    /// Whether the node has begun to leave.
    pub(super) fn is_leaving(&self, node: &NodeId) -> bool {
        (*node == self.me && self.leaving) || self.view.get(node).is_some_and(|member| member.profile.leaving)
    }

    fn is_able(&self, node: &NodeId, ability: Ability) -> bool {
        if *node == self.me {
            return self.abilities.contains(&ability);
        }
        self.view.get(node).is_some_and(|member| member.profile.abilities.binary_search(&ability.0).is_ok())
    }

    /// Whether an operator may have such workers live there: a member that stays, takes workers and can start them.
    pub(super) fn is_fit(&self, node: &NodeId, ability: Ability) -> bool {
        let takes = self.view.get(node).is_some_and(|member| member.profile.weight > 0);
        takes && self.is_member(node) && !self.is_leaving(node) && self.is_able(node, ability)
    }

    /// The versions in which members know a worker type.
    pub(super) fn versions(&self, kind: KindId) -> BTreeSet<u32> {
        let others = self.view.values().filter(|member| member.id != self.me);
        let theirs = others.flat_map(|member| member.profile.abilities.iter().map(|ability| Ability(*ability)));
        self.abilities.iter().copied().chain(theirs).filter_map(|ability| ability.version(kind)).collect()
    }

    /// The ring's owner of a partition.
    pub(super) fn owner(&self, partition: PartitionId) -> Option<NodeId> {
        self.ring.owner(partition)
    }

    /// The node that should host such workers in this partition: the first one preferred that can.
    pub(super) fn desired(&self, partition: PartitionId, ability: Ability) -> Option<NodeId> {
        self.ring.preference(partition).find(|node| self.is_able(node, ability))
    }

    /// The R − 1 nodes that should hold copies beside this one while it acts as owner, whether or not the ring still
    /// names it: so an owner that was passed by includes its successor.
    pub(super) fn replicas(&self, partition: PartitionId) -> Vec<NodeId> {
        let others = self.ring.preference(partition).filter(|node| *node != self.me);
        others.take(self.config.replicas.saturating_sub(1)).collect()
    }

    /// Whether the ring wants a copy here.
    pub(super) fn replicates(&self, partition: PartitionId) -> bool {
        self.ring.preference(partition).take(self.config.replicas).any(|node| node == self.me)
    }
}
