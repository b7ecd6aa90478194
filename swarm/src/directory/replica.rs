//! Owns how changes reach the replicas and are confirmed, and how nodes that are none forget their copies
//! (protocol.md §5). Never decides what changes.

use std::sync::Arc;

use swarm_net::node::NodeId;

use crate::directory::copy::{Copy, Op};
use crate::directory::message::Message;
use crate::directory::partition::Partition;
use crate::directory::stamp::Stamp;
use crate::directory::turn::Turn;
use crate::epoch::Term;
use crate::rules::Rule;

impl Partition {
    /// Owner: sends each replica what it has not been sent, as changes if it has all before them, else whole.
    pub(super) fn ship(&mut self, turn: &mut Turn<'_>) {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else {
            return;
        };
        if !office.owner {
            return;
        }
        let (base, seq) = (office.log_base, office.seq);
        let mut whole: Option<Arc<Copy>> = None;
        // One record may have changed several times.
        let brief = office.log.iter().map(Op::bytes).sum::<usize>() <= turn.world.config.records_bytes_max;
        office.log_base = seq;
        for node in &office.replicas {
            if office.ships.get(node).is_some_and(|ship| ship.sent == Some(seq)) {
                continue;
            }
            // What an uncovered node knows is not merged yet: an install would destroy it.
            if !office.claim.covered.contains(node) {
                continue;
            }
            let ship = office.ships.of(*node);
            let term = office.term;
            let message = match ship.sent {
                // A record is shared, so that this copies little.
                Some(sent) if sent == base && brief => {
                    Message::Update { term, after: base, seq, ops: office.log.clone() }
                }
                Some(_) | None => {
                    let copy = whole.get_or_insert_with(|| Arc::new(copy.clone())).clone();
                    Message::Install { term, seq, copy }
                }
            };
            ship.sent = Some(seq);
            office.retired.remove(node);
            turn.send(*node, self.id, message);
        }
        office.log = Vec::new();
    }

    /// Owner: tells covered nodes that are no replicas to forget their copies, once the replicas hold everything.
    pub(super) fn retire(&mut self, turn: &mut Turn<'_>) {
        let Some(office) =
            self.office.as_mut().filter(|office| office.owner && (office.complete || !Rule::RetireComplete.holds()))
        else {
            return;
        };
        let mine = || turn.world.owner(self.id) == Some(turn.world.me);
        if office.retiring.is_empty() || (office.stable() < office.seq && Rule::RetireComplete.holds()) || !mine() {
            return;
        }
        for node in std::mem::take(&mut office.retiring) {
            office.retired.insert(node);
            office.ships.remove(&node);
            turn.send(node, self.id, Message::Retire { term: office.term });
        }
    }

    pub(super) fn on_install(&mut self, turn: &mut Turn<'_>, from: NodeId, at: Stamp, copy: Arc<Copy>) {
        if self.fence(turn, from, at.term) {
            self.wake_cells();
            self.copy.insert(Arc::unwrap_or_clone(copy)).share(turn.pool);
            self.lay_cells_down(turn.world.me);
            turn.send(from, self.id, Message::Ack { term: at.term, seq: at.seq });
        }
    }

    pub(super) fn on_update(&mut self, turn: &mut Turn<'_>, from: NodeId, after: u64, at: Stamp, ops: Vec<Op>) {
        if !self.fence(turn, from, at.term) {
            return;
        }
        let before = Stamp { term: at.term, seq: after };
        let follows = self.copy.as_ref().is_some_and(|copy| copy.at == before);
        let answer = match follows {
            true => {
                self.follow(turn, at, ops);
                Message::Ack { term: at.term, seq: at.seq }
            }
            false => Message::Gap { term: at.term },
        };
        turn.send(from, self.id, answer);
    }

    fn follow(&mut self, turn: &mut Turn<'_>, at: Stamp, ops: Vec<Op>) {
        for mut op in ops {
            op.share(turn.pool);
            self.wake_cell(op.name());
            if let Some(copy) = &mut self.copy {
                copy.apply(&op, at.term);
            }
            self.lay_cell_down(turn.world.me, op.name());
        }
        if let Some(copy) = &mut self.copy {
            copy.reach(at);
        }
    }

    pub(super) fn on_ack(&mut self, from: NodeId, term: Term, seq: u64) {
        let Some(office) = self.office.as_mut().filter(|office| office.term == term) else {
            return;
        };
        if let Some(ship) = office.ships.get_mut(&from) {
            ship.acked = ship.acked.max(seq);
            office.wake_stable();
        }
    }

    pub(super) fn on_gap(&mut self, from: NodeId, term: Term) {
        let Some(office) = self.office.as_mut().filter(|office| office.term == term) else {
            return;
        };
        if let Some(ship) = office.ships.get_mut(&from) {
            ship.sent = None;
        }
    }

    pub(super) fn on_retire(&mut self, turn: &mut Turn<'_>, from: NodeId, term: Term) {
        if self.fence(turn, from, term) {
            self.wake_cells();
            self.copy = None;
        }
    }
}
