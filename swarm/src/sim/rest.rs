//! Owns what a simulated world is like when nothing is left to be done: who sees whom, who owns what, where names are,
//! and what is kept. Never changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use swarm_net::member::View;
use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;

use crate::sim::site::Site;
use crate::sim::world::World;

/// So often a name may have left a node in the time that a redirect stays.
const REDIRECTS_MAX: usize = 8;

/// So many timers a node may have armed at rest that are not its workers'.
const TIMERS_MAX: usize = 16;

impl World {
    /// The members, by each of those that run.
    fn views(&self) -> Vec<(NodeId, Arc<View>)> {
        self.sites().map(|(_, site)| (site.id(), site.node().routing().view().clone())).collect()
    }

    /// What is not yet as it is to be in the end, if anything.
    pub(super) fn unsettled(&self) -> Option<String> {
        let live: BTreeSet<NodeId> = self.sites().map(|(_, site)| site.id()).collect();
        if let Some((_, site)) = self.sites().find(|(_, site)| !site.has_joined()) {
            return Some(format!("{} has not joined", site.id()));
        }
        for (me, view) in self.views().into_iter().filter(|(_, view)| !view.keys().eq(&live)) {
            let missing = live.iter().find(|node| !view.contains_key(node));
            let dead = view.keys().find(|node| !live.contains(node));
            if let Some(node) = missing.or(dead) {
                let what = if missing.is_some() { "does not see" } else { "still sees" };
                return Some(format!("{me} {what} {node}"));
            }
        }
        let (first, routing) = self.sites().next().map(|(_, site)| (site, site.node().routing().clone()))?;
        let mut owners: BTreeMap<PartitionId, Vec<NodeId>> = BTreeMap::new();
        for (_, site) in self.sites() {
            for partition in site.control().owned() {
                owners.entry(partition).or_default().push(site.id());
            }
        }
        for partition in 0..self.config.net.partitions {
            let partition = PartitionId(u16::try_from(partition).unwrap_or(0));
            let owner = routing.owner(partition);
            let complete = owners.remove(&partition).unwrap_or_default();
            if complete.len() != 1 || owner != complete.first().copied() {
                return Some(format!(
                    "{} takes {owner:?} for the owner of {partition:?}; owners are {complete:?}",
                    first.id()
                ));
            }
        }
        let cells: Vec<_> = self
            .sites()
            .flat_map(|(_, site)| site.node().places.cells().map(move |cell| (cell.name().clone(), site.id())))
            .collect();
        let able: BTreeSet<NodeId> =
            self.sites().filter(|(slot, _)| self.knows(*slot)).map(|(_, site)| site.id()).collect();
        for (name, node) in &cells {
            let owner = routing.owner(routing.partition_of(name));
            let able = owner.is_some_and(|owner| able.contains(&owner));
            if able && owner != Some(*node) {
                return Some(format!("{name} is on {node}, and belongs to {owner:?}"));
            }
        }
        let mut names: Vec<_> = cells.iter().map(|(name, _)| name).collect();
        names.sort();
        names.windows(2).find(|two| two[0] == two[1]).map(|two| format!("{} runs twice", two[0]))
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
            let kept = [
                ("pending calls", node.pending.len(), 0),
                ("letters that wait for a way", node.lanes.waiting(), 0),
                ("letters in queues", node.room.letters(), 0),
                ("queues of workers that have moved", usize::from(!node.departures.are_over()), 0),
                ("messages that are not confirmed", usize::from(!node.has_confirmed_all()), 0),
                ("messages passed on", usize::from(!node.relays.is_idle()), 0),
                ("hints", node.hints.len(), names),
                ("closed gates", gates, 0),
                ("redirects", redirects, REDIRECTS_MAX * names),
                ("armed timers", site.timers(), TIMERS_MAX),
                ("tombstones", site.control().tombstones(), names),
            ];
            let over = kept.into_iter().filter(|(_, count, most)| count > most);
            excess.extend(over.map(|(what, count, most)| format!("{}: {count} {what}, at most {most}", site.id())));
        }
        excess
    }
}
