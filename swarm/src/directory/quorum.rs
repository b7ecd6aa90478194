//! Owns the lease of this node under [`Placement::Quorum`](crate::placement::Placement): until when it may run workers, by
//! the word of how many members, and which lost nodes have surely lost theirs. Never starts or stops anything, and never
//! reads a clock.
//!
//! One lease a node, not one a name: it costs nothing per call, and a message to each member four times in its length.
//!
//! - A node *asks* all members for their vote, and holds the lease until `L` after the moment at which it asked, if `size`
//!   nodes, itself included, have granted that round or a later one. Once its time is over the lease has *ended*, and a new
//!   one does not revive what ran under it. A node that sees fewer than `size` members gives it up at once.
//! - Who grants remembers it for `W` = `L`·17/16 after it got the question. `W` is longer than `L` by any two clocks whose
//!   rates differ by less than 6 %, and the question was got after it was asked.
//! - A node that is lost is *missing*: it may live, and hold a lease. With each question a node says who is missing to it,
//!   and who grants the question grants nothing to those for `W`; it says for whom no grant of its own is running any
//!   more. When `size` nodes have said so and all are still bound, no lease of the missing one runs: any lease is of `size`
//!   nodes, which are more than half, so that one of them is among those. Only then it is *dead* to the directory.
//! - What a node has granted is lost when it is started anew. So it takes no part for its first `W`.
//!
//! Of two nodes that miss each other, the one whose question came first is heard, and the other's lease ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::rules::Rule;

/// How often a node asks within the length of a lease: three questions in a row may be lost.
const ASKED_WITHIN: u32 = 4;

/// The part of a lease that passes between two questions while something is waited for. Seldom enough for a few messages.
const SOON: u32 = 32;

/// A grant stands longer than the lease by this part of it, since clocks do not run alike.
const DRIFT: u32 = 16;

/// What this node may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// It decides, and runs workers. Always, without a quorum to be had.
    #[default]
    Leased,
    /// It sees enough members, and waits for their votes.
    Waiting,
    /// It sees too few members.
    Below,
}

/// What a look at the lease has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// The lease that was held has ended.
    pub(super) ended: bool,
    /// A lease has begun, until then.
    pub(super) begun: Option<Instant>,
    /// The lease goes on, until then.
    pub(super) extended: Option<Instant>,
    /// Lost nodes whose leases have surely ended.
    pub(super) dead: Vec<NodeId>,
    /// A question to all members: its number, and who is missing.
    pub(super) ask: Option<(u64, Vec<NodeId>)>,
    /// Whether this node takes part is known from now on.
    pub(super) settled: bool,
}

/// The lease of one node, and what it has granted to others.
#[derive(Debug)]
pub(super) struct Quorum {
    me: NodeId,
    size: usize,
    lease: Duration,
    /// The latest time that it was told: within a turn the others may lag behind.
    now: Instant,
    /// It takes part from then on.
    awake: Option<Instant>,
    settled: bool,
    /// Something has happened since the last look.
    stirred: bool,
    members: BTreeSet<NodeId>,
    held: Option<Instant>,
    round: u64,
    /// When each round was asked whose grants may still count.
    rounds: BTreeMap<u64, Instant>,
    ask_at: Instant,
    /// When the last round was asked that each member has granted.
    granted: BTreeMap<NodeId, Instant>,
    /// Until when what this node has granted may be relied on.
    given: BTreeMap<NodeId, Instant>,
    /// Who gets no grant, for whom, and until when.
    bars: BTreeMap<(NodeId, NodeId), Instant>,
    missing: BTreeMap<NodeId, Missing>,
}

/// A lost node that may live.
#[derive(Debug)]
struct Missing {
    /// The last round that was asked before. Answers to it know nothing of this.
    since: u64,
    /// Who has said that none of its grants to the node runs, and when that round was asked.
    clear: BTreeMap<NodeId, Instant>,
}

impl Quorum {
    pub(super) fn new(me: NodeId, size: usize, lease: Duration) -> Self {
        Self {
            me,
            size,
            lease,
            now: Instant::START,
            awake: None,
            settled: false,
            stirred: true,
            members: BTreeSet::new(),
            held: None,
            round: 0,
            rounds: BTreeMap::new(),
            ask_at: Instant::START,
            granted: BTreeMap::new(),
            given: BTreeMap::new(),
            bars: BTreeMap::new(),
            missing: BTreeMap::new(),
        }
    }

    /// What this node may do.
    pub(super) fn standing(&self) -> Standing {
        if self.held.is_some() {
            Standing::Leased
        } else if self.members.len() >= self.size {
            Standing::Waiting
        } else {
            Standing::Below
        }
    }

    /// The node is lost, and may live elsewhere.
    pub(super) fn miss(&mut self, node: NodeId) {
        self.missing.entry(node).or_insert(Missing { since: self.round, clear: BTreeMap::new() });
        self.members.remove(&node);
        self.ask_soon();
    }

    /// The node is here, or has said that it is gone.
    pub(super) fn settle(&mut self, node: &NodeId) {
        if self.missing.remove(node).is_some() {
            self.ask_soon();
        }
    }

    /// The members now, this node included.
    pub(super) fn see(&mut self, members: impl Iterator<Item = NodeId>) {
        let members: BTreeSet<NodeId> = members.filter(|node| !self.missing.contains_key(node)).collect();
        if members != self.members {
            self.members = members;
            self.ask_soon();
        }
    }

    /// The lease is over before its time: the data plane found it so, or the node has left.
    pub(super) fn give_up(&mut self) -> bool {
        self.stirred = true;
        self.granted.clear();
        self.held.take().is_some()
    }

