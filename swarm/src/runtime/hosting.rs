//! Owns what this node does with the cells that live on it, as its directory orders: start, seal, unseal, absorb, drop.
//! User code runs in tasks of its own; what came of it is reported to the directory. Never decides anything.

use std::collections::VecDeque;
use std::sync::Arc;

use swarm_net::node::NodeId;
use swarm_net::time::{Clock, Instant};

use crate::call::frame::kind;
use crate::directory::{GroupKey, Happened, Order, Spec};
use crate::epoch::Epoch;
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::batch;
use crate::runtime::control::Input;
use crate::runtime::letter::Letter;
use crate::runtime::places::{Gate, Place};
use crate::worker::{AnyCell, Die, End, Parcel, Payload, Sealing, Start};

impl Node {
    /// Does what the directory orders.
    pub(crate) fn order(self: &Arc<Self>, name: Name, order: Order) {
        match order {
            Order::Start { spec, epoch, groups, source, registrar: _ } => {
                self.start(name, &spec, epoch, groups, source);
            }
            Order::Seal { epoch, forced } => self.seal(name, epoch, forced),
            Order::Unseal { epoch, new } => {
                if let Some(cell) = self.places.cell(&name, epoch) {
                    tracing::debug!(node = %self.id(), %name, %new, "a worker goes on where it was");
                    cell.unseal(new);
                }
            }
            Order::Absorb { epoch, from, loser } => self.absorb(name, epoch, from, loser),
            Order::Drop { epoch, why, successor } => self.give_up(&name, epoch, why, successor),
            Order::Groups { epoch, groups } => {
                if self.places.cell(&name, epoch).is_some() {
                    self.groups.set(&name, groups);
                }
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        name: Name,
        spec: &Arc<Spec>,
        epoch: Epoch,
        groups: Vec<GroupKey>,
        source: Option<(NodeId, Epoch)>,
    ) {
        let made = match self.kinds.get(spec.kind) {
            None => Err(format!("{} does not know the worker type `{}`", self.id(), spec.worker)),
            Some(_) if spec.local => self
                .instances
                .take(&spec.args)
                .map(|make| make(name.clone(), epoch, self.clone()))
                .ok_or_else(|| format!("the instance that {} wanted to register is gone", self.id())),
            Some(entry) => Ok((entry.make)(name.clone(), epoch, self.clone())),
        };
        let cell = match made {
            Ok(cell) => cell,
            Err(text) => {
                self.control(Input::Cell(name, epoch, Happened::StartFailed(text)));
                return;
            }
        };
        self.move_in(&name, &cell, source);
        self.groups.set(&name, groups);
        if spec.local {
            // The instance came as it is: there is nothing to boot it from, and nothing to boot.
            self.started(&name, &cell, false);
            return;
        }
        let (node, args) = (self.clone(), Payload::copy_of(&spec.args));
        self.errands.add(async move {
            let booting = async {
                let bundle = match source {
                    None => None,
                    Some((from, predecessor)) => Some(node.fetch(from, &name, predecessor).await?),
                };
                cell.clone().boot(Start { args, bundle }).await
            };
            let limit = node.config().start_timeout();
            let booted = node.within(limit, booting).await;
            match booted.unwrap_or_else(|| Err(format!("it did not start within {limit:?}"))) {
                Ok(()) => node.started(&name, &cell, source.is_some()),
                Err(text) => node.start_failed(&name, &cell, text),
            }
        });
    }

    /// Makes a cell the place of its name. What was held goes into its queue, or behind its gate.
    fn move_in(self: &Arc<Self>, name: &Name, cell: &Arc<dyn AnyCell>, source: Option<(NodeId, Epoch)>) {
        let mut shard = self.places.write(name);
        self.hints.settle(name);
        let held = match shard.remove(name) {
            Some(Place::Held(held)) => held,
            Some(Place::Cell(old, gate)) => {
                let parcels = old.close();
                let waiting = gate.map(|gate| self.close_gate(name, *gate)).unwrap_or_default();
                self.letters(&old, parcels).chain(waiting).collect()
            }
            Some(Place::Redirect(..)) | None => VecDeque::new(),
        };
        if let Some((source, predecessor)) = source {
            let gate = Gate { source, predecessor, waiting: held, opens: None };
            shard.insert(name.clone(), Place::Cell(cell.clone(), Some(Box::new(gate))));
            self.waits.gate(name.clone(), source);
            return;
        }
        shard.insert(name.clone(), Place::Cell(cell.clone(), None));
        let refused = self.deliver_all(&mut shard, cell, held);
        drop(shard);
        self.refuse_all(refused);
    }

    fn started(self: &Arc<Self>, name: &Name, cell: &Arc<dyn AnyCell>, from_elsewhere: bool) {
        self.counters.started.add(1);
        if from_elsewhere {
            self.counters.handoffs_in.add(1);
            let opens = Clock::instant() + self.config().gate_wait();
            match self.places.write(name).get_mut(name) {
                Some(Place::Cell(now, Some(gate))) if now.epoch() == cell.epoch() => gate.opens = Some(opens),
                Some(Place::Cell(..) | Place::Redirect(..) | Place::Held(_)) | None => {}
            }
            self.waits.until(opens, name.clone());
            self.control(Input::Look);
        }
        tracing::debug!(node = %self.id(), %name, epoch = %cell.epoch(), "a worker runs");
        self.tell(|| crate::event::Event::Started(name.clone(), self.location(cell)));
        self.control(Input::Cell(name.clone(), cell.epoch(), Happened::Started));
    }

    fn start_failed(self: &Arc<Self>, name: &Name, cell: &Arc<dyn AnyCell>, text: String) {
        let epoch = cell.epoch();
        let mut shard = self.places.write(name);
        if matches!(shard.get(name), Some(Place::Cell(now, _)) if now.epoch() == epoch) {
            let gate = match shard.remove(name) {
                Some(Place::Cell(_, gate)) => gate,
                Some(Place::Redirect(..) | Place::Held(_)) | None => None,
            };
            let waiting = gate.map(|gate| self.close_gate(name, *gate)).unwrap_or_default();
            let held: VecDeque<_> = self.letters(cell, cell.close()).chain(waiting).collect();
            if !held.is_empty() {
                shard.insert(name.clone(), Place::Held(held));
                self.waits.until(Clock::instant(), name.clone());
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
            Some(Place::Cell(cell, gate)) if cell.epoch() == epoch => gate.is_none().then(|| cell.clone()),
            Some(Place::Cell(..) | Place::Redirect(..) | Place::Held(_)) | None => return,
        };
        let Some(cell) = cell else {
            // The rest of its predecessor's queue is on its way here, and must not follow it behind newer calls.
            self.control(Input::Cell(name, epoch, Happened::SealTimedOut));
            return;
        };
        let sealing = cell.seal(forced);
        let node = self.clone();
        self.errands.add(async move {
            let happened = match sealing.await {
                Sealing::Sealed => Happened::Sealed,
                Sealing::Ignored => Happened::Ignored,
                Sealing::TimedOut | Sealing::Panicked => Happened::SealTimedOut,
                // The cell's end is reported by itself.
                Sealing::Ended => return,
            };
            node.control(Input::Cell(name, epoch, happened));
        });
    }

    fn absorb(self: &Arc<Self>, name: Name, epoch: Epoch, from: NodeId, loser: Epoch) {
        let node = self.clone();
        self.runtime().spawn(async move {
            let absorbed = match (node.places.cell(&name, epoch), node.fetch(from, &name, loser).await) {
                (Some(cell), Ok(bundle)) => cell.absorb(bundle).await,
                (None, _) => Err("the winner is gone".to_owned()),
                (_, Err(text)) => Err(text),
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
        let (cell, gate) = match shard.remove(name) {
            Some(Place::Cell(cell, gate)) if cell.epoch() == epoch => (cell, gate),
            Some(other) => {
                shard.insert(name.clone(), other);
                return;
            }
            None => return,
        };
        let waiting = gate.map(|gate| self.close_gate(name, *gate)).unwrap_or_default();
        let queue = self.letters(&cell, cell.close()).chain(waiting);
        let refused: Vec<_> = match successor {
            Some(to) => {
                self.counters.handoffs_out.add(1);
                let until = Clock::instant() + self.config().redirect_ttl();
                shard.insert(name.clone(), Place::Redirect(to, cell.kind(), until));
                self.waits.until(until, name.clone());
                let queue = queue.map(|letter| Letter { from_queue: true, ..letter });
                let refused = self.overtake(&mut shard, Some(to), queue);
                if let Ok(end) = rkyv::to_bytes::<rkyv::rancor::Error>(&(name.clone(), epoch)) {
                    self.send_control(to, kind::QUEUE_END, [0; 24], &end);
                }
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
        self.outgoing.forget(name, epoch);
        tracing::debug!(node = %self.id(), %name, %epoch, %why, "a worker is given up");
        let (node, name) = (self.clone(), name.clone());
        let dying = cell.die(why);
        self.errands.add(async move {
            dying.await;
            node.control(Input::Cell(name, epoch, Happened::Dropped));
        });
    }

    /// A cell has ended by itself.
    pub(crate) fn cell_ended(self: &Arc<Self>, name: &Name, epoch: Epoch, end: &End) {
        let mut shard = self.places.write(name);
        match shard.get_mut(name) {
            Some(Place::Cell(cell, gate)) if cell.epoch() == epoch => {
                let waiting = gate.take().map(|gate| self.close_gate(name, *gate)).unwrap_or_default();
                if waiting.is_empty() {
                    shard.remove(name);
                } else {
                    shard.insert(name.clone(), Place::Held(waiting));
                    self.waits.until(Clock::instant(), name.clone());
                }
                self.groups.forget(name);
            }
            // A call found the cell dead before this came, and is held.
            Some(Place::Held(_)) | None => self.groups.forget(name),
            // Another activation is here, or was.
            Some(Place::Cell(..) | Place::Redirect(..)) => {}
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
    pub(crate) fn queue_ended(self: &Arc<Self>, from: NodeId, payload: &Payload) {
        let Some((name, epoch)) = batch::read::<(Name, Epoch)>(payload) else { return };
        self.open_gate(&name, |gate| gate.source == from && gate.predecessor == epoch);
    }

    /// Opens the gate of a name, if it has one that `this` is true for.
    pub(crate) fn open_gate(self: &Arc<Self>, name: &Name, this: impl FnOnce(&Gate) -> bool) {
        let mut shard = self.places.write(name);
        let Some(Place::Cell(cell, gate)) = shard.get_mut(name) else { return };
        if let Some(open) = gate.take_if(|gate| this(gate)) {
            let cell = cell.clone();
            let waiting = self.close_gate(name, *open);
            let refused = self.deliver_all(&mut shard, &cell, waiting);
            drop(shard);
            self.refuse_all(refused);
        }
    }

    /// What waited at a gate that is no more.
    fn close_gate(&self, name: &Name, gate: Gate) -> VecDeque<Letter> {
        self.waits.open(name, gate.source);
        gate.waiting
    }

    /// What timed waits have come to an end: gates that were never opened, redirects that nobody needs any more.
    pub(crate) fn end_waits(self: &Arc<Self>, now: Instant) {
        for name in self.waits.due(now) {
            self.open_gate(&name, |gate| gate.opens.is_some_and(|opens| opens <= now));
            self.look_at_held(&name);
            let mut shard = self.places.write(&name);
            if matches!(shard.get(&name), Some(Place::Redirect(_, _, until)) if *until <= now) {
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
