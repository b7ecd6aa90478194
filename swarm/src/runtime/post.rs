//! Owns the way of a letter: into a cell of this node, to another node, or into a wait. Every call and cast that does not
//! run at once on its caller's task passes here, so the table of protocol §8 stands here. Never runs a handler.

use std::sync::Arc;

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::call::frame::Visits;
use crate::error::CallError;
use crate::rules::Rule;
use crate::runtime::Node;
use crate::runtime::lane::{Key, Lane, Way};
use crate::runtime::letter::Letter;
use crate::runtime::passed::CallId;
use crate::runtime::places::{Found, Shard};
use crate::runtime::refusal::Refusal;
use crate::runtime::routing::Hop;
use crate::runtime::sending::{LOST_HOP_RETRY, Unwritten};
use crate::runtime::track::{Passage, Rank, Turn};
use crate::worker::{AnyCell, Undelivered};

/// Why a cell did not take a letter.
enum Undeliverable {
    /// Its caller is to be told.
    Refused(Refusal),
    /// The cell is no more.
    Moved(Letter),
}

impl Node {
    /// Posts a letter and answers its caller if nobody takes it.
    pub(crate) fn post(self: &Arc<Self>, mut letter: Letter) {
        if letter.from.is_some() {
            self.come_home(&mut letter.parcel);
        }
        // A queue does not remember over which nodes its letters came.
        let may_have_been_here = letter.from_queue || letter.visits(self.id()) > Visits(0);
        if let Some(reply) = letter.parcel.reply.as_ref().filter(|_| may_have_been_here) {
            self.relays.came_back(CallId { node: reply.node, request: reply.request });
        }
        if let Err((letter, error)) = self.route(letter) {
            self.refuse(letter, error);
        }
    }

    /// Posts a letter that was written on this node: right into its cell if this node's own calls may run there at once.
    pub(crate) fn route_own(self: &Arc<Self>, letter: Letter) -> Result<(), Refusal> {
        let Some(cell) = self.open_at_home(&letter.name).filter(|_| !self.is_stopped()) else {
            return self.route(letter);
        };
        match self.deliver(&cell, letter) {
            Ok(()) => Ok(()),
            Err(Undeliverable::Refused(refusal)) => Err(refusal),
            Err(Undeliverable::Moved(letter)) => self.route(letter),
        }
    }

    /// Posts a letter.
    pub(crate) fn route(self: &Arc<Self>, letter: Letter) -> Result<(), Refusal> {
        let mut shard = self.places.write(&letter.name);
        self.route_in(&mut shard, letter, Turn::New)
    }

    /// Posts a letter whose name is in `shard`.
    fn route_in(self: &Arc<Self>, shard: &mut Shard, mut letter: Letter, turn: Turn) -> Result<(), Refusal> {
        let now = self.now();
        if self.is_stopped() {
            return Err(self.stopping(letter));
        }
        if letter.overdue(now) {
            return Err(self.timed_out(letter));
        }
        if letter.from_queue {
            match shard.get(&letter.name) {
                // What stood in a moved worker's queue is older than anything that waits in a lane.
                Some(Found::Cell(..)) => return self.place(shard, letter),
                Some(Found::Redirect(..)) => return self.overtake(shard, None, [letter]).pop().map_or(Ok(()), Err),
                // Nobody knows it here any more: it asks its way like any other.
                Some(Found::Held) | None => letter.from_queue = false,
            }
        }
        let visits = letter.visits(self.id());
        if turn == Turn::New && visits > Visits(0) {
            // It has come round, for nodes do not agree yet who owns the name. What came meanwhile waits for it.
            return self.overtake_with(shard, None, letter, (Rank { visits, waited: false }, Turn::New));
        }
        let lane = self.lane(&letter);
        let way = self.way(shard, &letter, lane.partition);
        if let (Turn::New, Some(from), Some(_), false) = (turn, letter.from, way.hop, way.apart) {
            self.tell_not_here(&letter.name, from);
        }
        // What finds its place at once is never counted; but what may wait must be counted before it does.
        let relays = self.lanes.relays(lane.partition);
        let letter = self.keep_if(letter, way.hop.is_some() || relays);
        let mut result = Ok(());
        let passage = self.lanes.pass(now, lane, way, letter, (turn, relays), |letter| {
            let Some(to) = way.hop else {
                result = self.place(shard, letter);
                return Ok(());
            };
            match self.write(to, letter, way) {
                Ok(()) => Ok(()),
                Err(Unwritten::Refused(refusal)) => {
                    result = Err(*refusal);
                    Ok(())
                }
                // Its caller is there to be told, and may do something else.
                Err(Unwritten::Full(letter)) if turn == Turn::New && letter.is_own_cast() => {
                    result = Err(self.overloaded(letter, "the connection's queue"));
                    Ok(())
                }
                Err(unwritten) => unwritten.stuck().map_or(Ok(()), Err),
            }
        });
        self.after((lane, Visits(0)), passage)?;
        result
    }

