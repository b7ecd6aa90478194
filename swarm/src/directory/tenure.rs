//! Owns what having, losing and regaining the lease means for a node's part of the directory. Never says who has one;
//! `quorum` does.

use std::collections::BTreeMap;

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::{Instant, Now};

use crate::directory::Directory;
use crate::directory::action::{Action, Order, Route, Tenure};
use crate::directory::message::{Message, Phase};
use crate::directory::partition::Partition;
use crate::directory::quorum::{Findings, Standing};
use crate::directory::request::{Answer, Refusal};
use crate::directory::turn::Turn;
use crate::directory::world::World;
use crate::epoch::Term;
use crate::rules::Rule;
use crate::worker::Die;

/// What concerns the whole node travels as if it were about this partition.
pub(super) const WHOLE_NODE: PartitionId = PartitionId(0);

/// Nodes that others see and this one never has, each since when: they are missing, if that lasts.
pub(super) type Strangers = BTreeMap<NodeId, Instant>;

impl Directory {
    /// Does what time and votes have come to. A lease that has run out ends here, before anything else happens.
    pub(super) fn tend_lease(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(quorum) = &mut self.quorum else { return };
        let Findings { ended, begun, extended, dead, ask, settled } = quorum.look(now.instant);
        if ended {
            self.end_lease(now, out);
        }
        let tenures = begun.map(Tenure::Begun).into_iter().chain(extended.map(Tenure::Extended));
        out.extend(tenures.chain(settled.then_some(Tenure::Settled)).map(Action::Lease));
        self.stand(now, out);
        for node in dead {
            self.world.missing.remove(&node);
            self.bury(now, out, node);
        }
        if let Some((round, missing)) = ask {
            self.miss_strangers(now.instant);
            let others = self.world.view.keys().filter(|node| **node != self.world.me);
            let asks = others.map(|to| (*to, Message::Ask { round, missing: missing.clone() }));
            out.extend(asks.map(|(to, message)| Action::Send { to, partition: WHOLE_NODE, message }));
        }
    }

    /// A node is lost. Unless this is for certain it may still run what it hosts.
    pub(super) fn lose_sight(&mut self, now: Now, out: &mut Vec<Action>, node: NodeId) {
        let Some(quorum) = self.quorum.as_mut().filter(|_| Rule::Missing.holds()) else {
            return self.bury(now, out, node);
        };
        if !self.world.view.contains_key(&node) {
            // It never was a member: it is missed if others count on it, and not for what they have settled long ago.
            return;
        }
        quorum.miss(node);
        self.world.missing.insert(node);
        self.each(now, out, |partition, turn| partition.doubt(turn, node));
    }

    /// A node is dead, and whatever it ran.
    pub(super) fn bury(&mut self, now: Now, out: &mut Vec<Action>, node: NodeId) {
        if let Some(quorum) = &mut self.quorum {
            quorum.settle(&node);
        }
        self.world.missing.remove(&node);
        self.world.down.insert(node);
        if !self.world.joined && !self.world.view.contains_key(&node) {
            // A joiner is told of all who have died within a day. No partition of it has to do with anybody yet, and they are
            // too many to look at for each.
            return;
        }
        self.each(now, out, |partition, _| partition.bury(node));
    }

    /// A voter sees these. Who was dead to this node may have come back and have a lease again, if this node stood still or
    /// was cut off: it has to be heard like anybody else. Not who has said goodbye: a newcomer may see it for a while, but it
    /// has no lease and will answer nobody.
    pub(super) fn doubt_deaths(&mut self, now: Now, out: &mut Vec<Action>, view: &[NodeId]) {
        if self.quorum.is_none() {
            return;
        }
        let World { down, left, .. } = &mut self.world;
        let doubted = view.iter().filter(|node| !left.contains(node) && down.remove(node)).count();
        if doubted > 0 {
            self.each(now, out, |partition, _| partition.stale |= partition.office.is_some());
        }
    }

    /// The lease was over when it was to be extended.
    pub(super) fn lapse(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.quorum.as_mut().is_some_and(|quorum| quorum.give_up()) {
            self.end_lease(now, out);
        }
    }

