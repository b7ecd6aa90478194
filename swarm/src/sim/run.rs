//! Owns one run of a simulated world from its beginning to the judgement: it forms, it is troubled, it calms down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::config::Config;
use crate::error::CallError;
use crate::placement::Placement;
use crate::sim::check::{Evidence, Violation, judge};
use crate::sim::client::Manner;
use crate::sim::fault::Fault;
use crate::sim::finding::Finding;
use crate::sim::journal::{self, OpId, Told, What};
use crate::sim::ledger::{Club, Ledger, STAYER};
use crate::sim::net::Weather;
use crate::sim::outcome::{Options, Outcome};
use crate::sim::time::{MS, S, Time, US};
use crate::sim::trouble::Trouble;
use crate::sim::world::World;

/// The longest that the nodes may take to agree when nothing goes wrong any more: a process that was cut off is noticed,
/// announces itself, claims and hands over, each with its waits.
const CALM: Time = 60 * S;

/// The longest message: far shorter than usual, so that large states need not be large.
const MESSAGE_BYTES_MAX: u32 = 64 << 10;

/// What makes a state large: it travels in several pieces.
const BALLAST: usize = 300 << 10;

/// Runs the world of a seed. The same seed, options and code give the same run, on every machine.
pub fn run(seed: u64, options: &Options) -> Outcome {
    match options.without {
        Some(rule) => rule.without(|| play(seed, options)),
        None => play(seed, options),
    }
}

fn play(seed: u64, options: &Options) -> Outcome {
    journal::open(options.trace);
    let trouble = Trouble::of(seed);
    let mut play = Play::new(seed, options, trouble);
    let violation = play.whole();
    let spun = play.world.spun().map(|found| Violation::new("threads come to rest", found.to_owned()));
    let violation = spun.or(violation);
    let lasted = play.world.now() as f64 / 1e9;
    let mut faults = play.world.net.counts();
    drop(play);
    swarm_net::time::Clock::set(None);
    let mut journal = journal::take();
    faults.merge(&journal.counts);
    let births = |wanted: fn(&journal::Birth) -> bool| journal.births.iter().filter(|born| wanted(&born.birth)).count();
    let names: BTreeSet<_> = journal.births.iter().map(|born| &born.name).collect();
    Outcome {
        seed,
        trouble,
        violation,
        faults,
        fingerprint: journal.fingerprint(),
        messages: journal.runs.len(),
        handoffs: births(|birth| matches!(birth, journal::Birth::Arrived { .. })),
        aborted: births(|birth| matches!(birth, journal::Birth::Unsealed { .. })),
        failovers: journal.anew().count() - names.len(),
        conflicts: births(|birth| matches!(birth, journal::Birth::Absorbed { .. })),
        barred: journal.barred(),
        lasted,
        trace: journal.trace(),
    }
}

struct Play<'a> {
    world: World,
    options: &'a Options,
    trouble: Trouble,
    /// Names that are registered in the midst of it, some for one node alone, and maybe unregistered.
    guests: Vec<String>,
}

impl<'a> Play<'a> {
    fn new(seed: u64, options: &'a Options, trouble: Trouble) -> Self {
        let placement = options.placement;
        let mut config = Config { placement, leave_timeout_ms: 10_000, start_timeout_ms: 5_000, ..Config::local() };
        config.net.partitions = 8;
        config.message_bytes_max = MESSAGE_BYTES_MAX;
        let drifts = seed & 8 != 0;
        Self { world: World::new(seed, config, drifts, Finding::Beacons), options, trouble, guests: Vec::new() }
    }

