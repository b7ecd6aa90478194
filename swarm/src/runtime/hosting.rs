//! Owns what this node does with the cells that live on it, as its directory orders: start, seal, unseal, absorb, drop.
//! User code runs in tasks of its own; what came of it is reported to the directory. Never decides anything.

use std::collections::VecDeque;
use std::sync::Arc;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::directory::{GroupKey, Happened, Order, Spec};
use crate::epoch::Epoch;
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::rules::Rule;
use crate::runtime::Node;
use crate::runtime::batch;
use crate::runtime::departures::Departure;
use crate::runtime::input::Input;
use crate::runtime::letter::Letter;
use crate::runtime::places::{Found, Gate, Place};
use crate::whom::Whom;
use crate::worker::pace::Pace;
use crate::worker::soon;
use crate::worker::{AnyCell, Args, Die, End, Parcel, Payload, Sealing, Start, Underway};

impl Node {
    /// Does what the directory orders.
    pub(crate) fn order(self: &Arc<Self>, name: Name, order: Order) {
        match order {
            Order::Start { spec, epoch, groups, source, registrar: _ } => {
                self.start(name, &spec, epoch, groups, source);
            }
            Order::Seal { epoch, forced } => self.seal(name, epoch, forced),
            Order::Halt { epoch } => {
                if let Some(cell) = self.places.cell(&name, epoch) {
                    cell.halt();
                }
            }
            Order::Unseal { epoch, new } => {
                if let Some(cell) = self.places.cell(&name, epoch) {
                    tracing::debug!(node = %self.id(), %name, %new, "a worker goes on where it was");
                    cell.unseal(new);
                }
            }
            Order::Absorb { epoch, from, loser } => self.absorb(name, epoch, from, loser),
            Order::Drop { epoch, why, successor } => self.give_up(&name, epoch, why, successor),
            Order::Groups { epoch, groups, turn } => self.index(name, epoch, groups, turn),
        }
    }

    /// Puts a cell where publishes look for it, and reports it when nobody leaves this node out any more.
    fn index(self: &Arc<Self>, name: Name, epoch: Epoch, groups: Vec<GroupKey>, turn: u32) {
        if self.places.cell(&name, epoch).is_none() {
            return;
        }
        let whoms: Vec<_> = groups.iter().cloned().map(Whom::Group).collect();
        self.groups.set(&name, groups);
        let mut recall = self.recall_pledges(&whoms);
        let indexed = Input::Cell(name, epoch, Happened::Indexed { turn });
        if recall.is_over() {
            return self.report(indexed);
        }
        let node = self.clone();
        self.errands.add(async move {
            node.recalled(recall).await;
            node.report(indexed);
        });
    }

    fn start(
        self: &Arc<Self>,
        name: Name,
        spec: &Spec,
        epoch: Epoch,
        groups: Vec<GroupKey>,
        source: Option<(NodeId, Epoch)>,
    ) {
        let made = match self.kinds.get(spec.class.kind) {
            None => Err(format!("{} does not know the worker type `{}`", self.id(), spec.class.worker)),
            Some(_) if spec.class.local => self
                .instances
                .take(&spec.args)
                .map(|make| make(name.clone(), epoch, self.home()))
                .ok_or_else(|| format!("the instance that {} wanted to register is gone", self.id())),
            Some(entry) if entry.args.low() != spec.class.schema => Err(format!(
                "{} has another version of the init arguments of `{}`: deploy the same one on both nodes",
                self.id(),
                spec.class.worker
            )),
            Some(entry) => Ok((entry.make)(name.clone(), epoch, self.home())),
        };
        let cell = match made {
            Ok(cell) => cell,
            Err(text) => {
                self.report(Input::Cell(name, epoch, Happened::StartFailed(text)));
                return;
            }
        };
        self.move_in(&name, &cell, source);
        let whoms: Vec<_> = groups.iter().cloned().map(Whom::Group).chain([Whom::Kind(spec.class.kind.0)]).collect();
        self.groups.set(&name, groups);
        let mut recall = self.recall_pledges(&whoms);
        if spec.class.local && recall.is_over() {
            // The instance came as it is: there is nothing to boot it from, and nothing to boot.
            self.started(&name, &cell, false);
            return;
        }
        let (node, args, local) = (self.clone(), spec.args.clone(), spec.class.local);
        let quick = source.is_none() && self.home().paces.init(spec.class.kind).is_some_and(Pace::is_quick);
        let errand = async move {
            let limit = node.config().start_timeout();
            let booting = match source {
                _ if local => Box::pin(std::future::ready(Ok(()))),
                None => cell.clone().boot(Start { args, bundle: None }),
                Some((from, predecessor)) => node.clone().boot_from(cell.clone(), args, from, predecessor),
            };
            let booted = node.within(limit, booting).await;
            match booted.unwrap_or_else(|| Err(format!("it did not start within {limit:?}"))) {
                Ok(()) => {
                    if !recall.is_over() {
                        Box::pin(node.recalled(recall)).await;
                    }
                    // Who waited may have been given up meanwhile, which was reported then.
                    if node.places.cell(&name, epoch).is_some() {
                        node.started(&name, &cell, source.is_some());
                    }
                }
                Err(text) => node.start_failed(&name, &cell, source.is_some(), text),
            }
            if quick && !soon::is_open() {
                // It is no errand of a runner's, who would do this.
                node.desk.turn();
            }
        };
        if !quick {
            self.errands.add(errand);
        } else if let Err(errand) = soon::add(errand) {
            self.errands.add(errand);
        }
    }

