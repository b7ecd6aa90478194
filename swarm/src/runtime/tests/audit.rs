//! Owns the end of a world: that everything finds its place, that nothing is left, and that what must hold has held. Never
//! changes what has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swarm_net::transport::Lane;

use super::directory::{Record, Stage};
use super::notebook::take_ran;
use super::world::{Fate, World};
use crate::error::Executed;
use crate::name::Name;
use crate::runtime::control::SLEEP_MAX;

impl World {
    /// Nothing changes any more: everything is to find its way within this time.
    pub(super) fn calm(&mut self, within: Duration) -> Result<(), String> {
        self.note(|| "---- calm".to_owned());
        for me in 0..self.nodes() {
            self.see(me, self.decides);
        }
        let limit = self.now() + within;
        loop {
            while self.turn() {}
            let Some(what) = self.unsettled() else { return Ok(()) };
            let now = self.now();
            let due = self.next_due().ok_or_else(|| format!("stuck for ever: {what}"))?;
            if due > limit {
                return Err(format!("stuck until {:?} from now: {what}", due.since(now)));
            }
            self.pass(due.since(now).max(Duration::from_micros(1)));
        }
    }

    /// Whatever can go on goes on. Says whether anything could.
    fn turn(&mut self) -> bool {
        let mut moved = false;
        for a in 0..self.nodes() {
            for b in 0..self.nodes() {
                moved |= self.mend(a, b);
                for lane in [Lane::Calls, Lane::Bulk] {
                    while self.claim(a, b, lane) || self.deliver(a, b, lane) {
                        moved = true;
                    }
                }
            }
        }
        let ran = self.ran.len();
        self.work();
        for name in self.names() {
            moved |= self.advance(&name, None);
            for me in 0..self.nodes() {
                moved |= self.answer(me, &name);
            }
        }
        moved | (self.ran.len() > ran)
    }

    /// What has not found its place, or has not been told.
    fn unsettled(&mut self) -> Option<String> {
        let settled = |record: &Record| matches!(record.stage, Stage::Rest | Stage::Ended);
        if let Some((name, record)) = self.records.iter().find(|(_, record)| !settled(record)) {
            return Some(format!("{name} is still on its way: {record:?}"));
        }
        for (me, site) in self.sites.iter().enumerate() {
            let node = &site.node;
            if !node.departures.are_over() {
                return Some(format!("{me}: a worker's queue has not followed it"));
            }
            if node.lanes.waiting() + node.room.letters() > 0 {
                let (lanes, held) = (node.lanes.waiting(), node.room.letters());
                let now = self.now();
                let tracks = node.lanes.describe();
                return Some(format!("{now:?}: {me}: {lanes} in lanes, {held} held or at gates: {tracks}"));
            }
            if !node.relays.are_confirmed() {
                return Some(format!("{me}: what it has passed on is not confirmed"));
            }
        }
        match self.open_calls() {
            0 => None,
            _ => Some(format!("a call has no answer: {:?}", self.calls[0].0)),
        }
    }

    /// Nothing is left of what has happened, once all that ends by time has ended.
    pub(super) fn rest(&mut self) -> Result<(), String> {
        // The longest wait, and whatever its end has set off.
        for span in [self.sites[0].node.config().redirect_ttl(), SLEEP_MAX] {
            self.pass(span);
            while self.turn() {}
        }
        for (me, site) in self.sites.iter().enumerate() {
            let node = &site.node;
            let rests = [
                ("lanes", node.lanes.is_at_rest()),
                ("relays", node.relays.is_idle()),
                ("upstreams", node.has_confirmed_all()),
                ("waits", node.waits.is_idle()),
                ("departures", node.departures.are_over()),
                ("room", node.room.letters() == 0),
                ("pending calls", node.pending.is_empty()),
                ("places", node.places.are_at_rest()),
            ];
            if let Some((what, _)) = rests.iter().find(|(_, rests)| !rests) {
                return Err(format!("{me}: something is left in its {what}: {}", node.lanes.describe()));
            }
        }
        Ok(())
    }

    /// What every world must have kept: each message at most once, each that its caller was told of truly, and whoever
    /// moved has taken its state along. `Err` says what was broken.
    pub(super) fn audit(&mut self) -> Result<(), String> {
        self.ran.extend(take_ran());
        let mut ran = BTreeSet::new();
        let mut totals = BTreeMap::<&str, u64>::new();
        for note in &self.ran {
            if !ran.insert((Name::from(note.name.as_str()), note.caller, note.number)) {
                return Err(format!("{note:?} ran twice"));
            }
            let total = totals.entry(&note.name).or_default();
            *total += 1;
            if note.total != *total {
                return Err(format!("{note:?}, but {total} have run: the state was lost"));
            }
        }
        for (sent, fate) in &self.fates {
            let may = match fate {
                Fate::Cast => ran.contains(sent) || self.lost.contains(sent) || self.dues[sent] <= self.now(),
                Fate::Answered => ran.contains(sent),
                Fate::Failed(error) => match error.executed() {
                    Executed::No => !ran.contains(sent),
                    Executed::Yes => ran.contains(sent),
                    Executed::Maybe => true,
                },
            };
            if !may {
                let did = if ran.contains(sent) { "ran" } else { "did not run" };
                return Err(format!("{sent:?} {did}, and its caller was told {fate:?}"));
            }
        }
        Ok(())
    }
}