    fn whole(&mut self) -> Option<Violation> {
        for _ in 0..self.options.nodes {
            let slot = self.world.add_slot();
            self.world.start(slot, true, 0);
            let pause = self.world.dice.roll(100) as Time * MS;
            self.world.pass(pause);
        }
        if let Err(violation) = self.settle(20 * S) {
            return Some(violation);
        }
        journal::note(|| "formed".to_owned());
        for n in 0..self.options.names {
            self.ask(What::Register, &name(n), Manner::Plain);
        }
        self.world.pass(2 * S);
        journal::note(|| "trouble begins".to_owned());
        self.trouble();
        journal::note(|| "all is calm".to_owned());
        self.world.net.set_weather(Weather::default());
        self.world.mend();
        journal::with(|journal| journal.hang.clear());
        if let Err(violation) = self.settle(CALM) {
            return Some(violation);
        }
        // What clients have asked for ends by its limit.
        self.world.pass(7 * S);
        if let Err(violation) = self.settle(CALM) {
            return Some(violation);
        }
        journal::note(|| "settled".to_owned());
        self.judge()
    }

    /// Waits until nothing is left to be done.
    fn settle(&mut self, limit: Time) -> Result<(), Violation> {
        let end = self.world.now() + limit;
        loop {
            match self.world.unsettled() {
                None => return Ok(()),
                Some(found) if self.world.now() >= end || self.world.spun().is_some() => return Err(found),
                Some(_) => self.world.pass(50 * MS),
            }
        }
    }

    fn trouble(&mut self) {
        let foul = |dice: &mut crate::dice::Dice, most: usize| if dice.roll(3) == 0 { 0 } else { dice.roll(most) };
        let dice = &mut self.world.dice;
        let weather = Weather {
            lost: foul(dice, 500),
            doubled: foul(dice, 500),
            late: foul(dice, 1_000),
            corrupted: foul(dice, 200),
            latest: 30 * MS,
        };
        self.world.net.set_weather(weather);
        if self.world.dice.roll(8) == 0 {
            journal::with(|journal| journal.ballast = BALLAST);
        }
        let mut asked = 0;
        while asked < self.options.requests && self.world.spun().is_none() {
            match self.world.dice.roll(12) {
                0 => self.change(),
                1 => self.fault(),
                _ => {
                    self.request();
                    asked += 1;
                }
            }
            let pause = self.world.dice.roll(150) as Time * MS;
            self.world.pass(pause);
        }
    }

    /// A client asks for something.
    fn ask(&mut self, what: What, name: &str, manner: Manner) {
        let working = self.world.working();
        if let Some(slot) = self.world.dice.of(&working) {
            self.world.ask(slot, what, name, manner);
        }
    }

    /// A client sends several messages to one name at once: it is for them that there is an order.
    fn burst(&mut self, name: &str) {
        let working = self.world.working();
        let Some(slot) = self.world.dice.of(&working) else { return };
        for _ in 0..=self.world.dice.roll(6) {
            let what = if self.world.dice.roll(4) == 0 { What::Call } else { What::Cast };
            self.world.ask(slot, what, name, Manner::Plain);
            let pause = self.world.dice.roll(400) as Time * US;
            self.world.pass(pause);
        }
    }

    fn request(&mut self) {
        let dice = &mut self.world.dice;
        let locals = journal::with(|journal| journal.locals());
        let local = if dice.roll(8) == 0 { dice.of(&locals) } else { None };
        let dice = &mut self.world.dice;
        let any = local.unwrap_or_else(|| name(dice.roll(self.options.names)));
        let (kind, ms) = (dice.roll(100), dice.roll(300) as u64);
        let panics = self.trouble == Trouble::Storm && dice.roll(20) == 0;
        if self.trouble == Trouble::Storm && dice.roll(30) == 0 {
            journal::with(|journal| journal.hang.insert(any.clone()));
        }
        match kind {
            0..50 => self.ask(What::Call, &any, if panics { Manner::Panics } else { Manner::Plain }),
            50..55 => self.ask(What::Call, &any, Manner::Slow(ms)),
            55..75 => self.burst(&any),
            75..80 => self.ask(What::Join, &any, Manner::Plain),
            80..83 => self.ask(What::Leave, &any, Manner::Plain),
            83..86 => self.ask(What::Publish, "all", Manner::Plain),
            86..90 => self.ask(What::Multicall, "all", Manner::Plain),
            90..96 => {
                let guest = format!("guest{}", self.guests.len());
                match self.world.dice.roll(3) {
                    0 => self.register_local(&guest),
                    _ => self.register(&guest),
                }
                self.guests.push(guest);
            }
            _ => {
                // Only what is certain to be there: to unregister what is being registered is a race without a winner.
                let settled = self.guests.iter().find(|guest| {
                    journal::with(|journal| {
                        let mut of_it = journal.ops.values().filter(|op| op.name == **guest);
                        of_it.clone().count() == 1 && of_it.all(|op| matches!(op.ended, Some((_, Told::Done))))
                    })
                });
                if let Some(guest) = settled.cloned() {
                    self.ask(What::Unregister, &guest, Manner::Plain);
                }
            }
        }
    }

