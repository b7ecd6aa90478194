//! Owns one partition as this node sees it: whom it follows, its copy, its cells, and its office if it holds one.
//! Never touches another partition.

use std::collections::{BTreeSet, VecDeque};

use swarm_net::node::{NodeId, Tag};
use swarm_net::ring::PartitionId;

use crate::directory::ability::Ability;
use crate::directory::action::{Notice, Role, Route};
use crate::directory::cell::Cell;
use crate::directory::copy::{Copy, Op};
use crate::directory::few::Few;
use crate::directory::message::Message;
use crate::directory::office::{Office, Told};
use crate::directory::quorum::Standing;
use crate::directory::request::{Answer, Ask, RequestId};
use crate::directory::rest::Absorbed;
use crate::directory::stamp::Stamp;
use crate::directory::turn::Turn;
use crate::epoch::Term;
use crate::name::Name;
use crate::rules::Rule;

/// One slice of the name space.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: PartitionId,
    /// The highest term followed.
    pub(super) promised: Term,
    /// Whose term that is.
    pub(super) boss: Option<NodeId>,
    /// The ring owner that was told that this node still owns the partition.
    pub(super) told: Option<NodeId>,
    /// Who asked in vain, since this node saw another owner or took the asker for dead: told to ask again when that may help.
    pub(super) nudges: BTreeSet<NodeId>,
    pub(super) copy: Option<Copy>,
    pub(super) cells: Few<Name, Box<Cell>>,
    /// How many cells the records of the copy describe; these do not stand in `cells`.
    pub(super) hosted: usize,
    /// How often cells of this node were told their groups. What comes of an earlier time is not taken for a later one's.
    pub(super) turns: u32,
    /// What cells of names at rest contain.
    pub(super) absorbed: Absorbed,
    /// Boxed, since a node owns few of all partitions.
    pub(super) office: Option<Box<Office>>,
    /// Asks that wait until the owner is complete.
    pub(super) held: VecDeque<(RequestId, Name, Ask)>,
    /// Names for which calls are held at this node.
    pub(super) wanted: BTreeSet<Name>,
    /// The view, a promise or a role changed: look at everything again.
    pub(super) stale: bool,
    role: Role,
}

impl Partition {
    pub(super) fn new(id: PartitionId) -> Self {
        Self {
            id,
            promised: Term::default(),
            boss: None,
            told: None,
            nudges: BTreeSet::new(),
            copy: None,
            cells: Few::default(),
            hosted: 0,
            turns: 0,
            absorbed: Absorbed::default(),
            office: None,
            held: VecDeque::new(),
            wanted: BTreeSet::new(),
            stale: false,
            role: Role::Idle,
        }
    }

    /// What this node is to the partition.
    pub(super) fn role(&self) -> Role {
        match &self.office {
            None => Role::Idle,
            Some(office) if office.owner => Role::Owner { complete: office.complete },
            Some(_) => Role::Candidate,
        }
    }

    /// Whether others would miss something if this node went now.
    pub(super) fn is_missed(&self) -> bool {
        // Cells that records describe have a copy.
        self.office.is_some() || self.copy.is_some() || !self.cells.is_empty()
    }