    /// The lane that a letter is in on this node.
    pub(crate) fn lane(&self, letter: &Letter) -> Lane {
        Lane { caller: letter.caller, partition: self.partition_of(&letter.name) }
    }

    /// Where a letter goes next.
    fn way(&self, shard: &Shard, letter: &Letter, partition: PartitionId) -> Way {
        match shard.get(&letter.name) {
            Some(Found::Cell(..) | Found::Held) => Way { hop: None, apart: true },
            Some(Found::Redirect(to, ..)) if self.is_way(to) => Way { hop: Some(to), apart: true },
            Some(Found::Redirect(..)) | None => {
                let hint = self.hints.get(&letter.name, || self.now());
                // Whoever sends it here knows that it is not there.
                let hint = hint.filter(|host| Some(*host) != letter.from && self.is_way(*host));
                match (hint, self.routing().hop(partition)) {
                    (Some(host), _) => Way { hop: Some(host), apart: true },
                    (None, Hop::Owner(owner)) => Way { hop: Some(owner), apart: false },
                    (None, Hop::Ask) => Way { hop: None, apart: false },
                }
            }
        }
    }

    /// Puts a letter where its name is on this node.
    fn place(self: &Arc<Self>, shard: &mut Shard, letter: Letter) -> Result<(), Refusal> {
        let name = letter.name.clone();
        if let Some((_, gate)) = shard.gate_mut(&name)
            && !(letter.from_queue && letter.from == Some(gate.source))
        {
            return self.wait_in(&mut gate.waiting, letter);
        }
        match shard.get(&name) {
            Some(Found::Cell(cell, _)) => {
                let cell = cell.clone();
                match self.deliver(&cell, letter) {
                    Ok(()) => Ok(()),
                    Err(Undeliverable::Refused(refusal)) => Err(refusal),
                    Err(Undeliverable::Moved(letter)) => {
                        // The worker has ended by itself and the directory is being told: it says what becomes of the
                        // name.
                        self.hold(shard, name, letter)
                    }
                }
            }
            Some(Found::Held | Found::Redirect(..)) | None => self.hold(shard, name, letter),
        }
    }

    /// Gives a letter to a cell of this node.
    fn deliver(self: &Arc<Self>, cell: &Arc<dyn AnyCell>, letter: Letter) -> Result<(), Undeliverable> {
        if letter.kind != 0 && letter.kind != cell.kind().0 {
            let error = CallError::WrongWorker {
                name: letter.name.clone(),
                node: self.id(),
                expected: self.kind_name(letter.kind),
                found: cell.worker().to_owned(),
            };
            return Err(Undeliverable::Refused((letter, error)));
        }
        let received = u64::from(letter.from.is_some());
        let Letter { name, parcel, kind, hops, from, caller, path, from_queue, stay } = letter;
        match cell.clone().deliver(parcel) {
            Ok(()) => {
                self.counters.received.add(received);
                Ok(())
            }
            Err((parcel, why)) => {
                self.held_here(&parcel);
                let letter = Letter { name, parcel, kind, hops, from, caller, path, from_queue, stay };
                Err(match why {
                    Undelivered::Repeated if letter.parcel.reply.is_none() => return Ok(()),
                    Undelivered::Repeated => Undeliverable::Refused(self.repeated(letter)),
                    Undelivered::Full => Undeliverable::Refused(self.full(letter, "the mailbox")),
                    Undelivered::Moved => Undeliverable::Moved(letter),
                })
            }
        }
    }

    /// Gives letters that waited for it to a cell, in order. Returns those that nobody takes.
    pub(crate) fn deliver_all(
        self: &Arc<Self>,
        shard: &mut Shard,
        cell: &Arc<dyn AnyCell>,
        letters: impl IntoIterator<Item = Letter>,
    ) -> Vec<Refusal> {
        let mut refused = Vec::new();
        for letter in letters {
            match self.deliver(cell, letter) {
                Ok(()) => {}
                Err(Undeliverable::Refused(refusal)) => refused.push(refusal),
                Err(Undeliverable::Moved(letter)) => {
                    let name = letter.name.clone();
                    refused.extend(self.hold(shard, name, letter).err());
                }
            }
        }
        refused
    }

