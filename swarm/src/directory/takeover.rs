//! Owns how a partition changes hands: claims, promises, and the fence before every owner's message
//! (protocol.md §4). Never looks at names.

use std::sync::Arc;

use swarm_net::node::NodeId;

use crate::directory::action::Notice;
use crate::directory::copy::Copy;
use crate::directory::message::{CellReport, Message, Nodes};
use crate::directory::office::Told;
use crate::directory::partition::Partition;
use crate::directory::record::Record;
use crate::directory::turn::Turn;
use crate::epoch::Term;
use crate::name::Name;
use crate::rules::Rule;

/// What came with a promise.
pub(super) struct Promise {
    pub(super) copy: Option<Arc<Copy>>,
    pub(super) cells: Vec<(Name, CellReport)>,
    pub(super) view: Nodes,
    pub(super) inherit: Nodes,
}

impl Partition {
    pub(super) fn on_claim(&mut self, turn: &mut Turn<'_>, from: NodeId, (term, sees): (Term, u64)) {
        let view = turn.world.told_to_who_sees(sees);
        let outbids = !Rule::DisagreeFirst.holds() && term < self.promised;
        // This comes before the look at terms: were it after, two nodes with different views would outbid each other.
        if turn.world.owner(self.id) != Some(from) && Rule::Agree.holds() && !outbids {
            self.nudges.insert(from);
            turn.notice(Notice::Disagreed { partition: self.id, with: from });
            return turn.send(from, self.id, Message::Disagree { term, view });
        }
        if term < self.promised {
            return turn.send(from, self.id, Message::Refuse { promised: self.promised });
        }
        let inherit = match &self.office {
            Some(office) if office.owner && office.complete => {
                let claim = &office.claim;
                let all = claim.covered.iter().chain(&claim.inherited).chain(&claim.must).chain(turn.world.view.keys());
                let all: std::collections::BTreeSet<NodeId> = all.copied().collect();
                let all: Vec<NodeId> = all.into_iter().filter(|node| !turn.world.down.contains(node)).collect();
                // Nearly always it had covered whom it sees.
                if all == *turn.world.members { turn.world.members.clone() } else { Nodes::new(all) }
            }
            Some(_) | None => turn.world.nobody.clone(),
        };
        if Rule::Promise.holds() {
            self.promised = term;
            self.boss = Some(from);
            self.lose(turn);
        }
        self.stale = true;
        let copy = self.copy.clone().map(Arc::new);
        let cells = self.all_cells();
        turn.send(from, self.id, Message::Promise { term, copy, cells, view, inherit });
    }

    pub(super) fn on_promise(&mut self, turn: &mut Turn<'_>, from: NodeId, term: Term, promise: Promise) {
        let Some(office) = self.office.as_mut().filter(|office| office.term == term) else {
            return;
        };
        let claim = &mut office.claim;
        let mut decisive = !claim.cover(from) | claim.inherit(&promise.inherit);
        if Rule::Closure.holds() {
            decisive |= claim.learn(&promise.view) | claim.learn(&promise.inherit);
        }
        self.see_all(from, promise.cells);
        let Some(office) = &mut self.office else { return };
        decisive |= office.unblocks(&from);
        // Most promises are some of many: to look at all members again for each would be the square of them.
        self.stale |= decisive;
        let Some(theirs) = promise.copy else {
            // Unless it was sent one since it said so.
            if office.ships.get(&from).is_none_or(|ship| ship.sent.is_none()) {
                office.retired.insert(from);
            } else if office.owner && office.is_to_retire(&from) {
                office.retiring.insert(from);
            }
            return;
        };
        office.retired.remove(&from);
        let owner = office.owner;
        if owner && office.is_to_retire(&from) {
            office.retiring.insert(from);
        }
        let mut news = self.copy.get_or_insert_default().news(&theirs);
        news.iter_mut().flat_map(|(_, record)| record).for_each(|record| record.share(turn.pool));
        for (name, _) in &news {
            self.wake(name);
            self.wake_cell(name);
        }
        let ours = self.copy.get_or_insert_default();
        let at = ours.at;
        let learnt = ours.take_in(&theirs, &news);
        if owner {
            ours.at = at;
            if learnt || !news.is_empty() {
                self.mark_merged(news);
                self.touch();
            }
        }
    }

    /// Names that a merge changed are to be looked at.
    fn mark_merged(&mut self, news: Vec<(Name, Option<Record>)>) {
        let Some(office) = &mut self.office else {
            return;
        };
        for (name, _) in news {
            if let Some(work) = office.names.get_mut(&name) {
                work.plan = None;
            }
            office.dirty.insert(name, ());
        }
    }

    pub(super) fn on_disagree(&mut self, from: NodeId, term: Term, view: &Nodes, turn: &mut Turn<'_>) {
        let Some(office) = self.office.as_mut().filter(|office| office.term == term) else {
            return;
        };
        let claim = &mut office.claim;
        let news = Rule::Closure.holds() && claim.learn(view);
        claim.disagree(from);
        // Else it is on the list of those that are asked again.
        self.stale |= news || claim.retry_at.is_none() || !claim.awaits(&from);
        turn.notice(Notice::Disagreed { partition: self.id, with: from });
    }

    /// Somebody follows a higher term: this node's office is over, if it is lower.
    pub(super) fn on_outbid(&mut self, turn: &mut Turn<'_>, promised: Term) {
        let Some(office) = &self.office else { return };
        if promised > office.term {
            self.promised = self.promised.max(promised);
            self.lose(turn);
        }
    }

    pub(super) fn on_nudge(&mut self, turn: &mut Turn<'_>, from: NodeId) {
        let mine = turn.world.owner(self.id) == Some(turn.world.me);
        let Some(office) = &mut self.office else { return };
        if let Some(told @ Told::Asked(_)) = office.hosts.get_mut(&from) {
            *told = Told::Unknown;
            self.stale = true;
        }
        let asks = mine && !turn.world.missing.contains(&from) && (!office.owner || Rule::Cover.holds());
        if asks && office.claim.awaits(&from) {
            office.claim.asked.insert(from);
            turn.send(from, self.id, Message::Claim { term: office.term, sees: turn.world.sees });
        } else {
            office.claim.asked.remove(&from);
            self.stale = true;
        }
    }

    pub(super) fn on_known(&mut self, turn: &mut Turn<'_>, from: NodeId, term: Term) {
        self.promised = self.promised.max(term);
        match &mut self.office {
            Some(office) if term > office.term => self.lose(turn),
            Some(office) => {
                let claim = &mut office.claim;
                let answer_due = claim.asked.contains(&from) && !claim.disagreed.contains(&from);
                if !answer_due {
                    claim.uncover(from);
                    self.stale = true;
                }
            }
            None => self.stale = true,
        }
    }

    /// Whether the sender may tell this node anything: it follows the highest term that it has met, and no other.
    pub(super) fn fence(&mut self, turn: &mut Turn<'_>, from: NodeId, term: Term) -> bool {
        if from == turn.world.me {
            return self.office.as_ref().is_some_and(|office| office.owner && office.term == term);
        }
        if term < self.promised {
            turn.send(from, self.id, Message::Nack { promised: self.promised });
            return false;
        }
        if term > self.promised {
            self.promised = term;
            self.boss = Some(from);
            self.lose(turn);
        }
        self.boss = Some(from);
        true
    }
}
