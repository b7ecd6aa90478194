//! Owns how a letter becomes a frame and back: what is written to another node, what comes back unsent, and what this
//! node tells others about the letters that it passes on. Never decides where a letter goes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::transport::{FrameNo, Lane as Wire, Peer, Why};
use swarm_net::wire::Frame;

use crate::call::frame::{Envelope, answer_head, kind, payload, word};
use crate::call::pending::{Place as Stand, RequestId};
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::batch;
use crate::runtime::inbox;
use crate::runtime::input::Input;
use crate::runtime::lane::Way;
use crate::runtime::letter::Letter;
use crate::runtime::passed::CallId;
use crate::runtime::places::Found;
use crate::runtime::refusal::Refusal;
use crate::runtime::track::Stuck;
use crate::worker::{Deadline, Parcel, Payload, soon};

/// When to try a letter again whose next hop is not known, not connected or does not know it: the view is about to
/// change.
pub(crate) const LOST_HOP_RETRY: Duration = Duration::from_millis(50);

/// When to try a letter again whose connection's queue is full.
pub(crate) const FULL_RETRY: Duration = Duration::from_millis(1);

/// As long as so few calls of this node are open, who makes one writes it to the socket itself: that is quicker than a hop to
/// the I/O thread. Of more, the I/O thread gathers many for one write, which then costs less.
const INLINE_CALLS_MAX: usize = 2;

/// Why a letter was not written.
pub(crate) enum Unwritten {
    /// Nobody will take it.
    Refused(Box<Refusal>),
    /// Its connection's queue is full.
    Full(Letter),
    /// There is no way at the moment.
    NoWay(Letter),
}

impl Unwritten {
    /// The letter, and when to try it again; `None` if it was refused.
    pub(crate) fn stuck(self) -> Option<Stuck<Letter>> {
        match self {
            Self::Refused(_) => None,
            Self::Full(letter) => Some((letter, FULL_RETRY)),
            Self::NoWay(letter) => Some((letter, LOST_HOP_RETRY)),
        }
    }
}

impl Node {
    /// Writes a letter to another node.
    pub(crate) fn write(self: &Arc<Self>, to: NodeId, mut letter: Letter, way: Way) -> Result<(), Unwritten> {
        if letter.hops >= Letter::HOPS_MAX {
            // The nodes do not agree yet who owns the name. Here it keeps its place in the order; sent back, it would not.
            letter.hops = 0;
            return Err(Unwritten::NoWay(letter));
        }
        let Some(peer) = self.peer(to) else { return Err(Unwritten::NoWay(letter)) };
        let now = self.now();
        let envelope = letter.envelope(self.id(), now);
        let kind = if letter.parcel.reply.is_some() { kind::CALL } else { kind::CAST };
        let payload = &letter.parcel.payload;
        let frame = envelope.frame(kind, payload.len(), |mut bytes| {
            bytes.extend_from_slice(payload);
            Ok::<_, Infallible>(bytes)
        });
        let frame = frame.unwrap_or_else(|never| match never {}).due(letter.parcel.deadline.due);
        // The queue of a worker that has moved is bounded already, and nobody could take it back.
        let frame = if letter.from_queue { frame.owed() } else { frame };
        let own = letter.parcel.reply.as_ref().filter(|reply| reply.node == self.id()).map(|reply| reply.request);
        if let Some(request) = own
            && !self.pending.retarget(RequestId(request), Stand::Sending { peer: to })
            && self.pending.is_closed()
        {
            return Err(Unwritten::Refused(Box::new(self.stopping(letter))));
        }
        match peer.enqueue(Wire::Calls, frame) {
            Ok(no) => {
                self.have_written(&peer, own.is_some());
                if let Some(request) = own {
                    self.own_sent(RequestId(request), &peer, no);
                }
                self.tell_passed(&letter, to, way);
                let (lane, visits) = (self.lane(&letter), letter.visits(self.id()));
                let Parcel { reply, deadline, unconfirmed, .. } = letter.parcel;
                let call = reply.filter(|_| own.is_none()).map(|reply| {
                    let id = CallId { node: reply.node, request: reply.request };
                    (id, (letter.name, reply))
                });
                if lane.caller.is_some() || letter.from_queue {
                    self.counters.forwarded.add(1);
                }
                // What this node has written itself is asked for only when it takes another way.
                if lane.caller.is_some() || unconfirmed.is_some() {
                    let id = lane.id(self.id());
                    let flush =
                        self.relays.passed_on((now, deadline.due), (to, no), (lane, id, visits), unconfirmed, call);
                    if let Some(flush) = flush {
                        self.flush(to, (id, visits), flush);
                    }
                    let loss = peer.loss(Wire::Calls);
                    if no <= loss.accepted {
                        // Who looked for what the connection took along may not have found this yet.
                        self.control(Input::Stranded(to, loss));
                    }
                }
                Ok(())
            }
            Err(unsent) => {
                self.held_here(&letter.parcel);
                Err(match unsent.why {
                    Why::Full => Unwritten::Full(letter),
                    Why::Closed => Unwritten::NoWay(letter),
                    Why::TooLarge => {
                        let error = CallError::TooLarge {
                            name: letter.name.clone(),
                            bytes: letter.parcel.payload.len() as u64,
                            limit: self.config().message_bytes_max(),
                            executed: Executed::No,
                        };
                        Unwritten::Refused(Box::new((letter, error)))
                    }
                })
            }
        }
    }

