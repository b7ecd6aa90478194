//! Owns the worker of simulated worlds: it keeps the numbers of all that it has done, and takes them along.

use std::time::Duration;

use crate::epoch::Epoch;
use crate::prelude::*;
use crate::sim::fault::Fault;
use crate::sim::journal::{self, Birth, Born, End, OpId, Run};

/// What a worker says that panics because its seed wants it to.
pub const WANTED_PANIC: &str = "the seed says so";

/// What moves with a ledger.
#[crate::message(crate = crate)]
pub struct Pages {
    /// The activation that it comes from.
    epoch: u128,
    applied: Vec<u64>,
    ballast: Vec<u8>,
}

/// What the name of a ledger begins with that stays where it is when it is to move.
pub(super) const STAYER: &str = "stayer";

/// Keeps what it did, in order.
pub struct Ledger {
    applied: Vec<OpId>,
    /// As of when it last did something; `None` if `init` has not made it, and it has done nothing yet.
    epoch: Option<Epoch>,
}

/// Whether a ledger of this name answers [`Handoff::Ignore`].
pub(super) fn stays(name: &str) -> bool {
    name.starts_with(STAYER)
}

/// Those that were told to join it.
#[derive(crate::Group)]
#[group(worker = Ledger, crate = crate)]
pub(super) struct Club;

#[crate::worker(name = "sim.ledger", register = manual, crate = crate)]
impl Ledger {
    #[init]
    fn init(ctx: &Context<Self>) -> Result<Self, String> {
        match journal::with(|journal| journal.fail.remove(ctx.name().as_str())) {
            Some(false) => {
                journal::with(|journal| journal.fault(Fault::InitFailed));
                return Err(WANTED_PANIC.to_owned());
            }
            Some(true) => {
                journal::with(|journal| journal.fault(Fault::InitPanicked));
                panic!("{WANTED_PANIC}");
            }
            None => {}
        }
        born(ctx, Birth::Init);
        Ok(Self { applied: Vec::new(), epoch: Some(ctx.epoch()) })
    }

    #[call]
    fn apply(&mut self, ctx: &Context<Self>, op: u64) -> u64 {
        self.ran(ctx, op)
    }

    #[call]
    async fn slowly(&mut self, ctx: &Context<Self>, op: u64, ms: u64) -> u64 {
        journal::with(|journal| journal.fault(Fault::SlowHandler));
        let count = self.ran(ctx, op);
        pause(ctx, Duration::from_millis(ms)).await;
        journal::with(|journal| journal.done(op, ctx.name().as_str()));
        count
    }

    #[call]
    fn fall(&mut self, ctx: &Context<Self>, op: u64) -> u64 {
        journal::with(|journal| journal.fault(Fault::Panic));
        self.ran(ctx, op);
        panic!("{WANTED_PANIC}");
    }

    #[cast]
    fn told(&mut self, ctx: &Context<Self>, op: u64) {
        self.ran(ctx, op);
    }

    #[call]
    fn read(&self) -> Vec<u64> {
        self.applied.clone()
    }

    #[begin_handoff]
    async fn begin_handoff(&mut self, ctx: &Context<Self>) -> Handoff<Pages> {
        self.see(ctx);
        if journal::with(|journal| journal.hang.contains(ctx.name().as_str())) {
            journal::with(|journal| {
                journal.fault(Fault::HandoffHung);
                journal.hung.insert(ctx.name().to_string());
            });
            std::future::pending::<()>().await;
        }
        if stays(ctx.name().as_str()) {
            journal::with(|journal| journal.fault(Fault::Stayed));
            return Handoff::Ignore;
        }
        let ballast = journal::with(|journal| journal.ballast);
        if ballast > 0 {
            journal::with(|journal| journal.fault(Fault::LargeState));
        }
        Handoff::Resume(Pages { epoch: ctx.epoch().into(), applied: self.applied.clone(), ballast: vec![0; ballast] })
    }

    #[end_handoff]
    fn end_handoff(&mut self, ctx: &Context<Self>, pages: Pages) {
        self.applied = pages.applied;
        born(ctx, Birth::Arrived { from: pages.epoch, given: self.applied.clone() });
    }

    #[resolve_conflict]
    fn resolve_conflict(&mut self, ctx: &Context<Self>, other: Pages) {
        self.see(ctx);
        born(ctx, Birth::Absorbed { from: other.epoch, given: other.applied.clone() });
        let new: Vec<_> = other.applied.into_iter().filter(|op| !self.applied.contains(op)).collect();
        self.applied.extend(new);
    }

    #[die]
    fn die(&mut self, ctx: &Context<Self>, why: Die) {
        self.see(ctx);
        let (name, epoch, node) = (ctx.name().to_string(), ctx.epoch(), ctx.swarm().node());
        journal::note(|| format!("{name} at {epoch} ends on {node}: {why}"));
        journal::with(|journal| {
            let births = journal.births.len();
            journal.ends.push(End { name, epoch, node, why, births });
        });
    }
}

impl Ledger {
    /// One that is registered as it is.
    pub(super) fn new() -> Self {
        Self { applied: Vec::new(), epoch: None }
    }

    /// It is asked for something: has it another epoch than before?
    fn see(&mut self, ctx: &Context<Self>) {
        match self.epoch.replace(ctx.epoch()) {
            None => born(ctx, Birth::Init),
            Some(before) if before != ctx.epoch() => born(ctx, Birth::Unsealed { from: before.into() }),
            Some(_) => {}
        }
    }

    fn ran(&mut self, ctx: &Context<Self>, op: OpId) -> u64 {
        self.see(ctx);
        self.applied.push(op);
        let (name, epoch, node) = (ctx.name().to_string(), ctx.epoch(), ctx.swarm().node());
        journal::note(|| format!("{name} at {epoch} runs {op}"));
        journal::with(|journal| journal.runs.push(Run { op, name, epoch, node, at: journal.now, done: None }));
        self.applied.len() as u64
    }
}

fn born(ctx: &Context<Ledger>, birth: Birth) {
    let (name, epoch, node) = (ctx.name().to_string(), ctx.epoch(), ctx.swarm().node());
    journal::note(|| format!("{name} at {epoch} begins on {node}: {birth:?}"));
    journal::with(|journal| journal.births.push(Born { name, epoch, node, birth }));
}

/// Waits on the worker's node.
async fn pause(ctx: &Context<Ledger>, span: Duration) {
    let node = ctx.swarm().inner().clone();
    node.within(span, std::future::pending::<()>()).await;
}
