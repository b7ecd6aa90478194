//! Owns what an owner does with asks, and when it answers them (protocol.md §5, §9).
//! Never answers for a partition that it does not own completely, but where a known name is.

use crate::directory::action::{Action, Route};
use crate::directory::cell::Cell;
use crate::directory::copy::Op;
use crate::directory::groups::GroupKey;
use crate::directory::message::{CellReport, Phase};
use crate::directory::office::Work;
use crate::directory::owner;
use crate::directory::partition::Partition;
use crate::directory::quorum::Standing;
use crate::directory::record::{Record, Registration, Spec};
use crate::directory::request::{Answer, Ask, Refusal, RequestId};
use crate::directory::stamp::Rid;
use crate::directory::turn::Turn;
use crate::epoch::Epoch;
use crate::name::Name;
use crate::rules::Rule;
use crate::worker::KindId;

impl Partition {
    pub(super) fn ask(&mut self, turn: &mut Turn<'_>, from: RequestId, name: Name, ask: Ask) {
        if turn.world.standing == Standing::Below {
            return turn.answer(from, Answer::Refused(Refusal::NoQuorum));
        }
        let record = self.record(&name);
        let known = record.map(Record::head);
        if let (Some(_), Ask::Explain, Some(record)) = (&self.office, &ask, record) {
            let answer = self.whereabouts(turn, &name, record);
            return turn.answer(from, answer);
        }
        match (&self.office, &ask, known) {
            (Some(office), Ask::Whereis, Some(head)) => {
                let location = (!office.unborn(&name, head)).then(|| head.location());
                return turn.answer(from, Answer::Whereis(location));
            }
            (None, ..) if turn.world.owner(self.id).is_some_and(|owner| owner != turn.world.me) => {
                return turn.answer(from, Answer::NotOwner(turn.world.owner(self.id)));
            }
            (None, ..) => return self.hold(turn, from, name, ask),
            (Some(office), ..) if !office.owner || !office.complete => {
                return self.hold(turn, from, name, ask);
            }
            (Some(_), ..) => {}
        }
        self.wake(&name);
        self.take_ask(turn, from, name.clone(), ask);
        // If nothing came of it, nothing else is kept of the name than before.
        self.lay_down(&name);
    }

    /// Does what is asked about a name that is awake.
    fn take_ask(&mut self, turn: &mut Turn<'_>, from: RequestId, name: Name, ask: Ask) {
        match ask {
            Ask::Register(spec) => self.register(turn, from, name, spec, false),
            Ask::WhereisOrRegister(spec) => self.register(turn, from, name, spec, true),
            Ask::Unregister => self.ask_unregister(turn, from, &name),
            Ask::Whereis | Ask::Explain => turn.answer(from, Answer::Whereis(None)),
            Ask::Join { group, kind } => match self.stranger(&name, kind) {
                Some(worker) => turn.answer(from, Answer::WrongKind(worker)),
                None => self.ask_group(turn, from, &name, group, true),
            },
            Ask::Leave { group } => self.ask_group(turn, from, &name, group, false),
        }
    }

    fn hold(&mut self, turn: &mut Turn<'_>, from: RequestId, name: Name, ask: Ask) {
        if self.held.iter().any(|(held, ..)| *held == from) {
            return;
        }
        if self.held.len() >= turn.world.config.asks_held_max {
            return turn.answer(from, Answer::Refused(Refusal::Overloaded));
        }
        self.held.push_back((from, name, ask));
    }