    /// A call of this node's own has been queued for a peer as this frame.
    pub(crate) fn own_sent(&self, request: RequestId, peer: &Peer, no: FrameNo) {
        let lost = || no <= peer.loss(Wire::Calls).claimed;
        self.pending.sent(request, (peer.node(), no.0), lost, |name| inbox::node_down(name.clone(), peer.node()));
    }

    /// Has what was queued for a peer written: a call of this node's by this thread, if there are few of them.
    pub(crate) fn have_written(&self, peer: &Arc<Peer>, own_call: bool) {
        if own_call && self.pending.len() <= INLINE_CALLS_MAX {
            peer.flush(Wire::Calls);
        } else {
            self.announce_to(peer);
        }
    }

    /// Tells a caller elsewhere by whom its call now stands and falls, and where the name lives.
    fn tell_passed(&self, letter: &Letter, to: NodeId, way: Way) {
        let (caller, request) = match &letter.parcel.reply {
            Some(reply) if reply.node != self.id() => (reply.node, reply.request),
            Some(_) => return,
            None => match letter.from {
                Some(from) if way.apart => (from, 0),
                Some(_) | None => return,
            },
        };
        if caller != to
            && let Ok(bytes) = rkyv::to_bytes::<rkyv::rancor::Error>(&(letter.name.clone(), to))
        {
            self.send_frame(caller, kind::PASSED, answer_head(request, u64::from(way.apart)), &bytes);
        }
    }

    /// `by` has passed a message of this node's on.
    pub(crate) fn passed(&self, by: NodeId, head: &[u8; 24], body: &[u8]) -> Option<()> {
        let (name, to) = batch::read::<(Name, NodeId)>(&Payload::copy_of(body))?;
        if self.peer(to).is_some() {
            self.pending.handed_on(RequestId(word(head, 0)), by, to);
        }
        let routing = self.routing();
        let elsewhere = routing.owner(self.partition_of(&name)) != Some(to) && to != self.id();
        if word(head, 1) == 1 && elsewhere && routing.view().contains_key(&to) {
            self.hints.learn(self.now(), name, to);
        }
        Some(())
    }

    /// A name that a letter came for does not live here, and this node does not decide where it does.
    pub(crate) fn tell_not_here(&self, name: &Name, to: NodeId) {
        if let Ok(bytes) = rkyv::to_bytes::<rkyv::rancor::Error>(name) {
            self.send_frame(to, kind::NOT_HERE, [0; 24], &bytes);
        }
    }

