//! Owns our own dials: how they begin, and what their failures prove.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::Driver;
use crate::connection::{Connection, Ended};
use crate::error::NetError;
use crate::membership::Input;
use crate::node::NodeId;
use crate::secret::Trouble;
use crate::time::{Clock, Instant};
use crate::transport::dials::{Failure, Target};
use crate::transport::links::{About, Link, Origin};
use crate::transport::peer::Lane;
use crate::wire::Reason;

impl Driver {
    /// A connection to this address is wanted.
    pub(super) fn want_dial(&mut self, addr: SocketAddr) {
        let target = (addr, Lane::Calls);
        let connected = |node| self.pairs.get(node).is_some_and(|pair| pair.calls.open.is_some());
        let known = self.dials.leads_to(target).is_some_and(|node| node == self.me || connected(node));
        let needless = addr == self.me.addr() || known || self.pairs.at(addr).any(|pair| pair.calls.open.is_some());
        if !needless && self.leaving.is_none() && self.filter.admits(addr) {
            self.dials.want(target, Clock::instant());
        }
    }

    pub(super) fn dial_due(&mut self, now: Instant) {
        while let Some(target) = self.dials.begin(now) {
            if let Err(error) = self.dial(target, now) {
                self.dial_failed(target, error.into());
            }
        }
    }

    fn dial(&mut self, target: Target, now: Instant) -> io::Result<()> {
        let token = self.links.token();
        let stream = self.sockets.dial(target.0, token)?;
        let connection = Connection::dialling(self.limits, self.lock.as_ref(), now);
        let about = About::new(Origin::Dialled(target));
        self.links.put(token, Box::new(Link { stream, connection, about, closed: false }));
        Ok(())
    }

    /// Whether the socket of a dial is connected by now. If so, hello is said.
    pub(super) fn dialled(&mut self, link: &mut Link) -> Result<bool, Ended> {
        let Some(remote) = link.stream.connected()? else { return Ok(false) };
        let Origin::Dialled(target) = link.about.origin else { return Err(Ended::Unwanted) };
        let lane = target.1;
        if let Some(pair) = self.pairs.at(remote).find(|pair| pair.strand(lane).open.is_some()) {
            // Their dial was quicker. A hello that counts it would say that we have lost it.
            self.dials.reached(target, pair.peer.node(), Clock::instant());
            return Err(Ended::Unwanted);
        }
        let expected = self.pairs.at(remote).map(|pair| (pair.strand(lane).count, pair.peer.node())).max();
        let (count, expects) = expected.map_or((0, None), |(count, node)| (count, Some(node)));
        (link.about.expects, link.about.links_told) = (expects, count);
        link.connection.dialled(&self.greeting(lane, expects, count))?;
        Ok(true)
    }

    /// A dial did not become an open connection.
    pub(super) fn dial_failed(&mut self, target: Target, ended: Ended) {
        let (addr, lane) = target;
        let now = Clock::instant();
        let failure = match &ended {
            Ended::Rejected(reason, reject) => {
                let other = reject.map_or(NodeId::new(addr, 0), |reject| reject.node);
                match reason {
                    Reason::Cluster | Reason::Filtered => Failure::Refused,
                    Reason::Version | Reason::Format | Reason::Partitions => {
                        self.refusals.note(Trouble::Misfit, &format_args!("{addr}, which has refused us ({reason:?})"));
                        Failure::Refused
                    }
                    Reason::Rules => {
                        self.differ(other);
                        Failure::Refused
                    }
                    Reason::Myself => return self.dials.reached(target, self.me, now),
                    Reason::DuplicateAddress => {
                        self.fatal = Some(NetError::DuplicateAddress { me: self.me, other });
                        Failure::Refused
                    }
                    Reason::SameTag => {
                        self.fatal = Some(NetError::SameTag { me: self.me, other });
                        Failure::Refused
                    }
                    Reason::Crossed | Reason::TooEarly => Failure::Passing,
                }
            }
            // Another connection to the node is open; the dial was noted as a success then.
            Ended::Unwanted => return,
            Ended::Refused
            | Ended::Closed
            | Ended::Io(_)
            | Ended::Wire(_)
            | Ended::Denied(_)
            | Ended::Slow
            | Ended::Trickle
            | Ended::Silent
            | Ended::Cut
            | Ended::Renewed
            | Ended::Stuck => Failure::Passing,
        };
        let again = match lane {
            Lane::Calls => self.pairs.at(addr).any(|pair| pair.calls.open.is_none()),
            Lane::Bulk => self.wants_bulk(addr),
        };
        self.dials.failed(target, failure, again && self.leaving.is_none(), now);
        let refused = matches!(&ended, Ended::Io(error) if error.kind() == ErrorKind::ConnectionRefused);
        if refused && lane == Lane::Calls {
            self.prove_dead(addr, None);
        }
        self.forget_strangers(addr);
    }

    /// A node of our cluster has other rules. Who is not a part of the cluster yet will not be one.
    pub(super) fn differ(&mut self, other: NodeId) {
        if self.membership.joined() {
            self.refusals.note(Trouble::Misfit, &format_args!("{other}, which has other rules than {}", self.rules));
        } else {
            self.fatal = Some(NetError::Rules { me: self.me, other, ours: self.rules.clone() });
        }
    }

    /// Nobody, or only `successor`, listens at this address: those who were lost there are dead.
    pub(super) fn prove_dead(&mut self, addr: SocketAddr, successor: Option<NodeId>) {
        let dead = |node: &NodeId| Some(*node) != successor;
        let lost = self.pairs.at(addr).filter(|pair| pair.lost && pair.calls.open.is_none());
        let nodes: Vec<_> = lost.map(|pair| pair.peer.node()).filter(dead).collect();
        for node in nodes {
            if let Some(pair) = self.pairs.get_mut(node) {
                pair.lost = false;
            }
            self.tell(Input::Lost { node, refused: true });
        }
    }

    /// Peers without a connection that membership does not know are nobody's any more.
    fn forget_strangers(&mut self, addr: SocketAddr) {
        let forgotten = self.pairs.at(addr).filter(|pair| !pair.member && pair.calls.open.is_none());
        let nodes: Vec<_> = forgotten.map(|pair| pair.peer.node()).collect();
        for node in nodes {
            self.drop_pair(node);
        }
    }

    fn wants_bulk(&self, addr: SocketAddr) -> bool {
        self.pairs.at(addr).any(|pair| {
            pair.calls.open.is_some() && pair.bulk.open.is_none() && !pair.peer.queue(Lane::Bulk).is_empty()
        })
    }
}
