//! Owns the way of a letter: into a cell of this node, to another node, or into a wait. Every call and cast that does not
//! run at once on its caller's task passes here, so the table of protocol §8 stands here. Never runs a handler.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Clock;
use swarm_net::transport::Why;
use swarm_net::wire::Frame;

use crate::call::frame::{Envelope, kind};
use crate::call::pending::{Place as Stand, RequestId};
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::control::Input;
use crate::runtime::lanes::{Lane, Passage, Turn};
use crate::runtime::letter::Letter;
use crate::runtime::places::{HELD_MAX, Place, Shard};
use crate::runtime::routing::Hop;
use crate::worker::{Deadline, Parcel, Undelivered};

/// A letter that nobody takes, and why. Whoever posted it answers its caller.
pub(crate) type Refusal = (Letter, CallError);

/// When to try a letter again whose next hop is not known or not connected: the view is about to change.
const LOST_HOP_RETRY: Duration = Duration::from_millis(50);

/// When to try a letter again whose connection's queue is full.
const FULL_RETRY: Duration = Duration::from_millis(1);

impl Node {
    /// Posts a letter and answers its caller if nobody takes it.
    pub(crate) fn post(self: &Arc<Self>, letter: Letter) {
        if let Err((letter, error)) = self.route(letter, Turn::New) {
            self.refuse(letter, error);
        }
    }

    /// Posts a letter.
    pub(crate) fn route(self: &Arc<Self>, letter: Letter, turn: Turn) -> Result<(), Refusal> {
        let name = letter.name.clone();
        let mut shard = self.places.write(&name);
        self.route_in(&mut shard, letter, turn)
    }

    /// Posts a letter whose name is in `shard`.
    pub(crate) fn route_in(self: &Arc<Self>, shard: &mut Shard, letter: Letter, turn: Turn) -> Result<(), Refusal> {
        if letter.overdue(Clock::instant()) {
            return Err(self.timed_out(letter));
        }
        if letter.from_queue {
            // What stood in a moved worker's queue is older than anything that waits in a lane.
            return self.place(shard, letter);
        }
        let routing = self.routing();
        let partition = routing.partition_of(&letter.name);
        let hop = match shard.get(&letter.name) {
            Some(Place::Redirect(to, _)) => Some(*to),
            Some(Place::Cell(..) | Place::Held(_)) => None,
            None => match routing.hop(partition) {
                Hop::Owner(owner) => Some(owner),
                Hop::Ask => None,
            },
        };
        let lane = Lane { from: letter.from, partition };
        let mut result = Ok(());
        let letter = self.keep_if(letter, !self.lanes.home(partition));
        let passage = self.lanes.pass(
            lane,
            hop,
            letter,
            turn,
            || self.number_flush(lane),
            |letter| {
                result = match hop {
                    Some(to) => self.write(to, letter),
                    None => self.place(shard, letter),
                };
            },
        );
        match passage {
            Passage::Gone | Passage::Waits => {}
            Passage::Flush(of, id) => self.flush(of, id),
            Passage::Full(letter) => return Err(self.overloaded(letter, "the queue of calls that change their route")),
        }
        result
    }

    /// Puts a letter where its name is on this node.
    fn place(self: &Arc<Self>, shard: &mut Shard, letter: Letter) -> Result<(), Refusal> {
        let name = letter.name.clone();
        match shard.get_mut(&name) {
            Some(Place::Cell(cell, gate)) => {
                if let Some(gate) = gate
                    && !(letter.from_queue && letter.from == Some(gate.source))
                {
                    return self.wait_in(&mut gate.waiting, letter);
                }
                let cell = cell.clone();
                match self.deliver(&cell, letter) {
                    Ok(()) => Ok(()),
                    Err(Undeliverable::Refused(refusal)) => Err(*refusal),
                    Err(Undeliverable::Moved(letter)) => {
                        // The worker has ended by itself and the directory is being told: it says what becomes of the name.
                        shard.insert(name.clone(), Place::Held(VecDeque::from([self.keep_if(*letter, true)])));
                        self.control(Input::Wanted(name));
                        Ok(())
                    }
                }
            }
            Some(Place::Redirect(to, _)) => {
                let to = *to;
                self.write(to, letter)
            }
            Some(Place::Held(waiting)) => self.wait_in(waiting, letter),
            None => {
                let mut waiting = VecDeque::new();
                let waits = self.wait_in(&mut waiting, letter);
                shard.insert(name.clone(), Place::Held(waiting));
                self.control(Input::Wanted(name));
                waits
            }
        }
    }