    /// Starts a worker with what its predecessor has handed over.
    fn boot_from(
        self: Arc<Self>,
        cell: Arc<dyn AnyCell>,
        args: Args,
        from: NodeId,
        predecessor: Epoch,
    ) -> Underway<Result<(), String>> {
        Box::pin(async move {
            let bundle = Some(self.fetch(from, cell.name(), predecessor).await?);
            cell.boot(Start { args, bundle }).await
        })
    }

    /// Makes a cell the place of its name. What was held goes into its queue, or behind its gate.
    fn move_in(self: &Arc<Self>, name: &Name, cell: &Arc<dyn AnyCell>, source: Option<(NodeId, Epoch)>) {
        let mut shard = self.places.write(name);
        self.hints.settle(name);
        // What this name's last worker here has not passed on yet is older than all that has come since.
        let left = self.departures.take(name).map(|departure| departure.letters).unwrap_or_default();
        let held = match shard.remove(name) {
            Some(Place::Held(held)) => held,
            Some(Place::Cell(old)) => self.letters(&old, old.close()).collect(),
            Some(Place::Gated(old, gate)) => {
                let parcels = old.close();
                self.letters(&old, parcels).chain(self.close_gate(name, *gate)).collect()
            }
            Some(Place::Redirect(..)) | None => VecDeque::new(),
        };
        if let Some((source, predecessor)) = source.filter(|_| Rule::Gate.holds()) {
            let gate = Gate { source, predecessor, waiting: held, opens: None };
            shard.insert(name, Place::Gated(cell.clone(), Box::new(gate)));
            self.waits.gate(name.clone(), source);
            let refused = self.deliver_all(&mut shard, cell, left);
            drop(shard);
            self.refuse_all(refused);
            return;
        }
        shard.insert(name, Place::Cell(cell.clone()));
        let refused = self.deliver_all(&mut shard, cell, left.into_iter().chain(held));
        drop(shard);
        self.refuse_all(refused);
    }

    fn started(self: &Arc<Self>, name: &Name, cell: &Arc<dyn AnyCell>, from_elsewhere: bool) {
        self.counters.started.add(1);
        if from_elsewhere {
            self.counters.handoffs_in.add(1);
            let opens = self.now() + self.config().gate_wait();
            if let Some((now, gate)) = self.places.write(name).gate_mut(name)
                && now.epoch() == cell.epoch()
            {
                gate.opens = Some(opens);
            }
            self.waits.until(opens, name.clone());
            self.control(Input::Look);
        }
        tracing::debug!(node = %self.id(), %name, epoch = %cell.epoch(), "a worker runs");
        self.tell(|| crate::event::Event::Started(name.clone(), self.location(cell)));
        self.report(Input::Cell(name.clone(), cell.epoch(), Happened::Started));
    }

    fn start_failed(self: &Arc<Self>, name: &Name, cell: &Arc<dyn AnyCell>, from_elsewhere: bool, text: String) {
        let epoch = cell.epoch();
        self.counters.handoffs_failed.add(u64::from(from_elsewhere));
        let mut shard = self.places.write(name);
        if matches!(shard.get(name), Some(Found::Cell(now, _)) if now.epoch() == epoch) {
            let waiting = match shard.remove(name) {
                Some(Place::Gated(_, gate)) => self.close_gate(name, *gate),
                Some(Place::Cell(_) | Place::Redirect(..) | Place::Held(_)) | None => VecDeque::new(),
            };
            let held: VecDeque<_> = self.letters(cell, cell.close()).chain(waiting).collect();
            if !held.is_empty() {
                shard.insert(name, Place::Held(held));
                self.waits.until(self.now(), name.clone());
            }
            self.groups.forget(name);
        }
        drop(shard);
        self.control(Input::Cell(name.clone(), epoch, Happened::StartFailed(text)));
        // Only now: the directory has to hear of the failure first, to say where the calls go.
        self.control(Input::Wanted(name.clone()));
    }

