//! Owns the table of this node's cells and does what owners direct (protocol.md §6, host side).
//! Never acts by itself, and obeys nobody but the holder of the highest term that it knows.

use swarm_net::node::NodeId;

use crate::directory::Happened;
use crate::directory::action::{Action, Order};
use crate::directory::cell::{Cell, Merging};
use crate::directory::message::{Directive, DirectiveId, Farewell, Message, Phase, Start};
use crate::directory::partition::Partition;
use crate::directory::turn::Turn;
use crate::epoch::{Epoch, Term};
use crate::name::Name;
use crate::rules::Rule;
use crate::worker::Die;

impl From<Farewell> for Die {
    fn from(why: Farewell) -> Self {
        match why {
            Farewell::Unregistered => Self::Unregistered,
            Farewell::Moved => Self::Moved,
            Farewell::Conflict => Self::Conflict,
        }
    }
}

/// What is told of why a start has failed, in bytes. Errors may say anything, and this one travels with what is registered.
const FAILURE_BYTES_MAX: usize = 16 << 10;

/// A text of any length, as it travels.
fn clipped(mut text: String) -> String {
    if text.len() > FAILURE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(FAILURE_BYTES_MAX));
        text.push_str(" [and so on]");
    }
    text
}

impl Partition {
    /// The runtime reports about a cell.
    pub(super) fn on_happened(&mut self, turn: &mut Turn<'_>, name: &Name, epoch: Epoch, happened: Happened) {
        self.wake_cell(name);
        let Some(cell) = self.cells.get_mut(name).filter(|cell| cell.epoch == epoch) else {
            return self.lay_cell_down(turn.world.me, name);
        };
        let before = cell.phase;
        let stays = cell.advance(&happened);
        let failure = match happened {
            Happened::StartFailed(text) => (before == Phase::Starting).then(|| clipped(text)),
            Happened::Started | Happened::Sealed | Happened::Ignored | Happened::SealTimedOut => None,
            Happened::Absorbed { .. } | Happened::AbsorbFailed { .. } | Happened::Indexed { .. } => None,
            Happened::Stopped { .. } | Happened::Dropped => None,
        };
        let (cell, id) = (stays.then(|| cell.report(false)), self.last_directive(name));
        if stays {
            self.lay_cell_down(turn.world.me, name);
        } else {
            self.cells.remove(name);
        }
        if let Some(boss) = self.boss {
            let report = Message::Report { term: self.promised, id, name: name.clone(), cell, failure };
            turn.send(boss, self.id, report);
        }
    }

    fn last_directive(&self, name: &Name) -> DirectiveId {
        let last = self.cells.get(name).map(|cell| cell.last).filter(|(term, _)| *term == self.promised);
        last.map(|(_, id)| id).unwrap_or_default()
    }

    pub(super) fn on_do(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        (term, id): (Term, DirectiveId),
        name: Name,
        directive: Directive,
    ) {
        if !self.fence(turn, from, term) {
            return;
        }
        self.wake_cell(&name);
        match directive {
            Directive::Start(start) => self.start(turn, &name, *start, (term, id)),
            Directive::Seal { .. }
            | Directive::Unseal { .. }
            | Directive::Absorb { .. }
            | Directive::Drop { .. }
            | Directive::Forget { .. }
            | Directive::Groups { .. } => self.direct(turn, &name, directive),
        }
        if let Some(cell) = self.cells.get_mut(&name) {
            cell.last = (term, id);
        }
        let cell = self.cells.get(&name).map(|cell| cell.report(false));
        self.lay_cell_down(turn.world.me, &name);
        turn.send(from, self.id, Message::Report { term, id, name, cell, failure: None });
    }

    fn start(&mut self, turn: &mut Turn<'_>, name: &Name, start: Start, last: (Term, DirectiveId)) {
        if self.cells.contains_key(name) || turn.world.refuses_starts() {
            return;
        }
        self.cells.insert(name.clone(), Box::new(Cell::new(&start, last)));
        let order = Order::Start {
            spec: start.spec,
            epoch: start.epoch,
            groups: start.groups,
            source: start.source,
            registrar: start.registrar,
        };
        turn.out.push(Action::Order { name: name.clone(), order });
        self.route(turn, name);
    }