    /// A name is registered whose first `init` may fail.
    fn register(&mut self, guest: &str) {
        if self.trouble == Trouble::Storm && self.world.dice.roll(4) == 0 {
            let panics = self.world.dice.roll(2) == 0;
            journal::with(|journal| journal.fail.insert(guest.to_owned(), panics));
        }
        self.ask(What::Register, guest, Manner::Plain);
    }

    /// A name is registered for one of the nodes alone.
    fn register_local(&mut self, guest: &str) {
        let mut able = self.world.working();
        able.retain(|slot| self.world.knows(*slot));
        if let Some(slot) = self.world.dice.of(&able) {
            journal::with(|journal| journal.fault(Fault::Local));
            self.world.ask(slot, What::RegisterLocal, guest, Manner::Plain);
        }
    }

    /// A node joins or leaves in good order.
    fn change(&mut self) {
        let (working, free) = (self.world.working(), self.world.free());
        if self.world.dice.roll(2) == 0 && working.len() > self.world.least() {
            let able = working.iter().filter(|slot| self.world.knows(**slot)).count();
            if let Some(slot) = self.world.dice.of(&working)
                && (able > 2 || !self.world.knows(slot))
            {
                journal::with(|journal| journal.fault(Fault::Leave));
                self.world.leave(slot);
            }
        } else if working.len() < self.options.nodes + 1 && self.world.has_room() {
            let slot = self.world.dice.of(&free).unwrap_or_else(|| self.world.add_slot());
            journal::with(|journal| journal.fault(Fault::Join));
            let knows = self.world.dice.roll(10) != 0;
            self.world.start(slot, knows, 0);
        }
    }

    fn fault(&mut self) {
        let Some(fault) = self.world.dice.of(self.trouble.faults()) else { return };
        let working = self.world.working();
        let (Some(a), Some(b)) = (self.world.dice.of(&working), self.world.dice.of(&working)) else { return };
        if a == b {
            return;
        }
        // What every copy is lost of is lost. Fewer nodes have fewer copies, and who has just come has none yet.
        let missing = self.world.missing();
        let copies = usize::from(Config::default().replicas).min(self.world.settled() + missing);
        if matches!(fault, Fault::Crash | Fault::PowerLoss | Fault::Pause) && missing + 1 >= copies {
            return;
        }
        let (at, to) = (self.world.addr(a), self.world.addr(b));
        let span = 200 * MS + self.world.dice.roll(6_000) as Time * MS;
        match fault {
            Fault::Crash | Fault::PowerLoss => {
                if working.len() <= self.world.least() {
                    return;
                }
                self.world.crash(a, fault == Fault::PowerLoss);
                let behind = if self.world.dice.roll(3) == 0 { 60_000 } else { 0 };
                self.world.restart_after(a, span, behind);
            }
            Fault::Split => {
                let all: Vec<_> = self.world.sites().map(|(_, site)| site.addr).collect();
                let (left, right): (Vec<_>, Vec<_>) = all.into_iter().partition(|_| self.world.dice.roll(2) == 0);
                for (l, r) in left.iter().flat_map(|l| right.iter().map(move |r| (*l, *r))) {
                    self.world.net.cut(l, r);
                    self.world.net.cut(r, l);
                }
                self.world.heal_after(span);
            }
            Fault::OneWay => {
                self.world.net.cut(at, to);
                self.world.heal_after(span);
            }
            Fault::Bridge => {
                self.world.net.cut(at, to);
                self.world.net.cut(to, at);
                self.world.heal_after(span);
            }
            Fault::Pause => self.world.pause(a, span),
            Fault::Reset | Fault::HalfOpen => {
                if !self.world.net.reset(at, to, fault == Fault::HalfOpen) {
                    return;
                }
            }
            // Those of the weather, of workers and of single nodes.
            Fault::Lost
            | Fault::Doubled
            | Fault::Late
            | Fault::Corrupted
            | Fault::Restart
            | Fault::ClockSetBack
            | Fault::ClockDrift
            | Fault::Join
            | Fault::Leave
            | Fault::SlowHandler
            | Fault::Panic
            | Fault::InitFailed
            | Fault::InitPanicked
            | Fault::HandoffHung
            | Fault::LargeState
            | Fault::NoKind
            | Fault::Stayed
            | Fault::Local => return,
        }
        journal::note(|| format!("{fault} of {at} and {to}"));
        journal::with(|journal| journal.fault(fault));
    }

