//! Owns the arithmetic of one claim: whom it must ask, who has answered, whether that is everybody.
//! Never sends anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::directory::message::Nodes;
use crate::directory::world::World;
use crate::rules::Rule;

/// How many times `claim_wait` a member that disagrees is waited for. It lives and is reached, and will promise when its
/// view has caught up; forced, it would go on with what it has beside the new owner.
const DISAGREED_WAITS: u32 = 5;

/// The wait for one member.
#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Instant,
    /// It has answered meanwhile, though it saw another owner.
    answered: bool,
}

/// Who was asked about a partition, and who has answered.
#[derive(Debug, Default)]
pub(super) struct Claim {
    /// Asked, and neither answered nor lost since.
    pub(super) asked: BTreeSet<NodeId>,
    /// Promised, and told all they had.
    pub(super) covered: BTreeSet<NodeId>,
    /// Covered by the complete owner that promised.
    pub(super) inherited: BTreeSet<NodeId>,
    /// Members that others see, though this node may not.
    pub(super) must: BTreeSet<NodeId>,
    /// The list that was added to them last: nearly all that come are equal, and to compare them is far less.
    learnt: Nodes,
    /// Not heard for too long: it goes on without them.
    pub(super) forced: BTreeSet<NodeId>,
    /// Who saw another owner when asked last.
    pub(super) disagreed: BTreeSet<NodeId>,
    /// Who has not been heard, as of the last look at everybody, less those that have promised since: so that most promises
    /// need no other look.
    unheard: BTreeSet<NodeId>,
    /// Likewise who keeps the claim from being complete.
    lacking: BTreeSet<NodeId>,
    /// Who is waited for, and since when.
    waits: BTreeMap<NodeId, Wait>,
    /// When it is looked at again for that.
    pub(super) look_at: Option<Instant>,
    /// When to ask again those that disagreed.
    pub(super) retry_at: Option<Instant>,
}

impl Claim {
    /// Everybody who has to be asked: (my view ∪ what others see ∪ who is missing) − known down.
    pub(super) fn need(&self, world: &World) -> BTreeSet<NodeId> {
        let all = world.view.keys().chain(&self.must).chain(&world.missing).copied();
        all.filter(|node| !world.down.contains(node)).collect()
    }

    /// Whether everybody was asked.
    pub(super) fn complete(&mut self, need: &BTreeSet<NodeId>) -> bool {
        if !Rule::AskAll.holds() {
            return self.covered.len() >= need.len().min(2);
        }
        self.unheard.retain(|node| !self.forced.contains(node));
        self.lacking = self.unheard.iter().filter(|node| !self.inherited.contains(node)).copied().collect();
        self.lacking.is_empty()
    }

    /// Others see these. Says whether that is news.
    pub(super) fn learn(&mut self, nodes: &Nodes) -> bool {
        if nodes.is_empty() || self.learnt == *nodes {
            return false;
        }
        let known = self.must.len();
        self.must.extend(nodes.iter());
        self.learnt = nodes.clone();
        self.must.len() > known
    }

    /// A complete owner had covered these. Says whether that is news.
    pub(super) fn inherit(&mut self, nodes: &Nodes) -> bool {
        let known = self.inherited.len();
        self.inherited.extend(nodes.iter());
        self.inherited.len() > known
    }

    /// Finds who has not been heard, of those that it needs: neither covered nor given up.
    pub(super) fn call(&mut self, need: &BTreeSet<NodeId>) {
        let unheard = need.iter().filter(|node| !self.covered.contains(node) && !self.forced.contains(node));
        self.unheard = unheard.copied().collect();
    }

    /// The node has promised. Says whether others that were asked have yet to, and nothing can be done before.
    pub(super) fn cover(&mut self, node: NodeId) -> bool {
        let agrees_at_last = self.disagreed.remove(&node) && self.disagreed.is_empty();
        self.uncover(node);
        self.covered.insert(node);
        self.forced.remove(&node);
        self.waits.remove(&node);
        let awaited = self.unheard.remove(&node);
        let completes = self.lacking.remove(&node) && self.lacking.is_empty();
        awaited && !agrees_at_last && !completes && !self.unheard.is_empty() && Rule::AskAll.holds()
    }

    /// Whether the node was asked, or is to be, and has not been heard.
    pub(super) fn awaits(&self, node: &NodeId) -> bool {
        self.unheard.contains(node)
    }

    /// The node sees another owner.
    pub(super) fn disagree(&mut self, node: NodeId) {
        self.disagreed.insert(node);
        if let Some(wait) = self.waits.get_mut(&node) {
            wait.answered = true;
        }
    }

    /// Waits for who has not been heard, each from when it was first missed. Gives those whose time is over, and when to look
    /// again.
    pub(super) fn wait(&mut self, now: Instant, claim_wait: Duration) -> (BTreeSet<NodeId>, Option<Instant>) {
        self.waits.retain(|node, _| self.unheard.contains(node));
        let (mut over, mut next) = (BTreeSet::new(), None::<Instant>);
        for node in &self.unheard {
            let Wait { since, answered } = *self.waits.entry(*node).or_insert(Wait { since: now, answered: false });
            let until = since + if answered { claim_wait.saturating_mul(DISAGREED_WAITS) } else { claim_wait };
            if until <= now {
                over.insert(*node);
            } else {
                next = Some(next.map_or(until, |next| next.min(until)));
            }
        }
        self.waits.retain(|node, _| !over.contains(node));
        (over, next)
    }

    /// Everything known about the node's answers is void: it was away, or owned the partition itself.
    pub(super) fn uncover(&mut self, node: NodeId) {
        self.asked.remove(&node);
        self.covered.remove(&node);
        self.inherited.remove(&node);
        self.disagreed.remove(&node);
    }

    /// The node is down.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.uncover(node);
        self.must.remove(&node);
        self.learnt = Nodes::default();
        self.forced.remove(&node);
    }
}