    /// This node stood still. The others may have gone on without it: it decides nothing before it has asked them, and its
    /// workers run nothing before an owner has said how they go on.
    pub(super) fn stall(&mut self, turn: &mut Turn<'_>) {
        self.lose(turn);
        // With a quorum nobody else runs what is leased here.
        if turn.world.never_forces() || !Rule::Halt.holds() {
            return;
        }
        self.wake_cells();
        let runs = |phase| matches!(phase, Phase::Starting | Phase::Running | Phase::Sealing | Phase::Absorbing);
        let mut halted = Vec::new();
        for (name, cell) in self.cells.iter_mut().filter(|(_, cell)| runs(cell.phase) && !cell.halted) {
            cell.halted = true;
            turn.out.push(Action::Order { name: name.clone(), order: Order::Halt { epoch: cell.epoch } });
            halted.push((name.clone(), cell.report(false)));
        }
        let Some(boss) = self.boss else { return };
        for (name, cell) in halted {
            let (term, id) = (self.promised, self.last_directive(&name));
            turn.send(boss, self.id, Message::Report { term, id, name, cell: Some(cell), failure: None });
        }
    }

    /// What would happen if hosts ended seals themselves when nobody speaks to them.
    pub(super) fn unseal_all(&mut self, turn: &mut Turn<'_>) {
        let sealed: Vec<(Name, Epoch)> = self
            .cells
            .iter()
            .filter(|(_, cell)| cell.phase == Phase::Sealed)
            .map(|(name, cell)| (name.clone(), cell.epoch))
            .collect();
        for (name, epoch) in sealed {
            let new = Epoch::new(epoch.term(), epoch.number() + 1);
            self.direct(turn, &name, Directive::Unseal { epoch, new });
        }
    }

    /// Does a directive about a cell that exists, if it is meant for its present activation.
    fn direct(&mut self, turn: &mut Turn<'_>, name: &Name, directive: Directive) {
        let Some(cell) = self.cells.get_mut(name) else {
            return;
        };
        let order = match directive {
            Directive::Seal { epoch, forced } if cell.epoch == epoch && cell.phase == Phase::Running => {
                cell.phase = Phase::Sealing;
                cell.forced = forced;
                Order::Seal { epoch, forced }
            }
            Directive::Unseal { epoch, new }
                if cell.epoch == epoch && matches!(cell.phase, Phase::Running | Phase::Sealed) =>
            {
                if new != epoch {
                    cell.contain([], epoch);
                }
                cell.epoch = new;
                cell.halted = false;
                cell.phase = Phase::Running;
                turn.out.push(Action::Order { name: name.clone(), order: Order::Unseal { epoch, new } });
                if cell.indexed {
                    return;
                }
                // Word of the order under way would come under the old epoch.
                cell.tell_groups(&mut self.turns)
            }
            Directive::Absorb { epoch, from, loser, ids, absorbed }
                if cell.epoch == epoch && cell.phase == Phase::Running && !cell.absorbed().contains(&loser) =>
            {
                cell.merging = Some(Box::new(Merging { loser, ids, absorbed }));
                cell.phase = Phase::Absorbing;
                Order::Absorb { epoch, from, loser }
            }
            Directive::Drop { epoch, .. } if cell.epoch == epoch && cell.phase == Phase::Ended => {
                self.cells.remove(name);
                return;
            }
            Directive::Drop { epoch, why, successor } if cell.epoch == epoch && cell.phase != Phase::Dropping => {
                cell.phase = Phase::Dropping;
                // A local worker's registration ends with its node's leave, and that is what it hears.
                let leaves = cell.origin.spec.class.local && turn.world.is_leaving(&turn.world.me);
                let why = if leaves && why == Farewell::Unregistered { Die::NodeLeaving } else { why.into() };
                Order::Drop { epoch, why, successor }
            }
            Directive::Forget { epoch, gone } if cell.epoch == epoch => return cell.forget(gone),
            Directive::Groups { epoch, groups }
                if cell.epoch == epoch && !matches!(cell.phase, Phase::Dropping | Phase::Ended) =>
            {
                cell.origin.groups = groups;
                cell.tell_groups(&mut self.turns)
            }
            // For another activation, or one that is past it: the report says how things are.
            Directive::Start(_)
            | Directive::Seal { .. }
            | Directive::Unseal { .. }
            | Directive::Absorb { .. }
            | Directive::Drop { .. }
            | Directive::Forget { .. }
            | Directive::Groups { .. } => return,
        };
        turn.out.push(Action::Order { name: name.clone(), order });
    }

    /// An owner wants to know all cells, or only whether they are what it believes.
    pub(super) fn on_survey(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        (term, id): (Term, DirectiveId),
        mark: Option<u64>,
    ) {
        if self.fence(turn, from, term) && mark != Some(self.own_mark()) {
            let cells = self.all_cells();
            turn.send(from, self.id, Message::Cells { term, id, cells });
        }
    }
}