    fn seal(self: &Arc<Self>, name: Name, epoch: Epoch, forced: bool) {
        let cell = match self.places.read(&name).get(&name) {
            Some(Found::Cell(cell, gate)) if cell.epoch() == epoch => gate.is_none().then(|| cell.clone()),
            Some(Found::Cell(..) | Found::Redirect(..) | Found::Held) | None => return,
        };
        let Some(cell) = cell else {
            // The rest of its predecessor's queue is on its way here, and must not follow it behind newer calls.
            self.report(Input::Cell(name, epoch, Happened::SealTimedOut));
            return;
        };
        let sealing = cell.seal(forced);
        let node = self.clone();
        self.errands.add(async move {
            let happened = match sealing.await {
                Sealing::Sealed => Happened::Sealed,
                Sealing::Ignored => Happened::Ignored,
                Sealing::TimedOut | Sealing::Panicked => {
                    node.counters.handoffs_failed.add(1);
                    Happened::SealTimedOut
                }
                // The cell's end is reported by itself.
                Sealing::Ended => return,
            };
            node.report(Input::Cell(name, epoch, happened));
        });
    }

    fn absorb(self: &Arc<Self>, name: Name, epoch: Epoch, from: NodeId, loser: Epoch) {
        let node = self.clone();
        self.runtime().spawn(async move {
            // Who has the state may never send the rest of it.
            let limit = node.config().start_timeout();
            let fetched = node.within(limit, node.fetch(from, &name, loser)).await;
            let absorbed = match (node.places.cell(&name, epoch), fetched) {
                (Some(cell), Some(Ok(bundle))) => cell.absorb(bundle).await,
                (None, _) => Err("the winner is gone".to_owned()),
                (_, Some(Err(text))) => Err(text),
                (_, None) => Err(format!("its state did not come within {limit:?}")),
            };
            let happened = match absorbed {
                Ok(()) => Happened::Absorbed { from: loser },
                Err(text) => {
                    tracing::warn!(node = %node.id(), %name, peer = %from, text, "a healed conflict could not be merged");
                    Happened::AbsorbFailed { from: loser }
                }
            };
            node.control(Input::Cell(name, epoch, happened));
        });
    }

    /// Gives a cell up: its queue goes to the successor, then the word that it was all.
    fn give_up(self: &Arc<Self>, name: &Name, epoch: Epoch, why: Die, successor: Option<NodeId>) {
        let mut shard = self.places.write(name);
        let (cell, waiting) = match shard.remove(name) {
            Some(Place::Cell(cell)) if cell.epoch() == epoch => (cell, VecDeque::new()),
            Some(Place::Gated(cell, gate)) if cell.epoch() == epoch => (cell, self.close_gate(name, *gate)),
            Some(other) => {
                shard.insert(name, other);
                return;
            }
            None => return,
        };
        let queue = self.letters(&cell, cell.close()).chain(waiting);
        let refused: Vec<_> = match successor {
            Some(to) => {
                self.counters.handoffs_out.add(1);
                let until = self.now() + self.config().redirect_ttl();
                if Rule::Redirect.holds() {
                    shard.insert(name, Place::Redirect(to, cell.kind(), until));
                    self.waits.until(until, name.clone());
                }
                let queue = queue.filter(|_| Rule::Forward.holds());
                let letters = queue.map(|letter| Letter { from_queue: true, ..letter }).collect();
                let refused = self.depart(&mut shard, name, Departure { to, epoch, letters });
                self.tell(|| crate::event::Event::Moved { name: name.clone(), to });
                refused
            }
            None => {
                let error = || match why {
                    Die::NoQuorum => {
                        CallError::NoQuorum { name: name.clone(), node: self.id(), executed: Executed::No }
                    }
                    Die::Unregistered => CallError::NotRegistered { name: name.clone(), node: self.id() },
                    Die::Moved | Die::Conflict | Die::Stopped | Die::NodeLeaving => {
                        CallError::Ended { name: name.clone(), node: self.id(), text: why.to_string() }
                    }
                };
                self.tell(|| crate::event::Event::Ended { name: name.clone(), why: why.to_string() });
                queue.map(|letter| (letter, error())).collect()
            }
        };
        self.groups.move_out(name, successor.is_some());
        drop(shard);
        self.refuse_all(refused);
        tracing::debug!(node = %self.id(), %name, %epoch, %why, "a worker is given up");
        let (node, name) = (self.clone(), name.clone());
        let dying = cell.die(why);
        self.errands.add(async move {
            dying.await;
            node.report(Input::Cell(name, epoch, Happened::Dropped));
        });
    }