    fn register(&mut self, turn: &mut Turn<'_>, from: RequestId, name: Name, spec: Spec, any: bool) {
        let Some(office) = &mut self.office else {
            return;
        };
        let registered = self.copy.as_ref().and_then(|copy| copy.records.get(&name)).map(Record::head);
        if let Some(head) = registered.filter(|head| head.registrar() != from) {
            if !office.unborn(&name, head) {
                let location = head.location();
                let taken = if any { Answer::Whereis(Some(location)) } else { Answer::AlreadyRegistered(location) };
                return turn.answer(from, taken);
            }
            let rivals = &mut office.work(&name).waits.lists().rivals;
            if rivals.len() >= turn.world.config.asks_held_max {
                return turn.answer(from, Answer::Refused(Refusal::Overloaded));
            }
            if !rivals.iter().any(|(rival, _)| *rival == from) {
                rivals.push((from, if any { Ask::WhereisOrRegister(spec) } else { Ask::Register(spec) }));
            }
            return;
        }
        let mut planned = false;
        if registered.is_none() {
            let more = Record::bytes_of(&name, &spec);
            if !self.has_room(turn, more) {
                return turn.answer(from, Answer::Refused(Refusal::Full));
            }
            let Some(office) = &mut self.office else {
                return;
            };
            let ver = office.next_stamp();
            let local = spec.class.local;
            let Some(host) = owner::desired(self.id, office, turn, (&spec.class, from.node)) else {
                let answer = if local { Answer::Refused(Refusal::NotAMember) } else { Answer::NoCapableNode };
                return turn.answer(from, answer);
            };
            let plan = office.first_plan(&name, host);
            let epoch = plan.as_ref().map_or(Epoch::default(), |plan| plan.epoch);
            let registration = Registration::new(Rid(ver), spec, from, (host, epoch), ver, turn.pool);
            planned = plan.is_some();
            self.commit(turn, Op::Put { record: Record::new(name.clone(), registration) });
            self.with_work(&name, |work| work.plan = plan);
        }
        let Some(office) = &mut self.office else {
            return;
        };
        let (seq, stable) = (office.seq, office.stable());
        let starts = &mut office.work(&name).waits.lists().starts;
        if !starts.iter().any(|(to, _)| *to == from) {
            // There is one, unless the name is registered again while its worker starts.
            starts.reserve_exact(1);
            starts.push((from, seq));
        }
        if planned && stable < seq && Rule::Intent.holds() {
            // That is all there could be to decide now.
            office.waiting.insert((seq, name), ());
        } else {
            office.dirty.insert(name, ());
        }
    }

    /// Whether the records may take so much more.
    fn has_room(&self, turn: &Turn<'_>, bytes: usize) -> bool {
        let taken = self.copy.as_ref().map_or(0, |copy| copy.records.bytes());
        taken.saturating_add(bytes) <= turn.world.config.records_bytes_max
    }

    fn ask_unregister(&mut self, turn: &mut Turn<'_>, from: RequestId, name: &Name) {
        let again = |work: &Work| work.waits.ends().iter().any(|(to, ..)| *to == from);
        if self.office.as_ref().and_then(|office| office.names.get(name)).is_some_and(|work| again(work)) {
            return;
        }
        if self.record(name).is_none() {
            return turn.answer(from, Answer::NotRegistered);
        }
        let (seq, ids) = self.unregister(turn, name, Answer::Refused(Refusal::Ended));
        if let Some(office) = &mut self.office {
            office.work(name).waits.lists().ends.push((from, seq, ids));
        }
    }

    /// The wire name of a name's worker type, if that is not `kind`.
    fn stranger(&self, name: &Name, kind: Option<KindId>) -> Option<String> {
        let class = self.record(name)?.head().class();
        kind.filter(|kind| class.kind != *kind).map(|_| class.worker.as_str().to_owned())
    }

    fn ask_group(&mut self, turn: &mut Turn<'_>, from: RequestId, name: &Name, group: GroupKey, joined: bool) {
        let Some(ver) = self.office.as_ref().map(|office| office.next_stamp()) else {
            return;
        };
        let Some(record) = self.record(name) else {
            return turn.answer(from, Answer::NotRegistered);
        };
        let now = record.groups().get(&group).is_some_and(|(joined, _)| *joined);
        if now != joined {
            if joined && !self.has_room(turn, group.bytes()) {
                return turn.answer(from, Answer::Refused(Refusal::Full));
            }
            self.amend(turn, name, |registration| {
                registration.groups.insert(group, (joined, ver));
            });
        }
        if let Some(office) = &mut self.office {
            let seq = office.seq;
            let groups = &mut office.work(name).waits.lists().groups;
            if !groups.iter().any(|(to, _)| *to == from) {
                groups.push((from, seq));
            }
            office.dirty.insert(name.clone(), ());
        }
    }

