//! Owns a call or cast in the form in which it can wait, be forwarded and be delivered. There is only ever one of it:
//! whoever holds the letter decides what becomes of the call.

use swarm_net::node::NodeId;
use swarm_net::time::Instant;

use crate::call::frame::{Envelope, Path, Visits};
use crate::name::Name;
use crate::rules::Rule;
use crate::runtime::lane::Passenger;
use crate::runtime::room::Stay;
use crate::worker::Parcel;

/// A message with its name, on its way to the worker.
pub(crate) struct Letter {
    pub(crate) name: Name,
    pub(crate) parcel: Parcel,
    /// The kind that the worker must have, 0 for any.
    pub(crate) kind: u64,
    /// Hops between nodes made so far.
    pub(crate) hops: u8,
    /// The node that sent it here; `None` if it was written on this node.
    pub(crate) from: Option<NodeId>,
    /// The node that it was written on; `None` if it was this one.
    pub(crate) caller: Option<NodeId>,
    /// The nodes that have passed it on.
    pub(crate) path: Path,
    /// It stood in a moved worker's queue, so it goes before what waits at the gate.
    pub(crate) from_queue: bool,
    /// Its place among what waits on this node, once it has waited.
    pub(crate) stay: Option<Stay>,
}

impl Passenger for Letter {
    fn name(&self) -> &Name {
        &self.name
    }
}

impl Letter {
    /// Forwarding ends here: nodes see different owners, so a letter that has made as many hops waits a little.
    pub(crate) const HOPS_MAX: u8 = 3;

    /// A letter that was written on this node.
    pub(crate) fn new(name: Name, kind: u64, parcel: Parcel) -> Self {
        Self {
            name,
            parcel,
            kind,
            hops: 0,
            from: None,
            caller: None,
            path: Path::default(),
            from_queue: false,
            stay: None,
        }
    }

    /// Whether its deadline has passed, so that it must not run any more.
    pub(crate) fn overdue(&self, now: Instant) -> bool {
        self.parcel.deadline.due <= now
    }

    /// How often it has been on this node before: then it is older than all that came here by its lane meanwhile.
    pub(crate) fn visits(&self, me: NodeId) -> Visits {
        match (self.from.filter(|_| Rule::Round.holds()), self.caller) {
            (None, _) => Visits(0),
            (Some(_), None) => self.path.visits(me).and_one(),
            (Some(_), Some(_)) => self.path.visits(me),
        }
    }

    /// The same for the node that sent it here, at the time when it did.
    pub(crate) fn visits_of_sender(&self, from: NodeId) -> Visits {
        let passed = self.path.visits(from);
        if self.caller == Some(from) { passed } else { Visits(passed.0.saturating_sub(1)) }
    }

    /// Whether it has been on another node.
    pub(crate) fn was_on(&self, node: NodeId) -> bool {
        self.caller == Some(node) || self.path.has(node)
    }

    /// What travels beside the payload when it leaves `me`.
    pub(crate) fn envelope(&self, me: NodeId, now: Instant) -> Envelope {
        let waits = self.parcel.reply.as_ref();
        // What stood in a worker's queue does not know who sent it here, but whose it is.
        let written_here = self.from.is_none() && self.caller.is_none();
        Envelope {
            name: self.name.clone(),
            request: waits.map_or(self.parcel.publish, |reply| reply.request),
            message: self.parcel.method,
            remaining: self.parcel.deadline.due.since(now),
            fingerprint: self.parcel.fingerprint,
            kind: self.kind,
            hops: self.hops + 1,
            origin: waits.map(|reply| reply.node).or(self.caller).filter(|node| *node != me),
            path: if written_here { self.path } else { self.path.with(me) },
            multicall: waits.map_or(0, |_| self.parcel.publish),
            from_queue: self.from_queue,
            trace: self.parcel.trace.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::{Deadline, Payload};

    fn node(boot: u64) -> NodeId {
        NodeId::new(([127, 0, 0, 1], 1).into(), boot)
    }

    /// Two nodes that passed such a letter on to each other waited for each other's confirmation for ever.
    #[test]
    fn what_comes_out_of_a_queue_counts_as_passed_on_unless_it_was_written_here() {
        let (me, other) = (node(1), node(2));
        let parcel = Parcel {
            method: 1,
            fingerprint: 0,
            payload: Payload::copy_of(&[]),
            deadline: Deadline::NEVER,
            reply: None,
            publish: 0,
            trace: None,
            unconfirmed: None,
        };
        let out = Letter { caller: Some(other), ..Letter::new("x".into(), 0, parcel) };
        assert_eq!(out.envelope(me, Instant::START).path.visits(me), Visits(1));
        let own = Letter { caller: None, ..out };
        assert_eq!(own.envelope(me, Instant::START).path, Path::default());
    }
}
