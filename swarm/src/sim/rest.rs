//! Owns what a simulated world is like when nothing is left to be done: who sees whom, who owns what, where names are,
//! and what is kept. Never changes anything.

use std::collections::{BTreeMap, BTreeSet};

use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::directory::Copy;
use crate::runtime::Control;
use crate::sim::check::Violation;
use crate::sim::check::rest::{self, Ownership, Sight, Stay};
use crate::sim::site::Site;
use crate::sim::world::World;
use crate::sim::{journal, ledger};
use crate::worker::AnyCell;

/// So often a name may have left a node in the time that a redirect stays.
const REDIRECTS_MAX: usize = 8;

/// So many timers a node may have armed at rest that are not its workers'.
const TIMERS_MAX: usize = 16;

impl World {
    /// What is not yet as it is to be in the end, if anything.
    pub(super) fn unsettled(&self) -> Option<Violation> {
        let live = self.sites().map(|(_, site)| (site.id(), site.has_joined())).collect();
        let sees = |site: &Site| site.node().routing().view().keys().copied().collect();
        let views = self.sites().map(|(_, site)| (site.id(), sees(site))).collect();
        rest::unsettled(&Sight { live, views }, || self.owned(), || self.stays())
    }

    /// All partitions, with their owners.
    fn owned(&self) -> Vec<Ownership> {
        let Some((_, first)) = self.sites().next() else { return Vec::new() };
        let routing = first.node().routing();
        let mut owners: BTreeMap<PartitionId, Vec<NodeId>> = BTreeMap::new();
        for (_, site) in self.sites() {
            for partition in site.control(|control| control.owned().collect::<Vec<_>>()) {
                owners.entry(partition).or_default().push(site.id());
            }
        }
        let all = (0..self.config.net.partitions).map(|id| PartitionId(u16::try_from(id).unwrap_or(0)));
        let of = |partition| Ownership {
            partition,
            ring: routing.owner(partition),
            owners: owners.remove(&partition).unwrap_or_default(),
        };
        all.map(of).collect()
    }

    /// All workers, with their homes.
    fn stays(&self) -> Vec<Stay> {
        let Some((_, first)) = self.sites().next() else { return Vec::new() };
        let routing = first.node().routing().clone();
        let able: BTreeSet<NodeId> =
            self.sites().filter(|(slot, _)| self.knows(*slot)).map(|(_, site)| site.id()).collect();
        let stay = |cell: &dyn AnyCell, node| {
            let name = cell.name();
            let ring = || routing.owner(routing.partition_of(name)).filter(|owner| able.contains(owner));
            let home = match journal::with(|journal| journal.only_on(name.as_str())) {
                Some(only) => Some(only),
                None if ledger::stays(name.as_str()) && cell.pinned() => None,
                None => ring(),
            };
            Stay { name: name.to_string(), node, home }
        };
        let cells = |site: &Site| site.node().places.cells().map(|cell| stay(&*cell, site.id())).collect();
        self.sites().flat_map(|(_, site)| -> Vec<Stay> { cells(site) }).collect()
    }

    /// Where a name runs.
    pub(super) fn hosts(&self, name: &str) -> Vec<NodeId> {
        let runs = |site: &Site| site.node().places.cells().any(|cell| cell.name().as_str() == name);
        self.sites().filter(|(_, site)| runs(site)).map(|(_, site)| site.id()).collect()
    }

    /// What is kept beyond its bound, after calls have ended and hints and redirects may remain of `names` names.
    pub(super) fn excess(&self, names: usize) -> Vec<String> {
        let mut excess = Vec::new();
        for (_, site) in self.sites() {
            let node = site.node();
            let (redirects, gates) = node.waits.count();
            let lanes = node.lanes.kept();
            let kept = [
                ("pending calls", node.pending.len(), 0),
                ("letters that wait for a way", node.lanes.waiting(), 0),
                ("letters in queues", node.room.letters(), 0),
                ("queues of workers that have moved", usize::from(!node.departures.are_over()), 0),
                ("messages that are not confirmed", usize::from(!node.has_confirmed_all()), 0),
                ("messages passed on", usize::from(!node.relays.is_idle()), 0),
                ("lanes of other nodes", lanes.relayed, 0),
                ("names of a lane that go apart", lanes.apart, names),
                ("flushes of lanes", lanes.flushes, 0),
                ("alarms of lanes", lanes.alarms, 0),
                ("terms of a copy", site.control(Control::context_terms), Copy::CONTEXT_TERMS_MAX),
                ("hints", node.hints.len(), names),
                ("closed gates", gates, 0),
                ("redirects", redirects, REDIRECTS_MAX * names),
                ("armed timers", site.timers(), TIMERS_MAX),
                ("tombstones", site.control(Control::tombstones), names),
            ];
            let over = kept.into_iter().filter(|(_, count, most)| count > most);
            excess.extend(over.map(|(what, count, most)| format!("{}: {count} {what}, at most {most}", site.id())));
        }
        excess
    }
}