    /// A cell has ended by itself.
    pub(crate) fn cell_ended(self: &Arc<Self>, name: &Name, epoch: Epoch, end: &End) {
        let mut shard = self.places.write(name);
        match shard.get(name) {
            Some(Found::Cell(cell, _)) if cell.epoch() == epoch => {
                if let Some(Place::Gated(_, gate)) = shard.remove(name) {
                    let waiting = self.close_gate(name, *gate);
                    if !waiting.is_empty() {
                        shard.insert(name, Place::Held(waiting));
                        self.waits.until(self.now(), name.clone());
                    }
                }
                self.groups.forget(name);
            }
            // A call found the cell dead before this came, and is held.
            Some(Found::Held) | None => self.groups.forget(name),
            // Another activation is here, or was.
            Some(Found::Cell(..) | Found::Redirect(..)) => {}
        }
        drop(shard);
        match end {
            End::Stopped => tracing::debug!(node = %self.id(), %name, %epoch, "a worker has stopped itself"),
            End::Failed(text) => tracing::warn!(node = %self.id(), %name, %epoch, text, "a worker has failed for good"),
        }
        // The directory first: who hears of the end asks after it.
        self.control(Input::Cell(name.clone(), epoch, Happened::Stopped { why: end.to_string() }));
        self.control(Input::Wanted(name.clone()));
        self.tell(|| crate::event::Event::Ended { name: name.clone(), why: end.to_string() });
    }

    /// The old host has sent its whole queue: what waited at the gate follows.
    pub(crate) fn queue_ended(self: &Arc<Self>, from: NodeId, payload: &Payload) -> Option<()> {
        let (name, epoch) = batch::read::<(Name, Epoch)>(payload)?;
        self.open_gate(&name, |gate| gate.source == from && gate.predecessor == epoch);
        Some(())
    }

    /// Opens the gate of a name, if it has one that `this` is true for.
    pub(crate) fn open_gate(self: &Arc<Self>, name: &Name, this: impl FnOnce(&Gate) -> bool) {
        let mut shard = self.places.write(name);
        if !shard.gate_mut(name).is_some_and(|(_, gate)| this(gate)) {
            return;
        }
        if let Some(Place::Gated(cell, open)) = shard.remove(name) {
            shard.insert(name, Place::Cell(cell.clone()));
            let waiting = self.close_gate(name, *open);
            let refused = self.deliver_all(&mut shard, &cell, waiting);
            drop(shard);
            self.refuse_all(refused);
        }
    }

    /// What waited at a gate that is no more.
    fn close_gate(&self, name: &Name, mut gate: Gate) -> VecDeque<Letter> {
        self.waits.open(name, gate.source);
        gate.waiting.iter_mut().for_each(|letter| letter.from_queue = false);
        gate.waiting
    }

    /// What timed waits have come to an end: gates that were never opened, redirects that nobody needs any more.
    pub(crate) fn end_waits(self: &Arc<Self>, now: Instant) {
        for name in self.waits.due(now) {
            self.open_gate(&name, |gate| gate.opens.is_some_and(|opens| opens <= now));
            self.look_at_held(&name);
            self.depart_on(&name);
            let mut shard = self.places.write(&name);
            if matches!(shard.get(&name), Some(Found::Redirect(_, _, until)) if until <= now) {
                shard.remove(&name);
                self.groups.forget(&name);
            }
        }
    }

    /// The letters of a closed cell's queue.
    fn letters(
        self: &Arc<Self>,
        cell: &Arc<dyn AnyCell>,
        parcels: Vec<Parcel>,
    ) -> impl Iterator<Item = Letter> + use<> {
        let (me, name, kind) = (self.id(), cell.name().clone(), cell.kind().0);
        parcels.into_iter().map(move |parcel| {
            let caller = parcel.reply.as_ref().map(|reply| reply.node).filter(|caller| *caller != me);
            Letter { caller, ..Letter::new(name.clone(), kind, parcel) }
        })
    }
}
