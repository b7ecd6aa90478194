//! Owns who is let in, and which of two crossing connections stays.
//!
//! Both nodes of a pair dial each other, so dials cross. The node that dialled decides, by confirming: until then neither
//! sends a frame, so that dropping one of the two loses nothing. The rule is that the dial of the lower node stays.
//! The lower node confirms whatever is welcomed, unless a connection is open already. The higher one does not confirm
//! while it has itself welcomed a dial of the lower one. So never are both confirmed, and never none for long.

use std::sync::Arc;

use super::Driver;
use crate::connection::{Answer, Ended, Event, Phase};
use crate::error::NetError;
use crate::membership::Input;
use crate::node::NodeId;
use crate::secret::Trouble;
use crate::time::Clock;
use crate::transport::credit::Credit;
use crate::transport::dials::Failure;
use crate::transport::links::{About, Origin};
use crate::transport::peer::{Lane, Peer};
use crate::transport::sockets::Token;
use crate::wire::{Greeting, Reason, Reject};

impl Driver {
    /// Decides about an event of a connection that is not a frame of the layers above.
    pub(super) fn answer(&mut self, token: Token, about: &mut About, event: Event<'_>) -> Answer {
        let from = about.greeting.as_ref().map(|greeting| greeting.node);
        match (event, from) {
            (Event::Hello(Ok(hello)), _) => self.hello(about, hello),
            (Event::Hello(Err(reason)), _) => {
                self.refusals
                    .note(Trouble::Misfit, &format_args!("{}, which speaks otherwise ({reason:?})", about.origin));
                self.reject(reason)
            }
            (Event::Welcome(welcome), _) => self.welcome(token, about, welcome),
            (Event::Confirmed, _) => self.confirmed(token, about),
            (Event::Sync(bytes), Some(from)) => {
                self.tell(Input::Sync { from, bytes });
                Answer::Go
            }
            (Event::Goodbye, Some(from)) => {
                self.tell(Input::Goodbye { from });
                Answer::Go
            }
            (Event::Counted(next), Some(from)) => {
                // What is known is forgotten with the pair.
                if self.pairs.get(from).is_some() {
                    self.ears.know(from, next);
                }
                Answer::Go
            }
            // Nobody is at the other end yet, or its peer is gone.
            (Event::Sync(_) | Event::Goodbye | Event::Counted(_) | Event::Frame(_), _) => Answer::Close,
        }
    }

    /// What we say of ourselves.
    pub(super) fn greeting(&self, lane: Lane, expects: Option<NodeId>, links: u64) -> Greeting {
        let me = self.membership.view().get(&self.me).expect("a node is in its own view");
        Greeting {
            cluster: self.cluster.clone(),
            partitions: self.config.partitions,
            rules: self.rules.clone(),
            node: self.me,
            profile: (*me.profile).clone(),
            joined: self.membership.joined(),
            bulk: lane == Lane::Bulk,
            expects,
            links,
        }
    }

    fn hello(&mut self, about: &mut About, mut hello: Greeting) -> Answer {
        if let Some(reason) = self.objection(&hello) {
            return self.reject(reason);
        }
        if let Some(answer) = self.rival(&hello) {
            return answer;
        }
        if hello.expects != Some(self.me) {
            hello.links = 0;
        }
        let (node, lane) = (hello.node, lane(&hello));
        if lane == Lane::Bulk && self.pairs.get(node).is_none_or(|pair| pair.calls.open.is_none()) {
            return self.reject(Reason::TooEarly);
        }
        let strand = self.pairs.get(node).map(|pair| pair.strand(lane));
        let (open, count) = strand.map_or((None, 0), |strand| (strand.open, strand.count));
        if let Some(open) = open {
            // Who dials again although it knows of the open connection has lost it.
            if hello.links < count {
                return self.reject(Reason::Crossed);
            }
            self.end(open, Ended::Closed);
        }
        about.links_told = count;
        about.greeting = Some(hello);
        Answer::Welcome(self.greeting(lane, Some(node), count))
    }

    fn welcome(&mut self, token: Token, about: &mut About, welcome: Greeting) -> Answer {
        let Origin::Dialled(target) = about.origin else { return Answer::Close };
        let (node, lane, now) = (welcome.node, target.1, Clock::instant());
        if self.objection(&welcome).is_some() || lane != self::lane(&welcome) {
            self.dials.failed(target, Failure::Refused, false, now);
            return Answer::Close;
        }
        if lane == Lane::Calls {
            self.prove_dead(target.0, Some(node));
        }
        let pair = self.pairs.get(node);
        let open = pair.is_some_and(|pair| pair.strand(lane).open.is_some());
        let too_early = lane == Lane::Bulk && pair.is_none_or(|pair| pair.calls.open.is_none());
        if open || too_early {
            self.dials.reached(target, node, now);
            return Answer::Close;
        }
        if self.me > node && self.welcomed(node, lane) {
            self.dials.failed(target, Failure::Passing, true, now);
            return Answer::Close;
        }
        self.dials.reached(target, node, now);
        if about.expects != Some(node) {
            about.links_told = 0;
        }
        about.greeting = Some(welcome);
        self.open(token, about);
        Answer::Confirm
    }

