//! Owns how an owner carries out what was decided about a name, and how it hears of it (protocol.md §6, §7).
//! Never decides; that is `reconcile`'s.

use swarm_net::node::NodeId;

use crate::directory::ability::Ability;
use crate::directory::action::Notice;
use crate::directory::copy::Op;
use crate::directory::groups;
use crate::directory::message::{CellReport, Directive, DirectiveId, Farewell, Message, Phase, Start};
use crate::directory::office::{Office, Plan, Told, Trouble};
use crate::directory::partition::Partition;
use crate::directory::posts;
use crate::directory::reconcile::{Case, Trial, Verdict};
use crate::directory::record::{Class, Record, Registration};
use crate::directory::request::{Answer, Refusal};
use crate::directory::stamp::{Ids, Rid};
use crate::directory::turn::Turn;
use crate::epoch::{Epoch, Term};
use crate::name::Name;
use crate::rules::Rule;

/// How many decisions about one name may follow one event. The longest chain is unite, void, amend, plan.
const DECISIONS_MAX: usize = 12;

/// Whether there is more to decide about a name.
enum Next {
    Decide,
    Wait,
}

impl Partition {
    /// Compares what is with what should be, and does the next things for a name.
    pub(super) fn reconcile(&mut self, turn: &mut Turn<'_>, name: &Name) {
        self.wake(name);
        for _ in 0..DECISIONS_MAX {
            let Some(verdict) = self.verdict(turn, name) else {
                break;
            };
            match self.carry_out(turn, name, verdict) {
                Next::Decide => {}
                Next::Wait => break,
            }
        }
        self.answer_waits(turn, name);
        self.release_rivals(turn, name);
        self.route(turn, name);
        self.lay_down(name);
        self.lay_cell_down(turn.world.me, name);
    }