    /// Answers those whose conditions hold now.
    pub(super) fn answer_waits(&mut self, turn: &mut Turn<'_>, name: &Name) {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else {
            return;
        };
        let (stable, blocked) = (office.stable(), office.blocked);
        let Some(work) = office.names.get_mut(name).filter(|work| !work.waits.is_empty()) else {
            return;
        };
        let mut waits = std::mem::take(&mut work.waits);
        let record = copy.records.get(name);
        let head = record.map(Record::head);
        let host = head.and_then(|head| work.cell(head.host()).filter(|cell| cell.epoch == head.epoch()));
        let running = host.filter(|cell| cell.phase == Phase::Running);
        let waiting = &mut office.waiting;
        let mut ready = |seq: u64| {
            if seq > stable {
                waiting.insert((seq, name.clone()), ());
            }
            seq <= stable || !Rule::AckReplicated.holds()
        };
        let (seen, known) = (&work.seen, !blocked && work.out.is_none());
        let answered = known || !Rule::Invalidate.holds();
        let gone = |ids: &[Rid]| !seen.iter().any(|(_, cell)| cell.ids.iter().all(|rid| ids.contains(rid)));
        // A worker may wait for this in a hook: it hears as soon as it is found, even if it does not run yet or any more.
        let lives = |cell: &CellReport| !matches!(cell.phase, Phase::Dropping | Phase::Ended);
        let found = match host.filter(|cell| lives(cell)) {
            Some(cell) => cell.indexed && Some(cell.groups_mark) == record.map(Record::groups_mark),
            // Only where none is being made is there nobody to be found.
            None => known && work.plan.is_none() && !seen.iter().any(|(_, cell)| lives(cell)),
        };
        waits.change(|lists| {
            if let (Some(head), Some(_)) = (head, running) {
                for (to, _) in lists.starts.extract_if(.., |(_, seq)| ready(*seq)) {
                    turn.answer(to, Answer::Registered(head.location()));
                }
            }
            for (to, ..) in lists.ends.extract_if(.., |(_, seq, ids)| answered && gone(ids) && ready(*seq)) {
                turn.answer(to, Answer::Unregistered);
            }
            if found {
                for (to, _) in lists.groups.extract_if(.., |(_, seq)| ready(*seq)) {
                    turn.answer(to, Answer::Done);
                }
            }
        });
        work.waits = waits;
    }

    /// Registers that came while another's start was under way go on when it has ended, well or badly.
    pub(super) fn release_rivals(&mut self, turn: &mut Turn<'_>, name: &Name) {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else {
            return;
        };
        if copy.records.get(name).is_some_and(|record| office.unborn(name, record.head())) {
            return;
        }
        let rivals = office.names.get_mut(name).map(|work| work.waits.take_rivals());
        for (from, ask) in rivals.unwrap_or_default() {
            self.ask(turn, from, name.clone(), ask);
        }
    }

    /// A call for this name is held here.
    pub(super) fn want(&mut self, turn: &mut Turn<'_>, name: Name) {
        self.wanted.insert(name.clone());
        self.route(turn, &name);
    }

    /// Says where the calls go that are held for a name, if it can be said.
    pub(super) fn route(&mut self, turn: &mut Turn<'_>, name: &Name) {
        if !self.wanted.contains(name) {
            return;
        }
        if let Some(to) = self.way(turn, name) {
            self.wanted.remove(name);
            turn.out.push(Action::Route { name: name.clone(), to });
        }
    }

    fn way(&self, turn: &Turn<'_>, name: &Name) -> Option<Route> {
        if turn.world.standing == Standing::Below {
            return Some(Route::NoQuorum);
        }
        let serves = |cell: &Cell| !matches!(cell.phase, Phase::Dropping | Phase::Ended);
        if self.hosts(name) || self.cells.get(name).is_some_and(|cell| serves(cell)) {
            return Some(Route::Here);
        }
        let me = turn.world.me;
        let Some(office) = &self.office else {
            return turn.world.owner(self.id).filter(|owner| *owner != me).map(|_| Route::Ring);
        };
        let Some(head) = self.record(name).map(Record::head) else {
            return (office.owner && office.complete).then_some(Route::Unknown);
        };
        let work = office.names.get(name);
        let host = match work.and_then(|work| work.plan.as_ref()) {
            // Its target has not been told yet; the source queues, and forwards when it is dropped.
            Some(plan) => plan.from.as_ref()?.0,
            None => head.host(),
        };
        let there = self.rests(name)
            || work.is_some_and(|work| {
                work.cell(host).is_some_and(|cell| !matches!(cell.phase, Phase::Dropping | Phase::Ended))
                    || work.out.is_some_and(|(to, _)| to == host)
            });
        if let Some(why) = self.stranded(turn, name) {
            return Some(Route::Stranded(Box::new(why)));
        }
        // While the hosts are not known the record is the best guess.
        (host != me && (there || office.blocked) && turn.world.is_member(&host)).then_some(Route::Host(host))
    }
}