    fn confirmed(&mut self, token: Token, about: &mut About) -> Answer {
        let Some(greeting) = &about.greeting else { return Answer::Close };
        let strand = self.pairs.get(greeting.node).map(|pair| pair.strand(lane(greeting)));
        if strand.is_some_and(|strand| strand.open.is_some()) {
            return Answer::Close;
        }
        let Origin::Accepted(from) = about.origin else { return Answer::Close };
        self.links.release_stranger(from.ip());
        self.open(token, about);
        Answer::Go
    }

    /// From now on the connection carries its lane.
    fn open(&mut self, token: Token, about: &mut About) {
        let Some(greeting) = &about.greeting else { return };
        let (node, lane) = (greeting.node, lane(greeting));
        let Self { pairs, commands, config, .. } = self;
        let pair = pairs.entry(node, || Peer::new(node, commands.clone(), config));
        let strand = pair.strand_mut(lane);
        strand.open = Some(token);
        strand.count = strand.count.max(about.links_told).max(greeting.links) + 1;
        about.credit = Credit::after_cut(strand.cut);
        let peer = Arc::clone(&pair.peer);
        about.carries = Some((Arc::clone(&peer), lane));
        self.dials.cancel((node.addr(), lane));
        self.dirty.insert(token);
        if lane == Lane::Bulk {
            return;
        }
        (pair.lost, pair.challenged) = (false, None);
        self.prove_dead(node.addr(), Some(node));
        self.inbox.connected(&peer);
        self.show_whether_alone();
        if !peer.queue(Lane::Bulk).is_empty() {
            self.dials.want((node.addr(), Lane::Bulk), Clock::instant());
        }
        self.tell(Input::Connected { node, profile: greeting.profile.clone(), joined: greeting.joined });
    }

    /// What speaks against a node, whoever dialled.
    fn objection(&self, greeting: &Greeting) -> Option<Reason> {
        let node = greeting.node;
        if greeting.cluster != self.cluster {
            Some(Reason::Cluster)
        } else if node == self.me {
            Some(Reason::Myself)
        } else if greeting.partitions != self.config.partitions {
            let (theirs, ours) = (greeting.partitions, self.config.partitions);
            self.refusals.note(Trouble::Misfit, &format_args!("{node}, which has {theirs} partitions (ours: {ours})"));
            Some(Reason::Partitions)
        } else if greeting.rules != self.rules {
            let (theirs, ours) = (&greeting.rules, &self.rules);
            self.refusals.note(Trouble::Misfit, &format_args!("{node}, which has {theirs} (ours: {ours})"));
            Some(Reason::Rules)
        } else if !self.filter.admits(node.addr()) {
            Some(Reason::Filtered)
        } else {
            None
        }
    }

    /// Another process that must not be there together with us, or with a member: what to answer to its hello.
    fn rival(&mut self, hello: &Greeting) -> Option<Answer> {
        let node = hello.node;
        if node.addr() == self.me.addr() {
            if !self.yields_to(node, hello.joined) {
                return Some(self.reject(Reason::DuplicateAddress));
            }
            self.fatal = Some(NetError::DuplicateAddress { me: self.me, other: node });
            return Some(Answer::Close);
        }
        let members = self.pairs.tagged(node.tag()).filter(|pair| pair.member).map(|pair| pair.peer.node());
        let me = (self.me.tag() == node.tag()).then_some(self.me);
        if let Some(other) = members.chain(me).find(|other| *other != node) {
            return Some(Answer::Reject(Reject { reason: Reason::SameTag, node: other }));
        }
        self.challenge(node)
    }

    /// Of two processes with one address, the one that came later ends; if nobody can tell, that with the higher boot id.
    pub(super) fn yields_to(&self, other: NodeId, other_joined: bool) -> bool {
        match (self.membership.joined(), other_joined) {
            (false, true) => true,
            (true, false) => false,
            (true, true) | (false, false) => self.me.boot() > other.boot(),
        }
    }

    /// A process claims the address of one that we are connected to. Most likely that one is dead and we are about to
    /// notice: ping it, and let the new one try again. If it was heard since then, both live.
    fn challenge(&mut self, node: NodeId) -> Option<Answer> {
        let pair = self.pairs.at(node.addr()).find(|pair| pair.peer.node() != node && pair.calls.open.is_some())?;
        let (other, open, challenged) = (pair.peer.node(), pair.calls.open?, pair.challenged);
        let connection = &mut self.links.get_mut(open)?.connection;
        if challenged.is_some_and(|at| connection.heard() > at) {
            return Some(Answer::Reject(Reject { reason: Reason::DuplicateAddress, node: other }));
        }
        let now = Clock::instant();
        connection.ping(now);
        self.dirty.insert(open);
        self.pairs.get_mut(other)?.challenged = Some(challenged.unwrap_or(now));
        Some(self.reject(Reason::TooEarly))
    }

    /// Whether we have welcomed a dial of that node which it has not confirmed yet.
    fn welcomed(&mut self, node: NodeId, lane: Lane) -> bool {
        self.links.iter_mut().any(|(_, link)| {
            let greeting = link.about.greeting.as_ref();
            link.connection.phase() == Phase::AwaitConfirm
                && greeting.is_some_and(|greeting| greeting.node == node && self::lane(greeting) == lane)
        })
    }

    fn reject(&self, reason: Reason) -> Answer {
        Answer::Reject(Reject { reason, node: self.me })
    }
}

fn lane(greeting: &Greeting) -> Lane {
    if greeting.bulk { Lane::Bulk } else { Lane::Calls }
}
