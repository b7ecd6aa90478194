//! Owns the short way of a call or cast between its caller's node and its worker's, when nothing special has to do with it, as
//! with nearly all. Never decides anything: where `post` might decide otherwise, it is asked.

use std::sync::Arc;

use rkyv::api::high::to_bytes_in;
use rkyv::rancor::Error;
use swarm_net::node::NodeId;
use swarm_net::transport::{FrameNo, Lane as Wire, Peer};
use swarm_net::wire::Frame;

use crate::call::frame::{Envelope, kind, payload_bytes};
use crate::call::pending::{Place as Stand, RequestId};
use crate::message::Wire as Travels;
use crate::name::{Hashed, NameHash};
use crate::runtime::Node;
use crate::runtime::letter::Letter;
use crate::runtime::places::Found;
use crate::runtime::routing::Hop;
use crate::worker::{Deadline, Payload};

/// A message is longer than is allowed. It has not been sent.
pub(crate) struct TooLarge {
    pub(crate) bytes: u64,
    pub(crate) limit: u64,
}

impl Node {
    /// Takes a call or cast that another node has sent: into its cell, if it came straight from its caller and the cell is here and
    /// open.
    pub(crate) fn receive(self: &Arc<Self>, from: NodeId, kind: u8, envelope: Envelope, payload: Payload) {
        if !envelope.is_straight(kind) || self.is_stopped() || envelope.remaining.is_zero() {
            return self.post(self.letter(envelope, payload, kind, Some(from)));
        }
        let parcel = self.parcel(&envelope, payload, kind, Some(from));
        let hash = envelope.name.hash64();
        // Held until the cell has it, as by `post`: who changes the place waits until then.
        let shard = self.places.read_at(hash);
        let cell = match shard.get(&envelope.name) {
            Some(Found::Cell(cell, None))
                if (envelope.kind == 0 || envelope.kind == cell.kind().0)
                    && !self.lanes.relays(self.partition_at(hash)) =>
            {
                cell.clone()
            }
            Some(Found::Cell(..) | Found::Redirect(..) | Found::Held) | None => {
                drop(shard);
                return self.post(self.letter_of(envelope, parcel, Some(from)));
            }
        };
        match cell.deliver(parcel) {
            Ok(()) => self.counters.received.add(1),
            // What becomes of it is not for this to say.
            Err((parcel, _)) => {
                drop(shard);
                self.post(self.letter_of(envelope, parcel, Some(from)));
            }
        }
    }

    /// The peer that a call or cast of this node's own would go to, if the partition of its name is another's.
    pub(crate) fn express_to(&self, hash: NameHash) -> Option<Arc<Peer>> {
        match self.routing().hop(self.partition_at(hash)) {
            Hop::Owner(owner) => self.peer(owner),
            Hop::Ask => None,
        }
    }

    /// Sends a call or cast of this node's own to `peer`, whose its partition is. Gives it back as a letter if it is not for that
    /// peer after all, or its connection does not take it.
    pub(crate) fn send_own<M: Travels>(
        self: &Arc<Self>,
        kind: u8,
        (envelope, hash): (&Envelope, NameHash),
        message: &M,
        deadline: Deadline,
        peer: Option<Arc<Peer>>,
    ) -> Result<Option<Letter>, TooLarge> {
        // Encoded where it is sent from; no lock is held while a user's type is looked at.
        let frame = envelope.frame(kind, size_of::<M>(), |bytes| to_bytes_in::<_, Error>(message, bytes));
        let mut frame = frame.expect("serialising into memory does not fail").due(deadline.due);
        let (bytes, limit) = (u64::from(payload_bytes(&frame)), self.config().message_bytes_max());
        if bytes > limit {
            return Err(TooLarge { bytes, limit });
        }
        let (own_call, request) = (kind == kind::CALL, RequestId(envelope.request));
        if let Some(peer) = peer {
            match self.send_express(Hashed { name: &envelope.name, hash }, &peer, frame) {
                Ok(no) => {
                    self.have_written(&peer, own_call);
                    if own_call {
                        self.own_sent(request, &peer, no);
                    }
                    return Ok(None);
                }
                Err(back) => frame = back,
            }
            if own_call {
                self.pending.retarget(request, Stand::Here);
            }
        }
        let payload = Payload::copy_of(&frame.body()[frame.body().len() - payload_bytes(&frame) as usize..]);
        let mut parcel = self.parcel(envelope, payload, kind, None);
        parcel.deadline = deadline;
        Ok(Some(Letter::new(envelope.name.clone(), envelope.kind, parcel)))
    }

    fn send_express(
        &self,
        Hashed { name, hash }: Hashed<'_>,
        peer: &Arc<Peer>,
        frame: Frame,
    ) -> Result<FrameNo, Frame> {
        let (partition, to) = (self.partition_at(hash), peer.node());
        // A way is looked up with the name's place locked: who publishes another waits until this has gone.
        let shard = self.places.read_at(hash);
        let routed = shard.get(name).is_none() && self.routing().hop(partition) == Hop::Owner(to);
        if !routed || self.hints.get(name, || self.now()).is_some() {
            return Err(frame);
        }
        let enqueue = |frame| peer.enqueue(Wire::Calls, frame).map_err(|unsent| unsent.frame);
        self.lanes.go_freely(partition, to, frame, enqueue)
    }
}

impl Envelope {
    /// It comes straight from the node that it was written on, and is part of nothing larger.
    fn is_straight(&self, kind: u8) -> bool {
        let publish = kind == kind::CAST && self.request != 0;
        self.origin.is_none() && !self.from_queue && self.multicall == 0 && !publish && self.path.is_empty()
    }
}
