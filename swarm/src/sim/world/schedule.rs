//! Owns when things happen in a world: what each part of a process has to do and when, and what the world itself does
//! then. Never decides that something goes wrong.

use super::{PARTS, SPINS_MAX, Step, World, slot_of};
use crate::sim::fault::Fault;
use crate::sim::journal;
use crate::sim::site::{Part, When};
use crate::sim::time::{MS, Time, US};

impl World {
    pub(in crate::sim) fn after(&mut self, span: Time, step: Step) {
        self.order += 1;
        self.steps.insert((self.now + span, self.order), step);
    }

    /// Lets everything happen that happens in the next `span`.
    pub(in crate::sim) fn pass(&mut self, span: Time) {
        self.after(span, Step::Told);
        while self.spun.is_none() && self.advance() != Some(Step::Told) {}
    }

    /// The next thing happens.
    fn advance(&mut self) -> Option<Step> {
        let part = self.queue.first().map(|(at, ..)| *at);
        let step = self.steps.first_key_value().map(|((at, _), _)| *at);
        let net = self.net.next_due();
        let next = [part, step, net].into_iter().flatten().min()?;
        self.spins = if next > self.now { 0 } else { self.spins + 1 };
        self.now = self.now.max(next);
        journal::with(|journal| journal.now = self.now);
        if net.is_some_and(|at| at <= self.now) {
            self.net.advance(self.now);
            for addr in self.net.take_busy() {
                self.plan_part(slot_of(addr), Part::Io);
            }
        } else if step == Some(next) {
            let (_, step) = self.steps.pop_first()?;
            self.take(step);
            return Some(step);
        } else if let Some((_, slot, part)) = self.queue.pop_first() {
            self.slots[slot].due[part as usize] = None;
            if self.spins > SPINS_MAX {
                self.spun = Some(format!("the {part:?} of slot {slot} runs for ever at {} ns", self.now));
            }
            self.run(slot, part);
        }
        None
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Search(slot, life) if self.slots[slot].life == life => self.search(slot, life),
            Step::Resume(slot, life) => self.resume(slot, life),
            Step::Restart(slot, behind_ms) if self.slots[slot].site.is_none() && self.has_room() => {
                journal::with(|journal| {
                    journal.fault(Fault::Restart);
                    if behind_ms > 0 {
                        journal.fault(Fault::ClockSetBack);
                    }
                });
                self.start(slot, true, i64::from(behind_ms));
            }
            Step::Heal => {
                journal::note(|| "all ways are free".to_owned());
                self.net.heal();
            }
            Step::Search(..) | Step::Restart(..) | Step::Told => {}
        }
    }

    pub(super) fn resume(&mut self, slot: usize, life: u32) {
        let place = &mut self.slots[slot];
        if place.life == life && place.paused {
            place.paused = false;
            if let Some(site) = &place.site {
                let id = site.id();
                journal::note(|| format!("{id} goes on"));
            }
            self.plan(slot);
        }
    }

    fn run(&mut self, slot: usize, part: Part) {
        let Some(site) = &mut self.slots[slot].site else { return };
        let goes_on = site.run(part, self.now);
        let over = site.node().is_stopped() && !goes_on;
        if over {
            // Whoever waited for it is told.
            let now = self.now;
            self.slots[slot].site.as_mut().map(|site| site.run(Part::Tasks, now));
            self.net.crash(self.slots[slot].addr, false);
            self.end(slot);
        } else {
            self.plan(slot);
        }
    }

    /// Plans what the parts of a process have to do.
    pub(super) fn plan(&mut self, slot: usize) {
        for part in PARTS {
            self.plan_part(slot, part);
        }
    }

    pub(in crate::sim) fn plan_part(&mut self, slot: usize, part: Part) {
        let place = &self.slots[slot];
        let Some(site) = place.site.as_ref().filter(|_| !place.paused) else { return };
        let due = place.due[part as usize];
        let at = match site.wants(part, &self.net) {
            When::Idle => None,
            When::At(at) => Some(at.max(self.now)),
            // Whose turn it was already keeps it.
            When::Now if due.is_some_and(|due| due <= self.now + 5 * MS) => due,
            When::Now => Some(self.now + self.turn()),
        };
        if due != at {
            if let Some(due) = due {
                self.queue.remove(&(due, slot, part));
            }
            if let Some(at) = at {
                self.queue.insert((at, slot, part));
            }
            self.slots[slot].due[part as usize] = at;
        }
    }

    /// How long a thread that is woken waits for its processor.
    pub(super) fn turn(&mut self) -> Time {
        match self.dice.roll(100) {
            0 => self.dice.roll(4_000) as Time * US,
            _ => 2 * US + self.dice.roll(60) as Time * US,
        }
    }

    pub(super) fn unplan(&mut self, slot: usize) {
        for (part, due) in PARTS.into_iter().zip(std::mem::take(&mut self.slots[slot].due)) {
            if let Some(due) = due {
                self.queue.remove(&(due, slot, part));
            }
        }
    }
}