    /// A name that this node sent a letter for does not live on `on`.
    pub(crate) fn not_there(&self, on: NodeId, body: &[u8]) -> Option<()> {
        let name = batch::read::<Name>(&Payload::copy_of(body))?;
        self.hints.forget(&name, on);
        let mut shard = self.places.write(&name);
        if matches!(shard.get(&name), Some(Found::Redirect(to, ..)) if to == on) {
            // The worker that went there has ended since.
            shard.remove(&name);
            self.groups.forget(&name);
        }
        Some(())
    }

    /// Frames that came back unsent, in order: letters are posted anew before anything newer, and answers are sent again.
    pub(crate) fn resend(self: &Arc<Self>, to: NodeId, unsent: Vec<Frame>) {
        for frame in unsent {
            match frame.kind() {
                kind::CALL | kind::CAST => self.repost(&frame),
                kind::REPLY => {
                    // An answer that comes twice finds nobody. If the node is gone, nobody waits for it.
                    let _ = self.peer(to).map(|peer| peer.send(Wire::Calls, frame));
                }
                // What else there is ends with its connection, and both sides know.
                _ => {}
            }
        }
    }

    fn repost(self: &Arc<Self>, frame: &Frame) {
        let Some((envelope, range)) = Envelope::read(frame.head(), frame.body()) else { return };
        let mut letter = self.letter(envelope, payload(frame.body(), range), frame.kind(), None);
        letter.hops = letter.hops.saturating_sub(1);
        if let Some(due) = frame.due {
            letter.parcel.deadline.due = due;
        }
        let refused = {
            let mut shard = self.places.write(&letter.name);
            self.held_here(&letter.parcel);
            self.overtake(&mut shard, None, [letter])
        };
        self.refuse_all(refused);
    }

    /// Notes that a call of this node is on this node, and has not run.
    pub(crate) fn held_here(&self, parcel: &Parcel) {
        if let Some(reply) = parcel.reply.as_ref().filter(|reply| reply.node == self.id()) {
            self.pending.retarget(RequestId(reply.request), Stand::Here);
        }
    }

    /// A call of this node's that has come home stands and falls with nobody else any more. It ends when its caller's wait
    /// does: at each hop it was given anew the time for which it had been under way.
    pub(crate) fn come_home(&self, parcel: &mut Parcel) {
        if let Some(reply) = parcel.reply.as_ref().filter(|reply| reply.node == self.id())
            && let Some(deadline) = self.pending.come_home(RequestId(reply.request))
        {
            parcel.deadline = deadline;
        }
    }

    /// A letter from an envelope and its payload.
    pub(crate) fn letter(
        self: &Arc<Self>,
        envelope: Envelope,
        payload: Payload,
        kind: u8,
        from: Option<NodeId>,
    ) -> Letter {
        let parcel = self.parcel(&envelope, payload, kind, from);
        self.letter_of(envelope, parcel, from)
    }

    /// What of a letter is for its worker.
    pub(crate) fn parcel(&self, envelope: &Envelope, payload: Payload, kind: u8, from: Option<NodeId>) -> Parcel {
        let waits = kind == kind::CALL;
        Parcel {
            method: envelope.message,
            fingerprint: envelope.fingerprint,
            payload,
            deadline: Deadline::after(soon::now().unwrap_or_else(|| self.now()), envelope.remaining),
            reply: waits.then(|| self.reply_to(self.origin(envelope, from), envelope.request)),
            publish: if waits { envelope.multicall } else { envelope.request },
            trace: envelope.trace.clone(),
            unconfirmed: None,
        }
    }

    /// The letter of a parcel.
    pub(crate) fn letter_of(&self, envelope: Envelope, parcel: Parcel, from: Option<NodeId>) -> Letter {
        let origin = self.origin(&envelope, from);
        Letter {
            name: envelope.name,
            parcel,
            kind: envelope.kind,
            hops: envelope.hops,
            from,
            caller: Some(origin).filter(|origin| *origin != self.id()),
            path: envelope.path,
            from_queue: envelope.from_queue,
            stay: None,
        }
    }

    fn origin(&self, envelope: &Envelope, from: Option<NodeId>) -> NodeId {
        envelope.origin.or(from).unwrap_or(self.id())
    }
}