    /// Brings everything up to date after events, and ships what changed. Said to itself is what it still has to handle.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>) {
        loop {
            if std::mem::take(&mut self.stale) {
                self.recheck(turn);
                continue;
            }
            let office = self.office.as_mut().filter(|office| office.owner);
            match office.and_then(|office| office.dirty.pop_first()) {
                Some((name, ())) => self.reconcile(turn, &name),
                None => break,
            }
        }
        self.ship(turn);
        self.retire(turn);
        if self.role != self.role() {
            self.role = self.role();
            turn.out.push(crate::directory::Action::Role { partition: self.id, role: self.role });
        }
    }

    /// Compares its role with what the ring says.
    fn recheck(&mut self, turn: &mut Turn<'_>) {
        let Some(ring_owner) = turn.world.owner(self.id) else {
            return;
        };
        let mine = ring_owner == turn.world.me;
        match &self.office {
            None if mine && (turn.world.joined || !Rule::Joined.holds()) && turn.world.leased() => {
                self.begin_claim(turn)
            }
            None => return self.release_asks(turn),
            Some(office) if !office.owner && !mine => return self.lose(turn),
            Some(_) => {}
        }
        self.tell_ring_owner(turn, ring_owner);
        if let Some(office) = &self.office {
            let need = office.claim.need(turn.world);
            self.ask_members(turn, mine, &need);
            self.survey(turn, &need);
        }
    }

    fn begin_claim(&mut self, turn: &mut Turn<'_>) {
        let known = self.promised.counter.max(self.copy.as_ref().map_or(0, Copy::counter_max));
        let me = turn.world.me;
        let tag = if Rule::TermTie.holds() { me.tag() } else { Tag::default() };
        let term = Term { counter: turn.now.unix_ms.max(known.saturating_add(1)), tag };
        self.promised = term;
        self.boss = Some(me);
        let mut office = Office::new(term);
        office.claim.covered.insert(me);
        office.see_all(me, self.all_cells());
        self.office = Some(Box::new(office));
        turn.notice(Notice::Claimed { partition: self.id, term });
    }

    /// An owner that the ring has passed by says so to the ring's, which may not know.
    fn tell_ring_owner(&mut self, turn: &mut Turn<'_>, ring_owner: NodeId) {
        if ring_owner == turn.world.me || !Rule::StillOwner.holds() {
            self.told = None;
        } else if let Some(office) = self.office.as_ref().filter(|office| office.owner && self.told != Some(ring_owner))
        {
            self.told = Some(ring_owner);
            turn.send(ring_owner, self.id, Message::Known { term: office.term });
        }
    }

    /// Asks whoever is not covered, gives up waiting for who is silent, and takes the office if everybody has answered.
    fn ask_members(&mut self, turn: &mut Turn<'_>, mine: bool, need: &BTreeSet<NodeId>) {
        let Some(office) = self.office.as_mut().filter(|office| !office.owner || Rule::Cover.holds()) else {
            return;
        };
        let (claim, config) = (&mut office.claim, &turn.world.config);
        claim.call(need);
        if claim.disagreed.is_empty() {
            claim.retry_at = None;
        } else if claim.retry_at.is_some_and(|at| at <= turn.now.instant) {
            claim.retry_at = None;
            for node in std::mem::take(&mut claim.disagreed) {
                claim.asked.remove(&node);
            }
        } else if claim.retry_at.is_none() {
            claim.retry_at = Some(turn.wake(config.claim_retry, self.id, None));
        }
        let (over, next) = claim.wait(turn.now.instant, config.claim_wait);
        if let Some(next) = next.filter(|next| claim.look_at != Some(*next)) {
            claim.look_at = Some(next);
            turn.timers.set(next, self.id, None);
        }
        if !over.is_empty() && !turn.world.never_forces() {
            claim.forced.extend(over.iter().copied());
            turn.notice(Notice::Forced { partition: self.id, without: over.into_iter().collect() });
        }
        if mine {
            // Who sees the same does not say whom.
            claim.learn(&turn.world.members);
            for node in need.iter().filter(|node| !claim.covered.contains(node) && !turn.world.missing.contains(node)) {
                if claim.asked.insert(*node) {
                    turn.send(*node, self.id, Message::Claim { term: office.term, sees: turn.world.sees });
                }
            }
        }
        let lost = turn.world.lonely_until.filter(|until| need.len() == 1 && turn.now.instant < *until);
        if let Some(until) = lost {
            turn.timers.set(until, self.id, None);
        }
        office.complete = claim.complete(need) && lost.is_none();
        if office.complete && !office.owner {
            self.take_office(turn);
        }
    }

    fn take_office(&mut self, turn: &mut Turn<'_>) {
        let Some(office) = &mut self.office else {
            return;
        };
        office.owner = true;
        turn.notice(Notice::Owner { partition: self.id, term: office.term });
        self.copy.get_or_insert_default().prune(turn.now.unix_ms);
        self.touch();
    }

    /// Finds out what has to be known before any decision: whose cells, and which replicas.
    fn survey(&mut self, turn: &mut Turn<'_>, need: &BTreeSet<NodeId>) {
        let Some(office) = self.office.as_mut().filter(|office| office.owner) else {
            return;
        };
        office.unseen.clear();
        for node in need {
            if office.claim.forced.contains(node) {
                continue;
            }
            let told = office.hosts.get(node).copied().unwrap_or(Told::Unknown);
            if told != Told::Known {
                office.unseen.insert(*node);
            }
            if told == Told::Unknown && office.claim.covered.contains(node) && !turn.world.missing.contains(node) {
                let id = office.next_directive();
                office.hosts.insert(*node, Told::Asked(id));
                turn.send(*node, self.id, Message::Survey { term: office.term, id });
            }
        }
        let blocked = !office.unseen.is_empty() && Rule::WaitAllSeen.holds();
        let was_blocked = std::mem::replace(&mut office.blocked, blocked);
        office.replicas = turn.world.replicas(self.id);
        let idle = need.iter().filter(|node| office.claim.covered.contains(node) && office.is_to_retire(node));
        office.retiring = idle.copied().filter(|node| *node != turn.world.me).collect();
        let copies = 1 + office.replicas.len();
        if copies != office.copies_told && copies < turn.world.config.replicas {
            turn.notice(Notice::UnderReplicated { partition: self.id, copies });
        }
        office.copies_told = copies;
        office.wake_stable();
        self.stir(turn, was_blocked);
        if self.office.as_ref().is_some_and(|office| office.complete) {
            self.release_asks(turn);
        }
    }

    /// Marks the names that a changed view or a lifted block concerns.
    fn stir(&mut self, turn: &Turn<'_>, was_blocked: bool) {
        let (Some(office), Some(copy)) = (&mut self.office, &self.copy) else {
            return;
        };
        if office.blocked {
            // Names whose requests wait for a change to be stable are woken by it; nothing else may be decided.
            return;
        }
        if was_blocked {
            let all: BTreeSet<Name> = copy.records.names().chain(office.names.keys()).cloned().collect();
            office.dirty.extend(all);
        }
        let mut moved = Vec::new();
        for (ability, place) in office.desired.iter_mut() {
            let now = turn.world.desired(self.id, *ability);
            if *place != now {
                *place = now;
                moved.push(*ability);
            }
        }
        if !moved.is_empty() {
            let concerned = copy.records.iter().filter(|record| moved.contains(&Ability::of(record.head().class())));
            office.dirty.extend(concerned.map(|record| record.name().clone()));
        }
        // Who lives where an operator wants it may have to go.
        let posted: Vec<Name> = office.posts.keys().cloned().collect();
        office.dirty.extend(posted);
        self.forget_posts(turn.world);
        for node in turn.world.view.keys().filter(|node| turn.world.is_leaving(node)) {
            let there: Vec<Name> = self.names_at(*node).cloned().collect();
            if let Some(office) = &mut self.office {
                office.dirty.extend(there);
            }
        }
    }

    /// Ends the office or the claim: whoever waited for it has to ask another.
    pub(super) fn lose(&mut self, turn: &mut Turn<'_>) {
        self.told = None;
        let Some(office) = self.office.take() else {
            return;
        };
        self.unsee();
        self.stale = true;
        let elsewhere = self.boss.filter(|boss| *boss != turn.world.me);
        for (name, mut work) in office.names {
            turn.moves.end(self.id, &name);
            for to in work.waits.take().requests() {
                turn.answer(to, Answer::NotOwner(elsewhere));
            }
        }
    }

    /// What waited for this node to be a complete owner is done now, or sent away if it will not be one.
    fn release_asks(&mut self, turn: &mut Turn<'_>) {
        if turn.world.standing == Standing::Below {
            self.turn_away(turn);
        } else if self.office.is_some() {
            for (from, name, ask) in std::mem::take(&mut self.held) {
                self.ask(turn, from, name, ask);
            }
            let wanted: Vec<Name> = self.wanted.iter().cloned().collect();
            for name in wanted {
                self.route(turn, &name);
            }
        } else if turn.world.owner(self.id) != Some(turn.world.me) {
            let owner = turn.world.owner(self.id);
            for (from, ..) in std::mem::take(&mut self.held) {
                turn.answer(from, Answer::NotOwner(owner));
            }
            for name in std::mem::take(&mut self.wanted) {
                turn.out.push(crate::directory::Action::Route { name, to: Route::Ring });
            }
        }
    }

    /// Makes one change: to the copy at once, to the replicas at the end of the turn.
    pub(super) fn commit(&mut self, turn: &mut Turn<'_>, mut op: Op) -> u64 {
        op.share(turn.pool);
        self.wake(op.name());
        self.wake_cell(op.name());
        let (Some(office), Some(copy)) = (&mut self.office, &mut self.copy) else {
            return 0;
        };
        office.seq += 1;
        copy.apply(&op, office.term);
        copy.reach(Stamp { term: office.term, seq: office.seq });
        if office.log.is_empty() {
            // Nearly always it is the only one of its turn.
            office.log.reserve_exact(1);
        }
        office.log.push(op);
        office.seq
    }

    /// A change that no operation describes: the copy was merged with another. Replicas get it whole.
    pub(super) fn touch(&mut self) {
        let (Some(office), Some(copy)) = (&mut self.office, &mut self.copy) else {
            return;
        };
        office.seq += 1;
        copy.reach(Stamp { term: office.term, seq: office.seq });
        office.log.clear();
        office.log_base = office.seq;
    }

    /// A node is dead.
    pub(super) fn bury(&mut self, node: NodeId) {
        self.nudges.remove(&node);
        self.forget_asks(node);
        if self.told == Some(node) {
            self.told = None;
        }
        self.wake_at(node);
        if let Some(office) = &mut self.office {
            office.claim.forget(node);
            office.bury(node);
            self.stale = true;
        }
    }

    /// The connection to a node was lost. One that is no member is not reached again before it is one: it counts as not
    /// heard, and is waited for no longer than that.
    pub(super) fn doubt(&mut self, turn: &Turn<'_>, node: NodeId) {
        self.nudges.remove(&node);
        self.forget_asks(node);
        if self.told == Some(node) {
            self.told = None;
        }
        if let Some(office) = &mut self.office {
            if Rule::LostReport.holds() {
                office.doubt(node);
            }
            if !turn.world.view.contains_key(&node) && !turn.world.missing.contains(&node) {
                office.claim.uncover(node);
            }
            self.stale = true;
        }
    }

    /// Whoever has lost the connection asks anew, and maybe another. Done by this node as well, and later, what was asked could
    /// undo what has been asked since.
    fn forget_asks(&mut self, node: NodeId) {
        self.held.retain(|(from, ..)| from.node != node);
    }

    /// A node is a member that was none before, or was taken for dead.
    pub(super) fn welcome(&mut self, node: NodeId) {
        if let Some(office) = &mut self.office {
            office.claim.uncover(node);
            office.claim.forced.remove(&node);
            office.doubt(node);
            office.ships.remove(&node);
            office.hosts.remove(&node);
        }
    }

    /// The view changed.
    pub(super) fn view_changed(&mut self, turn: &mut Turn<'_>) {
        // Who is still taken for dead would not get it.
        for node in self.nudges.extract_if(.., |node| !turn.world.is_lost(node)) {
            turn.send(node, self.id, Message::Nudge);
        }
        let owner = turn.world.owner(self.id).filter(|owner| *owner != turn.world.me);
        if let (None, Some(owner), Some(boss)) = (&self.office, owner, self.boss)
            && boss != owner
            && Rule::StillOwner.holds()
        {
            turn.send(owner, self.id, Message::Known { term: self.promised });
        }
        if !Rule::KeepCopy.holds() && self.office.is_none() && !turn.world.replicates(self.id) {
            self.wake_cells();
            self.copy = None;
        }
        self.stale = true;
    }
}