    /// A member asks for this node's vote.
    pub(super) fn on_ask(&mut self, now: Now, out: &mut Vec<Action>, from: NodeId, round: u64, missing: Vec<NodeId>) {
        let Some(quorum) = &mut self.quorum else { return };
        if let Some(clear) = quorum.vote(now.instant, from, missing) {
            out.push(Action::Send { to: from, partition: WHOLE_NODE, message: Message::Grant { round, clear } });
        }
    }

    /// A member votes for this node.
    pub(super) fn on_grant(&mut self, now: Now, from: NodeId, round: u64, clear: &[NodeId]) {
        if let Some(quorum) = &mut self.quorum {
            quorum.granted(now.instant, from, round, clear);
        }
    }

    fn end_lease(&mut self, now: Now, out: &mut Vec<Action>) {
        out.push(Action::Lease(Tenure::Ended));
        self.stand(now, out);
        self.each(now, out, Partition::lapse);
    }

    /// Takes in what this node may do now.
    fn stand(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(standing) = self.quorum.as_ref().map(|quorum| quorum.standing()) else { return };
        let before = std::mem::replace(&mut self.world.standing, standing);
        if before != standing {
            match (before, standing) {
                (_, Standing::Below) => out.push(Action::Lease(Tenure::Below)),
                (Standing::Below, _) => out.push(Action::Lease(Tenure::Above)),
                (Standing::Leased | Standing::Waiting, Standing::Leased | Standing::Waiting) => {}
            }
            self.each(now, out, Partition::stand);
        }
    }

    /// Nodes that somebody who promised has seen, and that do not become members in time, may be lost to this node only.
    fn miss_strangers(&mut self, now: Instant) {
        let Some(quorum) = &mut self.quorum else { return };
        let world = &self.world;
        let offices = self.partitions.iter().filter_map(|partition| partition.office.as_ref());
        let seen = offices.flat_map(|office| office.claim.must.iter());
        let strange = |node: &&NodeId| {
            !world.view.contains_key(*node) && !world.down.contains(*node) && !world.missing.contains(*node)
        };
        let strangers: Strangers =
            seen.filter(strange).map(|node| (*node, self.strangers.get(node).copied().unwrap_or(now))).collect();
        let over = |(node, since): (&NodeId, &Instant)| (*since + world.config.claim_wait <= now).then_some(*node);
        let lost: Vec<NodeId> = strangers.iter().filter_map(over).collect();
        self.strangers = strangers;
        for node in lost {
            quorum.miss(node);
            self.world.missing.insert(node);
        }
    }
}

impl Partition {
    /// The lease has ended: this node decides nothing more, and nothing that ran under it goes on. It follows nobody from
    /// before, as if it had claimed the partition itself, so that no order given then is obeyed later.
    fn lapse(&mut self, turn: &mut Turn<'_>) {
        self.lose(turn);
        if self.promised != Term::default() {
            self.promised = Term { counter: self.promised.counter.saturating_add(1), tag: turn.world.me.tag() };
        }
        self.boss = None;
        self.wake_cells();
        self.cells.retain(|_, cell| cell.phase != Phase::Ended);
        for (name, cell) in self.cells.iter_mut() {
            if cell.phase != Phase::Dropping {
                cell.phase = Phase::Dropping;
                let order = Order::Drop { epoch: cell.epoch, why: Die::NoQuorum, successor: None };
                turn.out.push(Action::Order { name: name.clone(), order });
            }
        }
    }

    /// This node may do more or less than before.
    fn stand(&mut self, turn: &mut Turn<'_>) {
        self.stale = true;
        let owner = turn.world.owner(self.id).filter(|owner| *owner != turn.world.me);
        if let (Standing::Leased, Some(owner), None) = (turn.world.standing, owner, self.boss)
            && self.promised != Term::default()
        {
            // Its orders are not obeyed any more: it has to claim anew.
            turn.send(owner, self.id, Message::Known { term: self.promised });
        }
    }

    /// Below the quorum nothing is decided: whoever waits is told.
    pub(super) fn turn_away(&mut self, turn: &mut Turn<'_>) {
        for (from, ..) in std::mem::take(&mut self.held) {
            turn.answer(from, Answer::Refused(Refusal::NoQuorum));
        }
        for name in std::mem::take(&mut self.wanted) {
            turn.out.push(Action::Route { name, to: Route::NoQuorum });
        }
    }
}