    /// Asks every worker for its state, and looks at all that is known.
    fn judge(&mut self) -> Option<Violation> {
        let names: Vec<String> = (0..self.options.names).map(name).chain(self.guests.clone()).collect();
        let hosts: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), self.world.hosts(name))).collect();
        let live: BTreeSet<_> = self.world.sites().map(|(_, site)| site.id()).collect();
        let (states, free) = self.states(&names);
        let (members, excess) = (self.members(), self.world.excess(names.len()));
        let excused = self.world.excused().clone();
        journal::with(|journal| {
            let graceful = self.trouble == Trouble::Graceful;
            let together = matches!(self.trouble, Trouble::Graceful | Trouble::Crashes | Trouble::Resets);
            let quorum = matches!(self.options.placement, Placement::Quorum { .. });
            let one_side = quorum && matches!(self.trouble, Trouble::Splits | Trouble::Pauses);
            let together = together || one_side;
            let whole = together || self.trouble == Trouble::Pauses;
            judge(&Evidence {
                journal,
                graceful,
                together,
                whole,
                quorum,
                excused: &excused,
                live: &live,
                hosts,
                states,
                free,
                members,
                excess,
            })
        })
    }

    /// Who is in the group that workers join and leave.
    fn members(&mut self) -> Option<Vec<String>> {
        let (slot, site) = self.world.sites().next()?;
        let told = Arc::new(Mutex::new(None));
        let (swarm, place) = (site.swarm().clone(), told.clone());
        site.spawn(async move {
            let members = swarm.group::<Club>().members().await;
            if let (Ok(members), Ok(mut place)) = (members, place.lock()) {
                *place = Some(members.into_iter().map(|(name, _)| name.to_string()).collect());
            }
        });
        self.world.wake(slot);
        self.world.pass(6 * S);
        told.lock().ok()?.take()
    }

    /// What each name that answers has done, and which are nobody's.
    fn states(&mut self, names: &[String]) -> (BTreeMap<String, Vec<OpId>>, BTreeSet<String>) {
        let Some((slot, _)) = self.world.sites().next() else { return Default::default() };
        let found = Arc::new(Mutex::new((BTreeMap::new(), BTreeSet::new())));
        for name in names {
            let Some(site) = self.world.site(slot) else { break };
            let (swarm, name, found) = (site.swarm().clone(), name.clone(), found.clone());
            site.spawn(async move {
                let read = swarm.at::<Ledger>(name.as_str()).read().await;
                let Ok(mut found) = found.lock() else { return };
                match read {
                    Ok(state) => drop(found.0.insert(name, state)),
                    Err(CallError::NotRegistered { .. }) => drop(found.1.insert(name)),
                    Err(_) => {}
                }
            });
        }
        self.world.wake(slot);
        self.world.pass(6 * S);
        found.lock().map(|mut found| std::mem::take(&mut *found)).unwrap_or_default()
    }
}

/// One in three stays where it is.
fn name(n: usize) -> String {
    if n % 3 == 2 { format!("{STAYER}{n}") } else { format!("worker{n}") }
}