    /// A member asks for a vote. Gives the missing nodes to which no grant of this node runs, or nothing if it has no vote.
    pub(super) fn vote(&mut self, now: Instant, from: NodeId, missing: Vec<NodeId>) -> Option<Vec<NodeId>> {
        self.tell(now);
        let now = self.now;
        if self.held.is_none() {
            // It may be that they have just become enough.
            self.ask_soon();
        }
        let barred = self.bars.iter().any(|((node, by), until)| *node == from && *by != from && *until > now);
        if !self.is_awake() || barred || missing.contains(&self.me) || !self.members.contains(&from) {
            return None;
        }
        let until = now + self.grant();
        self.bars.retain(|(_, by), _| *by != from);
        self.bars.extend(missing.iter().map(|node| ((*node, from), until)));
        self.given.insert(from, until);
        let bound = |node: &NodeId| self.given.get(node).is_some_and(|until| *until > now);
        Some(missing.into_iter().filter(|node| !bound(node)).collect())
    }

    /// A member has granted a round, and says to which of those that are missing no grant of its own runs.
    pub(super) fn granted(&mut self, now: Instant, from: NodeId, round: u64, clear: &[NodeId]) {
        self.tell(now);
        let Some(asked) = self.rounds.get(&round).copied() else { return };
        self.stirred = true;
        let last = self.granted.entry(from).or_insert(asked);
        *last = asked.max(*last);
        for (node, missing) in &mut self.missing {
            if round > missing.since && clear.contains(node) {
                let last = missing.clear.entry(from).or_insert(asked);
                *last = asked.max(*last);
            }
        }
    }

    /// Looks what the time and the votes have come to.
    pub(super) fn look(&mut self, now: Instant) -> Findings {
        self.tell(now);
        let mut findings = Findings::default();
        if !std::mem::take(&mut self.stirred) && self.now < self.next() {
            return findings;
        }
        if self.held.is_some_and(|until| until <= self.now || self.members.len() < self.size) {
            self.held = None;
            findings.ended = true;
            self.ask_soon();
            self.stirred = false;
        }
        self.forget();
        if self.is_awake() && self.ask_at <= self.now {
            findings.ask = Some(self.ask());
        }
        if let Some(until) = self.until().filter(|until| *until > self.now) {
            match self.held.replace(until) {
                None => findings.begun = Some(until),
                Some(before) if before < until => findings.extended = Some(until),
                Some(before) => self.held = Some(before),
            }
        }
        findings.dead = self.dead();
        findings.dead.iter().for_each(|node| drop(self.missing.remove(node)));
        let patience = self.awake.is_some_and(|awake| awake + self.lease / ASKED_WITHIN <= self.now);
        let known = self.is_awake() && (self.held.is_some() || self.members.len() < self.size || patience);
        findings.settled = known && !self.settled;
        self.settled |= known;
        findings
    }

    /// When to look again at the latest.
    pub(super) fn next(&self) -> Instant {
        let asks = self.awake.map_or(self.ask_at, |awake| awake.max(self.ask_at));
        self.held.map_or(asks, |held| held.min(asks))
    }

    fn tell(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.awake.get_or_insert(now + self.lease + self.lease / DRIFT);
    }

    fn is_awake(&self) -> bool {
        self.awake.is_some_and(|awake| awake <= self.now || !Rule::Awake.holds())
    }

    /// How long a grant stands.
    fn grant(&self) -> Duration {
        self.lease + self.lease / DRIFT
    }

    fn ask_soon(&mut self) {
        self.stirred = true;
        let last = self.rounds.get(&self.round).copied().unwrap_or(Instant::START);
        self.ask_at = self.ask_at.min(self.now.max(last + self.lease / SOON));
    }

    fn ask(&mut self) -> (u64, Vec<NodeId>) {
        self.round += 1;
        self.rounds.insert(self.round, self.now);
        self.granted.insert(self.me, self.now);
        let waits = self.members.len() >= self.size && (!self.missing.is_empty() || self.held.is_none());
        self.ask_at = self.now + self.lease / if waits { SOON } else { ASKED_WITHIN };
        (self.round, self.missing.keys().copied().collect())
    }

    /// Until when the votes allow this node to run workers.
    fn until(&self) -> Option<Instant> {
        if !self.is_awake() || self.members.len() < self.size {
            return None;
        }
        let mut votes: Vec<Instant> =
            self.granted.iter().filter(|(node, _)| self.members.contains(node)).map(|(_, asked)| *asked).collect();
        votes.sort_unstable_by(|one, other| other.cmp(one));
        votes.get(self.size.checked_sub(1)?).map(|asked| *asked + self.lease)
    }

    /// Lost nodes to which so many are bound to grant nothing, and have granted nothing that runs, that no lease is left.
    fn dead(&self) -> Vec<NodeId> {
        let mine = |node: &NodeId| self.is_awake() && self.given.get(node).is_none_or(|until| *until <= self.now);
        let counts = |by: &NodeId, asked: &Instant| self.members.contains(by) && *asked + self.lease > self.now;
        let sure = |(node, missing): &(&NodeId, &Missing)| {
            let others = missing.clear.iter().filter(|(by, asked)| counts(by, asked)).count();
            mine(node) && others + 1 >= self.size
        };
        self.missing.iter().filter(sure).map(|(node, _)| *node).collect()
    }

    fn forget(&mut self) {
        let (now, lease) = (self.now, self.lease);
        self.rounds.retain(|_, asked| *asked + lease > now);
        self.granted.retain(|_, asked| *asked + lease > now);
        self.given.retain(|_, until| *until > now);
        self.bars.retain(|_, until| *until > now);
    }
}
