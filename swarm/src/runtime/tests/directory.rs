//! Owns a directory of a world, which says at any time what a real one might say, and moves workers step by step. Never
//! does a step by itself.

use std::sync::Arc;

use swarm_net::member::{Member, View};
use swarm_net::node::NodeId;
use swarm_net::transport::Lane;

use super::notebook::{Notebook, Total};
use super::site::id;
use super::words::order_word;
use super::world::World;
use crate::directory::{Happened, Order, RequestId, Route};
use crate::epoch::{Epoch, Term};
use crate::message::encode;
use crate::name::Name;
use crate::runtime::registry::spec;
use crate::runtime::routing::Routing;
use crate::worker::Die;

/// How far the move of a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Rest,
    Sealing {
        to: usize,
    },
    Sealed {
        to: usize,
    },
    Starting {
        to: usize,
        epoch: Epoch,
    },
    StartFailed,
    Started {
        to: usize,
        epoch: Epoch,
    },
    /// The worker has stopped itself, and its name with it.
    Ended,
}

/// What the directory knows of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) host: usize,
    pub(super) epoch: Epoch,
    pub(super) stage: Stage,
}

impl World {
    /// A node takes another for the owner.
    pub(super) fn see(&mut self, me: usize, owner: usize) {
        self.note(|| format!("{me} sees owner {owner}"));
        self.sites[me].owner = owner;
        self.publish(me);
    }

    /// Another node's directory decides.
    pub(super) fn decide(&mut self, by: usize) {
        self.note(|| format!("{by} decides"));
        let before = std::mem::replace(&mut self.decides, by);
        self.publish(before);
        self.publish(by);
    }

    fn publish(&self, me: usize) {
        let site = &self.sites[me];
        let member = |n| (id(n), Member { id: id(n), profile: site.node.member().profile });
        let view: View = (0..self.sites.len()).map(member).collect();
        site.node.set_routing(Routing::seen(id(me), id(site.owner), Arc::new(view), me == self.decides));
    }

    /// A node's directory says where calls go that are held there, if it can. Says whether it could.
    pub(super) fn answer(&mut self, me: usize, name: &Name) -> bool {
        if !self.sites[me].wanted.contains(name) {
            return false;
        }
        let record = self.records[name];
        let host = match record.stage {
            Stage::Rest | Stage::Sealing { .. } | Stage::Sealed { .. } | Stage::StartFailed => Some(record.host),
            Stage::Starting { to, .. } | Stage::Started { to, .. } => Some(to),
            Stage::Ended => None,
        };
        let here = host.is_some_and(|host| host == me || record.host == me);
        let to = match (here, me == self.decides) {
            (true, _) => Route::Here,
            (false, true) => host.map_or(Route::Unknown, |host| Route::Host(id(host))),
            (false, false) if self.sites[me].owner != me => Route::Ring,
            (false, false) => return false,
        };
        self.note(|| format!("{me} is told of {name}: {to:?}"));
        self.sites[me].wanted.remove(name);
        self.sites[me].node.settle(name, to);
        self.look();
        true
    }

    /// The next step of a worker's move, to `target` if it is the first. Says whether there was one.
    pub(super) fn advance(&mut self, name: &Name, target: Option<usize>) -> bool {
        let record = self.records[name];
        let Record { host, epoch, stage } = record;
        match stage {
            Stage::Rest => {
                let Some(to) = target.filter(|to| *to != host) else { return false };
                self.set(name, Record { stage: Stage::Sealing { to }, ..record });
                self.order(host, name, Order::Seal { epoch, forced: false });
            }
            Stage::Sealing { .. } | Stage::Starting { .. } | Stage::Ended => return false,
            Stage::Sealed { to } => {
                let new = self.epoch();
                self.set(name, Record { stage: Stage::Starting { to, epoch: new }, ..record });
                self.start(name, to, new, Some((id(host), epoch)));
            }
            Stage::StartFailed => {
                let new = self.epoch();
                self.set(name, Record { host, epoch: new, stage: Stage::Rest });
                self.order(host, name, Order::Unseal { epoch, new });
            }
            Stage::Started { to, epoch: new } => {
                self.set(name, Record { host: to, epoch: new, stage: Stage::Rest });
                self.order(host, name, Order::Drop { epoch, why: Die::Moved, successor: Some(id(to)) });
            }
        }
        true
    }

    /// A worker that is on its way gets its state, and runs.
    pub(super) fn arrive(&mut self, name: &Name) {
        let Record { host, stage: Stage::Starting { to, .. }, .. } = self.records[name] else { return };
        for _ in 0..4 {
            self.work();
            for (from, to) in [(to, host), (host, to)] {
                while self.claim(from, to, Lane::Bulk) || self.deliver(from, to, Lane::Bulk) {}
            }
        }
        self.work();
    }

    fn set(&mut self, name: &Name, record: Record) {
        self.records.insert(name.clone(), record);
    }

    pub(super) fn start(&mut self, name: &Name, on: usize, epoch: Epoch, source: Option<(NodeId, Epoch)>) {
        let spec = spec::<Notebook>(&encode(&Total(0)));
        let registrar = RequestId { node: id(on), seq: 1 };
        self.order(on, name, Order::Start { spec, epoch, groups: Vec::new(), source, registrar });
    }

    fn order(&mut self, on: usize, name: &Name, order: Order) {
        self.note(|| format!("{on} is to {}: {name}", order_word(&order)));
        self.sites[on].node.order(name.clone(), order);
        self.look();
    }

    pub(super) fn epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch::new(Term::default(), self.epochs)
    }

    pub(super) fn happened(&mut self, name: &Name, epoch: Epoch, happened: &Happened) {
        self.note(|| format!("{name} {epoch}: {happened:?}"));
        let Some(record) = self.records.get_mut(name) else { return };
        record.stage = match (record.stage, happened) {
            (Stage::Sealing { to }, Happened::Sealed) => Stage::Sealed { to },
            (Stage::Sealing { .. }, Happened::SealTimedOut) => Stage::Rest,
            (Stage::Starting { to, epoch: new }, Happened::Started) if new == epoch => Stage::Started { to, epoch },
            (Stage::Starting { epoch: new, .. }, Happened::StartFailed(_)) if new == epoch => Stage::StartFailed,
            (Stage::Rest, Happened::Stopped { .. }) => Stage::Ended,
            (stage, Happened::Dropped | Happened::Started) => stage,
            (stage, happened) => panic!("{name} {epoch} {happened:?} in {stage:?}"),
        };
    }
}