    /// Sends letters of one name that are older than all that wait in their lanes, since they have waited elsewhere on this
    /// node or have come round to it: to `host`, or by what else is known of the name. Returns those that nobody takes.
    pub(crate) fn overtake(
        self: &Arc<Self>,
        shard: &mut Shard,
        host: Option<NodeId>,
        letters: impl IntoIterator<Item = Letter>,
    ) -> Vec<Refusal> {
        let letters = letters.into_iter();
        let overtake = |letter: Letter| {
            let rank = Rank { visits: letter.visits(self.id()), waited: true };
            self.overtake_with(shard, host, letter, (rank, Turn::New)).err()
        };
        letters.filter_map(overtake).collect()
    }

    fn overtake_with(
        self: &Arc<Self>,
        shard: &mut Shard,
        host: Option<NodeId>,
        letter: Letter,
        (rank, turn): (Rank, Turn),
    ) -> Result<(), Refusal> {
        let now = self.now();
        if self.is_stopped() {
            return Err(self.stopping(letter));
        }
        if letter.overdue(now) {
            return Err(self.timed_out(letter));
        }
        let lane = self.lane(&letter);
        let way = match host {
            Some(_) => Way { hop: host, apart: true },
            None => self.way(shard, &letter, lane.partition),
        };
        let letter = self.keep_if(letter, true);
        let mut result = Ok(());
        let passage = self.lanes.overtake(now, lane, way.hop, letter, (rank, turn), |letter| {
            let Some(to) = way.hop else {
                result = self.place(shard, letter);
                return Ok(());
            };
            if turn == Turn::New && !way.apart && rank.visits > Visits(0) && letter.was_on(to) {
                // It would only come round again: the view has to change first.
                return Err((letter, LOST_HOP_RETRY));
            }
            match self.write(to, letter, way) {
                Ok(()) => Ok(()),
                Err(Unwritten::Refused(refusal)) => {
                    result = Err(*refusal);
                    Ok(())
                }
                Err(unwritten) => unwritten.stuck().map_or(Ok(()), Err),
            }
        });
        self.after((lane, rank.visits), passage)?;
        result
    }

    /// Does what a passage through a lane leaves to be done.
    fn after(self: &Arc<Self>, (lane, visits): (Lane, Visits), passage: Passage<Letter>) -> Result<(), Refusal> {
        match passage {
            Passage::Gone | Passage::Waits | Passage::Stalled => {}
            Passage::Asks(flushes) => {
                let lane = lane.id(self.id());
                flushes.into_iter().for_each(|(of, id)| self.flush(of, (lane, visits), id));
            }
            Passage::Full(letter) => return Err(self.overloaded(letter, "the queue of calls that change their route")),
        }
        Ok(())
    }

    /// Lets the letters of a track go that need not wait any more.
    pub(crate) fn drain(self: &Arc<Self>, key: &Key) {
        while let Some(name) = self.lanes.front(key) {
            let refused = {
                let mut shard = self.places.write(&name);
                match self.lanes.pop(key, &name) {
                    Some((letter, Rank::NEXT)) => self.route_in(&mut shard, letter, Turn::Drained).err(),
                    Some((letter, rank)) => self.overtake_with(&mut shard, None, letter, (rank, Turn::Drained)).err(),
                    None => None,
                }
            };
            if let Some((letter, error)) = refused {
                self.refuse(letter, error);
            }
        }
    }

    /// Keeps a letter unconfirmed to the node that sent it, for as long as it waits here.
    pub(crate) fn keep_if(self: &Arc<Self>, mut letter: Letter, waits: bool) -> Letter {
        if waits
            && Rule::Confirmation.holds()
            && letter.parcel.unconfirmed.is_none()
            && let Some(from) = letter.from
        {
            let (lane, visits) = (self.lane(&letter).id(self.id()), letter.visits_of_sender(from));
            letter.parcel.unconfirmed = self.upstream(from).map(|upstream| Box::new(upstream.keep(lane, visits)) as _);
        }
        letter
    }
}

impl Letter {
    /// A cast of this node's.
    fn is_own_cast(&self) -> bool {
        self.from.is_none() && self.parcel.reply.is_none()
    }
}
