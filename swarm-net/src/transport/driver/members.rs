//! Owns the way to and from membership: it is told what happened, and what it wants is done.

use std::net::SocketAddr;

use super::Driver;
use crate::connection::Connection;
use crate::error::NetError;
use crate::member::MemberEvent;
use crate::membership::{Input, Output};
use crate::node::NodeId;
use crate::time::Clock;
use crate::transport::peer::{Lane, Peer};
use crate::wire::PacketKind;

impl Driver {
    /// Tells membership. What it wants is done by the next [`Driver::perform`].
    pub(super) fn tell(&mut self, input: Input<'_>) {
        self.membership.handle(Clock::now(), input, &mut self.outputs);
    }

    /// Does what membership wants, until it wants nothing more.
    pub(super) fn perform(&mut self) {
        while !self.outputs.is_empty() {
            for output in std::mem::take(&mut self.outputs) {
                self.do_one(output);
            }
        }
    }

    fn do_one(&mut self, output: Output) {
        match output {
            Output::Packet { to, bytes } => self.send_packet(PacketKind::Gossip, to, &bytes),
            Output::Sync { to, bytes } => self.on_calls(to, |connection| connection.sync(&bytes)),
            Output::Goodbye { to } => self.on_calls(to, Connection::goodbye),
            Output::Dial(addr) => self.want_dial(addr),
            Output::Hangup(node) => self.drop_pair(node),
            Output::Suspect(node) => self.doubt(node),
            Output::Event(event) => self.member(event),
            Output::Fatal(problem) => self.fatal = Some(NetError::Membership { me: self.me, problem }),
        }
    }

    fn on_calls(&mut self, to: NodeId, queue: impl FnOnce(&mut Connection)) {
        let open = self.pairs.get(to).and_then(|pair| pair.calls.open);
        if let Some(token) = open
            && let Some(link) = self.links.get_mut(token)
        {
            queue(&mut link.connection);
            self.dirty.insert(token);
        }
    }

    /// Passes an event on. The layers above never hear of nodes that the filter refuses.
    fn member(&mut self, event: MemberEvent) {
        match &event {
            MemberEvent::Up(member) | MemberEvent::Changed(member) if member.id != self.me => {
                if !self.filter.admits(member.id.addr()) {
                    return;
                }
                let Self { pairs, commands, config, .. } = self;
                pairs.entry(member.id, || Peer::new(member.id, commands.clone(), config)).member = true;
            }
            MemberEvent::Up(_) | MemberEvent::Changed(_) => {}
            MemberEvent::Down(node, _) => {
                if !self.filter.admits(node.addr()) {
                    return;
                }
                self.drop_pair(*node);
            }
            MemberEvent::Joined => self.search.set_joined(),
        }
        self.inbox.member(event);
    }

    /// A node is gone: close its connections, and give back what waits for it.
    pub(super) fn drop_pair(&mut self, node: NodeId) {
        let Some(pair) = self.pairs.remove(node) else { return };
        self.ears.forget(node);
        for lane in [Lane::Calls, Lane::Bulk] {
            self.dials.cancel((node.addr(), lane));
            let open = pair.strand(lane).open;
            if let Some(link) = open.and_then(|token| self.links.take(token)) {
                self.shut(&link.connection);
            }
            pair.peer.set_outlet(lane, None);
            let (claimed, unsent) = pair.peer.queue(lane).close();
            if open.is_some() || !unsent.is_empty() {
                self.inbox.reset(&pair.peer, lane, claimed, unsent);
            }
        }
        self.part_with(&pair.peer);
        self.show_whether_alone();
    }

    /// Discovery found an address.
    pub(super) fn found(&mut self, addr: SocketAddr) {
        if addr != self.me.addr() && self.leaving.is_none() && self.filter.admits(addr) {
            self.tell(Input::Discovered(addr));
        }
    }

    /// A node of our cluster is alive.
    pub(super) fn heard_beacon(&mut self, node: NodeId, joined: bool) {
        if node == self.me {
            return;
        }
        if let Some(pair) = self.pairs.get_mut(node) {
            pair.beacon = Some(Clock::instant());
        }
        if node.addr() == self.me.addr() && self.yields_to(node, joined) {
            self.fatal = Some(NetError::DuplicateAddress { me: self.me, other: node });
        }
        self.found(node.addr());
    }

    /// Discovery searches eagerly while nobody is connected.
    pub(super) fn show_whether_alone(&mut self) {
        let alone = self.pairs.iter().all(|pair| pair.calls.open.is_none());
        if alone != self.search.alone() {
            self.search.set_alone(alone);
        }
    }
}