    /// Gives a letter to a cell of this node.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        cell: &Arc<dyn crate::worker::AnyCell>,
        letter: Letter,
    ) -> Result<(), Undeliverable> {
        if letter.kind != 0 && letter.kind != cell.kind().0 {
            let error = CallError::WrongWorker {
                name: letter.name.clone(),
                node: self.id(),
                expected: self.kind_name(letter.kind),
                found: cell.worker().to_owned(),
            };
            return Err(Undeliverable::Refused(Box::new((letter, error))));
        }
        if letter.parcel.publish != 0 && cell.seen(letter.parcel.publish) {
            return Ok(());
        }
        self.counters.received.add(u64::from(letter.from.is_some()));
        let Letter { name, parcel, kind, hops, from, from_queue } = letter;
        match cell.clone().deliver(parcel) {
            Ok(()) => Ok(()),
            Err((parcel, why)) => {
                self.held_here(&parcel);
                let letter = Letter { name, parcel, kind, hops, from, from_queue };
                Err(match why {
                    Undelivered::Full => Undeliverable::Refused(Box::new(self.overloaded(letter, "the mailbox"))),
                    Undelivered::Moved => Undeliverable::Moved(Box::new(letter)),
                })
            }
        }
    }

    /// Writes a letter to another node.
    pub(crate) fn write(self: &Arc<Self>, to: NodeId, mut letter: Letter) -> Result<(), Refusal> {
        if letter.hops >= Letter::HOPS_MAX {
            let error = CallError::NotOwner { name: letter.name.clone(), node: self.id() };
            return Err((letter, error));
        }
        let Some(peer) = self.peer(to) else { return self.park(letter, LOST_HOP_RETRY) };
        let now = Clock::instant();
        let envelope = letter.envelope(self.id(), now);
        let kind = if letter.parcel.reply.is_some() { kind::CALL } else { kind::CAST };
        let prelude = envelope.prelude(letter.parcel.payload.len());
        let frame =
            Frame::new(kind, envelope.head(), &[&prelude, &letter.parcel.payload]).due(letter.parcel.deadline.due);
        let own = letter.parcel.reply.as_ref().filter(|reply| reply.node == self.id()).map(|reply| reply.request);
        if let Some(request) = own {
            // Until its number is known: it may have gone, so it may run.
            self.pending.retarget(RequestId(request), Stand::Sent { peer: to, frame: 0 });
        }
        match peer.send(swarm_net::transport::Lane::Calls, frame) {
            Ok(no) => {
                match own {
                    Some(request) => {
                        self.pending.retarget(RequestId(request), Stand::Sent { peer: to, frame: no.0 });
                    }
                    None => self.relays.passed_on(self, to, no, letter),
                }
                Ok(())
            }
            Err(unsent) => {
                self.held_here(&letter.parcel);
                match unsent.why {
                    Why::Full if letter.from.is_none() && letter.parcel.reply.is_some() => {
                        self.park(letter, FULL_RETRY)
                    }
                    Why::Full => {
                        letter = self.keep_if(letter, false);
                        Err(self.overloaded(letter, "the connection's queue"))
                    }
                    Why::Closed => self.park(letter, LOST_HOP_RETRY),
                    Why::TooLarge => {
                        let error = CallError::TooLarge {
                            name: letter.name.clone(),
                            bytes: letter.parcel.payload.len() as u64,
                            limit: self.config().message_bytes_max(),
                            executed: Executed::No,
                        };
                        Err((letter, error))
                    }
                }
            }
        }
    }

    /// A frame that came back unsent becomes a letter again and is posted anew.
    pub(crate) fn repost(self: &Arc<Self>, frame: &Frame) {
        let Some((envelope, range)) = Envelope::read(frame.head(), frame.body()) else { return };
        let mut letter = self.letter(envelope, crate::call::frame::payload(frame.body(), range), frame.kind(), None);
        letter.hops = letter.hops.saturating_sub(1);
        if let Some(due) = frame.due {
            letter.parcel.deadline.due = due;
        }
        self.held_here(&letter.parcel);
        self.post(letter);
    }

    /// Notes that a call of this node is on this node, and has not run.
    fn held_here(&self, parcel: &Parcel) {
        if let Some(reply) = parcel.reply.as_ref().filter(|reply| reply.node == self.id()) {
            self.pending.retarget(RequestId(reply.request), Stand::Here);
        }
    }

    /// A letter from an envelope and its payload.
    pub(crate) fn letter(
        self: &Arc<Self>,
        envelope: Envelope,
        payload: crate::worker::Payload,
        kind: u8,
        from: Option<NodeId>,
    ) -> Letter {
        let waits = kind == kind::CALL;
        let origin = envelope.origin.or(from).unwrap_or(self.id());
        let parcel = Parcel {
            method: envelope.message,
            fingerprint: envelope.fingerprint,
            payload,
            deadline: Deadline::after(Clock::instant(), envelope.remaining),
            reply: waits.then(|| self.reply_to(origin, envelope.request)),
            publish: if waits { 0 } else { envelope.request },
            unconfirmed: None,
        };
        Letter {
            name: envelope.name,
            parcel,
            kind: envelope.kind,
            hops: envelope.hops,
            from,
            from_queue: envelope.from_queue,
        }
    }

    /// Lets the letters of a lane go whose old hop has confirmed.
    pub(crate) fn drain(self: &Arc<Self>, lane: Lane) {
        while let Some(letter) = self.lanes.drain(lane) {
            if let Err((letter, error)) = self.route(letter, Turn::Drained) {
                self.refuse(letter, error);
            }
        }
    }

    /// Ends a letter with an error, and tells its caller.
    pub(crate) fn refuse(self: &Arc<Self>, letter: Letter, error: CallError) {
        match letter.parcel.reply {
            // Nobody decided about it: it is tried again while there is time.
            Some(_) if matches!(error, CallError::NotOwner { .. }) => self.give_back(letter),
            Some(reply) => reply.outlet.reply(reply.node, reply.request, Err(error)),
            None => tracing::debug!(node = %self.id(), name = %letter.name, %error, "a cast was dropped"),
        }
    }

    /// Keeps a letter unconfirmed to the node that sent it, for as long as it waits here.
    pub(crate) fn keep_if(self: &Arc<Self>, mut letter: Letter, waits: bool) -> Letter {
        if waits
            && letter.parcel.unconfirmed.is_none()
            && let Some(from) = letter.from
        {
            letter.parcel.unconfirmed = self.upstream(from).map(|upstream| Box::new(upstream.keep()) as _);
        }
        letter
    }

    fn wait_in(self: &Arc<Self>, waiting: &mut VecDeque<Letter>, letter: Letter) -> Result<(), Refusal> {
        if waiting.len() >= HELD_MAX {
            return Err(self.overloaded(letter, "the queue of calls whose worker is being found"));
        }
        waiting.push_back(self.keep_if(letter, true));
        Ok(())
    }

    fn overloaded(&self, letter: Letter, what: &str) -> Refusal {
        let error = CallError::Overloaded { name: letter.name.clone(), node: self.id(), what: what.to_owned() };
        (letter, error)
    }

    fn timed_out(&self, letter: Letter) -> Refusal {
        let error = CallError::Timeout {
            name: letter.name.clone(),
            after: letter.parcel.deadline.limit,
            executed: Executed::No,
        };
        (letter, error)
    }

    /// The directory has said where the calls for a name go.
    pub(crate) fn settle(self: &Arc<Self>, name: &Name, to: crate::directory::Route) {
        use crate::directory::Route;
        let mut shard = self.places.write(name);
        let Some(Place::Held(waiting)) = shard.get_mut(name) else { return };
        if to == Route::Here {
            // The cell is being made; its order follows.
            return;
        }
        let waiting = std::mem::take(waiting);
        shard.remove(name);
        for letter in waiting {
            let posted = match to {
                Route::Host(host) => self.write(host, letter),
                Route::Unknown => {
                    let error = CallError::NotRegistered { name: name.clone(), node: self.id() };
                    Err((letter, error))
                }
                Route::Here | Route::Ring => self.route_in(&mut shard, letter, Turn::New),
            };
            if let Err((letter, error)) = posted {
                self.refuse(letter, error);
            }
        }
    }
}

/// Why a cell did not take a letter.
pub(crate) enum Undeliverable {
    /// Its caller is to be told.
    Refused(Box<Refusal>),
    /// The cell is no more.
    Moved(Box<Letter>),
}