    fn verdict(&mut self, turn: &Turn<'_>, name: &Name) -> Option<Verdict> {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else {
            return None;
        };
        let record = copy.records.get(name);
        if office.blocked || !office.owner || office.names.get(name).is_some_and(|work| work.out.is_some()) {
            return None;
        }
        let posted = record.and_then(|record| posts::posted(office, turn.world, name, record.head().class()));
        let wanted = || record.and_then(|record| desired(self.id, office, turn, record.head().whose()));
        let desired = posted.or_else(wanted);
        let work = office.names.get(name);
        let trouble = work.and_then(|work| work.trouble.as_deref());
        let registrar = record.map(|record| record.head().registrar());
        // A start that was not even tried, or was lost on its way, is no reason to give up.
        let tried = trouble.is_some_and(|trouble| trouble.said.is_some());
        let first = tried && work.is_some_and(|work| work.waits.starts().iter().any(|(to, _)| Some(*to) == registrar));
        let trial = Trial {
            failed: trouble.is_some_and(|trouble| trouble.failed),
            resting: trouble.is_some_and(|trouble| trouble.not_before > turn.now.instant),
            first,
        };
        let case = Case {
            world: turn.world,
            copy,
            record,
            cells: work.map(|work| work.seen.as_slice()).unwrap_or_default(),
            plan: work.and_then(|work| work.plan.as_deref()),
            desired,
            seq: office.seq,
            stable: office.stable(),
            trial,
            sealing: work.and_then(|work| work.sealing.as_deref().copied()),
        };
        Some(case.decide())
    }

    fn carry_out(&mut self, turn: &mut Turn<'_>, name: &Name, verdict: Verdict) -> Next {
        match verdict {
            Verdict::Rest => {
                self.come_to_rest(turn, name);
                self.tell_stranded(turn, name);
                return Next::Wait;
            }
            Verdict::AwaitStable(seq) => {
                if let Some(office) = &mut self.office {
                    office.waiting.insert((seq, name.clone()), ());
                }
                return Next::Wait;
            }
            Verdict::Adopt(at) => return self.adopt(turn, name, at),
            Verdict::Unite(ids) => self.unite(turn, name, &ids),
            Verdict::Void => self.with_work(name, |work| work.plan = None),
            Verdict::Carry => {
                self.carry_plan(turn, name);
                return Next::Wait;
            }
            Verdict::Plan { to, from, unseal } => self.make_plan(turn, name, to, from, unseal),
            Verdict::Amend { host, epoch } => {
                self.amend(turn, name, |registration| registration.place(host, epoch));
            }
            Verdict::Unregister => {
                turn.notice(Notice::Ended { name: name.clone() });
                self.unregister(turn, name, Answer::Refused(Refusal::Ended));
            }
            Verdict::GiveUp => {
                let trouble = self.office.as_mut().and_then(|office| office.work(name).trouble.take());
                let said = trouble.and_then(|trouble| trouble.said);
                let (host, text) = said.unwrap_or_else(|| (turn.world.me, String::new()));
                self.unregister(turn, name, Answer::InitFailed(host, text));
            }
            Verdict::Postpone => {
                self.back_off(turn, name);
                self.with_work(name, |work| work.sealing = None);
            }
            Verdict::Drop { at, epoch, why, successor } => {
                self.tell_drop(turn, name, at, why, successor);
                self.direct_to(turn, name, at, Directive::Drop { epoch, why, successor });
            }
            Verdict::Seal { at, epoch, forced, moving } => {
                if moving {
                    if !turn.moves.begin(turn.now.instant, self.id, name, turn.world.config.move_rate) {
                        return Next::Wait;
                    }
                    self.with_work(name, |work| work.sealing = Some(Box::new(epoch)));
                }
                self.direct_to(turn, name, at, Directive::Seal { epoch, forced });
            }
            Verdict::Absorb { at, epoch, loser } => {
                let cell = self.office.as_ref().and_then(|office| office.names.get(name)?.cell(loser).cloned());
                let Some(CellReport { epoch: from, ids, absorbed, .. }) = cell else {
                    return Next::Wait;
                };
                turn.notice(Notice::Conflict { name: name.clone(), winner: at, loser });
                let directive = Directive::Absorb { epoch, from: loser, loser: from, ids, absorbed };
                self.direct_to(turn, name, at, directive);
            }
            Verdict::Resume { at, epoch } => {
                self.direct_to(turn, name, at, Directive::Unseal { epoch, new: epoch });
            }
            Verdict::Groups { at, epoch } => {
                let groups = self.record(name).map(|record| groups::active(&record.groups())).unwrap_or_default();
                self.direct_to(turn, name, at, Directive::Groups { epoch, groups });
            }
        }
        Next::Decide
    }

    pub(super) fn record(&self, name: &Name) -> Option<&Record> {
        self.copy.as_ref()?.records.get(name)
    }

    pub(super) fn with_work(&mut self, name: &Name, change: impl FnOnce(&mut crate::directory::office::Work)) {
        if let Some(office) = &mut self.office {
            change(office.work(name));
        }
    }

    fn come_to_rest(&mut self, turn: &mut Turn<'_>, name: &Name) {
        let Some(work) = self.office.as_mut().and_then(|office| office.names.get_mut(name)) else {
            return turn.moves.end(self.id, name);
        };
        let running = matches!(work.seen.as_slice(), [(_, cell)] if cell.phase == Phase::Running);
        if work.seen.is_empty() || running {
            turn.moves.end(self.id, name);
            // Where it runs and is to stay, nobody waits for a seal any more.
            work.sealing = None;
            // What is still to be tried again keeps its count; else all is well.
            if running && work.trouble.as_ref().is_some_and(|trouble| trouble.not_before <= turn.now.instant) {
                work.trouble = None;
            }
        }
    }

    fn direct_to(&mut self, turn: &mut Turn<'_>, name: &Name, to: NodeId, directive: Directive) {
        let Some(office) = &mut self.office else {
            return;
        };
        let (term, id) = (office.term, office.next_directive());
        let work = office.work(name);
        work.out = Some((to, id));
        work.starting = matches!(directive, Directive::Start(_));
        turn.send(to, self.id, Message::Do { term, id, name: name.clone(), directive });
    }

    fn adopt(&mut self, turn: &mut Turn<'_>, name: &Name, at: NodeId) -> Next {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else {
            return Next::Wait;
        };
        let Some(cell) = office.names.get(name).and_then(|work| work.cell(at)) else {
            return Next::Wait;
        };
        let Some(origin) = cell.origin.as_deref() else {
            // Its reports since the last full list did not say what it was made from.
            office.hosts.insert(at, Told::Unknown);
            self.stale = true;
            return Next::Wait;
        };
        let ver = office.next_stamp();
        let fresh = cell.ids.iter().filter(|rid| !copy.covers(**rid));
        let adopted = fresh.map(|rid| {
            let (spec, place) = (origin.spec.clone(), (at, cell.epoch));
            let mut registration = Registration::new(*rid, spec, origin.registrar, place, ver, turn.pool);
            registration.groups = origin.groups.iter().map(|group| (group.clone(), (true, ver))).collect();
            registration
        });
        let Some(record) = Record::of(name, adopted) else {
            return Next::Wait;
        };
        turn.notice(Notice::Adopted { name: name.clone(), host: at });
        self.commit(turn, Op::Put { record });
        Next::Decide
    }

    fn unite(&mut self, turn: &mut Turn<'_>, name: &Name, ids: &[Rid]) {
        let Some(record) = self.record(name).map(|record| record.unite(ids)) else {
            return;
        };
        self.commit(turn, Op::Put { record });
    }

    /// Changes the fields of a record. Returns the change's number.
    pub(super) fn amend(&mut self, turn: &mut Turn<'_>, name: &Name, change: impl FnOnce(&mut Registration)) -> u64 {
        let Some(ver) = self.office.as_ref().map(|office| office.next_stamp()) else {
            return 0;
        };
        let Some(mut record) = self.record(name).cloned() else {
            return 0;
        };
        record.write(ver, change);
        self.commit(turn, Op::Put { record })
    }

    /// Writes the intent of an activation. Nothing starts before it is stable.
    fn make_plan(&mut self, turn: &mut Turn<'_>, name: &Name, to: NodeId, from: Option<(NodeId, Epoch)>, unseal: bool) {
        let last = self.record(name).map(|record| record.head().epoch()).unwrap_or_default();
        let Some(epoch) = self.office.as_mut().map(|office| office.next_epoch(last)) else {
            return;
        };
        let seq = self.amend(turn, name, |registration| registration.place(to, epoch));
        self.with_work(name, |work| {
            work.plan = Some(Box::new(Plan { epoch, to, from: from.map(Box::new), unseal, seq }));
            if let Some(trouble) = &mut work.trouble {
                trouble.failed = false;
            }
        });
    }

    fn carry_plan(&mut self, turn: &mut Turn<'_>, name: &Name) {
        let Some(work) = self.office.as_mut().and_then(|office| office.names.get_mut(name)) else {
            return;
        };
        let plan = if Rule::StartOnce.holds() { work.plan.take() } else { work.plan.clone() };
        let Some(plan) = plan else { return };
        let source = plan.from.map(|from| *from);
        if let (true, Some((_, epoch))) = (plan.unseal, source) {
            return self.direct_to(turn, name, plan.to, Directive::Unseal { epoch, new: plan.epoch });
        }
        let mut absorbed = Vec::new();
        if let Some((source, _)) = source {
            absorbed = work.cell(source).map(|cell| cell.absorbed.clone()).unwrap_or_default();
        } else if work.waits.starts().is_empty() {
            turn.notice(Notice::FailedOver { name: name.clone(), to: plan.to });
        }
        let Some(record) = self.copy.as_ref().and_then(|copy| copy.records.get(name)) else {
            return;
        };
        let head = record.head();
        let start = Start {
            ids: record.ids().collect(),
            spec: head.spec(),
            registrar: head.registrar(),
            epoch: plan.epoch,
            groups: groups::active(&record.groups()),
            source,
            absorbed,
        };
        self.direct_to(turn, name, plan.to, Directive::Start(Box::new(start)));
    }

    /// Removes a name's record, for ever. Who waits for its start is told `answer`.
    pub(super) fn unregister(&mut self, turn: &mut Turn<'_>, name: &Name, answer: Answer) -> (u64, Ids) {
        let Some(copy) = &self.copy else {
            return (0, Ids::from_iter([]));
        };
        let ids: Ids = copy.records.get(name).into_iter().flat_map(Record::ids).collect();
        let uncovered = ids.iter().filter(|rid| !copy.covers(**rid)).copied().collect();
        let seq = self.commit(turn, Op::Remove { name: name.clone(), uncovered, at_unix_ms: turn.now.unix_ms });
        turn.moves.end(self.id, name);
        if let Some(office) = &mut self.office {
            let work = office.work(name);
            work.plan = None;
            work.trouble = None;
            work.sealing = None;
            work.waits.change(|lists| {
                for (to, _) in lists.starts.drain(..) {
                    turn.answer(to, answer.clone());
                }
                for (to, _) in lists.groups.drain(..) {
                    turn.answer(to, Answer::NotRegistered);
                }
            });
            office.posts.remove(name);
            office.dirty.insert(name.clone(), ());
        }
        (seq, ids)
    }

    fn back_off(&mut self, turn: &mut Turn<'_>, name: &Name) {
        let config = &turn.world.config;
        let Some(office) = &mut self.office else {
            return;
        };
        let trouble = office.work(name).trouble.get_or_insert_default();
        let wait = config.backoff_min.saturating_mul(1 << trouble.failures.min(16)).min(config.backoff_max);
        trouble.failures += 1;
        trouble.not_before = turn.wake(wait, self.id, Some(name));
    }

    fn tell_drop(&self, turn: &mut Turn<'_>, name: &Name, at: NodeId, why: Farewell, to: Option<NodeId>) {
        let (name, work) = (name.clone(), self.office.as_ref().and_then(|office| office.names.get(name)));
        let kind = |node| work.and_then(|work| work.cell(node)).map(|cell| cell.kind);
        match (why, to) {
            (Farewell::Moved, Some(to)) => turn.notice(Notice::Moved { name, from: at, to }),
            (Farewell::Conflict, Some(to)) if kind(to) != kind(at) => {
                turn.notice(Notice::KindConflict { name, loser: at });
            }
            (Farewell::Unregistered | Farewell::Moved | Farewell::Conflict, _) => {}
        }
    }

    pub(super) fn on_report(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        (term, id): (Term, DirectiveId),
        name: &Name,
        cell: Option<CellReport>,
        failure: Option<String>,
    ) {
        if self.office.as_ref().is_none_or(|office| office.term != term) {
            return;
        }
        self.wake(name);
        let Some(office) = &mut self.office else { return };
        let mut failed = failure.is_some();
        let mut apart = false;
        if let Some(work) = office.names.get_mut(name) {
            apart =
                work.cell(from).zip(cell.as_ref()).is_some_and(|(before, now)| now.has_merged_nothing_since(before));
            match work.out {
                Some((node, out)) if node == from && out != id && Rule::Ids.holds() => return,
                Some((node, _)) if node == from => {
                    work.out = None;
                    failed |= std::mem::take(&mut work.starting) && cell.is_none();
                }
                Some(_) | None => {}
            }
            failed |= cell.is_none() && work.cell(from).is_some_and(|before| before.phase == Phase::Starting);
        }
        let gone = if cell.is_none() { office.epoch_at(from, name) } else { None };
        office.see(from, name, cell);
        if failed {
            let text = failure.clone().unwrap_or_else(|| "the host did not start it".into());
            let trouble = office.work(name).trouble.get_or_insert_with(|| Box::new(Trouble::default()));
            trouble.failed = true;
            trouble.said = failure.map(|text| (from, text));
            turn.notice(Notice::StartFailed { name: name.clone(), host: from, text });
        }
        if failed || apart {
            self.back_off(turn, name);
        }
        if let Some(gone) = gone {
            self.tell_gone(turn, name, gone);
        }
    }

    /// An activation has ended where it was: whoever contains its state need not remember that any more, or it would remember all
    /// the places where its worker has been. If there is something else to do for the name, it goes on remembering.
    fn tell_gone(&mut self, turn: &mut Turn<'_>, name: &Name, gone: Epoch) {
        // Who does not decide yet orders nothing: its own host would not listen.
        let office = self.office.as_ref().filter(|office| office.owner);
        let work = office.and_then(|office| office.names.get(name)).filter(|work| work.out.is_none());
        let heir = work.and_then(|work| work.seen.iter().find(|(_, cell)| cell.absorbed.contains(&gone)));
        if let Some((at, epoch)) = heir.map(|(at, cell)| (*at, cell.epoch)) {
            self.direct_to(turn, name, at, Directive::Forget { epoch, gone });
        }
    }

    pub(super) fn on_cells(&mut self, from: NodeId, term: Term, id: DirectiveId, cells: Vec<(Name, CellReport)>) {
        let Some(office) = self.office.as_ref().filter(|office| office.term == term) else {
            return;
        };
        let fresh = match office.hosts.get(&from) {
            Some(Told::Asked(asked)) => *asked == id,
            Some(Told::Known) => true,
            Some(Told::Unknown) | None => false,
        };
        if fresh {
            self.see_all(from, cells);
            self.stale = true;
        }
    }
}

/// Where a registration should live: a local one with its registrar, any other where the ring says.
pub(super) fn desired(
    partition: swarm_net::ring::PartitionId,
    office: &mut Office,
    turn: &Turn<'_>,
    (class, home): (&Class, NodeId),
) -> Option<NodeId> {
    if class.local {
        return (turn.world.is_member(&home) && !turn.world.is_leaving(&home)).then_some(home);
    }
    let ability = Ability::of(class);
    if let Some(place) = office.desired.get(&ability) {
        return *place;
    }
    let place = turn.world.desired(partition, ability);
    office.desired.insert(ability, place);
    place
}
